"""Spikes for rasters, by known answers."""

import numpy as np
import pytest

from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.plot.spikes import raster_spikes, raster_stride
from livn_gym.recording import Recording


def run(gids, times, duration_ms=100.0):
    zeros = np.zeros(len(gids), np.int64)
    return Recording(0.0, duration_ms, 0.025, 0.025, 1, zeros, np.array(gids, np.int64), np.array(times, float))


@pytest.mark.parametrize(("cells", "stride"), [(1, 1), (300, 1), (301, 2), (600, 2), (10_000, 34)])
def test_a_raster_has_at_most_300_cells(cells, stride):
    assert raster_stride(cells) == stride
    assert len(range(0, cells, stride)) <= 300


def test_spikes_of_runs_follow_one_another():
    runs = [(run([0, 3], [1.0, 99.0]), 100.0), (None, 200.0), (run([2, 4], [0.0, 10.0], 50.0), 250.0)]
    gid, t = raster_spikes(runs)
    assert gid.tolist() == [0, 3, 2, 4] and t.tolist() == [1.0, 99.0, 200.0, 210.0]
    gid, t = raster_spikes(runs, stride=2)
    assert gid.tolist() == [0, 2, 4] and t.tolist() == [1.0, 200.0, 210.0]
    assert [len(each) for each in raster_spikes([(None, 5.0)])] == [0, 0]


def test_what_makes_no_raster_is_refused():
    with pytest.raises(InvalidInput, match="stride"):
        raster_spikes([], stride=0)
    with pytest.raises(NotRecorded):
        raster_spikes([(Recording(0.0, 1.0, 0.025, 0.025, 1), 1.0)])
