"""Statistics of the gate: paired bootstrap intervals of differences and of ratios of differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
"""Number of bootstrap resamples of the episodes."""

CONFIDENCE = 0.95
"""Confidence level of the percentile intervals."""


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its 95 % interval.

    Attributes:
        value: The value.
        low: Lower bound.
        high: Upper bound.
    """

    value: float
    low: float
    high: float

    def text(self, *, percent: bool = False) -> str:
        """Return the value and its bounds as text."""
        if percent:
            return f"{100 * self.value:.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f})"
        return f"{_short(self.value)} ({_short(self.low)} to {_short(self.high)})"

    def clipped(self, low: float, high: float) -> Interval:
        """Return the interval with all numbers limited to a range."""
        value, lower, upper = (min(high, max(low, x)) for x in (self.value, self.low, self.high))
        return Interval(value, lower, upper)


def mean_interval(values: Sequence[float]) -> Interval:
    """Return the mean of some episodes with its bootstrap interval."""
    sample = np.asarray(values, dtype=np.float64)
    return _interval(float(sample.mean()), sample[_resamples(len(sample))].mean(axis=1))


def difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return the mean difference of paired episodes with its bootstrap interval."""
    return mean_interval(np.subtract(first, second).tolist())


def ratio(part: Sequence[float], whole: Sequence[float]) -> Interval:
    """Return the ratio of two mean differences over the same episodes with its bootstrap interval.

    Episodes are resampled together. Where the mean of ``whole`` is not positive, the ratio counts as infinite: then
    there is nothing of which ``part`` could be a small share.

    Args:
        part: Differences of paired episodes, ``[n]``.
        whole: Differences of the same episodes, ``[n]``.
    """
    upper, lower = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    rows = _resamples(len(upper))
    means = _divided(upper[rows].mean(axis=1), lower[rows].mean(axis=1))
    return _interval(float(_divided(upper.mean()[None], lower.mean()[None])[0]), means)


def _resamples(count: int) -> NDArray[np.int64]:
    """Return the indices of resampled episodes, the same for all arms, ``[RESAMPLES, count]``."""
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))


def _divided(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(part), np.inf), where=whole > 0.0)


def _interval(value: float, means: NDArray[np.float64]) -> Interval:
    ordered = np.sort(means)
    tail = (1.0 - CONFIDENCE) / 2.0
    last = len(ordered) - 1
    # Without interpolation, which infinite ratios do not allow; rounded outwards.
    return Interval(value, float(ordered[int(tail * last)]), float(ordered[int(np.ceil((1.0 - tail) * last))]))


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
