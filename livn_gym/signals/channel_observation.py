"""The observation model ``channels``: from the spikes of cells to the spikes that a device detects on its channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from livn_gym.channel_view import POPULATION
from livn_gym.checks import checked_methods
from livn_gym.copies import altered
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.recording import Recording
from livn_gym.signals.detector import Threshold, ThresholdDetector
from livn_gym.signals.electrode_signals import ElectrodeSignals
from livn_gym.stimulus import Stimulus
from livn_gym.system import Population


@checked_methods
class ChannelObservation:
    """Detects spikes on the channels of B simulated cultures, run by run.

    The times of spikes are those of their peaks, without the latency of the stream. A spike is reported in the run in
    whose frames it is found, up to ``latency_ms`` after its peak; one whose peak was in an earlier run has the time 0.

    Args:
        env: The cultures.
        profile: The device, with as many channels as the cultures' electrodes.
        seeds: Seeds of the device's noise, as ``ElectrodeSignals`` takes them.
        threshold: Noise by which the threshold is set, as ``ThresholdDetector`` takes it.

    Attributes:
        signals: The voltages.
        detector: The detection.

    Raises:
        InvalidInput: The profile does not fit the cultures' electrodes or their time step.
        UnsupportedModel: There are no templates of these cells.
    """

    def __init__(
        self,
        env: Env,
        profile: DeviceProfile,
        seeds: int | Sequence[int] = 0,
        *,
        threshold: Threshold = "robust",
    ) -> None:
        self.signals = ElectrodeSignals(env, profile, seeds)
        self.detector = ThresholdDetector(profile, env.num_cultures, threshold=threshold)

    @property
    def latency_ms(self) -> float:
        """Largest time from a spike's peak to its report, ms."""
        return (self.signals.latency_frames + self.detector.latency_frames) * self.signals.frame_ms

    def observe(
        self, recording: Recording, stimulus: Stimulus | None = None, cultures: Sequence[int] | None = None
    ) -> Recording:
        """Return the spikes that the device detects in the next run of n cultures, with the channel as gid.

        Args:
            recording: The run, with the spikes of all cells.
            stimulus: Stimulus at the electrodes; None is none.
            cultures: The cultures that ran, ascending ``[n]``; default all.

        Raises:
            InvalidInput: The run is no whole number of frames, or of other cultures.
            NotRecorded: Spikes were not recorded.
        """
        found = self.detector.detect(self.signals.frames(recording, stimulus, cultures), cultures)
        t_ms = np.maximum(found.t_ms - self.signals.latency_ms, 0.0)
        channels = Population(POPULATION, 0, self.signals.num_channels)
        run = altered(recording.without_data(), populations=(channels,), blanking=None)
        return run.with_spikes(found.channel, t_ms, found.culture)

    def reset(self, cultures: Sequence[int] | None = None, seeds: int | Sequence[int] | None = None) -> None:
        """Begin again in some cultures: frame 0, and no spike or current before it.

        Args:
            cultures: Indices of the cultures; default all.
            seeds: New seeds of the noise, as ``ElectrodeSignals.reset`` takes them; default the former ones.

        Raises:
            InvalidInput: There is no such culture, or the number of seeds differs.
        """
        self.signals.reset(cultures, seeds)
        self.detector.reset(cultures)

    def state(self) -> list[Any]:
        """Return the state of every culture, ``[B]``, picklable."""
        return list(zip(self.signals.state(), self.detector.state(), strict=True))

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal observation model.

        Raises:
            InvalidInput: The states are of another number of cultures or of another model.
        """
        self.signals.set_state([signals for signals, _ in states])
        self.detector.set_state([detector for _, detector in states])
