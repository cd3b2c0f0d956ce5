"""Spikes counted in bins, densely for a population and sparsely for its cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, rounding

FEW_SPIKES = 10
"""Fewer spikes than this have no ratio worth a number: as a count, 10 have a standard error of a third."""


@checked
def num_bins(duration_ms: float, bin_ms: float) -> int:
    """Number of bins in a duration.

    Raises:
        InvalidInput: The duration is not a positive whole number of bins.
    """
    width = finite("bin width (ms)", bin_ms, above=0.0)
    duration = finite("duration (ms)", duration_ms, above=0.0)
    count = round(duration / width)
    if count < 1 or abs(count * width - duration) > width * min(1e-3, 1e-6 * count):
        raise InvalidInput(f"A duration of {duration:g} ms is no whole number of bins of {width:g} ms.")
    return count


def bin_index(t: NDArray, bin_ms: float, count: int) -> NDArray[np.int64]:
    """The bin of every time in ``[0, count * bin_ms)``, ``[S]``; bins are closed at their left edge.

    A time that only rounding keeps below an edge lies on it, however long the recording is.
    """
    ratio = np.asarray(t) / bin_ms
    return np.minimum(np.floor(ratio + rounding(ratio)).astype(np.int64), count - 1)


@checked
def population_counts(t: NDArray, duration_ms: float, bin_ms: float) -> NDArray[np.int64]:
    """Spikes of all cells together in every bin, ``[T]``."""
    count = num_bins(duration_ms, bin_ms)
    return np.bincount(bin_index(t, bin_ms, count), minlength=count)


@checked
def cell_counts(
    gid: NDArray, t: NDArray, duration_ms: float, bin_ms: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Non-zero entries of the cell x bin matrix of spike counts, which is mostly empty.

    Returns:
        Cell, bin and count of every entry, ``[E]`` each, sorted by cell and bin.
    """
    count = num_bins(duration_ms, bin_ms)
    entry, spikes = np.unique(gid * count + bin_index(t, bin_ms, count), return_counts=True)
    return entry // count, entry % count, spikes
