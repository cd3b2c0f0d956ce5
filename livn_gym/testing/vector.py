"""The vector environment is its single ones."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from livn_gym.testing.compare import require, require_same


def check_vector(
    env_id: str, *, num_envs: int = 3, steps: int = 10, seed: int = 0, max_episode_steps: int = 4, **options: Any
) -> None:
    """Environment i of ``make_vec`` with seed s gives to the bit what a single one with seed ``s + i`` gives.

    Observations, rewards, both ends and infos are compared over several episodes, with the autoreset mode NEXT_STEP.

    Args:
        env_id: The id.
        num_envs: Size of the vector.
        steps: Steps of each.
        seed: That of environment 0.
        max_episode_steps: Time limit in steps, so that episodes end within the check.
        **options: For ``gym.make`` and ``gym.make_vec``.

    Raises:
        NonConforming: They differ.
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
            where = f"Environment {i} of the vector {env_id} and a single one"
            require_same(f"{where}: first observation", starts[i], observation)
            _require_info(where, start_info, i, info)
            ended = False
            for k, (action, result) in enumerate(zip(actions, results, strict=True)):
                if ended:
                    own: tuple = (*single.reset(), 0.0, False, False)
                    observation, info, *rest = own
                else:
                    observation, *rest, info = single.step(action[i])
                require_same(f"{where}: observation {k}", result[0][i], observation)
                for name, batch, value in zip(("reward", "terminated", "truncated"), result[1:4], rest, strict=True):
                    require(batch[i] == value, f"{where}: {name} {k} is {batch[i]!r} and {value!r}.")
                _require_info(f"{where}: step {k}", result[4], i, info)
                ended = bool(rest[1] or rest[2])


def _copied(result: tuple) -> tuple:
    return (*(np.array(part) for part in result[:4]), result[4])


def _require_info(where: str, batch: dict[str, Any], i: int, info: dict[str, Any]) -> None:
    for name, value in info.items():
        mask = batch.get(f"_{name}")
        require(name in batch and mask is not None and bool(mask[i]), f"{where}: the vector's info lacks {name!r}.")
        require(bool(np.array_equal(batch[name][i], value)), f"{where}: info {name!r}: {batch[name][i]!r}, {value!r}.")
