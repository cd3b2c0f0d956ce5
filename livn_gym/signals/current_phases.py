"""Phases of current in a stimulus, in frames of a device."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from livn_gym.stimulus import Stimulus


class CurrentPhases:
    """Finds the frames in which current flows through electrodes.

    Args:
        ratio: Frames per time step.
        latency_frames: Frames by which the stream is late.
        num_channels: C.
    """

    def __init__(self, ratio: Fraction, latency_frames: int, num_channels: int) -> None:
        self._ratio, self._latency, self._channels = ratio, latency_frames, num_channels

    def of(self, stimulus: Stimulus, dt_ms: float, cultures: int, begin: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the phases of each culture in the order of time, int64 ``[4, E]``.

        The rows are the first frame, the frame after the last, the channel, and the sign of the current.

        Args:
            stimulus: Stimulus at the electrodes.
            dt_ms: Time step.
            cultures: Number of cultures n.
            begin: First frame of the run of each, ``[n]``.
        """
        changes = stimulus.schedule(dt_ms)
        order = np.lexsort((changes.step, changes.column, changes.culture))
        culture, column = changes.culture[order], changes.column[order]
        step, sign = changes.step[order], np.sign(changes.value[order]).astype(np.int64)
        # Every phase is ended by the next change of its column, the last one by a change to 0.
        on = np.flatnonzero(sign != 0)
        culture, column, start, stop, sign = culture[on], column[on], step[on], step[on + 1], sign[on]
        numerator, denominator = self._ratio.numerator, self._ratio.denominator
        first = start * numerator // denominator + self._latency
        last = -(-stop * numerator // denominator) + self._latency
        order = np.lexsort((column, first, culture))
        rows = np.stack([first, last, column, sign])[:, order]
        if stimulus.num_cultures is None:
            parts = [rows] * cultures
        else:
            bounds = np.searchsorted(culture[order], np.arange(cultures + 1))
            parts = [rows[:, a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
        offset = np.array([[1], [1], [0], [0]])
        return [part + offset * frame for part, frame in zip(parts, begin.tolist(), strict=True)]
