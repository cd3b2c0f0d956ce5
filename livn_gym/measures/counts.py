"""Spike counts in time bins: dense for a population, sparse for single cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym import memory
from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.units import MAX_STEPS, finite, rounding, whole_number

FEW_SPIKES = 10
"""Below this number of spikes no ratios are reported: the standard error of a count of 10 is about a third."""


@checked
def same_length(gid: NDArray, t: NDArray) -> None:
    """Check that every spike has one cell and one time.

    Raises:
        InvalidInput: The arrays are not both ``[S]``, or a cell or a time is negative.
    """
    if gid.shape != t.shape or gid.ndim != 1:
        raise InvalidInput(f"gid and t must both be [S] with the same S, got {gid.shape} and {t.shape}.")
    if len(gid) and (gid.min() < 0 or t.min() < 0.0):
        raise InvalidInput(f"gid and t must be at least 0, got {gid.min()} and {t.min():g}.")


@checked
def cells_exist(gid: NDArray, num_cells: int) -> None:
    """Check that the cell of every spike is below ``num_cells``.

    Raises:
        InvalidInput: ``num_cells`` is below 1 or does not fit into memory, or a cell is out of range.
    """
    memory.require(f"{whole_number('num_cells', num_cells)} cells", 64 * num_cells)
    if len(gid) and gid.max() >= num_cells:
        raise InvalidInput(f"Cells must be from 0 to {num_cells - 1}, got {gid.max()}.")


@checked
def num_bins(duration_ms: float, bin_ms: float) -> int:
    """Return the number of bins in a duration.

    Raises:
        InvalidInput: The duration is not a whole number of bins, at least one.
    """
    width = finite("bin width (ms)", bin_ms, above=0.0)
    duration = finite("duration (ms)", duration_ms, above=0.0)
    if duration > width * MAX_STEPS:
        raise InvalidInput(
            f"A duration can have at most {MAX_STEPS} bins, got {duration:g} ms in bins of {width:g} ms."
        )
    count = round(duration / width)
    if count < 1 or abs(count * width - duration) > width * min(1e-3, 1e-6 * count):
        raise InvalidInput(f"The duration must be a whole number of bins of {width:g} ms, got {duration:g} ms.")
    return count


@checked
def bin_index(t: NDArray, bin_ms: float, count: int) -> NDArray[np.int64]:
    """Return the index of the bin of every time in ``[0, count * bin_ms)``, ``[S]``.

    Bins are closed at the left edge. A time that is below an edge only by rounding belongs to the bin that starts
    there.
    """
    duration_ms = finite("bin_ms", bin_ms, above=0.0) * whole_number("count", count)
    if len(t) and (t.min() < 0.0 or t.max() > duration_ms * (1.0 + 1e-9)):
        raise InvalidInput(f"Times must be from 0 to {duration_ms:g} ms, got {t.min():g} to {t.max():g} ms.")
    ratio = np.asarray(t) / bin_ms
    return np.minimum(np.floor(ratio + rounding(ratio)).astype(np.int64), count - 1)


@checked
def population_counts(t: NDArray, duration_ms: float, bin_ms: float) -> NDArray[np.int64]:
    """Return the number of spikes of all cells together in every bin, ``[T]``."""
    count = num_bins(duration_ms, bin_ms)
    memory.require(f"A count in {count} bins", 8 * count)
    return np.bincount(bin_index(t, bin_ms, count), minlength=count)


@checked
def cell_counts(
    gid: NDArray, t: NDArray, duration_ms: float, bin_ms: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the non-zero entries of the sparse cell x bin matrix of spike counts.

    Returns:
        Cell, bin and count of every entry, ``[E]`` each, sorted by cell and bin.
    """
    same_length(gid, t)
    count = num_bins(duration_ms, bin_ms)
    entry, spikes = np.unique(gid * count + bin_index(t, bin_ms, count), return_counts=True)
    return entry // count, entry % count, spikes
