"""A culture on the clock of a CL1: stimuli in, frames and detected spikes out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import livn_gym
from livn_gym.device_profile import DeviceProfile, find
from livn_gym.devices.cl_settings import DEVICE, CultureSettings
from livn_gym.devices.frame_buffer import FrameBuffer
from livn_gym.devices.pulse_queue import PulseQueue
from livn_gym.env import Env
from livn_gym.envs import conditions
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.signals import ElectrodeSignals, ThresholdDetector

_KEPT_FRAMES = 4096
"""Frames before the latest one that can be read, at least."""

_LONGEST_RUN = 2500
"""Largest number of frames that are simulated at once."""

_WARM_UP_MS = 1000.0
"""Part of the settling in which frames are computed too, so that filters and noise estimates are settled at frame 0."""


@dataclass
class SourceReport:
    """Numbers of frames and stimuli that a source has delivered.

    Attributes:
        frames: Frames that were read.
        spikes: Spikes that were detected in them.
        stims: Stimuli of usable channels.
        late_stims: Stimuli that started after their time, at the earliest possible frame.
        largest_lateness_ms: The longest of these delays.
        ignored_stims: Stimuli of channels that are not usable.
        lost_frames: Frames that the reader skipped.
        computing_s: Time that the culture and its frames took to compute, on all processors together.
        real_time_share: ``computing_s`` as a share of the simulated time.
        largest_lag_ms: In real time, the longest time by which a reading came after its time; 0 in accelerated time.
    """

    frames: int = 0
    spikes: int = 0
    stims: int = 0
    late_stims: int = 0
    largest_lateness_ms: float = 0.0
    ignored_stims: int = 0
    lost_frames: int = 0
    computing_s: float = 0.0
    real_time_share: float = 0.0
    largest_lag_ms: float = 0.0


@dataclass(frozen=True, eq=False)
class DetectedSpike:
    """A detected spike: its frame and channel, and the voltages around it, uV float32 ``[before + 1 + after]``."""

    frame: int
    channel: int
    samples_uV: NDArray[np.float32]


class SimulatedCulture:
    """A settled culture whose electrodes are the channels of a CL1, on the clock of its frames.

    Channel c is electrode c of the system. Channels that the device cannot use neither stimulate nor record. Time is
    simulated when its frames are read: in accelerated time exactly up to these frames, in real time in blocks of
    ``block_ms``. A stimulus for a time that has been simulated starts at the end of that time, and counts as late.

    Frames and spikes are ``delay_ms`` late: a frame shows the culture as it was that long before. This is the time from
    a cell's spike to its detection, since the waveform begins before the spike, and the detector searches the peak
    after it. The end of a spike's waveform, which the frames have not reached when the spike is reported, is
    as it will be without further spikes and stimuli; with ``whole_waveforms``, the delay is longer and waveforms are
    those of the frames.

    Args:
        settings: Settings of the culture.
        accelerated: Whether simulated time passes as fast as it is computed and read.

    Raises:
        InvalidInput: The electrodes of the system do not form the array of the device, or a setting is out of range.
    """

    def __init__(self, settings: CultureSettings, *, accelerated: bool = False) -> None:
        self.profile = find(DEVICE)
        self._accelerated = accelerated
        self.frame_ms = 1000.0 / self.profile.recording.sampling_hz
        self._block = 1 if accelerated else max(1, round(settings.block_ms / self.frame_ms))
        self.env = _culture(settings, self.profile, self.frame_ms, threads=None if accelerated else 1)
        try:
            made = conditions.make(self.env, list(settings.conditions))
            self._conditioned = conditions.Conditioned(self.env, made)
            self._conditioned.check_loop(None, settings.settle_ms)
            self._usable = self.profile.electrodes.usable
            self._signals = ElectrodeSignals(self.env, self.profile, [settings.seed])
            self._detector = ThresholdDetector(self.profile)
            after = self.profile.recording.waveform_after
            self._shift = max(self._detector.latency_frames, after if settings.whole_waveforms else 0)
            """Number of frames of which a frame is read later than it is computed."""
            self.delay_ms = (self._shift + self._signals.latency_frames) * self.frame_ms
            self._queue = PulseQueue(len(self._usable), round(1000 * self.frame_ms))
            settle = round(settings.settle_ms / self.frame_ms)
            self._frames = FrameBuffer(
                len(self._usable), _KEPT_FRAMES, -min(settle, round(_WARM_UP_MS / self.frame_ms))
            )
            self._detected: list[tuple[int, int]] = []
            """Computed frame and channel of spikes that were not read."""
            self._tail: NDArray[np.int16] | None = None
            self._settle(settle, settings.seed)
        except BaseException:
            self.env.close()
            raise
        self.report = SourceReport()
        self._read = 0
        self._clock: float | None = None

    @property
    def horizon(self) -> int:
        """First frame that has not been simulated."""
        return self._frames.stop

    def stimulate(
        self, channel: int, frame: int, durations_us: Sequence[int], currents_uA: Sequence[float]
    ) -> int | None:
        """Queue a pulse; it flows at its frame, or as soon as possible if that frame has been simulated.

        Args:
            channel: Channel.
            frame: Frame in which the pulse is to start.
            durations_us: Duration of each phase, in steps of 20 us.
            currents_uA: Current of each phase; negative is cathodic.

        Returns:
            Number of frames by which the pulse is late; None if the channel is not usable and nothing flows.

        Raises:
            InvalidInput: There is no such channel, or a duration is no multiple of 20 us.
        """
        if 0 <= channel < len(self._usable) and not self._usable[channel]:
            self.report.ignored_stims += 1
            return None
        late = self._queue.add(channel, frame, durations_us, currents_uA, self.horizon)
        self._tail = None
        self.report.stims += 1
        self.report.late_stims += late > 0
        self.report.largest_lateness_ms = max(self.report.largest_lateness_ms, late * self.frame_ms)
        return late

    def read(self, frame: int, count: int) -> tuple[NDArray[np.int16], list[DetectedSpike]]:
        """Return frames and the spikes that were detected in them, simulating as far as needed.

        Args:
            frame: First frame, at least the one after the last reading.
            count: Number of frames.

        Returns:
            Frames int16 ``[count, C]`` and spikes, by frame and channel.

        Raises:
            InvalidInput: The frames were read before.
        """
        if frame < self._read or count < 1:
            raise InvalidInput(f"Frames are read once, in order: from {self._read} on, got {count} from {frame} on.")
        self._note_time(frame)
        started = time.process_time()
        stop = frame + count
        while self.horizon < stop:
            self._advance(min(max(stop - self.horizon, self._block), _LONGEST_RUN))
        first, last = frame - self._shift, stop - self._shift
        frames = self._frames.read(first, last)
        due = [entry for entry in self._detected if first <= entry[0] < last]
        self._detected = [entry for entry in self._detected if entry[0] >= last]
        spikes = [DetectedSpike(at + self._shift, channel, self._waveform(at, channel)) for at, channel in due]
        report = self.report
        report.lost_frames += frame - self._read
        report.frames += count
        report.spikes += len(spikes)
        report.computing_s += time.process_time() - started
        report.real_time_share = report.computing_s / (report.frames * self.frame_ms * 1e-3)
        self._read = stop
        return frames, spikes

    def close(self) -> None:
        """Close the culture."""
        self.env.close()

    def _note_time(self, frame: int) -> None:
        """Note by how much a reading is behind real time."""
        if self._accelerated:
            return
        now_ms = time.perf_counter() * 1e3
        if self._clock is None:
            self._clock = now_ms - frame * self.frame_ms
        self.report.largest_lag_ms = max(self.report.largest_lag_ms, now_ms - self._clock - frame * self.frame_ms)

    def _settle(self, count: int, seed: int) -> None:
        """Run the culture unstimulated up to frame 0."""
        self._conditioned.reset([np.random.default_rng(seed)], [0])
        silent = count + self._frames.stop
        while silent > 0:
            run = min(silent, _LONGEST_RUN)
            silent -= run
            self._conditioned.run(run * self.frame_ms, None, [0], [(self._frames.stop - silent) * self.frame_ms])
        while self.horizon < 0:
            self._advance(min(-self.horizon, _LONGEST_RUN))
        self._detected.clear()

    def _advance(self, count: int) -> None:
        """Simulate frames."""
        start, stop = self.horizon, self.horizon + count
        stimulus = self._queue.stimulus(start, stop)
        recording, applied, _ = self._conditioned.run(count * self.frame_ms, stimulus, [0], [stop * self.frame_ms])
        frames = self._signals.frames(recording, applied, [0])
        found = self._detector.detect(frames)
        self._frames.append(frames[0])
        at = start + np.rint(found.t_ms / self.frame_ms).astype(np.int64)
        self._detected.extend(zip(at.tolist(), found.channel.tolist(), strict=True))
        self._detected.sort()
        self._queue.drop(stop)
        self._tail = None

    def _waveform(self, frame: int, channel: int) -> NDArray[np.float32]:
        """Return the voltages around a spike of a computed frame, uV."""
        start = frame - self.profile.recording.waveform_before
        stop = frame + self.profile.recording.waveform_after + 1
        samples = self._frames.read(start, min(stop, self.horizon))[:, channel]
        if stop > self.horizon:
            samples = np.append(samples, self._expected()[: stop - self.horizon, channel])
        return samples * np.float32(self.profile.recording.uV_per_unit)

    def _expected(self) -> NDArray[np.int16]:
        """Return the frames after the horizon as they would be without further spikes and stimuli."""
        if self._tail is None:
            count = self.profile.recording.waveform_after + 1
            state = self._signals.state()
            none = np.zeros(0, dtype=np.int64)
            times = self.horizon * self.frame_ms, count * self.frame_ms, self.frame_ms, self.frame_ms
            silence = Recording(*times, 1, spike_culture=none, spike_gid=none, spike_t=np.zeros(0))
            stimulus = self._queue.stimulus(self.horizon, self.horizon + count)
            self._tail = self._signals.frames(silence, stimulus, [0])[0]
            self._signals.set_state(state)
        return self._tail


def _culture(settings: CultureSettings, profile: DeviceProfile, dt_ms: float, threads: int | None) -> Env:
    """Return the culture of the settings, which records spikes."""
    env = livn_gym.make(
        settings.system,
        settings.variant,
        graph_seed=settings.graph_seed,
        params=settings.params,
        seed=settings.seed,
        profile="fast",
        dt=dt_ms,
        backend={"name": "native", "threads": threads},
    )
    try:
        positions = env.electrodes.coordinates_um
        if positions is None or profile.electrodes.scale(positions) is None:
            raise InvalidInput(
                f"{env.system.name} has {env.electrodes.num_channels} electrodes, which do not form the array of the "
                f"{profile.title} ({profile.electrodes.num_channels} channels): take EI3, or a system of "
                f"livn-gym generate --device {profile.name}."
            )
        if settings.plasticity:
            env.enable_plasticity(settings.rules())
        return env.record_spikes()
    except BaseException:
        env.close()
        raise
