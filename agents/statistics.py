"""Interquartile mean and confidence interval of scores over several runs and tasks.

Reference:
    Agarwal, Schwarzer, Castro, Courville & Bellemare, NeurIPS 34 (2021): the interquartile mean over runs and tasks
    with stratified bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.errors import BackendUnavailable, InvalidInput

RESAMPLES = 2000
"""Number of bootstrap resamples."""


def check_available() -> None:
    """Check that SciPy is installed.

    Raises:
        BackendUnavailable: It is not; the message says how to install it.
    """
    if find_spec("scipy") is None:
        raise BackendUnavailable('The statistics of a benchmark need SciPy: pip install "livn_gym[analysis]"')


def interquartile_mean(scores: ArrayLike) -> float:
    """Return the mean of the middle half of n scores, without the floor(n/4) lowest and highest ones."""
    return float(import_module("scipy.stats").trim_mean(np.asarray(scores, dtype=np.float64), 0.25))


def aggregate(strata: Sequence[ArrayLike], *, confidence: float = 0.95, seed: int = 0) -> NDArray[np.float64]:
    """Return the interquartile mean over all runs of all tasks with a stratified bootstrap interval.

    Args:
        strata: Scores of the runs, one sequence per task. Runs are resampled within each task.
        confidence: Confidence level of the percentile interval.
        seed: Seed of the resampling.

    Returns:
        Value, low, high, ``[3]``; the interval is NaN if a task has a single run.

    Raises:
        InvalidInput: A task has no scores, or a score is not finite.
    """
    samples = [np.asarray(scores, dtype=np.float64) for scores in strata]
    if not samples or any(sample.ndim != 1 or not len(sample) or not np.isfinite(sample).all() for sample in samples):
        raise InvalidInput("Every task needs at least one score, and all scores must be finite numbers.")
    value = interquartile_mean(np.concatenate(samples))
    if any(len(sample) < 2 for sample in samples):
        return np.array([value, np.nan, np.nan])

    def statistic(*resampled: NDArray, axis: int = -1) -> NDArray:
        return import_module("scipy.stats").trim_mean(np.concatenate(resampled, axis=axis), 0.25, axis=axis)

    if all(np.ptp(sample) == 0.0 for sample in samples):
        return np.array([value, value, value])  # no variation: the bootstrap would warn
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
