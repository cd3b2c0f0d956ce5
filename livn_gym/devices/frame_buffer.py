"""Frames of the recent past on a device's clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput


class FrameBuffer:
    """The latest frames, by their number since the device started.

    Args:
        num_channels: Number of channels C.
        keep: Number of frames that are kept at least.
        stop: Number of the first frame that is appended.
    """

    def __init__(self, num_channels: int, keep: int, stop: int = 0) -> None:
        self._rows = np.zeros((4 * keep, num_channels), dtype=np.int16)
        self._keep = keep
        self._length = 0
        self.stop = stop
        """Number of the frame after the latest one."""

    @property
    def start(self) -> int:
        """Number of the earliest frame that is kept."""
        return self.stop - self._length

    def append(self, frames: NDArray[np.int16]) -> None:
        """Append frames, int16 ``[T, C]``, at most ``3 * keep``.

        Raises:
            InvalidInput: There are more frames, or they have another number of channels.
        """
        count = len(frames)
        if frames.shape != (count, self._rows.shape[1]) or count > len(self._rows) - self._keep:
            raise InvalidInput(f"Frames must be [T, {self._rows.shape[1]}], got {frames.shape}.")
        if self._length + count > len(self._rows):
            kept = min(self._keep, self._length)
            self._rows[:kept] = self._rows[self._length - kept : self._length].copy()
            self._length = kept
        self._rows[self._length : self._length + count] = frames
        self._length += count
        self.stop += count

    def read(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return a copy of the frames from ``start`` to ``stop``, ``[stop - start, C]``.

        Raises:
            InvalidInput: They are not kept any more, or do not exist yet.
        """
        if not self.start <= start <= stop <= self.stop:
            raise InvalidInput(f"Frames {start} to {stop} are not among {self.start} to {self.stop}, which are kept.")
        first = start - self.start
        return self._rows[first : first + stop - start].copy()
