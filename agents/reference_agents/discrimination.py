"""Families for ``Discrimination``: constants, and the electrodes whose channels the decoder weighs for the pattern."""

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


class ByWeight:
    """Agent that stimulates the channels whose decoder weight has the sign of the cue.

    Args:
        weights: Weights of the decoder, ``[C]``.
        strength: Share of the largest amplitude at these channels.
    """

    def __init__(self, weights: NDArray[np.float64], strength: float) -> None:
        self._weights, self.strength = weights, strength

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[C]``; the last entry of the observation is the cue."""
        low, high = self._space.low, self._space.high
        share = np.where(self._weights * observation[-1] > 0.0, self.strength, 0.0)
        return (low + share * (high - low)).astype(np.float32)


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task."""
    task: Any = env.task
    return [CONSTANT, AgentFamily("by weight", partial(ByWeight, task.weights), {"strength": (0.2, 1.0)})]
