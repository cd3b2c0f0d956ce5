"""The standard protocol, under which the measures of cultures can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.encoding.limits import safe_pulse
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, whole_number

if TYPE_CHECKING:
    from livn_gym.env import Env

CHUNK_MS = 5000.0
"""Simulated time between two updates of a progress bar."""

Progress = Callable[[float], object]
"""Called with the simulated time (ms) since the last call."""


@checked_types
@dataclass(frozen=True)
class Protocol:
    """Standard protocol of five consecutive stages.

    1. Settling, not recorded, since a culture that starts from rest begins with a burst.
    2. Rest, without stimulation.
    3. Stimulation of all electrodes at ``standard_uA``. The onset, which often triggers a burst, is not evaluated.
    4. Amplitude curve: every level in turn on all electrodes, each followed by a pause. Culture b starts with level b,
       so that the after-effect of a level falls on different levels across cultures. Onsets are not evaluated.
    5. Maps: single electrodes at ``max_uA``, each followed by a pause, in an order that is rotated likewise.

    Pulses are biphasic, cathodic first, with equal phases. All times are ms, amplitudes uA.

    Attributes:
        settle_ms: Length of stage 1.
        rest_ms: Length of stage 2.
        onset_ms: Initial part of stage 3 and of every level that is not evaluated.
        stimulated_ms: Evaluated part of stage 3.
        pulse_rate_hz: Pulses per second on a channel.
        phase_ms: Width of a phase.
        standard_uA: Amplitude of stage 3; the action in the middle of the range.
        levels_uA: Amplitudes of stage 4; the first is 0, the last the end of the range.
        level_ms: Time at a level after the onset.
        pause_ms: Pause after a level.
        max_uA: Amplitude of stage 5.
        map_electrodes: Maximum number of mapped electrodes; from a larger array, an evenly spaced selection is used.
        map_trials: Number of trials per electrode in a culture; 0 leaves stage 5 out.
        map_ms: Length of a trial, all of which is evaluated.
        map_pause_ms: Pause after a trial.
    """

    settle_ms: float = 5000.0
    rest_ms: float = 60_000.0
    onset_ms: float = 500.0
    stimulated_ms: float = 10_000.0
    pulse_rate_hz: float = 20.0
    phase_ms: float = 0.2
    standard_uA: float = 7.5
    levels_uA: tuple[float, ...] = (0.0, 1.5, 3.0, 4.5, 6.0, 7.5, 10.0, 12.5, 15.0)
    level_ms: float = 1500.0
    pause_ms: float = 1000.0
    max_uA: float = 15.0
    map_electrodes: int = 64
    map_trials: int = 4
    map_ms: float = 200.0
    map_pause_ms: float = 300.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for item in fields(self):
            if item.name.endswith("_ms"):
                finite(item.name, getattr(self, item.name), above=0.0)
        object.__setattr__(self, "levels_uA", tuple(self.levels_uA))
        if len(self.levels_uA) < 2 or self.levels_uA[0] != 0.0 or list(self.levels_uA) != sorted(set(self.levels_uA)):
            raise InvalidInput(f"levels_uA must rise from 0, got {list(self.levels_uA)}.")
        for amplitude in (self.standard_uA, self.levels_uA[-1], self.max_uA):
            safe_pulse(amplitude, self.phase_ms, self.pulse_rate_hz)
        if self.map_electrodes < 1 or self.map_trials < 0:
            raise InvalidInput("map_electrodes must be at least 1 and map_trials at least 0.")

    def quick(self) -> Protocol:
        """Return a shortened protocol for a quick check: too short for burst rates, with maps of few electrodes."""
        return replace(self, rest_ms=10_000.0, stimulated_ms=2000.0, level_ms=500.0, pause_ms=500.0, map_electrodes=4)

    def electrodes(self, num_channels: int) -> NDArray[np.int64]:
        """Return the mapped channels, ascending."""
        count = min(self.map_electrodes, whole_number("num_channels", num_channels, minimum=0))
        return np.unique(np.linspace(0, num_channels - 1, count).round().astype(np.int64))

    def duration_ms(self, num_channels: int) -> float:
        """Return the simulated time of one culture, ms."""
        trials = len(self.electrodes(num_channels)) * self.map_trials
        return (
            self.settle_ms
            + self.rest_ms
            + self.onset_ms
            + self.stimulated_ms
            + self.pause_ms
            + len(self.levels_uA) * (self.onset_ms + self.level_ms + self.pause_ms)
            + trials * (self.map_ms + self.map_pause_ms)
        )


@checked_types
@dataclass(frozen=True)
class Observation:
    """Recordings and spike counts of B cultures of one graph under the protocol.

    Attributes:
        env: The cultures, for their system and electrodes; not to be run.
        protocol: The protocol.
        rest: Recording of stage 2.
        stimulated: Recording of stage 3; None where it was left out.
        levels: Spikes of the population in 100 ms bins at every level, ``[B, L, T]``.
        after: The same for the pause after every level, ``[B, L, T']``.
        electrodes: The channels mapped, ``[E]``.
        evoked: Spikes of every cell in every trial of the maps, ``[B, trials, E, N]``.
    """

    env: Env
    protocol: Protocol
    rest: Recording
    stimulated: Recording | None = None
    levels: NDArray[np.int64] | None = None
    after: NDArray[np.int64] | None = None
    electrodes: NDArray[np.int64] | None = None
    evoked: NDArray[np.int64] | None = None

    @property
    def num_cultures(self) -> int:
        """Number of cultures B."""
        return self.rest.num_cultures


BIN_MS = 100.0
"""Width of the bins for counts of the population under stimulation."""


@checked_types
def observe(env: Env, protocol: Protocol, *, stimulate: bool = True, progress: Progress | None = None) -> Observation:
    """Run the protocol on the cultures of an Env, from time 0.

    Args:
        env: Built, with parameters; it is cleared by the caller.
        protocol: The protocol.
        stimulate: False ends after the rest.
        progress: Called with the simulated time since the last call, ms.
    """
    if stimulate and env.electrodes.num_channels < 1:
        raise InvalidInput("The protocol stimulates electrodes, and this system has none.")
    stages = _Stages(env, protocol, progress or (lambda ms: None))
    env.record_spikes()
    stages.run(protocol.settle_ms)
    rest = stages.run(protocol.rest_ms)
    if not stimulate:
        return Observation(env, protocol, rest)
    amplitudes_uA = np.full((env.num_cultures, env.electrodes.num_channels), protocol.standard_uA)
    stages.run(protocol.onset_ms, amplitudes_uA)
    stimulated = stages.run(protocol.stimulated_ms, amplitudes_uA)
    stages.run(protocol.pause_ms)
    levels, after = stages.curve()
    electrodes = protocol.electrodes(env.electrodes.num_channels)
    evoked = stages.maps(electrodes) if protocol.map_trials else None
    return Observation(env, protocol, rest, stimulated, levels, after, electrodes, evoked)


class _Stages:
    """Stages of a protocol on one Env."""

    def __init__(self, env: Env, protocol: Protocol, progress: Progress) -> None:
        self.env, self.protocol, self.progress = env, protocol, progress

    def run(self, duration_ms: float, amplitude_uA: NDArray | None = None) -> Recording:
        """Run with pulses of amplitudes ``[B, C]``, in chunks with whole numbers of pulses."""
        recordings, elapsed_ms = [], 0.0
        while duration_ms - elapsed_ms > 1e-6:
            chunk_ms = min(CHUNK_MS, duration_ms - elapsed_ms)
            stimulus = None
            if amplitude_uA is not None:
                stimulus = Stimulus.pulse_train(
                    amplitude_uA,
                    duration_ms=chunk_ms,
                    rate_hz=self.protocol.pulse_rate_hz,
                    phase_ms=self.protocol.phase_ms,
                )
            recordings.append(self.env.run(chunk_ms, stimulus))
            self.progress(chunk_ms * self.env.num_cultures)
            elapsed_ms += chunk_ms
        return Recording.concat(recordings)

    def curve(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the population counts at every level and in the pause after it."""
        p, cultures = self.protocol, self.env.num_cultures
        levels = np.array(p.levels_uA)
        at = np.zeros((cultures, len(levels), round(p.level_ms / BIN_MS)), dtype=np.int64)
        after = np.zeros((cultures, len(levels), round(p.pause_ms / BIN_MS)), dtype=np.int64)
        for k in range(len(levels)):
            level = (k + np.arange(cultures)) % len(levels)
            amplitude = np.repeat(levels[level][:, None], self.env.electrodes.num_channels, axis=1)
            self.run(p.onset_ms, amplitude)
            at[np.arange(cultures), level] = _counts(self.run(p.level_ms, amplitude), at.shape[2])
            after[np.arange(cultures), level] = _counts(self.run(p.pause_ms), after.shape[2])
        return at, after

    def maps(self, electrodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the spike counts of every cell during stimulation of every electrode."""
        p, cultures, cells = self.protocol, self.env.num_cultures, self.env.system.num_neurons
        evoked = np.zeros((cultures, p.map_trials, len(electrodes), cells), dtype=np.int64)
        rows = np.arange(cultures)
        for trial in range(p.map_trials):
            for k in range(len(electrodes)):
                # The increment differs between trials, so that successive electrodes are different pairs in each.
                electrode = (k + (1 + trial) * rows + trial) % len(electrodes)
                amplitude = np.zeros((cultures, self.env.electrodes.num_channels))
                amplitude[rows, electrodes[electrode]] = p.max_uA
                culture, gid, _ = self.run(p.map_ms, amplitude).spikes
                counts = np.bincount(culture * cells + gid, minlength=cultures * cells).reshape(cultures, cells)
                evoked[rows, trial, electrode] = counts
                self.run(p.map_pause_ms)
        return evoked


def _counts(recording: Recording, bins: int) -> NDArray[np.int64]:
    """Return the spike counts of each culture in ``bins`` bins of a run, ``[B, bins]``."""
    culture, _, t = recording.spikes
    index = measures.bin_index(t, recording.duration_ms / bins, bins)
    return np.bincount(culture * bins + index, minlength=recording.num_cultures * bins).reshape(-1, bins)
