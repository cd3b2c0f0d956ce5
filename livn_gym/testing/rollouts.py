"""Long runs: random actions, and the strongest ones."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from livn_gym.errors import InvalidInput
from livn_gym.testing.compare import require, require_inside


def check_rollout(env_id: str, *, steps: int = 1000, num_envs: int = 1, seed: int = 0, **options: Any) -> int:
    """Random actions for many steps: everything stays finite and in its space.

    Args:
        env_id: The id.
        steps: Steps of all environments together, at least.
        num_envs: Size of the vector that takes them.
        seed: Of environments and actions.
        **options: For ``gym.make_vec``.

    Returns:
        How many steps were taken.

    Raises:
        NonConforming: A number is not finite, or an observation leaves its space.
    """
    env = gym.make_vec(env_id, num_envs=num_envs, **options)
    try:
        env.action_space.seed(seed)
        observations, infos = env.reset(seed=seed)
        rounds = -(-steps // num_envs)
        for k in range(rounds):
            require_inside(f"Observation {k} of {env_id}", observations, env.observation_space)
            _require_finite(f"Info {k} of {env_id}", infos)
            observations, rewards, _, _, infos = env.step(env.action_space.sample())
            require(bool(np.isfinite(rewards).all()), f"Rewards {k} of {env_id} are {rewards!r}.")
        require_inside(f"Observation {rounds} of {env_id}", observations, env.observation_space)
    finally:
        env.close()
    return rounds * num_envs


def check_bounds(env_id: str, *, steps: int = 100, seed: int = 0, **options: Any) -> None:
    """The highest action for long, and switching between highest and lowest: no seizure leaves the bounds.

    Raises:
        InvalidInput: The actions are no bounded box.
        NonConforming: An observation leaves its space, or a number is not finite.
    """
    with gym.make(env_id, **options) as env:
        space = env.action_space
        if not isinstance(space, spaces.Box) or not space.is_bounded():
            raise InvalidInput(f"check_bounds needs a bounded box of actions, {env_id} has {space}.")
        env.reset(seed=seed)
        for k in range(steps):
            strongest = k < steps // 2 or k % 2 == 0
            observation, reward, terminated, truncated, info = env.step(space.high if strongest else space.low)
            require_inside(
                f"Observation {k} of {env_id} under the strongest action", observation, env.observation_space
            )
            require(bool(np.isfinite(float(reward))), f"Reward {k} of {env_id} is {reward!r}.")
            _require_finite(f"Info {k} of {env_id}", info)
            if terminated or truncated:
                env.reset()


def _require_finite(what: str, info: dict[str, Any]) -> None:
    for name, value in info.items():
        if np.issubdtype(np.asarray(value).dtype, np.number):
            require(bool(np.isfinite(value).all()), f"{what}: {name!r} is {value!r}.")
