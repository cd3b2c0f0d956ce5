"""Blanked times of a session as arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.blanked_times import Blanking
from livn_gym.units import rounding

ARRAYS = ("blanked_channel", "blanked_start_ms", "blanked_stop_ms", "blanking_channels")
"""Channel, start and end of every interval, ``[I]``, and the channel with which each cell is blanked, ``[N]``."""


def blanked_arrays(blanking: Blanking | None) -> dict[str, NDArray]:
    """Return the arrays of a recording's blanked times, by their name in files; none if nothing was blanked."""
    if blanking is None:
        return {}
    values = blanking.channel, blanking.start_ms, blanking.stop_ms, blanking.cell_channels
    return dict(zip(ARRAYS, values, strict=True))


def blanking_of(arrays: Mapping[str, Any], duration_ms: float, channels: int, neurons: int) -> Blanking | None:
    """Rebuild the blanked times of a recording of one culture; None if the file has none.

    Raises:
        ValueError: A channel, a time or the number of cells is out of range, or intervals are not in order.
    """
    if not any(name in arrays for name in ARRAYS):
        return None
    channel, cell_channels = integers(ARRAYS[0], arrays[ARRAYS[0]]), integers(ARRAYS[3], arrays[ARRAYS[3]])
    start_ms, stop_ms = (np.asarray(arrays[name], dtype=np.float64) for name in ARRAYS[1:3])
    if not channel.shape == start_ms.shape == stop_ms.shape or channel.ndim != 1 or cell_channels.shape != (neurons,):
        raise ValueError("blanked times need a channel, start and end each, and a channel for every cell")
    # A file can hold times in another unit, and ends that differ from that of the recording by rounding.
    ends_with_it = (stop_ms > duration_ms) & (stop_ms <= duration_ms + rounding(duration_ms))
    stop_ms = np.where(ends_with_it, duration_ms, stop_ms)
    within = (start_ms >= 0) & (start_ms < stop_ms) & (stop_ms <= duration_ms) & (channel >= 0) & (channel < channels)
    in_order = (np.diff(channel) > 0) | ((np.diff(channel) == 0) & (start_ms[1:] > stop_ms[:-1]))
    if not within.all() or not in_order.all() or cell_channels.min(initial=0) < -1:
        raise ValueError("blanked times must be ascending intervals of existing channels within the recording")
    if cell_channels.max(initial=-1) >= channels:
        raise ValueError("cells are blanked with channels that do not exist")
    none = np.zeros_like(channel)
    return Blanking(duration_ms, 1, channels, cell_channels, none, channel, start_ms, stop_ms)


def integers(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Convert indices read from a file; fractions are an error and are not rounded."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {array.dtype}, expected integers")
    return array.astype(np.int64, copy=False)
