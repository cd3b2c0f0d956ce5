"""Comparison of a vector environment with single environments."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from livn_gym.testing.compare import require, require_same


def check_vector(
    env_id: str, *, num_envs: int = 3, steps: int = 10, seed: int = 0, max_episode_steps: int = 4, **options: Any
) -> None:
    """Check that environment i of ``make_vec`` with seed s equals a single one with seed ``s + i``, bit for bit.

    Observations, rewards, terminations, truncations and infos are compared over several episodes, with the autoreset
    mode NEXT_STEP.

    Args:
        env_id: Id of the environment.
        num_envs: Number of environments.
        steps: Number of steps of each environment.
        seed: Seed of environment 0.
        max_episode_steps: Time limit in steps; a short one lets episodes end within the check.
        **options: Options of ``gym.make`` and ``gym.make_vec``.

    Raises:
        NonConforming: The results differ.
    """
    vector = gym.make_vec(env_id, num_envs=num_envs, max_episode_steps=max_episode_steps, **options)
    try:
        mode = vector.metadata.get("autoreset_mode")
        require(mode is AutoresetMode.NEXT_STEP, f"{env_id} has the autoreset mode {mode}, not NEXT_STEP.")
        starts, start_info = vector.reset(seed=seed)
        starts = starts.copy()
        vector.action_space.seed(seed)
        actions = [vector.action_space.sample() for _ in range(steps)]
        results = [_copied(vector.step(action)) for action in actions]
    finally:
        vector.close()
    for i in range(num_envs):
        with gym.make(env_id, max_episode_steps=max_episode_steps, **options) as single:
            observation, info = single.reset(seed=seed + i)
            label = f"Environment {i} of the vector {env_id} and a single one"
            require_same(f"{label}: first observation", starts[i], observation)
            _require_info(label, start_info, i, info)
            ended = False
            for k, (action, result) in enumerate(zip(actions, results, strict=True)):
                if ended:
                    after_reset: tuple = (*single.reset(), 0.0, False, False)
                    observation, info, *outcome = after_reset
                else:
                    observation, *outcome, info = single.step(action[i])
                require_same(f"{label}: observation {k}", result[0][i], observation)
                for name, batch, value in zip(("reward", "terminated", "truncated"), result[1:4], outcome, strict=True):
                    require(batch[i] == value, f"{label}: {name} {k} is {batch[i]!r} and {value!r}.")
                _require_info(f"{label}: step {k}", result[4], i, info)
                ended = bool(outcome[1] or outcome[2])


def _copied(result: tuple) -> tuple:
    return (*(np.array(part) for part in result[:4]), result[4])


def _require_info(label: str, batch: dict[str, Any], i: int, info: dict[str, Any]) -> None:
    for name, value in info.items():
        mask = batch.get(f"_{name}")
        require(name in batch and mask is not None and bool(mask[i]), f"{label}: the vector's info lacks {name!r}.")
        require(bool(np.array_equal(batch[name][i], value)), f"{label}: info {name!r}: {batch[name][i]!r}, {value!r}.")
