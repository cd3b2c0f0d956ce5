"""Spikes right after a pulse are not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite


@checked
class ArtefactBlanking(Condition):
    """From the start of any electrode's pulse until ``blank_ms`` after its end, no electrode hears spikes.

    Amplifiers saturate while current flows, so that recordings are cut out there. Most of the directly evoked spikes
    fall into the first milliseconds; what is left is what the network made of them. Rates are not corrected for
    the time that is lost.

    Args:
        env: The cultures.
        blank_ms: Time after each phase of a pulse, ms.

    Raises:
        InvalidInput: The time is negative.

    Reference:
        Wagenaar & Potter, J Neurosci Methods 120:113 (2002): suppression of stimulus artefacts.
    """

    def __init__(self, env: Env, *, blank_ms: float = 3.0) -> None:
        super().__init__(env)
        self.blank_ms = finite("blank_ms", blank_ms, minimum=0.0)
        self._left_ms = 0.0

    def reset(self, np_random: np.random.Generator) -> None:
        """Nothing is blanked any more."""
        self._left_ms = 0.0

    def recording(self, recording: Recording, stimulus: Stimulus | None, time_ms: float) -> Recording:
        """The recording without the spikes of blanked times."""
        start, end = _phases(stimulus)
        start, end = np.append(start, 0.0), np.append(end + self.blank_ms, self._left_ms)
        self._left_ms = max(0.0, float(end.max()) - recording.duration_ms)
        _, _, t = recording.spikes
        begun = np.searchsorted(np.sort(start), t, side="right")
        over = np.searchsorted(np.sort(end), t, side="right")
        return recording.where(begun == over)


def _phases(stimulus: Stimulus | None) -> tuple[NDArray, NDArray]:
    """Start and end of every time in which current flows, ms."""
    if stimulus is None:
        return np.zeros(0), np.zeros(0)
    if stimulus.array is not None:
        start = np.flatnonzero(stimulus.array.any(axis=-1)) * stimulus.dt
        return start, start + stimulus.dt
    assert stimulus.pulses is not None
    start = stimulus.pulses.onset_ms + stimulus.pulses.offset_ms
    return start, start + stimulus.pulses.width_ms
