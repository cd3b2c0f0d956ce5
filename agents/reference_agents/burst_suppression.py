"""Families for ``BurstSuppression``: constants, and pulses only when the last burst was some time ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.baselines import Constant
from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.generic import CONSTANT
from livn_gym.envs.culture_env import CultureEnv

QUIET = -1
"""Entry of the observation with the time since the last burst, s."""


class AfterQuiet:
    """Agent that stimulates all channels equally in the steps that begin long enough after a burst.

    Args:
        strength: Share of the largest amplitude.
        wait_s: Time since the last burst from which on it stimulates, s.
    """

    def __init__(self, strength: float, wait_s: float) -> None:
        self._on, self._off, self.wait_s = Constant(strength), Constant(0.0), wait_s

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._on.reset(env, info)
        self._off.reset(env, info)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[C]``."""
        agent = self._on if observation[QUIET] >= self.wait_s else self._off
        return agent.act(observation, info)


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task."""
    after = AgentFamily("after quiet", AfterQuiet, {"strength": (0.1, 1.0), "wait_s": (0.0, 3.0)})
    return [CONSTANT, after]
