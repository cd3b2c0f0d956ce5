"""Spikes for rasters: spikes of consecutive runs, for as many cells as a picture can show."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_types
from livn_gym.recording import Recording
from livn_gym.units import whole_number

RASTER_CELLS = 300
"""Largest number of cells in a raster; in larger cultures it shows every k-th cell, since more marks would merge."""


@checked_types
def raster_stride(num_neurons: int) -> int:
    """Return the stride k of a raster, which shows every k-th cell.

    Raises:
        InvalidInput: There are no cells.
    """
    return -(-whole_number("num_neurons", num_neurons) // RASTER_CELLS)


@checked_types
def raster_spikes(
    runs: Iterable[tuple[Recording | None, float]], stride: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return cells and times of the spikes of consecutive runs.

    Args:
        runs: Recordings with the times at which they ended, ms; None for a run without recording.
        stride: k; only the spikes of every k-th cell are returned.

    Returns:
        Cell and time (ms, on the same axis as the ends of the runs) of every spike, ``[S]`` each.

    Raises:
        InvalidInput: The stride is not positive.
        NotRecorded: A recording has no spikes.
    """
    k = whole_number("stride", stride)
    gids, times = [np.empty(0, np.int64)], [np.empty(0)]
    for recording, end_ms in runs:
        if recording is not None:
            _, gid, t = recording.spikes
            rows = slice(None) if k == 1 else gid % k == 0
            gids.append(gid[rows])
            times.append(t[rows] + (end_ms - recording.duration_ms))
    return np.concatenate(gids), np.concatenate(times)
