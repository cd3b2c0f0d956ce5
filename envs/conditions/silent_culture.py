"""Ablation: a culture that never fires."""

from __future__ import annotations

import numpy as np

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


@checked
class SilentCulture(Condition):
    """No spike is heard. What is left of a score is the decoder's and the agent's own."""

    def reset(self, np_random: np.random.Generator) -> None:
        """Nothing to draw."""

    def recording(self, recording: Recording, stimulus: Stimulus | None, time_ms: float) -> Recording:
        """The recording without spikes."""
        return recording.where(np.zeros(len(recording.spikes[0]), dtype=np.bool_))
