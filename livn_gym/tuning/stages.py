"""The stages of the protocol, run on the cultures of an Env."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.tuning.protocol import BLANKS_MS, EVOKED_MS, PLACE_MS, SECOND_MS, Progress, Protocol

if TYPE_CHECKING:
    from livn_gym.env import Env

CHUNK_MS = 5000.0
"""Simulated time between two updates of a progress bar."""


@checked_types
@dataclass(frozen=True)
class Observation:
    """Recordings and spike counts of B cultures of one graph under the protocol.

    Attributes:
        env: The cultures, for their system and electrodes; not to be run.
        protocol: The protocol.
        rest: Recording of stage 2.
        sustained: Recording of stage 3 after its onset; None where it was left out.
        curve_hz: Rate per cell at every level, behind each of ``BLANKS_MS``, ``[B, L, 3]``.
        level_seconds_hz: Rate per cell in every whole second at every level, behind 3 ms, ``[B, L, seconds]``.
        electrodes: The channels with single pulses, ``[E]``.
        evoked: Spikes of every cell in ``EVOKED_MS`` after every single pulse, ``[B, trials, E, N]``.
        place: Spikes on every channel in ``PLACE_MS`` after every pulse at a quadrant, ``[B, trials, 4, C]``; None if a
            quadrant has no electrode.
        device: Recording of stage 7's sustained stimulation after its onset.
        device_evoked: As ``evoked``, with the pulses of the device.
        cut: Observation of the copies without synapses.
    """

    env: Env
    protocol: Protocol
    rest: Recording
    sustained: Recording | None = None
    curve_hz: NDArray[np.float64] | None = None
    level_seconds_hz: NDArray[np.float64] | None = None
    electrodes: NDArray[np.int64] | None = None
    evoked: NDArray[np.int64] | None = None
    place: NDArray[np.int64] | None = None
    device: Recording | None = None
    device_evoked: NDArray[np.int64] | None = None
    cut: Observation | None = None

    @property
    def num_cultures(self) -> int:
        """Number of cultures B."""
        return self.rest.num_cultures


@checked_types
def observe(
    env: Env,
    protocol: Protocol,
    *,
    stimulate: bool = True,
    progress: Progress | None = None,
    proceed: Callable[[Observation], bool] | None = None,
) -> Observation:
    """Run stages 1 to 7 of the protocol on the cultures of an Env, from time 0.

    Args:
        env: Built, with parameters; it is cleared by the caller.
        protocol: The protocol.
        stimulate: False ends after the rest.
        progress: Called with the simulated time since the last call, ms.
        proceed: Called with the observation after stages 2 and 3; False ends the protocol.
    """
    if stimulate and env.electrodes.num_channels < 1:
        raise InvalidInput("The protocol stimulates electrodes, and this system has none.")
    stages = _Stages(env, protocol, progress or (lambda ms: None))
    proceed = proceed or (lambda observation: True)
    env.record_spikes()
    stages.run(protocol.settle_ms)
    seen = Observation(env, protocol, stages.run(protocol.rest_ms))
    if not stimulate or not proceed(seen):
        return seen
    seen = replace(seen, sustained=stages.sustained(protocol.sustained_ms, protocol.top_uA, protocol.phase_ms))
    if not proceed(seen):
        return seen
    curve_hz, level_seconds_hz = stages.curve()
    seen = replace(seen, curve_hz=curve_hz, level_seconds_hz=level_seconds_hz)
    if protocol.pulse_trials:
        electrodes = protocol.electrodes(env.electrodes.num_channels)
        evoked = stages.single_pulses(electrodes, protocol.pulse_uA, protocol.phase_ms)
        seen = replace(seen, electrodes=electrodes, evoked=evoked)
    if protocol.place_trials:
        seen = replace(seen, place=stages.place())
    if protocol.device_ms:
        device = protocol.device_uA, protocol.device_phase_ms
        seen = replace(seen, device=stages.sustained(protocol.device_ms, *device))
        if seen.electrodes is not None:
            seen = replace(seen, device_evoked=stages.single_pulses(seen.electrodes, *device))
    return seen


@checked_types
def quadrants(coordinates_um: NDArray) -> NDArray[np.int64]:
    """Return the quadrant, 0 to 3, of the array in which each electrode is, ``[C]``, from positions ``[C, 2 or 3]``."""
    xy = np.asarray(coordinates_um, dtype=np.float64)[:, :2]
    right, upper = (xy > (xy.min(axis=0) + xy.max(axis=0)) / 2).T
    return right.astype(np.int64) + 2 * upper


@checked_types
def blanked_rates_hz(recording: Recording, protocol: Protocol, phase_ms: float, num_neurons: int) -> NDArray:
    """Return the rate per cell of each culture behind each of ``BLANKS_MS`` after the pulses of a group, ``[B, 3]``.

    Spikes during a pulse and within the blanking after its last phase are left out, and the rate is that of the time
    that remains.
    """
    rates = []
    for blank_ms in BLANKS_MS:
        recorded, share = _recorded(recording, protocol, phase_ms, blank_ms)
        counts = np.bincount(recording.spikes[0][recorded], minlength=recording.num_cultures)
        rates.append(counts / num_neurons / (recording.duration_ms * share) * 1e3)
    return np.stack(rates, axis=1)


@checked_types
def rates_of_seconds_hz(recording: Recording, protocol: Protocol, phase_ms: float, num_neurons: int) -> NDArray:
    """Return the rate per cell of each culture in each whole second, behind 3 ms after the pulses, ``[B, seconds]``."""
    seconds = int(recording.duration_ms // SECOND_MS)
    culture, _, t = recording.spikes
    recorded, share = _recorded(recording, protocol, phase_ms, BLANKS_MS[1])
    recorded &= t < seconds * SECOND_MS
    index = culture[recorded] * seconds + (t[recorded] // SECOND_MS).astype(np.int64)
    counts = np.bincount(index, minlength=recording.num_cultures * seconds).reshape(recording.num_cultures, seconds)
    return counts / num_neurons / (SECOND_MS * share) * 1e3


def _recorded(recording: Recording, protocol: Protocol, phase_ms: float, blank_ms: float) -> tuple[NDArray, float]:
    """Return which spikes are recorded behind a blanking after the pulses of a group, and the share of time left."""
    lost_ms = 2.0 * phase_ms + blank_ms if blank_ms else 0.0
    since_ms = np.mod(recording.spikes[2] + 1e-9, protocol.spacing_ms)
    return since_ms >= lost_ms, 1.0 - lost_ms / protocol.spacing_ms


class _Stages:
    """Stages of a protocol on one Env."""

    def __init__(self, env: Env, protocol: Protocol, progress: Progress) -> None:
        self.env, self.protocol, self.progress = env, protocol, progress
        self.rows = np.arange(env.num_cultures)

    def run(self, duration_ms: float, amplitude_uA: NDArray | None = None, phase_ms: float = 0.0) -> Recording:
        """Run with pulses of amplitudes ``[B, C]`` in turns of the groups, in chunks with whole numbers of pulses."""
        recordings, elapsed_ms = [], 0.0
        while duration_ms - elapsed_ms > 1e-6:
            chunk_ms = min(CHUNK_MS, duration_ms - elapsed_ms)
            stimulus = None if amplitude_uA is None else self._in_turns(chunk_ms, amplitude_uA, phase_ms)
            recordings.append(self._advance(chunk_ms, stimulus))
            elapsed_ms += chunk_ms
        return Recording.concat(recordings)

    def sustained(self, duration_ms: float, amplitude_uA: float, phase_ms: float) -> Recording:
        """Stimulate all electrodes, return the recording after the onset, and pause."""
        amplitudes = np.full((len(self.rows), self.env.electrodes.num_channels), amplitude_uA)
        self.run(self.protocol.onset_ms, amplitudes, phase_ms)
        recording = self.run(duration_ms, amplitudes, phase_ms)
        self.run(self.protocol.pause_ms)
        return recording

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rates at every level, ``[B, L, 3]``, and those of its whole seconds, ``[B, L, seconds]``."""
        p, levels = self.protocol, np.array(self.protocol.levels_uA)
        rates = np.zeros((len(self.rows), len(levels), len(BLANKS_MS)))
        of_seconds = np.zeros((len(self.rows), len(levels), int(p.level_ms // SECOND_MS)))
        cells = self.env.system.num_neurons
        for k in range(len(levels)):
            level = (k + self.rows) % len(levels)
            amplitudes = np.repeat(levels[level][:, None], self.env.electrodes.num_channels, axis=1)
            self.run(p.onset_ms, amplitudes, p.phase_ms)
            recording = self.run(p.level_ms, amplitudes, p.phase_ms)
            rates[self.rows, level] = blanked_rates_hz(recording, p, p.phase_ms, cells)
            of_seconds[self.rows, level] = rates_of_seconds_hz(recording, p, p.phase_ms, cells)
            self.run(p.pause_ms)
        return rates, of_seconds

    def single_pulses(self, electrodes: NDArray[np.int64], amplitude_uA: float, phase_ms: float) -> NDArray[np.int64]:
        """Return the spikes of every cell after pulses at single electrodes, ``[B, trials, E, N]``."""
        cells, trials = self.env.system.num_neurons, self.protocol.pulse_trials
        evoked = np.zeros((len(self.rows), trials, len(electrodes), cells), dtype=np.int64)
        for trial in range(trials):
            for k in range(len(electrodes)):
                # The increment differs between trials, so that successive electrodes are different pairs in each.
                index = (k + (1 + trial) * self.rows + trial) % len(electrodes)
                amplitudes = np.zeros((len(self.rows), self.env.electrodes.num_channels))
                amplitudes[self.rows, electrodes[index]] = amplitude_uA
                culture, gid = self._pulse(amplitudes, phase_ms, EVOKED_MS)
                counts = np.bincount(culture * cells + gid, minlength=len(self.rows) * cells)
                evoked[self.rows, trial, index] = counts.reshape(-1, cells)
        return evoked

    def place(self) -> NDArray[np.int64] | None:
        """Return the spikes on every channel after pulses at the quadrants, ``[B, trials, 4, C]``."""
        p, electrodes = self.protocol, self.env.electrodes
        if electrodes.coordinates_um is None:
            return None
        quadrant = quadrants(electrodes.coordinates_um)
        if len(np.unique(quadrant)) < 4:
            return None
        cells, recorded = self.env.system.num_neurons, electrodes.channel_cells().astype(np.int64)
        counts = np.zeros((len(self.rows), p.place_trials, 4, electrodes.num_channels), dtype=np.int64)
        for trial in range(p.place_trials):
            for k in range(4):
                index = (k + (1 + trial) * self.rows + trial) % 4
                culture, gid = self._pulse(p.pulse_uA * (quadrant == index[:, None]), p.phase_ms, PLACE_MS)
                spikes = np.bincount(culture * cells + gid, minlength=len(self.rows) * cells).reshape(-1, cells)
                counts[self.rows, trial, index] = spikes @ recorded.T
        return counts

    def _pulse(
        self, amplitudes: NDArray, phase_ms: float, window_ms: tuple[float, float]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Apply one pulse and return culture and cell of the spikes in a window after it."""
        interval_ms = self.protocol.pulse_interval_ms
        rate_hz = 1000.0 / interval_ms
        stimulus = Stimulus.pulse_train(amplitudes, duration_ms=interval_ms, rate_hz=rate_hz, phase_ms=phase_ms)
        culture, gid, t = self._advance(interval_ms, stimulus).spikes
        inside = (t >= window_ms[0]) & (t < window_ms[1])
        return culture[inside], gid[inside]

    def _in_turns(self, duration_ms: float, amplitudes: NDArray, phase_ms: float) -> Stimulus:
        """Return pulses of amplitudes ``[B, C]`` of which each group begins a fraction of the period later."""
        return Stimulus.pulse_train(
            amplitudes,
            duration_ms=duration_ms,
            rate_hz=self.protocol.pulse_rate_hz,
            phase_ms=phase_ms,
            start_ms=np.arange(amplitudes.shape[1]) % self.protocol.groups * self.protocol.spacing_ms,
        )

    def _advance(self, duration_ms: float, stimulus: Stimulus | None) -> Recording:
        recording = self.env.run(duration_ms, stimulus)
        self.progress(duration_ms * len(self.rows))
        return recording
