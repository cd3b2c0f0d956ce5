"""Families for ``StimulusTiming``: a pulse when the last burst or pulse was a fixed time ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.envs.culture_env import CultureEnv

SINCE = -3
"""Entry of the observation with the time since the last burst or pulse, s."""


class Wait:
    """Agent that gives a pulse when the last burst or pulse was a fixed time ago.

    Args:
        wait_s: The time, s.
    """

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Do nothing: the agent has no state."""

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[1]``."""
        return np.array([1.0 if observation[SINCE] >= self.wait_s - 1e-6 else -1.0], dtype=np.float32)


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task."""
    return [AgentFamily("wait", Wait, {"wait_s": (0.0, 6.0)}, first={"wait_s": 2.0})]
