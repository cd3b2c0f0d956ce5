"""Commands to a device: a stimulus as trains of equal pulses, in the device's steps of time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus
from livn_gym.time_steps import exact_us

Phases = tuple[tuple[float, float], ...]
"""Width (us) and current (uA, negative is cathodic) of every phase of a pulse."""


@dataclass(frozen=True)
class Command:
    """A train of equal pulses at some channels at the same times.

    Times are whole numbers of us (``int``), unless the steps of the device are fractions of us.

    Attributes:
        channels: Channels, ascending.
        onset_us: Start of the first pulse since the start of the run.
        phases: Phases of each pulse, one directly after the other.
        count: Number of pulses.
        interval_us: Time from one onset to the next; 0 for a single pulse.
    """

    channels: tuple[int, ...]
    onset_us: float
    phases: Phases
    count: int = 1
    interval_us: float = 0

    @property
    def charge_nC(self) -> float:
        """Absolute charge that each of the channels gives, nC."""
        return self.count * sum(width * abs(current) for width, current in self.phases) * 1e-3

    def as_json(self) -> dict[str, Any]:
        """Return the command for a ledger."""
        return {
            "channels": list(self.channels),
            "onset_us": self.onset_us,
            "phases": [list(phase) for phase in self.phases],
            "count": self.count,
            "interval_us": self.interval_us,
        }


@checked
def commands_of(stimulus: Stimulus, onset_step_us: float, width_step_us: float) -> list[Command]:
    """Convert a stimulus of pulses at electrodes to commands, ordered by onset and channel.

    Nothing is rounded or changed.

    Args:
        stimulus: Pulses of one culture, in the mode ``"electrode"``.
        onset_step_us: Step of the onsets of pulses.
        width_step_us: Step of the widths of phases.

    Raises:
        InvalidInput: The stimulus is of another kind or of several cultures, a phase does not directly follow the one
            before it, or a time is no multiple of its step.
    """
    if stimulus.mode != "electrode" or stimulus.light is not None or stimulus.pulses is None:
        kind = "light" if stimulus.light is not None else f"{stimulus.mode}, {stimulus.waveform.kind[0]}"
        raise InvalidInput(f"A device takes pulses at electrodes, got a stimulus of another kind ({kind}).")
    if stimulus.num_cultures not in (None, 1):
        raise InvalidInput(f"A device stimulates one culture, got a stimulus of {stimulus.num_cultures}.")
    # Times are counted in a unit that divides both steps, so that equal times compare as equal.
    units = _Units(exact_us(onset_step_us), exact_us(width_step_us))
    trains: dict[tuple[int, _Phases], list[int]] = defaultdict(list)
    for channel, onset, phases in _pulses(stimulus, units):
        trains[channel, phases].append(onset)
    alike: dict[tuple[int, int, int, _Phases], list[int]] = defaultdict(list)
    for (channel, phases), onsets in trains.items():
        for onset, count, interval in _regular(sorted(onsets)):
            alike[onset, count, interval, phases].append(channel)
    commands = [
        Command(
            tuple(sorted(channels)),
            units.us(onset),
            tuple((units.us(width), current_uA) for width, current_uA in phases),
            count,
            units.us(interval),
        )
        for (onset, count, interval, phases), channels in alike.items()
    ]
    return sorted(commands, key=lambda command: (command.onset_us, command.channels))


@checked
def stimulus_of(commands: Sequence[Command], channels: ArrayLike, duration_ms: float) -> Stimulus:
    """Convert commands back to a stimulus with one column per channel.

    Args:
        commands: Commands of one run.
        channels: Channel of each column, ``[K]``, among them all channels of the commands.
        duration_ms: Length of the run.

    Raises:
        InvalidInput: A channel has no column, or a pulse ends after the run.
    """
    order = np.asarray(channels)
    columns = {int(channel): column for column, channel in enumerate(order)}
    rows = []
    for command in commands:
        for channel in command.channels:
            if channel not in columns:
                raise InvalidInput(f"Channel {channel} of a command is none of the {len(columns)} channels.")
            for k in range(command.count):
                onset_ms, offset_ms = (command.onset_us + k * command.interval_us) * 1e-3, 0.0
                for width_us, current_uA in command.phases:
                    rows.append((columns[channel], onset_ms, offset_ms, width_us * 1e-3, current_uA))
                    offset_ms += width_us * 1e-3
    column, onset, offset, width, value = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    pulses = Pulses(np.zeros(len(rows), dtype=np.int64), column.astype(np.int64), onset, offset, width, value)
    return Stimulus.from_pulses(pulses, num_columns=len(order), duration_ms=duration_ms)


_Phases = tuple[tuple[int, float], ...]
"""As ``Phases``, with widths in units."""


class _Units:
    """Whole numbers of a unit that divides the steps of onsets and of widths.

    Args:
        onset_step_us: Step of onsets.
        width_step_us: Step of widths.
    """

    def __init__(self, onset_step_us: Fraction, width_step_us: Fraction) -> None:
        self.per_us = math.lcm(onset_step_us.denominator, width_step_us.denominator)
        self.onset_step, self.width_step = int(onset_step_us * self.per_us), int(width_step_us * self.per_us)

    def count(self, what: str, times_ms: NDArray[np.float64], step: int) -> list[int]:
        """Return times that are multiples of a step in units, ``[P]``."""
        times_us, step_us = times_ms * 1e3, step / self.per_us
        steps = np.rint(times_us / step_us)
        bad = np.abs(steps * step_us - times_us) > 1e-3
        if bad.any():
            raise InvalidInput(f"The {what} must be a multiple of {step_us:g} us, got {times_us[bad][0]:.9g} us.")
        return (steps.astype(np.int64) * step).tolist()

    def us(self, units: int) -> float:
        """Return a time in us, an ``int`` if it is a whole number."""
        return units / self.per_us if units % self.per_us else units // self.per_us


def _pulses(stimulus: Stimulus, units: _Units) -> list[tuple[int, int, _Phases]]:
    """Return channel, onset and phases of every pulse, in units."""
    p = stimulus.pulses
    assert p is not None
    p = p.select(np.lexsort((p.offset_ms, p.onset_ms, p.column)))
    rows = zip(
        p.column.tolist(),
        p.onset_ms.tolist(),
        units.count("onset", p.onset_ms, units.onset_step),
        units.count("start of a phase since the onset", p.offset_ms, units.width_step),
        units.count("width of a phase", p.width_ms, units.width_step),
        p.value.tolist(),
        strict=True,
    )
    pulses: list[tuple[int, int, list[tuple[int, float]]]] = []
    last: tuple[int, float] | None = None
    end = 0
    for channel, onset_ms, onset, offset, width, value in rows:
        if (channel, onset_ms) != last:
            pulses.append((channel, onset, []))
            last, end = (channel, onset_ms), 0
        if offset != end:
            raise InvalidInput(
                f"Channel {channel}: a phase starts {units.us(offset):g} us after the pulse's onset, but the phase "
                f"before it ends at {units.us(end):g} us; a device takes phases without gaps."
            )
        pulses[-1][2].append((width, value))
        end = offset + width
    return [(channel, onset, tuple(phases)) for channel, onset, phases in pulses]


def _regular(onsets: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return onset, number and interval of a regular train, in units; single pulses if the intervals differ."""
    intervals = set(np.diff(onsets).tolist())
    if len(intervals) == 1:
        return [(onsets[0], len(onsets), intervals.pop())]
    return [(onset, 1, 0) for onset in onsets]
