"""Constant gains for tasks with an inner environment, whose actions are direct and crossed gains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray


class Gains:
    """Agent with constant gains; a positive one is direct, a negative one crossed.

    Args:
        groups: Group of each gain: index of a variable or place, in the order of ``gains``; None for all groups.
        **gains: Gains from -1 to 1.
    """

    def __init__(self, groups: tuple[int | None, ...], **gains: float) -> None:
        self._groups, self._gains = groups, tuple(gains.values())

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Read the action space."""
        space: Any = env.single_action_space if isinstance(env, VectorEnv) else env.action_space
        shares = np.zeros((2, space.shape[0] // 2))
        for group, gain in zip(self._groups, self._gains, strict=True):
            shares[0 if gain > 0.0 else 1, slice(None) if group is None else group] = abs(gain)
        self._action = (space.low + shares.reshape(-1) * (space.high - space.low)).astype(np.float32)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action ``[2 G]``."""
        return self._action
