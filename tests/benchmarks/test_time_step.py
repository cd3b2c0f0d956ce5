"""Errors of spike times: measures with known answers, and the criterion for the profile ``fast``."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def time_step(script):
    return script("time_step")


def test_the_error_of_a_mean_interval_counts_spikes_from_the_start(time_step):
    truth = np.arange(50.0, 3000.0, 100.0)
    slower = 50.0 + 1.02 * (truth - 50.0)
    error, shift, _ = time_step.mean_interval([slower], [truth])
    assert error == pytest.approx(2.0)
    assert shift == pytest.approx(1e3 * (slower[-1] - truth[-1]) / truth[-1])
    assert np.isnan(time_step.mean_interval([slower[:2]], [truth])[0])


def test_single_intervals_are_those_between_spikes_of_both(time_step):
    truth = np.array([400.0, 500.0, 600.0, 700.0])
    trains = np.array([401.0, 500.0, 560.0, 600.0, 702.0])  # one spike more between 500 and 600
    error, shift, coincident = time_step.single_intervals([trains], [truth])
    assert error == pytest.approx((1.0 + 2.0) / 2)  # of the intervals 400-500 and 600-700, % of 100 ms
    assert shift == pytest.approx(3.0 / 4)
    assert coincident == pytest.approx(8.0 / 9.0)


def test_spikes_coincide_with_their_nearest_only(time_step):
    pairs = time_step.coincidences(np.array([10.0, 12.0, 50.0]), np.array([11.5, 56.0]))
    assert pairs.tolist() == [[1, 0]]
    assert not len(time_step.coincidences(np.array([]), np.array([1.0])))


def test_a_verdict_says_which_cells_are_worse(time_step):
    row = time_step.Row("EXC culture", "constant", "0.1 nA", 10.0, -1.0, 0.5, 3.0, 1.0)
    assert "yes" in time_step.verdict([row], [row])
    worse = time_step.Row("EXC culture", "constant", "0.1 nA", 10.0, 1.5, 0.5, 3.0, 1.0)
    assert "| 0.1 nA: 1.00 -> 1.50 | NO |" in time_step.verdict([worse], [row])


@pytest.mark.slow
def test_fast_is_as_accurate_as_exact_under_constant_currents(time_step):
    """The reason for the profile: half as many steps at no larger error of intervals than NEURON's default."""
    exact, fast = (
        [row for row in time_step.isi_errors(["constant"], profile=profile) if row.cell == "EXC culture"]
        for profile in ("exact", "fast")
    )
    assert time_step.size(exact) < 4.0  # %
    assert time_step.size(fast) <= time_step.size(exact)
