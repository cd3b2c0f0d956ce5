"""Artefact blanking: spikes during and shortly after a pulse are not recorded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition, ConditionedRun, culture_pulses, culture_slices
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite


@checked
class ArtefactBlanking(Condition):
    """Removes spikes from the recording while any electrode gives a pulse and until ``blank_ms`` after its end.

    Amplifiers saturate while current flows, so recordings are blanked during stimulation. Most of the directly evoked
    spikes fall into the first milliseconds; the remaining ones are mostly the network's response. Rates are not
    corrected for the blanked time.

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

    def begin(self, np_random: np.random.Generator) -> float:
        """Return the time for which earlier pulses blank the start of the next run, ms: 0 at first."""
        return 0.0

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return the recording without the spikes of blanked times."""
        keep = np.ones(len(recording.spikes[2]), dtype=np.bool_)
        phases = _phases(stimulus, len(run))
        for b, (start, end), rows in zip(run.cultures, phases, culture_slices(recording), strict=True):
            start, end = np.append(start, 0.0), np.append(end + self.blank_ms, self.states[b])
            self.states[b] = max(0.0, float(end.max()) - recording.duration_ms)
            t = recording.spikes[2][rows]
            begun = np.searchsorted(np.sort(start), t, side="right")
            over = np.searchsorted(np.sort(end), t, side="right")
            keep[rows] = begun == over
        return recording.where(keep)


def _phases(stimulus: Stimulus | None, count: int) -> list[tuple[NDArray, NDArray]]:
    """Return start and end of every interval in which current flows, ms, for each of ``count`` cultures."""
    if stimulus is None:
        return [(np.zeros(0), np.zeros(0))] * count
    if stimulus.array is not None:
        on = np.broadcast_to(stimulus.array.any(axis=-1), (count, stimulus.array.shape[-2]))
        starts = [np.flatnonzero(row) * stimulus.dt for row in on]
        return [(start, start + stimulus.dt) for start in starts]
    assert stimulus.pulses is not None
    by_culture = culture_pulses(stimulus.pulses, stimulus.num_cultures is None, count)
    starts = [pulses.onset_ms + pulses.offset_ms for pulses in by_culture]
    return [(start, start + pulses.width_ms) for start, pulses in zip(starts, by_culture, strict=True)]
