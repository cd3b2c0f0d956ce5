"""Agents of the gate that wrap or replay reference agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from livn_gym.agents.baselines import Agent


class Recorded:
    """Agent that remembers what another one observed and did.

    Args:
        agent: The other agent.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.observations: list[NDArray[np.float32]] = []
        self.actions: list[NDArray[np.float32]] = []

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Reset the other agent."""
        self._agent.reset(env, info)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action of the other agent."""
        self.observations.append(np.array(observation))
        self.actions.append(self._agent.act(observation, info))
        return self.actions[-1]


def same_episodes(first: Sequence[Recorded], second: Sequence[Recorded]) -> bool:
    """Return whether agents observed and did the same in all episodes, bit for bit."""
    return len(first) == len(second) and all(
        len(one.actions) == len(other.actions)
        and np.array_equal(one.observations, other.observations)
        and np.array_equal(one.actions, other.actions)
        for one, other in zip(first, second, strict=True)
    )


class AtRandomTimes:
    """Agent that gives the charge of given actions, on each channel, by the strongest pulses in random steps.

    Actions in another order would be no control for an agent whose actions are always the same.

    Args:
        actions: The given actions.
        seed: Seed of the order of the steps.
    """

    def __init__(self, actions: Sequence[NDArray[np.float32]], seed: int) -> None:
        self._given = np.array(actions)
        self._order = np.random.default_rng(seed).permutation(len(actions))

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Distribute the charge over the steps."""
        space: Any = getattr(env, "single_action_space", env.action_space)
        low, high = (bound.astype(np.float64) for bound in (space.low, space.high))
        total = ((self._given - low) / (high - low)).sum(axis=0)
        shares = np.empty(self._given.shape)
        shares[self._order] = np.clip(total - np.arange(len(shares))[:, None], 0.0, 1.0)
        self._actions = np.clip(low + shares * (high - low), low, high).astype(space.dtype)
        self._step = 0

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the action of the next step."""
        action = self._actions[self._step % len(self._actions)]
        self._step += 1
        return action
