"""The standard protocol, under which the measures of cultures can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_types
from livn_gym.encoding.limits import safe_pulse
from livn_gym.errors import InvalidInput
from livn_gym.units import whole_number

Progress = Callable[[float], object]
"""Called with the simulated time (ms) since the last call."""

EVOKED_MS = (5.0, 100.0)
"""Interval after the onset of a pulse whose spikes count as evoked: behind every direct response, ms."""

PLACE_MS = (20.0, 100.0)
"""Interval after the onset of a pulse from whose spikes its place is decoded, ms."""

SECOND_MS = 1000.0
"""Window of the rates whose steadiness under constant stimulation is measured: that of the tasks' controllers."""

BLANKS_MS = (0.0, 3.0, 5.0)
"""Times after the last phase of a pulse during which no electrode records, for each of which rates are computed."""


@checked_types
@dataclass(frozen=True)
class Protocol:
    """Standard protocol of consecutive stages, and of the same stages in a copy of the culture without synapses.

    1. Settling, not recorded, since a culture that starts from rest begins with a burst.
    2. Rest, without stimulation.
    3. Sustained stimulation of all electrodes at the highest level.
    4. Amplitude curve: every level in turn on all electrodes, each followed by a pause. Culture b starts with level b,
       so that the after-effect of a level falls on different levels across cultures.
    5. Single pulses: one electrode at a time, in an order that is rotated likewise.
    6. Place: one pulse at all electrodes of a quadrant of the array, one quadrant at a time.
    7. Device: stages 3 and 5 with the pulses that a device with weak currents can give.
    8. Cut: a copy with the same seed whose synaptic weights are all 0 runs stages 1 to 6, with shorter stages 2 and 3.

    Pulses are biphasic, cathodic first, with equal phases. In stages 3, 4 and 7 the electrodes pulse in interleaved
    groups that take turns: channel c is in group ``c % groups``. The onsets of stages 3, 4 and 7 are not evaluated.
    The highest level of sustained stimulation is one up to which the response rises: on some cultures it falls again
    beyond, where what pulses set off directly exhausts synapses. A single pulse at one electrode reaches few cells, so
    that stages 5 and 6 have an amplitude of their own. All times are ms, amplitudes uA.

    Attributes:
        settle_ms: Length of stage 1.
        rest_ms: Length of stage 2.
        pulse_rate_hz: Pulses per second on a channel.
        groups: Number of groups of electrodes that take turns.
        phase_ms: Width of a phase.
        levels_uA: Amplitudes of stage 4; the first is 0, the last the highest amplitude, that of stage 3.
        onset_ms: Initial part of stages 3 and 7 and of every level that is not evaluated.
        sustained_ms: Evaluated part of stage 3.
        level_ms: Time at a level after the onset, of whose whole seconds the rates are kept too.
        pause_ms: Pause after stages 3 and 7 and after a level.
        pulse_uA: Amplitude of stages 5 and 6.
        pulse_electrodes: Maximum number of electrodes in stage 5; from a larger array, an evenly spaced selection.
        pulse_trials: Number of pulses per electrode and culture in stage 5; 0 leaves it out.
        pulse_interval_ms: Time between pulses of stages 5 and 6, in which synapses recover.
        place_trials: Number of pulses per quadrant and culture in stage 6; 0 leaves it out.
        device_uA: Amplitude of stage 7.
        device_phase_ms: Width of a phase in stage 7.
        device_ms: Evaluated part of the sustained stimulation in stage 7; 0 leaves the stage out.
        cut_ms: Length of stage 2 and of the evaluated part of stage 3 in stage 8; 0 leaves stage 8 out.
    """

    settle_ms: float = 5000.0
    rest_ms: float = 60_000.0
    pulse_rate_hz: float = 5.0
    groups: int = 16
    phase_ms: float = 0.2
    levels_uA: tuple[float, ...] = (0.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
    onset_ms: float = 1000.0
    sustained_ms: float = 30_000.0
    level_ms: float = 10_000.0
    pause_ms: float = 2000.0
    pulse_uA: float = 14.0
    pulse_electrodes: int = 16
    pulse_trials: int = 4
    pulse_interval_ms: float = 1000.0
    place_trials: int = 6
    device_uA: float = 3.0
    device_phase_ms: float = 0.5
    device_ms: float = 10_000.0
    cut_ms: float = 10_000.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for item in fields(self):
            if item.name.endswith("_ms"):
                _check_time(item.name, getattr(self, item.name), item.name in ("device_ms", "cut_ms"))
        object.__setattr__(self, "levels_uA", tuple(self.levels_uA))
        if len(self.levels_uA) < 2 or self.levels_uA[0] != 0.0 or list(self.levels_uA) != sorted(set(self.levels_uA)):
            raise InvalidInput(f"levels_uA must rise from 0, got {list(self.levels_uA)}.")
        for amplitude, phase in (
            (self.top_uA, self.phase_ms),
            (self.pulse_uA, self.phase_ms),
            (self.device_uA, self.device_phase_ms),
        ):
            safe_pulse(amplitude, phase, self.pulse_rate_hz)
        for name, minimum in (("groups", 1), ("pulse_electrodes", 1), ("pulse_trials", 0), ("place_trials", 0)):
            whole_number(name, getattr(self, name), minimum=minimum)
        for name in ("onset_ms", "sustained_ms", "level_ms", "device_ms", "cut_ms"):
            periods = getattr(self, name) / self.period_ms
            if abs(periods - round(periods)) > 1e-6:
                raise InvalidInput(
                    f"{name} must be a multiple of the {self.period_ms:g} ms between pulses of an electrode, "
                    f"got {getattr(self, name):g}."
                )
        if self.spacing_ms <= 2.0 * self.phase_ms + BLANKS_MS[-1]:
            raise InvalidInput(
                f"{self.groups} groups at {self.pulse_rate_hz:g} Hz pulse every {self.spacing_ms:g} ms, which leaves "
                f"no time to record behind pulses of {2.0 * self.phase_ms:g} ms and {BLANKS_MS[-1]:g} ms of blanking."
            )
        if self.pulse_interval_ms < EVOKED_MS[1]:
            raise InvalidInput(f"pulse_interval_ms must be at least {EVOKED_MS[1]:g}, got {self.pulse_interval_ms:g}.")

    @property
    def top_uA(self) -> float:
        """Highest amplitude of sustained stimulation."""
        return self.levels_uA[-1]

    @property
    def period_ms(self) -> float:
        """Time between pulses of an electrode."""
        return 1000.0 / self.pulse_rate_hz

    @property
    def spacing_ms(self) -> float:
        """Time between the pulses of successive groups."""
        return self.period_ms / self.groups

    def quick(self) -> Protocol:
        """Return a shortened protocol for a quick check: too short for burst rates, with pulses at few electrodes."""
        return replace(
            self,
            rest_ms=10_000.0,
            sustained_ms=4000.0,
            level_ms=4000.0,
            pulse_electrodes=4,
            pulse_trials=2,
            place_trials=2,
            device_ms=0.0,
            cut_ms=min(self.cut_ms, 2000.0),
        )

    def cut(self) -> Protocol:
        """Return the protocol of the copy without synapses."""
        return replace(self, rest_ms=self.cut_ms, sustained_ms=self.cut_ms, device_ms=0.0, cut_ms=0.0)

    def electrodes(self, num_channels: int) -> NDArray[np.int64]:
        """Return the channels that get single pulses, ascending."""
        count = min(self.pulse_electrodes, whole_number("num_channels", num_channels, minimum=0))
        return np.unique(np.linspace(0, num_channels - 1, count).round().astype(np.int64))

    def duration_ms(self, num_channels: int) -> float:
        """Return the simulated time of one culture, its copy without synapses included, ms."""
        pulses = len(self.electrodes(num_channels)) * self.pulse_trials
        duration_ms = (
            self.settle_ms
            + self.rest_ms
            + self.onset_ms
            + self.sustained_ms
            + self.pause_ms
            + len(self.levels_uA) * (self.onset_ms + self.level_ms + self.pause_ms)
            + (pulses + 4 * self.place_trials) * self.pulse_interval_ms
        )
        if self.device_ms:
            duration_ms += self.onset_ms + self.device_ms + self.pause_ms + pulses * self.pulse_interval_ms
        return duration_ms + (self.cut().duration_ms(num_channels) if self.cut_ms else 0.0)


def _check_time(name: str, value: float, may_be_0: bool) -> None:
    if not (value > 0.0 or (may_be_0 and value == 0.0)) or value == float("inf"):
        raise InvalidInput(f"{name} must be a finite time {'of at least' if may_be_0 else 'above'} 0 ms, got {value}.")
