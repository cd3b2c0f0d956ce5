"""Tasks by name: ``rate_tracking`` is ``rate_tracking.py`` here and ``configs/tasks/rate_tracking.toml``."""

from __future__ import annotations

from typing import Any

from livn_gym import config, registry
from livn_gym.env import Env
from livn_gym.envs.tasks.base import Demonstration, Measurement, Task
from livn_gym.errors import unknown_name


def names() -> list[str]:
    """Names of the tasks that are shipped."""
    return config.names("tasks")


def defaults(task: str, system: str) -> dict[str, Any]:
    """The options of a task on a system and their defaults: the config's, with the system's own on top.

    Raises:
        UnknownName: There is no such task.
    """
    if task not in names():
        raise unknown_name("task", task, names())
    table = config.load("tasks", task)
    return table["options"] | table.get("systems", {}).get(system, {})


def create(task: str, env: Env, **chosen: Any) -> Task:
    """The task of that name around one culture, with its own options (all of them) by keyword."""
    return registry.create(__name__, Task, task, {"env": env, **chosen})  # type: ignore[type-abstract]


__all__ = ["Demonstration", "Measurement", "Task", "create", "defaults", "names"]
