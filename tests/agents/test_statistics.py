import numpy as np
import pytest

from livn_gym.agents.statistics import aggregate, interquartile_mean
from livn_gym.errors import InvalidInput


def test_the_interquartile_mean_is_that_of_the_middle_half():
    assert interquartile_mean([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -90.0]) == pytest.approx(3.5)
    assert interquartile_mean([1.0, 2.0, 3.0, 4.0, 50.0]) == pytest.approx(3.0)
    assert interquartile_mean([7.0]) == 7.0


def test_the_interval_is_that_of_a_normal_distributions_middle():
    """The standard error of the 25 % trimmed mean of n normal draws is about 1.09 / sqrt(n)."""
    value, low, high = aggregate([np.random.default_rng(1).normal(5.0, 1.0, 2000)])
    assert low < value < high and value == pytest.approx(5.0, abs=0.1)
    assert high - low == pytest.approx(2 * 1.96 * 1.09 / np.sqrt(2000), rel=0.15)


def test_strata_are_resampled_apart():
    """Between tasks scores differ a lot, within them not at all: drawing within tasks changes nothing."""
    np.testing.assert_array_equal(aggregate([[1.0] * 4, [9.0] * 4]), [5.0, 5.0, 5.0])
    value, low, high = aggregate([[1.0, 1.1, 0.9, 1.0], [9.0, 9.1, 8.9, 9.0]])
    assert value == pytest.approx(5.0) and high - low < 0.3


def test_one_run_has_no_interval_and_none_no_value():
    value, low, high = aggregate([[2.0]])
    assert value == 2.0 and np.isnan([low, high]).all()
    for wrong in ([], [[]], [[1.0, np.nan]]):
        with pytest.raises(InvalidInput):
            aggregate(wrong)


def test_the_interval_repeats_itself():
    scores = [np.random.default_rng(2).normal(size=9)]
    np.testing.assert_array_equal(aggregate(scores), aggregate(scores))
