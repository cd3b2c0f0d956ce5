"""Voltages at the electrodes of simulated cultures, frame by frame, as a device's converter gives them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym import numerics
from livn_gym.checks import checked_methods
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, NotRecorded, UnsupportedModel, unknown_name
from livn_gym.recording import Recording
from livn_gym.signals import kernels
from livn_gym.signals.current_phases import CurrentPhases
from livn_gym.signals.gains import CellGains, gains_uV_per_nA
from livn_gym.signals.spike_currents import INTERVALS_MS, spike_currents
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_steps

Form = Literal["template", "exact"]

_LONG_AGO = -(2**40)
"""Frame and step before all others."""
_EVENTS = 4
"""Numbers of a phase of current: first frame, frame after the last, channel, sign."""


def saturation_units(profile: DeviceProfile) -> int:
    """Return the largest unit of a frame: that of the converter, or of the amplifier if it saturates earlier."""
    recording = profile.recording
    return min(2 ** (recording.bits - 1) - 1, math.floor(profile.artefact.saturation_uV / recording.uV_per_unit))


@checked_methods
class ElectrodeSignals:
    """Voltages at the electrodes of B cultures at the sampling rate of a device.

    The voltage is the sum of the cells' extracellular potentials, Gaussian noise and stimulus artefacts, rounded to the
    converter's units and cut off at its limits. In the ``"template"`` form, every spike adds the mean waveform of the
    spikes of its population that come as long after the previous one, at all channels where its trough exceeds a tenth
    of the noise; in the ``"exact"`` form, the potential is projected from the recorded membrane currents of all cells.
    The culture is on a glass plate, which doubles the potentials of a homogeneous medium.

    The stream is late by ``latency_frames``, since a waveform begins before the threshold is crossed. Frames of
    consecutive runs do not depend on how the time is divided into runs, nor those of a culture on other cultures.
    While current flows and for the profile's time after it, a channel is saturated, with the sign of the current; then
    the artefact is as large as the noise and decays with the profile's time constant. Unusable channels are 0.

    Args:
        env: The cultures.
        profile: The device, with as many channels as the cultures' electrodes.
        seeds: Seed of the noise of each culture, ``seeds + b`` for culture b, or a sequence of B seeds.
        form: ``"template"`` or ``"exact"``.

    Raises:
        InvalidInput: The electrodes have no positions or another number than the profile, or the frames and the time
            steps have no common grid.
        UnknownName: There is no such form.
        UnsupportedModel: There are no templates of these cells, or MPI ranks share the cultures.
    """

    def __init__(
        self, env: Env, profile: DeviceProfile, seeds: int | Sequence[int] = 0, *, form: Form = "template"
    ) -> None:
        if form not in get_args(Form):
            raise unknown_name("form of electrode signals", form, get_args(Form))
        if env.comm is not None and env.comm.size > 1:
            raise UnsupportedModel("Voltages at electrodes need all cells of a culture; MPI ranks share these.")
        count, electrodes = profile.electrodes.num_channels, env.electrodes
        if electrodes.coordinates_um is None or electrodes.num_channels != count:
            raise InvalidInput(
                f"The device {profile.name} has {count} channels; the cultures' electrodes need as many positions, got "
                f"{electrodes.num_channels if electrodes.coordinates_um is not None else 'none'}."
            )
        self.profile, self.form = profile, form
        self.num_cultures, self.num_channels = env.num_cultures, count
        recording = profile.recording
        sampling_hz, self.frame_ms, self._dt_ms = recording.sampling_hz, 1e3 / recording.sampling_hz, env.dt
        currents = spike_currents(env, sampling_hz)
        self._ratio = currents.frames_per_step
        self.latency_frames = currents.before + 1
        least_uV = max(recording.noise_uV, recording.uV_per_unit / math.sqrt(12.0))
        self._gains = CellGains.of(env, currents.trough_nA, least_uV, profile.electrodes.usable)
        self._projection = tuple(gains_uV_per_nA(env)) if form == "exact" else None
        population = np.zeros(env.system.num_neurons, dtype=np.int64)
        for k, each in enumerate(env.system.populations):
            population[each.start : each.stop] = k
        saturation = profile.artefact.saturation_uV
        decay = self._decay_uV()
        self._phases = CurrentPhases(self._ratio, self.latency_frames, count)
        self._fixed = (
            population,
            np.array([math.ceil(bound / env.dt - 1e-9) for bound in INTERVALS_MS], dtype=np.int64),
            currents.current_nA,
            self._gains.first,
            self._gains.channel,
            self._gains.gain,
        )
        self._device = (
            np.array([self._ratio.numerator, self._ratio.denominator], dtype=np.int64),
            profile.electrodes.usable.astype(np.float32),
        )
        self._artefact = (
            np.array([self._frames(ms) for ms in profile.artefact.blank_ms], dtype=np.int64),
            decay,
            np.array([recording.noise_uV, 1.0 / recording.uV_per_unit, saturation], dtype=np.float32),
            np.array([-1, 1], dtype=np.float32) * saturation_units(profile),
        )
        size = 1 << (currents.num_frames + 4).bit_length()
        shape = self.num_cultures, count
        self._counters = np.zeros((self.num_cultures, 3), dtype=np.int64)
        self._ring = np.zeros((*shape, size), dtype=np.float32)
        self._last_step = np.full((self.num_cultures, env.system.num_neurons), _LONG_AGO)
        self._blind_end = np.full(shape, _LONG_AGO)
        self._sign = np.zeros(shape, dtype=np.float32)
        self._seeds = np.zeros(self.num_cultures, dtype=np.uint64)
        self._pending: list[NDArray[np.int64]] = [np.zeros((_EVENTS, 0), dtype=np.int64)] * self.num_cultures
        self._late = np.zeros((*shape[:1], self.latency_frames, count), dtype=np.float32)
        self._latest = 0.0, (0, 0)
        """Duration of the latest run, and its numbers of frames and time steps."""
        self._run: Callable[..., int] | None = None
        self.reset(seeds=seeds)

    @property
    def latency_ms(self) -> float:
        """Lag of the frames behind the culture, ms: frame k shows the electrodes at frame ``k - latency_frames``."""
        return self.latency_frames * self.frame_ms

    def visible_uV(self) -> NDArray[np.float64]:
        """Return the trough of each cell's spike at the channel where it is deepest, without noise, uV ``[N]``."""
        return self._gains.deepest_uV

    def best_channel(self) -> NDArray[np.int64]:
        """Return the channel at which the trough of each cell's spike is deepest, ``[N]``."""
        return self._gains.best_channel

    def reset(self, cultures: Sequence[int] | None = None, seeds: int | Sequence[int] | None = None) -> None:
        """Begin again at frame 0 in some cultures: no spike, no current, and the first of the noise.

        Args:
            cultures: Indices of the cultures; default all.
            seeds: New seeds of the noise, one number (``seeds + k`` for the k-th of them) or one for each of them;
                default their former ones.

        Raises:
            InvalidInput: There is no such culture, or the number of seeds differs.
        """
        indices = self._indices(cultures)
        new = None if seeds is None else numerics.checked_seeds(seeds, len(indices))
        self._counters[indices], self._ring[indices], self._last_step[indices] = 0, 0.0, _LONG_AGO
        self._blind_end[indices], self._sign[indices], self._late[indices] = _LONG_AGO, 0.0, 0.0
        for b in indices:
            self._pending[b] = np.zeros((_EVENTS, 0), dtype=np.int64)
        if new is not None:
            self._seeds[indices] = np.array(new, dtype=np.uint64)

    def frames(
        self, recording: Recording, stimulus: Stimulus | None = None, cultures: Sequence[int] | None = None
    ) -> NDArray[np.int16]:
        """Return the frames of the next run of n cultures, in units of the converter, int16 ``[n, T, C]``.

        Args:
            recording: The run, with the spikes of all cells; in the exact form with membrane currents of all cells,
                sampled at every frame.
            stimulus: Stimulus at the electrodes, of n cultures or one for all; None is none.
            cultures: The cultures that ran, ascending ``[n]``; default all.

        Raises:
            InvalidInput: The run is no whole number of frames or has another time step or number of cultures.
            NotRecorded: Spikes or, in the exact form, membrane currents of all cells were not recorded.
        """
        indices = self._indices(cultures)
        num_frames, num_steps = self._lengths(recording, indices)
        potential = self._potential(recording, num_frames, indices)
        culture, gid, t = recording.spikes
        if self.form == "exact":
            culture, gid, t = culture[:0], gid[:0], t[:0]
        step = np.rint(t / self._dt_ms).astype(np.int64)
        last = len(culture)
        bounds = [0, last] if len(indices) == 1 else np.searchsorted(culture, np.arange(len(indices) + 1)).tolist()
        events = self._events(stimulus, indices)
        frames = np.empty((len(indices), num_frames, self.num_channels), dtype=np.int16)
        numbers = np.array([-(-self.num_channels // 4), num_steps], dtype=np.int64)
        if self._run is None:
            self._run = kernels.frame_writer()
        for k, b in enumerate(indices):
            own = slice(bounds[k], bounds[k + 1])
            state = self._counters[b], self._ring[b], self._last_step[b], self._blind_end[b], self._sign[b]
            seed = self._seeds[b : b + 1]
            phases = tuple(np.ascontiguousarray(row) for row in events[k])
            fixed = *self._fixed, numbers, *self._device
            used = self._run(
                frames[k], potential[k], *state, seed, gid[own], step[own], *fixed, *phases, *self._artefact
            )
            self._pending[b] = np.ascontiguousarray(events[k][:, used:]) if used else events[k]
        return frames

    def state(self) -> list[Any]:
        """Return the state of every culture, ``[B]``, picklable."""
        names = ("_counters", "_ring", "_last_step", "_blind_end", "_sign", "_seeds", "_late", "_pending")
        return [tuple(np.array(getattr(self, name)[b]) for name in names) for b in range(self.num_cultures)]

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of equal signals.

        Raises:
            InvalidInput: The states are of another number of cultures or of other signals.
        """
        arrays: tuple[NDArray, ...] = self._counters, self._ring, self._last_step, self._blind_end, self._sign
        arrays += self._seeds, self._late
        if len(states) != self.num_cultures:
            raise InvalidInput(f"{self.num_cultures} cultures need as many states, got {len(states)}.")
        for state in states:
            shapes = [np.shape(part) for part in state[:-1]]
            if len(state) != len(arrays) + 1 or shapes != [array.shape[1:] for array in arrays]:
                raise InvalidInput("The states are of signals of other cells, channels or templates.")
        for b, state in enumerate(states):
            for array, part in zip(arrays, state[:-1], strict=True):
                array[b] = part
            self._pending[b] = np.array(state[-1], dtype=np.int64)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the signals without the compiled kernel."""
        return {**self.__dict__, "_run": None}

    def _frames(self, time_ms: float) -> int:
        return math.ceil(time_ms / self.frame_ms - 1e-9)

    def _decay_uV(self) -> NDArray[np.float32]:
        """Return the artefact by frame after the blank time, until it is below 1 % of the noise."""
        noise_uV, decay_ms = self.profile.recording.noise_uV, self.profile.artefact.decay_ms
        if not decay_ms or not noise_uV:
            return np.zeros(0, dtype=np.float32)
        frame = np.arange(1, self._frames(4.6 * decay_ms) + 1)
        return (noise_uV * numerics.exp(-frame * (self.frame_ms / decay_ms))).astype(np.float32)

    def _indices(self, cultures: Sequence[int] | None) -> list[int]:
        indices = list(range(self.num_cultures)) if cultures is None else [int(b) for b in cultures]
        if indices != sorted(set(indices)) or (indices and not 0 <= indices[0] <= indices[-1] < self.num_cultures):
            raise InvalidInput(f"cultures must be distinct indices 0 ... {self.num_cultures - 1}, ascending.")
        return indices

    def _lengths(self, recording: Recording, indices: list[int]) -> tuple[int, int]:
        """Return the numbers of frames and of time steps of a run."""
        if recording.num_cultures != len(indices):
            raise InvalidInput(f"The run is of {recording.num_cultures} cultures, {len(indices)} were to be recorded.")
        if abs(recording.dt_ms - self._dt_ms) > 1e-9:
            raise InvalidInput(f"The run has time steps of {recording.dt_ms:g} ms, the cultures {self._dt_ms:g} ms.")
        if recording.duration_ms == self._latest[0]:
            return self._latest[1]
        steps = whole_steps("duration of the run (ms)", recording.duration_ms, self._dt_ms)
        frames = steps * self._ratio
        if frames.denominator != 1:
            raise InvalidInput(
                f"A run must be a whole number of frames of {self.frame_ms:g} ms and of time steps of "
                f"{self._dt_ms:g} ms: a multiple of {self._ratio.denominator * self._dt_ms:g} ms, got "
                f"{recording.duration_ms:g} ms."
            )
        self._latest = recording.duration_ms, (int(frames), steps)
        return self._latest[1]

    def _events(self, stimulus: Stimulus | None, indices: list[int]) -> list[NDArray[np.int64]]:
        """Return the phases of current of each culture that are still to come, int64 ``[4, E]``."""
        pending = [self._pending[b] for b in indices]
        if stimulus is None or stimulus.mode != "electrode":
            return pending
        new = self._phases.of(stimulus, self._dt_ms, len(indices), self._counters[indices, kernels.FRAME])
        joined = [np.concatenate(pair, axis=1) if pair[0].size else pair[1] for pair in zip(pending, new, strict=True)]
        return [np.ascontiguousarray(phases) for phases in joined]

    def _potential(self, recording: Recording, num_frames: int, indices: list[int]) -> NDArray[np.float32]:
        """Return the exact potential, late by the stream's latency, uV ``[n, T, C]``; without frames for templates."""
        if self._projection is None:
            return np.zeros((len(indices), 0, self.num_channels), dtype=np.float32)
        soma, dendrite, gids = recording.current_soma, recording.current_dendrite, recording.current_gid
        if soma is None or dendrite is None or gids is None or len(gids) != len(self._projection[0]):
            raise NotRecorded("The exact form needs record_membrane_current() of all cells before the run.")
        if soma.shape[-1] != num_frames:
            raise InvalidInput(
                f"The exact form needs a sample of the currents at every frame of {self.frame_ms:g} ms: "
                f"record_membrane_current(sample_ms={self.frame_ms:g}), got {recording.sample_dt_ms:g} ms."
            )
        of_soma, of_dendrite = self._projection
        potential = (np.swapaxes(soma, 1, 2) @ of_soma + np.swapaxes(dendrite, 1, 2) @ of_dendrite).astype(np.float32)
        whole = np.concatenate([self._late[indices], potential], axis=1)
        self._late[indices] = whole[:, num_frames:]
        return np.ascontiguousarray(whole[:, :num_frames])
