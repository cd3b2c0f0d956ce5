"""Irregularity of firing: coefficient of variation of interspike intervals, Fano factors of spike counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked, checked_types
from livn_gym.errors import InvalidInput
from livn_gym.measures.counts import cell_counts, cells_exist, num_bins, population_counts, same_length
from livn_gym.units import whole_number


@checked
def intervals(gid: NDArray, t: NDArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the interspike intervals of every cell.

    Args:
        gid: Cell of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``, in any order.

    Returns:
        Cell and length (ms) of every interval, sorted by cell and time.
    """
    same_length(gid, t)
    order = np.lexsort((t, gid))
    cells, times = gid[order], t[order]
    same = cells[1:] == cells[:-1]
    return cells[1:][same], np.diff(times)[same]


@checked_types
def isi_cv(gid: NDArray, t: NDArray, num_cells: int, min_spikes: int) -> NDArray[np.float64]:
    """Return the coefficient of variation of each cell's interspike intervals (no bias correction).

    Args:
        gid: Cell of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``.
        num_cells: Number of cells N.
        min_spikes: Cells with fewer spikes have the value NaN; at least 3.

    Returns:
        ``[N]``; 0 for regular firing, 1 on average for a long Poisson process.
    """
    if whole_number("min_spikes", min_spikes) < 3:
        raise InvalidInput(f"min_spikes must be at least 3, for two intervals, got {min_spikes}.")
    cells_exist(gid, num_cells)
    cell, interval = intervals(gid, t)
    number = np.bincount(cell, minlength=num_cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(cell, weights=interval, minlength=num_cells) / number
        variance = np.bincount(cell, weights=(interval - mean[cell]) ** 2, minlength=num_cells) / number
        cv = np.sqrt(variance) / mean
    return np.where(number + 1 >= min_spikes, cv, np.nan)


@checked
def population_fano_factor(t: NDArray, duration_ms: float, window_ms: float) -> float:
    """Return the variance-to-mean ratio of the population's spike count in successive windows; NaN without spikes."""
    counts = population_counts(t, duration_ms, window_ms)
    return float(counts.var() / counts.mean()) if counts.any() else float("nan")


@checked
def cell_fano_factors(
    gid: NDArray, t: NDArray, num_cells: int, duration_ms: float, window_ms: float
) -> NDArray[np.float64]:
    """Return the variance-to-mean ratio of each cell's spike count in successive windows, ``[N]``; NaN if silent."""
    cells_exist(gid, num_cells)
    windows = num_bins(duration_ms, window_ms)
    cell, _, count = cell_counts(gid, t, duration_ms, window_ms)
    mean = np.bincount(cell, weights=count, minlength=num_cells) / windows
    square = np.bincount(cell, weights=count**2, minlength=num_cells) / windows
    with np.errstate(invalid="ignore"):
        return (square - mean**2) / mean
