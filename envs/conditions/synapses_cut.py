"""Ablation: a culture without synapses."""

from __future__ import annotations

from collections.abc import Mapping

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition, ConditionedRun


@checked
class SynapsesCut(Condition):
    """Sets the weights of all synapses to 0 for the whole episode, settling included.

    Noise and stimulation reach the cells as before. What a score keeps is due to spikes that the field evokes directly,
    and to the decoding and the agent.
    """

    def factors(self, run: ConditionedRun) -> Mapping[str, float]:
        """Return 0 for every weight."""
        return {f"weight-{key}": 0.0 for key in self.env.system.weight_names}
