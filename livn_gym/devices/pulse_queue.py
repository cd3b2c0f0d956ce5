"""Pulses that were sent to a simulated device, on the frames of its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_number


@dataclass(frozen=True, eq=False)
class _Pulse:
    channel: int
    start: int
    """Frame in which the current begins."""
    current_uA: NDArray[np.float64]
    """Mean current of each frame, ``[n]``."""


@checked
class PulseQueue:
    """Pulses that were sent, until the frames in which they flow have been simulated.

    A frame has one current, the mean over its duration: phases that end within a frame keep their charge, though not
    their exact shape. A pulse that is sent after its first frame was simulated starts in the earliest possible frame,
    and after the pulses that were sent to the channel before it.

    Args:
        num_channels: Number of channels C.
        frame_us: Duration of a frame.
        step_us: Largest time of which durations of phases are multiples; a frame must be a whole number of them.

    Raises:
        InvalidInput: A number is not positive, or a frame is no whole number of steps.
    """

    def __init__(self, num_channels: int, frame_us: int = 40, step_us: int = 20) -> None:
        whole_number("num_channels", num_channels)
        if whole_number("frame_us", frame_us) % whole_number("step_us", step_us):
            raise InvalidInput(f"A frame of {frame_us} us is no whole number of steps of {step_us} us.")
        self.num_channels, self.frame_ms = num_channels, frame_us * 1e-3
        self._step_us, self._steps = step_us, frame_us // step_us
        self._pulses: list[_Pulse] = []
        self._free = np.zeros(num_channels, dtype=np.int64)
        """First frame after the latest pulse of each channel, ``[C]``."""

    def __len__(self) -> int:
        """Return the number of pulses that have not ended."""
        return len(self._pulses)

    def add(
        self, channel: int, frame: int, durations_us: Sequence[int], currents_uA: Sequence[float], earliest: int
    ) -> int:
        """Add a pulse and return the number of frames by which it is late.

        Args:
            channel: Channel.
            frame: Frame in which the pulse is to start.
            durations_us: Duration of each phase.
            currents_uA: Current of each phase; negative is cathodic.
            earliest: First frame that has not been simulated.

        Raises:
            InvalidInput: There is no such channel, or durations are not positive multiples of the step.
        """
        if not 0 <= channel < self.num_channels:
            raise InvalidInput(f"channel must be from 0 to {self.num_channels - 1}, got {channel}.")
        if len(durations_us) != len(currents_uA) or any(us <= 0 or us % self._step_us for us in durations_us):
            raise InvalidInput(
                f"Phases need a current and a duration that is a multiple of {self._step_us} us each, got "
                f"{list(durations_us)} us and {list(currents_uA)} uA."
            )
        start = max(frame, earliest, int(self._free[channel]))
        fine = np.repeat(np.asarray(currents_uA, dtype=np.float64), np.asarray(durations_us) // self._step_us)
        fine = np.append(fine, np.zeros(-len(fine) % self._steps))
        current = fine.reshape(-1, self._steps).mean(axis=1)
        self._free[channel] = start + len(current)
        self._pulses.append(_Pulse(channel, start, current))
        return start - frame

    def stimulus(self, start: int, stop: int) -> Stimulus | None:
        """Return the currents of frames from ``start`` to ``stop``, None if none flow; pulses remain in the queue."""
        channels, onsets, widths, values = [], [], [], []
        for pulse in self._pulses:
            first, last = max(start, pulse.start), min(stop, pulse.start + len(pulse.current_uA))
            if first >= last:
                continue
            current = pulse.current_uA[first - pulse.start : last - pulse.start]
            changes = np.flatnonzero(np.diff(current)) + 1
            for begin, end in zip([0, *changes], [*changes, len(current)], strict=True):
                if current[begin]:
                    channels.append(pulse.channel)
                    onsets.append((first - start + begin) * self.frame_ms)
                    widths.append((end - begin) * self.frame_ms)
                    values.append(current[begin])
        if not channels:
            return None
        none = np.zeros(len(channels))
        columns = np.array(channels, dtype=np.int64)
        pulses = Pulses(
            none.astype(np.int64), columns, np.array(onsets), none, np.array(widths), np.array(values), verified=True
        )
        return Stimulus.from_pulses(pulses, num_columns=self.num_channels, duration_ms=(stop - start) * self.frame_ms)

    def drop(self, frame: int) -> None:
        """Remove the pulses that have ended before a frame."""
        if self._pulses:
            self._pulses = [pulse for pulse in self._pulses if pulse.start + len(pulse.current_uA) > frame]
