"""Scores of several runs on several tasks as one number with an interval.

Reference:
    Agarwal, Schwarzer, Castro, Courville & Bellemare, NeurIPS 34 (2021): the interquartile mean over runs and tasks
    with stratified bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.errors import InvalidInput

RESAMPLES = 2000


def interquartile_mean(scores: ArrayLike) -> float:
    """Mean of the middle half; with n scores floor(n/4) are left out at each end."""
    return float(import_module("scipy.stats").trim_mean(np.asarray(scores, dtype=np.float64), 0.25))


def aggregate(strata: Sequence[ArrayLike], *, confidence: float = 0.95, seed: int = 0) -> NDArray[np.float64]:
    """Interquartile mean over all runs of all tasks, and its interval: runs are drawn anew within each task.

    Args:
        strata: Scores of the runs, one sequence a task.
        confidence: Of the percentile interval.
        seed: Of the resampling.

    Returns:
        Value, low, high ``[3]``; the interval is NaN where a task has a single run.

    Raises:
        InvalidInput: There are no scores, or a score is not finite.
    """
    samples = [np.asarray(scores, dtype=np.float64) for scores in strata]
    if not samples or any(sample.ndim != 1 or not len(sample) or not np.isfinite(sample).all() for sample in samples):
        raise InvalidInput("Every task needs scores, which are finite numbers.")
    value = interquartile_mean(np.concatenate(samples))
    if any(len(sample) < 2 for sample in samples):
        return np.array([value, np.nan, np.nan])

    def statistic(*resampled: NDArray, axis: int = -1) -> NDArray:
        return import_module("scipy.stats").trim_mean(np.concatenate(resampled, axis=axis), 0.25, axis=axis)

    if all(np.ptp(sample) == 0.0 for sample in samples):
        return np.array([value, value, value])  # nothing varies: the bootstrap would warn of it
    interval = (
        import_module("scipy.stats")
        .bootstrap(
            samples,
            statistic,
            n_resamples=RESAMPLES,
            confidence_level=confidence,
            method="percentile",
            vectorized=True,
            rng=np.random.default_rng(seed),
        )
        .confidence_interval
    )
    return np.array([value, interval.low, interval.high])
