"""How irregular firing is: coefficient of variation of intervals, Fano factors of counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked, checked_types
from livn_gym.errors import InvalidInput
from livn_gym.measures.counts import cell_counts, cells_exist, num_bins, population_counts, same_length
from livn_gym.units import whole_number


@checked
def intervals(gid: NDArray, t: NDArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Interspike intervals of every cell.

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
    """Coefficient of variation (standard deviation by mean, no bias correction) of each cell's intervals.

    Args:
        gid: Cell of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``.
        num_cells: N.
        min_spikes: Cells with fewer spikes get NaN; at least 3.

    Returns:
        ``[N]``; 0 for a clock, 1 in the mean for a long Poisson train.
    """
    if whole_number("min_spikes", min_spikes) < 3:
        raise InvalidInput(f"min_spikes must be at least 3, the spikes of two intervals, got {min_spikes}.")
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
    """Variance by mean of the whole population's spike count in successive windows; NaN without spikes."""
    counts = population_counts(t, duration_ms, window_ms)
    return float(counts.var() / counts.mean()) if counts.any() else float("nan")


@checked
def cell_fano_factors(
    gid: NDArray, t: NDArray, num_cells: int, duration_ms: float, window_ms: float
) -> NDArray[np.float64]:
    """Variance by mean of each cell's spike count in successive windows, ``[N]``; NaN for silent cells."""
    cells_exist(gid, num_cells)
    windows = num_bins(duration_ms, window_ms)
    cell, _, count = cell_counts(gid, t, duration_ms, window_ms)
    mean = np.bincount(cell, weights=count, minlength=num_cells) / windows
    square = np.bincount(cell, weights=count**2, minlength=num_cells) / windows
    with np.errstate(invalid="ignore"):
        return (square - mean**2) / mean
