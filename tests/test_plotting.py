import numpy as np
import pytest
from cultures import system

from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.plotting import raster
from livn_gym.recording import Recording


def recording(gid, t_ms, cultures=1):
    gid, t_ms = np.array(gid, dtype=np.int64), np.array(t_ms, dtype=np.float64)
    return Recording(1000.0, 50.0, 0.025, 0.025, cultures, np.zeros(len(gid), np.int64), gid, t_ms)


def test_a_raster_shows_every_spike_and_the_mean_rate():
    figure = raster(recording([0, 1, 2, 0], [0.0, 5.0, 25.0, 45.0]), system(2, 1), bin_ms=20)
    spikes, rate = figure.axes
    exc, inh = spikes.lines
    assert np.array_equal(exc.get_xydata(), [[1.0, 0], [1.005, 1], [1.045, 0]])  # seconds since the last clear
    assert np.array_equal(inh.get_xydata(), [[1.025, 2]])
    # 3 spikes of 2 cells in 50 ms, 1 of 1
    assert [exc.get_label(), inh.get_label()] == ["EXC, 30.0 Hz", "INH, 20.0 Hz"]
    (stairs,) = rate.patches
    values, edges, _ = stairs.get_data()
    assert np.allclose(edges, [1.0, 1.02, 1.04, 1.05])
    # spikes / (3 cells x 20, 20 and 10 ms)
    assert np.allclose(values, [2 / 0.06, 1 / 0.06, 1 / 0.03])


def test_a_raster_of_silence(tmp_path):
    figure = raster(recording([], []), system(1))
    figure.savefig(tmp_path / "silence.png")
    assert np.array_equal(figure.axes[1].patches[0].get_data()[0], [0, 0, 0])


def test_a_raster_refuses_what_it_cannot_show():
    with pytest.raises(InvalidInput, match="one culture's, got 2"):
        raster(recording([0], [1.0], cultures=2), system(1))
    with pytest.raises(NotRecorded, match="record_spikes"):
        raster(Recording(0.0, 50.0, 0.025, 0.025, 1), system(1))
    with pytest.raises(InvalidInput, match="bin_ms"):
        raster(recording([0], [1.0]), system(1), bin_ms=0)
