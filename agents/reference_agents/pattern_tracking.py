"""Families for ``PatternTracking``: constants, and amplitudes that rise with the targets of the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.agents.reference_agents.generic import CONSTANT
from livn_gym.envs.culture_env import CultureEnv


class ByTarget:
    """Agent whose amplitude at a channel is proportional to the channel's target above a threshold.

    Args:
        gain: Share of the largest amplitude per Hz.
        threshold_hz: Target at which the amplitude is 0, Hz.
    """

    def __init__(self, gain: float, threshold_hz: float) -> None:
        self.gain, self.threshold_hz = gain, threshold_hz

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        self._space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[C]``; the last C entries of the observation are the targets."""
        low, high = self._space.low, self._space.high
        share = np.clip(self.gain * (observation[-len(low) :] - self.threshold_hz), 0.0, 1.0)
        return (low + share * (high - low)).astype(np.float32)


def families(env: CultureEnv, info: Mapping[str, Any]) -> Sequence[AgentFamily]:
    """Return the families for the task."""
    box = {"gain": (0.001, 0.1), "threshold_hz": (0.0, 80.0)}
    return [CONSTANT, AgentFamily("by target", ByTarget, box, frozenset({"gain"}))]
