"""Irregularity and stationarity of firing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.decoding.results import stack_by_name
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.view import CultureView


@checked
class Stability(Decoding):
    """Similarity of the two halves of a run: ``{"drift": float, "pattern_correlation": float}``.

    ``drift`` is the change of the culture's spike count relative to its sum, (n2 - n1) / (n1 + n2), from -1 to 1; it
    is 0 for stable firing and NaN without spikes. ``pattern_correlation`` is Pearson's correlation over cells of their
    counts in the two halves: near 1 if the same cells stay active, NaN if all cells fire alike. Of B cultures,
    ``[B]`` each.
    """

    def decode(self, view: CultureView, recording: Recording) -> dict[str, NDArray[np.float64]]:
        """Drift and correlation of every culture."""
        n = view.system.num_neurons
        return stack_by_name([self._stability(n, gid, t) for gid, t in self.trains(view, recording)])

    def _stability(self, n: int, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, float]:
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
class ISICV(Decoding):
    """Coefficient of variation of interspike intervals: ``{"cv": float, "cvs": [N]}``, mean over cells and per cell.

    It is 0 for a clock and 1 for a Poisson train. Cells with too few spikes are NaN and excluded from the mean, which
    is NaN if no cell remains. Of B cultures, ``{"cv": [B], "cvs": [B, N]}``.

    Args:
        duration: Length of the run, ms.
        min_spikes: Smallest number of spikes of an analysed cell, at least 3; few spikes bias the value downwards.
    """

    def __init__(self, duration: float, min_spikes: int = 10) -> None:
        super().__init__(duration)
        if min_spikes < 3:
            raise InvalidInput(f"min_spikes must be at least 3, the spikes of two intervals, got {min_spikes}.")
        self.min_spikes = min_spikes

    def decode(self, view: CultureView, recording: Recording) -> dict[str, NDArray[np.float64]]:
        """Coefficients of every culture."""
        cells, trains = view.system.num_neurons, self.trains(view, recording)
        cvs = np.stack([measures.isi_cv(gid, t, cells, self.min_spikes) for gid, t in trains])
        return {"cv": _means(cvs), "cvs": cvs}


@checked
class FanoFactor(Decoding):
    """Fano factor, variance over mean of spike counts: ``{"population": float, "cell": float, "cells": [N]}``.

    ``population`` is that of the culture's pooled count (1 for independent Poisson cells, large for bursts), ``cells``
    that of each cell and ``cell`` their mean. Silent cells are NaN and excluded from the mean; without spikes, all are
    NaN. Of B cultures, ``[B]``, ``[B]`` and ``[B, N]``.

    Args:
        duration: Length of the run, ms; a whole number of windows, at least 2.
        window_ms: Length of the windows in which spikes are counted.
    """

    def __init__(self, duration: float, window_ms: float = 500.0) -> None:
        super().__init__(duration)
        if measures.num_bins(duration, window_ms) < 2:
            raise InvalidInput(f"A Fano factor needs two windows of {window_ms:g} ms, the run has {duration:g} ms.")
        self.window_ms = float(window_ms)

    def decode(self, view: CultureView, recording: Recording) -> dict[str, NDArray[np.float64]]:
        """Fano factors of every culture."""
        n, trains = view.system.num_neurons, self.trains(view, recording)
        cells = np.stack([measures.cell_fano_factors(gid, t, n, self.duration, self.window_ms) for gid, t in trains])
        population = [measures.population_fano_factor(t, self.duration, self.window_ms) for _, t in trains]
        return {"population": np.array(population), "cell": _means(cells), "cells": cells}


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each row of ``[B, N]`` over the values that are not NaN, ``[B]``; NaN for a row of NaN."""
    rows = [row[~np.isnan(row)] for row in values]
    return np.array([row.mean() if len(row) else np.nan for row in rows])
