"""What a trial of StimulusTiming yields by its wait: how the response grows, and whether a burst comes first.

The model of Kumar et al. (2016), with grids that are searched instead of derivatives, for ``stimulus_timing.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import lognorm


@dataclass(frozen=True)
class Trials:
    """What happened, trial by trial; S sessions, K trials.

    Attributes:
        wait: Whole steps from the beginning to the pulse, or to the step with the interruption, ``[S, K]``.
        response: Reward of the trial, ``[S, K]``.
        interrupted: Whether a burst came first, ``[S, K]``.
    """

    wait: NDArray[np.int64]
    response: NDArray[np.float64]
    interrupted: NDArray[np.bool_]


@dataclass(frozen=True)
class Model:
    """What a trial yields by its wait.

    Attributes:
        response: R at waits of 0, 1, ... steps, ``[states]``.
        uninterrupted: Probability that no burst comes first, ``[states]``.
        explained: Share of the responses' variance that R explains.
    """

    response: NDArray[np.float64]
    uninterrupted: NDArray[np.float64]
    explained: float

    @property
    def yields(self) -> NDArray[np.float64]:
        """Predicted mean response of a trial, ``[states]``."""
        return self.response * self.uninterrupted

    @property
    def best(self) -> int:
        """The best wait, steps."""
        return int(self.yields.argmax())


_MEDIANS_S = np.geomspace(0.3, 30.0, 90)
_SPREADS = np.geomspace(0.05, 2.0, 45)
"""Grids that are searched: medians and standard deviations of the log of interruptions' times."""


def _exponentials(waits_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([1.0 - np.exp(-waits_s / tau) for tau in np.geomspace(0.1, 20.0, 60)])


def _logistics(waits_s: NDArray[np.float64]) -> NDArray[np.float64]:
    pairs = [(middle, width) for middle in np.arange(0.1, 3.05, 0.1) for width in (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)]
    return np.array([1.0 / (1.0 + np.exp(np.clip((m - waits_s) / w, -500.0, 500.0))) for m, w in pairs])


RISES = {"exponential": _exponentials, "logistic": _logistics}
"""How a response may grow from 0 to 1 with the wait, ``[grid, states]``: as in the paper, and past a threshold."""


@lru_cache
def _survival(step_s: float, longest: int) -> NDArray[np.float64]:
    """Probability that no interruption came by 0 ... ``longest + 1`` steps, for all lognormals ``[grid, times]``."""
    medians, spreads = (grid.ravel()[:, None] for grid in np.meshgrid(_MEDIANS_S, _SPREADS))
    return lognorm.sf(step_s * np.arange(longest + 2), spreads, scale=medians)


def fit(
    wait: NDArray[np.int64],
    response: NDArray[np.float64],
    interrupted: NDArray[np.bool_],
    step_s: float,
    longest: int,
    rise: str = "exponential",
) -> Model:
    """The model of open-loop trials, all of one graph.

    Args:
        wait: Steps ``[K]``, as of ``Trials``.
        response: ``[K]``.
        interrupted: ``[K]``.
        step_s: Length of a step, s.
        longest: Longest wait, steps.
        rise: One of ``RISES``.
    """
    given, size = wait[~interrupted], longest + 1
    pulses, bursts = np.bincount(given, minlength=size), np.bincount(wait[interrupted], minlength=size)[:size]
    # Least squares of a + b f for every f of the grid: from means, a covariance and a variance.
    shapes = RISES[rise](step_s * np.arange(size))
    means, mean = shapes @ pulses / len(given), response[~interrupted].mean()
    covariance = shapes @ np.bincount(given, response[~interrupted], size) / len(given) - means * mean
    variance = np.maximum(np.square(shapes) @ pulses / len(given) - np.square(means), 1e-12)
    k = (np.square(covariance) / variance).argmax()
    slope = covariance[k] / variance[k]
    explained = slope * covariance[k] / max(response[~interrupted].var(), 1e-12)
    survival = _survival(step_s, longest)
    in_step = np.log(np.maximum(survival[:, :-1] - survival[:, 1:], 1e-12))
    likelihood = in_step @ bursts + np.log(np.maximum(survival[:, :-1], 1e-12)) @ pulses
    return Model(mean + slope * (shapes[k] - means[k]), survival[likelihood.argmax(), :-1], float(explained))


def interval(
    trials: Trials, step_s: float, longest: int, rise: str = "exponential", resamples: int = 200
) -> tuple[Model, int, int]:
    """The model of a graph, and the 95 % bootstrap interval of its best wait in steps.

    Args:
        trials: Of all its sessions.
        step_s: Length of a step, s.
        longest: Longest wait, steps.
        rise: One of ``RISES``.
        resamples: Of the bootstrap.
    """
    flat = (trials.wait.ravel(), trials.response.ravel(), trials.interrupted.ravel())
    rng, best = np.random.default_rng(0), []
    for _ in range(resamples):
        drawn = rng.integers(0, flat[0].size, flat[0].size)
        best.append(fit(*(values[drawn] for values in flat), step_s, longest, rise).best)
    low, high = np.percentile(best, [2.5, 97.5])
    return fit(*flat, step_s, longest, rise), int(np.floor(low)), int(np.ceil(high))
