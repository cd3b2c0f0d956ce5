"""How irregular and how stationary firing is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked
from livn_gym.decoding.base import SpikeDecoding
from livn_gym.errors import InvalidInput

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
class Stability(SpikeDecoding):
    """Does a run's second half resemble the first: ``{"drift": float, "pattern_correlation": float}``.

    ``drift`` is the change of the culture's spike count by its sum, (n2 - n1) / (n1 + n2), from -1 to 1; 0 is
    stable, NaN a run without spikes. ``pattern_correlation`` is Pearson's correlation over cells of their
    counts in the two halves: near 1 where the same cells stay active, NaN where all cells fire alike.
    """

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, float]:
        """One culture's drift and correlation; see the class."""
        measures.same_length(gid, t)
        n = env.system.num_neurons
        half = measures.bin_index(t, self.duration / 2.0, 2)
        counts = np.bincount(half * n + gid, minlength=2 * n).reshape(2, n)
        first, second = counts.sum(axis=1)
        deviation = counts - counts.mean(axis=1, keepdims=True)
        norm = np.sqrt((deviation**2).sum(axis=1).prod())
        nan = float("nan")
        return {
            "drift": float((second - first) / (first + second)) if len(t) else nan,
            "pattern_correlation": float((deviation[0] * deviation[1]).sum() / norm) if norm > 0.0 else nan,
        }


@checked
class ISICV(SpikeDecoding):
    """Irregularity of cells: ``{"cv": float, "cvs": [N]}``, the mean over cells and each cell's.

    The coefficient of variation of the interspike intervals: 0 for a clock, 1 for a Poisson train. Cells with
    too few spikes are NaN and not in the mean, which is NaN where no cell is left.

    Args:
        duration: Length of the run, ms.
        min_spikes: Fewest spikes of a cell that is looked at, at least 3; with few the value is too small.
    """

    def __init__(self, duration: float, min_spikes: int = 10) -> None:
        super().__init__(duration)
        if min_spikes < 3:
            raise InvalidInput(f"min_spikes must be at least 3, the spikes of two intervals, got {min_spikes}.")
        self.min_spikes = min_spikes

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, Any]:
        """One culture's coefficients; see the class."""
        cvs = measures.isi_cv(gid, t, env.system.num_neurons, self.min_spikes)
        return {"cv": _mean(cvs), "cvs": cvs}


@checked
class FanoFactor(SpikeDecoding):
    """Variance by mean of spike counts: ``{"population": float, "cell": float, "cells": [N]}``.

    Of the culture's pooled count (1 for independent Poisson cells, large for bursts), the mean over cells,
    and each cell's. Silent cells are NaN and not in the mean; without spikes all are NaN.

    Args:
        duration: Length of the run, ms; a whole number of windows, at least 2.
        window_ms: Length of the windows in which spikes are counted.
    """

    def __init__(self, duration: float, window_ms: float = 500.0) -> None:
        super().__init__(duration)
        if measures.num_bins(duration, window_ms) < 2:
            raise InvalidInput(f"A Fano factor needs two windows of {window_ms:g} ms, the run has {duration:g} ms.")
        self.window_ms = float(window_ms)

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, Any]:
        """One culture's factors; see the class."""
        cells = measures.cell_fano_factors(gid, t, env.system.num_neurons, self.duration, self.window_ms)
        return {
            "population": measures.population_fano_factor(t, self.duration, self.window_ms),
            "cell": _mean(cells),
            "cells": cells,
        }


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of what is not NaN; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
