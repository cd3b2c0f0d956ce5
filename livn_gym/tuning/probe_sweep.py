"""The standard recording to fit a culture to: spontaneous activity, then a sweep of probe pulses and of trains.

The same sweep can be given to a living culture, so that its responses and those of a simulated one can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.atomic import replacing
from livn_gym.checks import checked, checked_types
from livn_gym.device_profile import DeviceProfile, find
from livn_gym.encoding.limits import MAX_CHARGE_NC, safe_pulse
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.recording import Recording
from livn_gym.signals import ChannelObservation
from livn_gym.stimulation_limits import check_stimulus
from livn_gym.stimulus import Stimulus
from livn_gym.tuning.channel_measures import ISOLATION_MS, MIN_SPONTANEOUS_MS, SIMULTANEOUS_MS
from livn_gym.tuning.protocol import EVOKED_MS, Progress, Protocol
from livn_gym.units import finite, whole_number

if TYPE_CHECKING:
    from livn_gym.env import Env

CHUNK_MS, DETECTED_CHUNK_MS = 5000.0, 1000.0
"""Simulated time between two updates of a progress bar; shorter where the frames of a device are in memory."""


@checked
@dataclass(frozen=True)
class ProbeSweep:
    """Schedule of the standard recording, in three parts; times are ms, amplitudes uA.

    1. ``rest_ms`` without stimulation.
    2. Probe pulses: one electrode at a time, every ``interval_ms``. Each of up to ``electrodes`` electrodes, evenly
       spaced over the array, gets ``trials`` pulses of every amplitude in ``pulses_uA``, in an order drawn by ``seed``.
    3. Trains: all electrodes pulse at ``train_rate_hz`` in ``groups`` interleaved groups that take turns, channel c in
       group ``c % groups``, for ``train_ms`` at each amplitude in ``trains_uA``, each after a pause of ``pause_ms``.

    Pulses are biphasic, cathodic first, with equal phases and no gap. The defaults are those of the predefined
    cultures; for a device, choose amplitudes and phases within its limits, and use the same in both cultures.

    Attributes:
        rest_ms: Length of part 1.
        pulses_uA: Amplitudes of part 2, ascending.
        trains_uA: Amplitudes of part 3, ascending; empty leaves it out.
        phase_ms: Width of a phase.
        electrodes: Maximum number of electrodes with probe pulses.
        trials: Number of pulses per electrode and amplitude.
        interval_ms: Time between probe pulses.
        train_ms: Length of a train.
        train_rate_hz: Pulses per second of an electrode in a train.
        groups: Number of groups of electrodes.
        pause_ms: Time between trains.
        seed: Seed of the order of the probe pulses.
        channels: Channels that may stimulate, ascending. Default: all.

    Raises:
        InvalidInput: An amplitude is unsafe, amplitudes or channels are not ascending, or pulses follow each other too
            fast for the measures (``measure_channels``).
    """

    rest_ms: float = 600_000.0
    pulses_uA: tuple[float, ...] = (6.0, 10.0, 14.0)
    trains_uA: tuple[float, ...] = (3.0, 6.0, 9.0)
    phase_ms: float = 0.2
    electrodes: int = 16
    trials: int = 4
    interval_ms: float = 1000.0
    train_ms: float = 20_000.0
    train_rate_hz: float = 5.0
    groups: int = 16
    pause_ms: float = 5000.0
    seed: int = 0
    channels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("pulses_uA", "trains_uA"):
            amplitudes = tuple(float(amplitude) for amplitude in getattr(self, name))
            object.__setattr__(self, name, amplitudes)
            if list(amplitudes) != sorted(set(amplitudes)):
                raise InvalidInput(f"{name} must be ascending, got {list(amplitudes)}.")
        if not self.pulses_uA:
            raise InvalidInput("pulses_uA must have at least one amplitude.")
        for amplitude in (*self.pulses_uA, *self.trains_uA):
            safe_pulse(amplitude, self.phase_ms, self.train_rate_hz)
        finite("rest_ms", self.rest_ms, minimum=MIN_SPONTANEOUS_MS)
        finite("train_ms", self.train_ms, above=0.0)
        finite("interval_ms", self.interval_ms, minimum=ISOLATION_MS)
        finite("pause_ms", self.pause_ms, minimum=ISOLATION_MS)
        for name in ("electrodes", "trials", "groups"):
            whole_number(name, getattr(self, name))
        object.__setattr__(self, "channels", tuple(self.channels))
        if list(self.channels) != sorted(set(self.channels)) or min(self.channels, default=0) < 0:
            raise InvalidInput(f"channels must be ascending channel numbers, got {list(self.channels)}.")
        if self.spacing_ms <= EVOKED_MS[0] + SIMULTANEOUS_MS:
            raise InvalidInput(
                f"{self.groups} groups at {self.train_rate_hz:g} Hz pulse every {self.spacing_ms:g} ms; at least "
                f"{EVOKED_MS[0] + SIMULTANEOUS_MS:g} ms are needed to record between them."
            )

    @classmethod
    def for_device(cls, device: str | Path | DeviceProfile, *, rest_ms: float = 600_000.0) -> Self:
        """Return a sweep that a device can give: three amplitudes up to its limit, at its usable channels.

        Phases last 0.5 ms, or as long as the device allows, since weak currents need long phases. There are as many
        groups as the device needs to stimulate all channels in turns.

        Args:
            device: Profile of the device, see ``livn_gym.device_profile.find``.
            rest_ms: Length of part 1.

        Raises:
            UnknownName: There is no such profile.
            LimitExceeded: The device cannot give the sweep; the message names the limit.
        """
        profile = find(device)
        limits = profile.stimulation
        phase_us = np.floor(min(500.0, limits.max_phase_us) / limits.phase_step_us + 1e-6) * limits.phase_step_us
        charge_nC = min(limits.max_phase_charge_nC, limits.max_total_charge_nC / 2.0, MAX_CHARGE_NC)
        top_uA = min(limits.max_amplitude_uA, charge_nC / phase_us * 1e3)
        step_uA = limits.amplitude_step_uA
        levels = [top_uA * k / 3.0 for k in (1, 2, 3)]
        if step_uA > 0.0:
            levels = [float(np.floor(level / step_uA + 1e-6) * step_uA) for level in levels]
        usable, channels = np.flatnonzero(profile.electrodes.usable), profile.electrodes.num_channels
        sweep = cls(
            rest_ms=rest_ms,
            pulses_uA=tuple(levels),
            trains_uA=tuple(levels),
            phase_ms=phase_us / 1e3,
            channels=tuple(usable.tolist()),
            groups=max(16, int(np.ceil(channels / limits.max_channels))),
        )
        check_stimulus(profile, sweep.stimulus(channels), sweep.duration_ms(channels))
        return sweep

    @property
    def spacing_ms(self) -> float:
        """Time between the pulses of successive groups."""
        return 1000.0 / self.train_rate_hz / self.groups

    def duration_ms(self, num_channels: int) -> float:
        """Return the length of the recording of an array with that many channels."""
        probes = len(self._probed(num_channels)) * len(self.pulses_uA) * self.trials
        return self.rest_ms + probes * self.interval_ms + len(self.trains_uA) * (self.pause_ms + self.train_ms)

    def stimulus(self, num_channels: int) -> Stimulus:
        """Return the stimulus of the whole recording, in the electrode mode."""
        channel, onset_ms, amplitude_uA = self._pulses(num_channels)
        return _stimulus(channel, onset_ms, amplitude_uA, self.phase_ms, num_channels, self.duration_ms(num_channels))

    def write(self, path: str | Path, num_channels: int) -> None:
        """Write the schedule as a table for the software of a device: ``t_ms``, ``channel``, ``amplitude_uA``.

        ``formats.read_channels(recording, stimuli=path)`` reads it back as the stimuli of a recording that began with
        part 1; channels have the names that they have there.

        Args:
            path: A ``.csv`` file.
            num_channels: Number of channels of the array.
        """
        rows = zip(*(column.tolist() for column in self._pulses(num_channels)), strict=True)
        lines = [f"{t_ms:.3f},{channel},{amplitude_uA:g}\n" for channel, t_ms, amplitude_uA in rows]
        with replacing(path) as temporary:
            temporary.write_text("t_ms,channel,amplitude_uA\n" + "".join(lines), encoding="utf-8")

    def _stimulating(self, num_channels: int) -> NDArray[np.int64]:
        whole_number("num_channels", num_channels)
        if max(self.channels, default=0) >= num_channels:
            raise InvalidInput(
                f"The sweep has pulses at channel {self.channels[-1]}; there are {num_channels} channels."
            )
        return np.array(self.channels or range(num_channels), dtype=np.int64)

    def _probed(self, num_channels: int) -> NDArray[np.int64]:
        channels = self._stimulating(num_channels)
        return channels[Protocol(pulse_electrodes=self.electrodes).electrodes(len(channels))]

    def _pulses(self, num_channels: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return channel, onset and amplitude of all pulses, by onset and channel."""
        electrodes, amplitudes = self._probed(num_channels), np.array(self.pulses_uA)
        kinds = np.tile(np.arange(len(electrodes) * len(amplitudes)), (self.trials, 1))
        order = np.random.default_rng(self.seed).permuted(kinds, axis=1).ravel()  # each trial in an order of its own
        channel = [electrodes[order // len(amplitudes)]]
        amplitude_uA = [amplitudes[order % len(amplitudes)]]
        onset_ms = [self.rest_ms + self.interval_ms * np.arange(len(order))]
        start_ms = self.rest_ms + self.interval_ms * len(order)
        period_ms = 1000.0 / self.train_rate_hz
        stimulating = self._stimulating(num_channels)
        offset_ms = stimulating % self.groups * self.spacing_ms
        for level in self.trains_uA:
            start_ms += self.pause_ms
            rounds = start_ms + period_ms * np.arange(int(self.train_ms / period_ms + 1e-9))
            onset_ms.append((rounds[:, None] + offset_ms).ravel())
            channel.append(np.tile(stimulating, len(rounds)))
            amplitude_uA.append(np.full(len(rounds) * len(stimulating), level))
            start_ms += self.train_ms
        columns = [np.concatenate(parts) for parts in (channel, onset_ms, amplitude_uA)]
        by_time = np.lexsort((columns[0], columns[1]))
        return columns[0][by_time], columns[1][by_time], columns[2][by_time]


@checked_types
def record_sweep(
    env: Env,
    sweep: ProbeSweep,
    *,
    settle_ms: float = 5000.0,
    device: DeviceProfile | None = None,
    progress: Progress | None = None,
) -> tuple[Recording, Stimulus]:
    """Record the cultures of an Env under the sweep; all get the same stimulus.

    ``ChannelSpikes.of_recording(recording.culture(b), env.electrodes, stimulus)`` makes the spikes on channels,
    ``Session.of(env, recording.culture(b), stimulus, culture=b)`` a session that can be saved. With a device, give
    both the view ``ChannelView.of_device(device)``: its electrodes to the first, ``detected_by=view`` to the second.

    Args:
        env: Built, with parameters; cleared by the caller. With a device, its electrodes are the usable ones of the
            device (``io=device_array(device, system)``).
        sweep: The schedule.
        settle_ms: Time before the recording, since cultures start with a burst.
        device: Device that detects the spikes, see ``ChannelObservation``, with noise by the seeds of the cultures.
            Default: the spikes of all cells are recorded.
        progress: Called with the simulated time since the last call, ms.

    Returns:
        Recording of all cultures from the end of the settling on, and its stimulus. With a device, it holds the
        detected spikes, with the number of the usable channel as gid.

    Raises:
        InvalidInput: The system has no electrodes, or they are not those of the device.
    """
    channels = env.electrodes.num_channels
    if channels < 1:
        raise InvalidInput("The sweep stimulates electrodes, and this system has none.")
    env.record_spikes()
    observation = None if device is None else ChannelObservation(env, device.of_usable(), env.seeds)
    chunk_ms = CHUNK_MS if device is None else DETECTED_CHUNK_MS
    while settle_ms > 0.0:
        settled = env.run(min(settle_ms, chunk_ms))
        if observation is not None:
            observation.observe(settled)  # the estimate of the noise settles too
        settle_ms -= chunk_ms
    channel, onset_ms, amplitude_uA = sweep._pulses(channels)
    recordings, now_ms, end_ms = [], 0.0, sweep.duration_ms(channels)
    while end_ms - now_ms > 1e-6:
        until_ms = min(now_ms + chunk_ms, end_ms)
        first, last = np.searchsorted(onset_ms, (now_ms - 1e-9, until_ms - 1e-9))
        here = slice(int(first), int(last))
        stimulus = _stimulus(
            channel[here], onset_ms[here] - now_ms, amplitude_uA[here], sweep.phase_ms, channels, until_ms - now_ms
        )
        given = stimulus if last > first else None
        run = env.run(until_ms - now_ms, given)
        recordings.append(run if observation is None else observation.observe(run, given))
        (progress or (lambda ms: None))(until_ms - now_ms)
        now_ms = until_ms
    return Recording.concat(recordings), sweep.stimulus(channels)


def _stimulus(
    channel: NDArray, onset_ms: NDArray, amplitude_uA: NDArray, phase_ms: float, channels: int, duration_ms: float
) -> Stimulus:
    """Return biphasic pulses, cathodic first."""
    zero = np.zeros(2 * len(channel))
    pulses = Pulses(
        culture=zero.astype(np.int64),
        column=np.tile(channel, 2),
        onset_ms=np.maximum(np.tile(onset_ms, 2), 0.0),
        offset_ms=np.repeat([0.0, phase_ms], len(channel)),
        width_ms=np.full(2 * len(channel), phase_ms),
        value=np.concatenate([-amplitude_uA, amplitude_uA]),
    )
    return Stimulus.from_pulses(pulses, num_columns=channels, duration_ms=duration_ms)
