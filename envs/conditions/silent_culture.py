"""Ablation: a culture that never fires."""

from __future__ import annotations

import numpy as np

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition, ConditionedRun
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


@checked
class SilentCulture(Condition):
    """Removes all spikes from the recording; a remaining score is due to the decoding and the agent alone."""

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return the recording without spikes."""
        return recording.where(np.zeros(len(recording.spikes[0]), dtype=np.bool_))
