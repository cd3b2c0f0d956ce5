"""Registers one Gymnasium id per system and task, from ``configs/tasks/*.toml`` alone.

It runs at ``import livn_gym``, so it reads a few numbers and imports neither environments nor simulators.
"""

from __future__ import annotations

import gymnasium as gym

from livn_gym import config

ENTRY_POINT = "livn_gym.envs.culture_env:CultureEnv"
VECTOR_ENTRY_POINT = "livn_gym.envs.vector_env:CultureVectorEnv"


def register_all() -> tuple[str, ...]:
    """Register every id that is not registered yet; returns all of them.

    A task's table ``[registration]`` names its systems, its word in the id (``livn/EI2-<word>-v0``, or
    ``livn/EI2-v0`` where it is empty), its version and its time limit in steps.
    """
    ids = []
    for task in config.names("tasks"):
        table = config.load("tasks", task)["registration"]
        for system in table["systems"]:
            word = f"-{table['word']}" if table["word"] else ""
            env_id = f"livn/{system}{word}-v{table['version']}"
            ids.append(env_id)
            if env_id not in gym.registry:
                gym.register(
                    env_id,
                    entry_point=ENTRY_POINT,
                    vector_entry_point=VECTOR_ENTRY_POINT,
                    max_episode_steps=table["max_episode_steps"],
                    kwargs={"system": system, "task": task},
                )
    return tuple(ids)
