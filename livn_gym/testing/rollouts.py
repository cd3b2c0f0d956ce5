"""Checks of long rollouts: random actions and the extreme actions."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from livn_gym.errors import InvalidInput
from livn_gym.testing.compare import require, require_inside


def check_rollout(env_id: str, *, steps: int = 1000, num_envs: int = 1, seed: int = 0, **options: Any) -> int:
    """Check that all results of many random actions are finite and in their spaces.

    Args:
        env_id: Id of the environment.
        steps: Minimum number of steps, summed over all environments.
        num_envs: Number of environments of the vector environment.
        seed: Seed of environments and actions.
        **options: Options of ``gym.make_vec``.

    Returns:
        Number of steps.

    Raises:
        NonConforming: A value is not finite, or an observation is not in its space.
    """
    env = gym.make_vec(env_id, num_envs=num_envs, **options)
    try:
        env.action_space.seed(seed)
        observations, infos = env.reset(seed=seed)
        vector_steps = -(-steps // num_envs)
        for k in range(vector_steps):
            require_inside(f"Observation {k} of {env_id}", observations, env.observation_space)
            _require_finite(f"Info {k} of {env_id}", infos)
            observations, rewards, _, _, infos = env.step(env.action_space.sample())
            require(bool(np.isfinite(rewards).all()), f"Rewards {k} of {env_id} are {rewards!r}.")
        require_inside(f"Observation {vector_steps} of {env_id}", observations, env.observation_space)
    finally:
        env.close()
    return vector_steps * num_envs


def check_bounds(env_id: str, *, steps: int = 100, seed: int = 0, **options: Any) -> None:
    """Check that extreme actions keep observations in their space: the highest one, then highest and lowest in turn.

    Args:
        env_id: Id of the environment.
        steps: Number of steps.
        seed: Seed of the environment.
        **options: Options of ``gym.make``.

    Raises:
        InvalidInput: The action space is not a bounded box.
        NonConforming: An observation is not in its space, or a value is not finite.
    """
    with gym.make(env_id, **options) as env:
        space = env.action_space
        if not isinstance(space, spaces.Box) or not space.is_bounded():
            raise InvalidInput(f"check_bounds needs a bounded box of actions, {env_id} has {space}.")
        env.reset(seed=seed)
        for k in range(steps):
            highest = k < steps // 2 or k % 2 == 0
            observation, reward, terminated, truncated, info = env.step(space.high if highest else space.low)
            require_inside(
                f"Observation {k} of {env_id} under the strongest action", observation, env.observation_space
            )
            require(bool(np.isfinite(float(reward))), f"Reward {k} of {env_id} is {reward!r}.")
            _require_finite(f"Info {k} of {env_id}", info)
            if terminated or truncated:
                env.reset()


def _require_finite(label: str, info: dict[str, Any]) -> None:
    for name, value in info.items():
        if np.issubdtype(np.asarray(value).dtype, np.number):
            require(bool(np.isfinite(value).all()), f"{label}: {name!r} is {value!r}.")
