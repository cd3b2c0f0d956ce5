"""Detection of spikes per channel: high-pass filter, threshold, refractory time, alignment to the peak."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_methods
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.signals import kernels
from livn_gym.signals.electrode_signals import saturation_units
from livn_gym.units import whole_number

Threshold = Literal["robust", "fixed"]

ALIGN_MS = 0.5
"""Time after the crossing of the threshold within which the negative peak is sought."""

MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of a standard normal number."""

_MEDIAN_TIME_MS = 100.0
"""Time constant with which the estimate of the noise follows its changes."""


class Detections(NamedTuple):
    """Spikes that were detected in n cultures, in the order in which they are complete in each of them.

    Attributes:
        culture: Culture of every spike, 0 ... n - 1, int64 ``[S]``.
        channel: Its channel, int64 ``[S]``.
        t_ms: Time of its negative peak since the start of these frames, ms ``[S]``; negative if the peak was in earlier
            frames, and the search for it or its waveform ended in these.
        waveforms_uV: Filtered signal around the peak, float32 ``[S, before + 1 + after]``; None if none are kept.
        frame: Frame of its peak since the reset, int64 ``[S]``.
    """

    culture: NDArray[np.int64]
    channel: NDArray[np.int64]
    t_ms: NDArray[np.float64]
    waveforms_uV: NDArray[np.float32] | None
    frame: NDArray[np.int64]


@checked_methods
class ThresholdDetector:
    """Detects spikes in the frames of B cultures, over consecutive runs of any length.

    A spike is a downward crossing of minus ``profile.recording.threshold_sd`` times the noise by the signal, after a
    Butterworth high-pass filter of second order if the profile has one. Its time is the lowest value within 0.5 ms of
    the crossing. A channel detects again after the refractory time, once its signal has been above the threshold. In
    a saturated frame, as those of a stimulus artefact are, nothing is detected, and the filter is given the last value
    before.

    The noise is the median of the absolute signal divided by 0.6745, estimated by steps of 0.05 % at 25 kHz up or down
    (time constant 100 ms), or that of the profile. It is at least that of the rounding to units. Where a unit is larger
    than the profile's noise, most frames of a channel are equal and the median says nothing; it is then at least the
    profile's noise and that of the rounding together.

    Args:
        profile: The device.
        num_cultures: Number of cultures B.
        threshold: ``"robust"`` for the estimated noise, ``"fixed"`` for that of the profile.
        waveforms: Whether to return waveforms; a spike is then reported when its waveform is complete.

    Raises:
        UnknownName: There is no such threshold.

    References:
        Quiroga, Nadasdy & Ben-Shaul, Neural Comput 16:1661 (2004): the median as an estimate of the noise. Tierney,
        SIAM J Sci Stat Comput 4:706 (1983): quantiles by stochastic approximation.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        num_cultures: int = 1,
        *,
        threshold: Threshold = "robust",
        waveforms: bool = False,
    ) -> None:
        if threshold not in get_args(Threshold):
            raise unknown_name("threshold", threshold, get_args(Threshold))
        self.profile, self.num_cultures = profile, whole_number("num_cultures", num_cultures)
        self.num_channels = profile.electrodes.num_channels
        recording = profile.recording
        self.frame_ms = 1e3 / recording.sampling_hz
        refractory, search = (math.ceil(ms / self.frame_ms - 1e-9) for ms in (recording.refractory_ms, ALIGN_MS))
        before, after = (recording.waveform_before, recording.waveform_after) if waveforms else (0, 0)
        self.latency_frames = max(search, after)
        """Largest number of frames from a peak to its report, if the refractory time is at least 0.5 ms."""
        estimated, saturated = int(threshold == "robust"), saturation_units(profile)
        self._filters = _highpass(recording.highpass_hz, recording.sampling_hz)
        self._steps = np.array([refractory, search, before, after, estimated, saturated], dtype=np.int64)
        least_uV = _least_noise_uV(profile)
        # A median that is off by a factor 1 + e returns at the rate 0.86 e times the step.
        step = self.frame_ms / (0.86 * _MEDIAN_TIME_MS)
        levels = recording.uV_per_unit, recording.threshold_sd / MEDIAN_OF_NORMAL, step, least_uV * MEDIAN_OF_NORMAL
        self._levels = np.array(levels)
        self._first_median_uV = max(recording.noise_uV, least_uV) * MEDIAN_OF_NORMAL
        size = 1 << (search + before + after + 2).bit_length()
        most = (after + search) // max(refractory, search, 1) + 3
        count = self.num_cultures
        self._counters = np.zeros((count, 3), dtype=np.int64)
        self._reals = np.zeros((count, 5, self.num_channels))
        self._integers = np.zeros((count, 4, self.num_channels), dtype=np.int64)
        self._history = np.zeros((count, size, self.num_channels), dtype=np.float32)
        self._pending = np.zeros((count, 2, most * self.num_channels), dtype=np.int64)
        self._samples = before + 1 + after if waveforms else 0
        self._run: Callable[..., tuple[int, int]] | None = None
        self.reset()

    @property
    def noise_uV(self) -> NDArray[np.float64]:
        """Noise of each channel by which the threshold is set, uV ``[B, C]``."""
        return self._reals[:, 3] / MEDIAN_OF_NORMAL

    def reset(self, cultures: Sequence[int] | None = None) -> None:
        """Begin again in some cultures: the noise is that of the profile, and no spike is under way.

        Raises:
            InvalidInput: There is no such culture.
        """
        indices = self._indices(cultures)
        for array in (self._counters, self._reals, self._integers, self._history, self._pending):
            array[indices] = 0
        self._reals[indices, 3] = self._first_median_uV
        self._integers[indices, 1] = -1
        self._integers[indices, 3] = 1

    def detect(self, frames: NDArray[np.int16], cultures: Sequence[int] | None = None) -> Detections:
        """Detect spikes in the next frames of n cultures.

        Args:
            frames: int16 ``[n, T, C]``.
            cultures: The cultures, ascending ``[n]``; default all.

        Raises:
            InvalidInput: The arrays have another shape or type.
        """
        indices = self._indices(cultures)
        expected = len(indices), self.num_channels
        if frames.dtype != np.int16 or frames.ndim != 3 or (frames.shape[0], frames.shape[2]) != expected:
            raise InvalidInput(
                f"frames must be int16 [{len(indices)}, T, {self.num_channels}], got {frames.dtype} of the shape "
                f"{frames.shape}."
            )
        frames = np.ascontiguousarray(frames)
        if self._run is None:
            self._run = kernels.detection()
        begins = self._counters[indices, 0]
        parts = [part for k, b in enumerate(indices) for part in self._of_culture(frames[k], b, k)]
        culture, channel, frame, waveforms = parts[0]
        if len(parts) > 1:
            culture, channel, frame, waveforms = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        t_ms = (frame - begins[culture]) * self.frame_ms
        return Detections(culture, channel, t_ms, waveforms if self._samples else None, frame)

    def _of_culture(self, frames: NDArray, b: int, k: int) -> list[tuple[NDArray, ...]]:
        """Return k, channel, frame and waveform of the spikes of a culture, in parts, of which at least one."""
        assert self._run is not None
        state = self._counters[b], self._reals[b], self._integers[b], self._history[b], self._pending[b]
        numbers = self._filters, self._steps, self._levels, self.profile.electrodes.usable
        capacity = 2 * self.num_channels + min(1024, len(frames))
        parts: list[tuple[NDArray, ...]] = []
        offset = 0
        while not parts or offset < len(frames):
            channel, frame = np.empty((2, capacity), dtype=np.int64)
            waveform = np.empty((capacity, self._samples), dtype=np.float32)
            offset, count = self._run(frames, offset, *state, *numbers, channel, frame, waveform)
            parts.append((np.full(count, k), channel[:count], frame[:count], waveform[:count]))
        return parts

    def state(self) -> list[Any]:
        """Return the state of every culture, ``[B]``, picklable."""
        arrays = self._counters, self._reals, self._integers, self._history, self._pending
        return [tuple(array[b].copy() for array in arrays) for b in range(self.num_cultures)]

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal detector.

        Raises:
            InvalidInput: The states are of another number of cultures or of another detector.
        """
        arrays: tuple[NDArray, ...] = self._counters, self._reals, self._integers, self._history, self._pending
        shapes = [array.shape[1:] for array in arrays]
        if len(states) != self.num_cultures or any([np.shape(part) for part in state] != shapes for state in states):
            raise InvalidInput(f"The states must be of {self.num_cultures} cultures and of an equal detector.")
        for b, state in enumerate(states):
            for array, part in zip(arrays, state, strict=True):
                array[b] = part

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the detector without the compiled kernel."""
        return {**self.__dict__, "_run": None}

    def _indices(self, cultures: Sequence[int] | None) -> list[int]:
        indices = list(range(self.num_cultures)) if cultures is None else [int(b) for b in cultures]
        if indices != sorted(set(indices)) or (indices and not 0 <= indices[0] <= indices[-1] < self.num_cultures):
            raise InvalidInput(f"cultures must be distinct indices 0 ... {self.num_cultures - 1}, ascending.")
        return indices


def _least_noise_uV(profile: DeviceProfile) -> float:
    """Return the least noise by which a threshold is set, uV."""
    recording = profile.recording
    rounding_uV = recording.uV_per_unit / math.sqrt(12.0)
    return math.hypot(rounding_uV, recording.noise_uV if recording.uV_per_unit > recording.noise_uV else 0.0)


def _highpass(cutoff_hz: float, sampling_hz: float) -> NDArray[np.float64]:
    """Return b0, b1, b2, a1, a2 of a Butterworth high-pass filter of second order; the signal itself for 0 Hz."""
    if cutoff_hz == 0.0:
        return np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    k = math.tan(math.pi * cutoff_hz / sampling_hz)
    norm = 1.0 / (1.0 + math.sqrt(2.0) * k + k * k)
    return np.array([norm, -2.0 * norm, norm, 2.0 * (k * k - 1.0) * norm, (1.0 - math.sqrt(2.0) * k + k * k) * norm])
