"""Neuronal avalanches and the branching ratio: the mean number of spikes that one spike causes.

References:
    Beggs & Plenz, Neuronal avalanches in neocortical circuits, J Neurosci 23:11167, 2003.
    Wilting & Priesemann, Inferring collective dynamical states from widely unobserved systems, Nat Commun
    9:2325, 2018 (multistep regression).
    Spitzner, Dehning, Wilting, Hagemann, Neto, Zierenberg & Priesemann, MR. Estimator, a toolbox to determine
    intrinsic timescales from subsampled spiking activity, PLoS ONE 16:e0249447, 2021.
"""

from __future__ import annotations

import contextlib
import io
import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import BackendUnavailable, InvalidInput
from livn_gym.units import finite, whole_number

Verdict = Literal["temporal correlation", "no temporal correlation", "too few spikes"]

CHANCE_QUANTILE = 0.99
"""The regression slope of successive bins must exceed this quantile of the slopes of shuffled activity."""

MIN_SPIKES = 200
"""Minimum number of spikes for a verdict. r_1 is computed from pairs of spikes in neighbouring bins. With fewer
spikes, a single burst contributes most of the pairs, and since shuffled bins contain no burst, it would pass for a
correlation. The standard error of a count of 200 is 7 %."""

MIN_AVALANCHES = 50
"""Minimum number of avalanches for an exponent: the standard error of one near 1.5 is then about 0.1."""

_EXPONENTS = 0.0, 20.0
"""Range in which an exponent is searched."""

MIN_AMPLITUDE = 0.05
"""The amplitude of the fitted exponential must exceed this value."""


@dataclass(frozen=True)
class Branching:
    """Result of the multistep regression.

    Attributes:
        verdict: Whether the activity has a temporal correlation that a branching ratio could explain; "too few spikes"
            below ``MIN_SPIKES`` spikes.
        ratio: Branching ratio m per bin; NaN without temporal correlation.
        timescale_ms: Intrinsic timescale, -bin / ln m; NaN without temporal correlation.
        amplitude: Amplitude of the exponential at lag 0; NaN if nothing was fitted or no fit converged.
        r_1: Slope of the regression of a bin's count on the count of the previous bin.
        r_1_chance: 99th percentile of the same slope over shuffled activity.
    """

    verdict: Verdict
    ratio: float
    timescale_ms: float
    amplitude: float
    r_1: float
    r_1_chance: float


@checked
def avalanches(counts: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the avalanches: sequences of non-empty bins between empty bins, except those cut by either end.

    Args:
        counts: Spikes of the population in every bin, ``[T]``.

    Returns:
        Size (spikes) and length (bins) of every avalanche, ``[K]``.
    """
    edges = np.diff((np.asarray(counts) > 0).astype(np.int8))
    start = np.flatnonzero(edges == 1) + 1
    stop = np.flatnonzero(edges == -1) + 1
    stop = stop[np.searchsorted(stop, start[0], side="right") :] if len(start) else stop[:0]
    start = start[: len(stop)]
    total = np.concatenate([[0], np.cumsum(counts)])
    return total[stop] - total[start], stop - start


@checked
def power_law_exponent(values: NDArray, minimum: int = 1) -> float:
    """Return the exponent a of a power law ``p(x) ~ x**-a`` that describes sizes or lengths of avalanches best.

    It is the maximum-likelihood exponent of a discrete power law between ``minimum`` and the largest value. It
    describes the values; it is no evidence that they follow a power law, which random spike times have as well over a
    short range.

    References:
        Clauset, Shalizi & Newman, Power-law distributions in empirical data, SIAM Rev 51:661, 2009; Marshall et al.,
        Analysis of power laws, shape collapses, and neural complexity, Front Physiol 7:250, 2016 (both cut-offs).

    Args:
        values: Sizes (spikes) or lengths (bins) of avalanches, whole numbers ``[K]``.
        minimum: Smallest value that counts, at least 1.

    Returns:
        The exponent; NaN for fewer than ``MIN_AVALANCHES`` values from ``minimum`` on, or if all are equal.
    """
    low = whole_number("minimum", minimum)
    if values.ndim != 1:
        raise InvalidInput(f"values must be [K], got shape {values.shape}.")
    counted = values[values >= low]
    if len(counted) < MIN_AVALANCHES or counted.min() == counted.max():
        return float("nan")
    logs, weights = _support(low, int(counted.max()))
    target = float(np.log(counted).mean())
    below, above = _EXPONENTS
    for _ in range(50):  # the mean logarithm falls with the exponent
        exponent = (below + above) / 2.0
        mass = weights * np.exp(-exponent * (logs - logs[0]))
        below, above = (exponent, above) if (mass @ logs) / mass.sum() > target else (below, exponent)
    return exponent


def _support(low: int, high: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return logarithms and numbers of the integers from ``low`` to ``high``, large ones in groups."""
    single = np.arange(low, min(high, low + 1000) + 1)
    edges = np.unique(np.geomspace(single[-1] + 1, high + 1, 2000).round()) if high > single[-1] else single[:0]
    centres = (edges[:-1] + edges[1:] - 1) / 2.0
    return np.log(np.concatenate([single, centres])), np.concatenate([np.ones(len(single)), np.diff(edges)])


@checked
def naive_branching_ratio(counts: NDArray) -> float:
    """Return the mean ratio of a bin's count to the count of the previous bin, over non-empty previous bins.

    This ratio is no evidence of branching: a Poisson process with a mean count near 1.5 has a ratio near 1. The result
    is NaN if there are no such bins.

    Args:
        counts: Spikes of the population in every bin, ``[T]``.
    """
    before, after = counts[:-1], counts[1:]
    active = before > 0
    return float(np.mean(after[active] / before[active])) if active.any() else float("nan")


@checked
def regression_slope(before: NDArray, after: NDArray) -> NDArray[np.float64]:
    """Return the least-squares slope of ``after`` on ``before`` along the last axis."""
    if before.shape[-1:] != after.shape[-1:] or before.shape[-1:] in ((), (0,)):
        raise InvalidInput(f"before and after must have the same length, got {before.shape} and {after.shape}.")
    x = before - before.mean(axis=-1, keepdims=True)
    y = after - after.mean(axis=-1, keepdims=True)
    return (x * y).sum(axis=-1) / (x * x).sum(axis=-1)


@checked
def branching(
    counts: NDArray, bin_ms: float, *, max_lag_ms: float = 500.0, shuffles: int = 200, seed: int = 0
) -> Branching:
    """Estimate the branching ratio by multistep regression, if the activity is temporally correlated.

    The slopes r_k of the regression of the count on the count k bins before are fitted by ``A m**k + O``; subsampling
    changes A but not m. With fewer than ``MIN_SPIKES`` spikes, the verdict is "too few spikes" and every number is NaN.
    The ratio m is reported only if r_1 is above the 99th percentile of shuffled activity (the same bins in random
    order) and A exceeds 0.05.

    Args:
        counts: Spikes of the population in every bin, ``[T]``.
        bin_ms: Bin width.
        max_lag_ms: Longest lag in the fit; limited to a tenth of the recording, but at least 4 bins.
        shuffles: Number of shuffled recordings.
        seed: Seed of the shuffling.

    Raises:
        BackendUnavailable: mrestimator is not installed.
    """
    finite("bin_ms", bin_ms, above=0.0)
    finite("max_lag_ms", max_lag_ms, above=0.0)
    whole_number("shuffles", shuffles)
    whole_number("seed", seed, minimum=0)
    if counts.ndim != 1:
        raise InvalidInput(f"counts must be [T], got shape {counts.shape}.")
    require_mrestimator()
    activity = np.asarray(counts, dtype=np.float64)
    nan = float("nan")
    if activity.sum() < MIN_SPIKES:
        return Branching("too few spikes", nan, nan, nan, nan, nan)
    if len(activity) < 3 or np.ptp(activity[:-1]) == 0.0 or np.ptp(activity[1:]) == 0.0:
        return Branching("no temporal correlation", nan, nan, nan, nan, nan)
    r_1 = float(regression_slope(activity[:-1], activity[1:]))
    generator = np.random.default_rng(seed)
    shuffled = (generator.permutation(activity) for _ in range(shuffles))
    chance = float(np.quantile([regression_slope(a[:-1], a[1:]) for a in shuffled], CHANCE_QUANTILE))
    if r_1 <= chance:
        return Branching("no temporal correlation", nan, nan, nan, r_1, chance)
    lags = max(4, min(round(max_lag_ms / bin_ms), len(activity) // 10))
    timescale_bins, amplitude = _fit(activity, lags)
    if not amplitude > MIN_AMPLITUDE:
        return Branching("no temporal correlation", nan, nan, amplitude, r_1, chance)
    return Branching(
        "temporal correlation",
        math.exp(-1.0 / timescale_bins),
        timescale_bins * bin_ms,
        amplitude,
        r_1,
        chance,
    )


def require_mrestimator() -> None:
    """Check that mrestimator is installed, before a long run.

    Raises:
        BackendUnavailable: mrestimator is not installed.
    """
    if find_spec("mrestimator") is None:
        raise BackendUnavailable("The branching ratio needs the package mrestimator: pip install 'livn_gym[analysis]'.")


def _fit(activity: NDArray[np.float64], lags: int) -> tuple[float, float]:
    """Fit the exponential; return its timescale (bins) and amplitude, NaN if no fit converged."""
    import mrestimator

    slopes = mrestimator.coefficients(activity[None], method="ts", steps=np.arange(1, lags + 1), numboot=0)
    with contextlib.redirect_stderr(io.StringIO()):  # hides a progress bar that has no option
        # Timescales of a stationary recording are positive and not much longer than the lags.
        fit = mrestimator.fit(
            slopes,
            fitfunc=mrestimator.f_exponential_offset,
            fitpars=np.array([(scale, 0.5, 0.0) for scale in (1.0, lags / 10, lags / 2)]),
            fitbnds=np.array([(0.05, 0.0, -1.0), (100.0 * lags, 10.0, 1.0)]),
            maxfev=10_000,
        )
    return (float("nan"), float("nan")) if fit.popt is None else (float(fit.tau), float(fit.popt[1]))
