"""Families for ``PatternTracking``: constants, and pulses at the regions with the highest targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.generic import CONSTANT
from livn_gym.envs.culture_env import CultureEnv


class ByTarget:
    """Agent that stimulates the regions whose target exceeds a share of the highest one.

    Args:
        regions: Region of each channel, ``[C]``.
        strength: Share of the largest amplitude at the electrodes of these regions.
        threshold: Share of the way from the lowest to the highest target.
    """

    def __init__(self, regions: NDArray[np.int64], strength: float, threshold: float) -> None:
        self._regions, self.strength, self.threshold = regions, strength, threshold

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[C]``; the last entries of the observation are the targets."""
        low, high = self._space.low, self._space.high
        targets = observation[2 * len(low) :]
        limit = targets.min() + self.threshold * (targets.max() - targets.min())
        share = np.where(targets >= limit, self.strength, 0.0)[self._regions]
        return (low + share * (high - low)).astype(np.float32)


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task."""
    box = {"strength": (0.3, 1.0), "threshold": (0.4, 1.0)}
    first = {"strength": 0.9, "threshold": 0.75}
    regions: Any = env.task
    return [CONSTANT, AgentFamily("by target", partial(ByTarget, regions.regions), box, first=first)]
