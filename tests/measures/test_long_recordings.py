"""Spikes, bins and cuts of recordings that last hours and days: rounding moves nothing across an edge."""

import numpy as np
import pytest

from livn_gym import measures
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.units import rounding

HOUR_MS = 3.6e6


@pytest.mark.parametrize("dt", [0.025, 0.05, 0.1, 0.3, 1 / 3])
@pytest.mark.parametrize("steps", [1, 3, 7, 40, 20_000])
@pytest.mark.parametrize("hours", [0.01, 1.0, 30.0, 1000.0])
def test_the_bin_of_a_step_is_its_quotient_at_every_time(dt, steps, hours):
    count = round(hours * HOUR_MS / dt) // steps
    rng = np.random.default_rng(0)
    bins = np.unique(np.concatenate([np.arange(max(count - 200, 0), count), rng.integers(0, count, 2000)]))
    for offset in {0, steps // 2, steps - 1}:
        assert np.array_equal(measures.bin_index((bins * steps + offset) * dt, steps * dt, count), bins)


def recording(step, num_steps, dt=0.05, first=0):
    step = np.asarray(step)
    zeros = np.zeros(len(step), np.int64)
    return Recording(first * dt, num_steps * dt, dt, dt, 1, zeros, zeros, step * dt)


@pytest.mark.parametrize("start", [0, 7, 20 * 3_600_000, 20 * 3_600_000 * 50 + 3])
def test_a_slice_of_a_long_recording_holds_the_steps_of_its_part(start):
    dt, length = 0.05, 999
    step = np.arange(max(start - 5, 0), start + length + 5)
    part = recording(step, start + length + 10).slice(start * dt, (start + length) * dt)
    assert np.array_equal(part.spike_t, np.arange(length) * dt)


def test_recordings_that_are_joined_have_the_times_of_one_run():
    rng = np.random.default_rng(1)
    lengths = [7, 20 * 3_600_000, 3, 20 * 3_600_000 * 30, 1001]
    starts = np.cumsum([0, *lengths])
    steps = [np.unique(rng.integers(0, length, 500)) for length in lengths]
    parts = [recording(s, n, first=first) for s, n, first in zip(steps, lengths, starts[:-1], strict=True)]
    joined = Recording.concat(parts)
    assert np.array_equal(joined.spike_t, np.concatenate([s + a for s, a in zip(steps, starts, strict=False)]) * 0.05)


def test_spikes_as_far_apart_as_a_bursts_window_belong_to_it_at_every_hour():
    for hours in (0, 1, 30, 1000):
        step = round(hours * HOUR_MS / 0.05) + np.arange(5) * 100
        bursts = measures.network_bursts(
            np.arange(5), step * 0.05, min_spikes=3, window_ms=10.0, merge_ms=1.0, min_cells=1
        )
        assert list(bursts.spikes) == [5]


def test_a_duration_of_ten_million_bins_and_a_half_is_no_whole_number_of_them():
    assert measures.num_bins(1e7, 1.0) == 10**7
    with pytest.raises(InvalidInput, match="whole number"):
        measures.num_bins(1e7 + 0.5, 1.0)


def test_rounding_stays_far_below_a_time_step_for_a_century():
    century_ms = 100 * 365.25 * 24 * HOUR_MS
    assert rounding(0.0) < rounding(century_ms) < 0.01
