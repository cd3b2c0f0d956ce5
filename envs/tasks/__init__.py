"""Tasks by name: ``rate_tracking`` is ``rate_tracking.py`` here and ``configs/tasks/rate_tracking.toml``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from livn_gym import config
from livn_gym.envs.measurement import Measurement
from livn_gym.envs.tasks.base import Demonstration, Task
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput, shown, unknown_option
from livn_gym.registry import Kind, snake_case

Spec = str | type[Task] | Mapping[str, Any]
"""Specification of a task: a name, a reference, a path, a class, or a mapping with a ``name`` and options."""

TASKS: Kind[Task] = Kind("task", Task, "livn_gym.envs.tasks", objects=False)  # type: ignore[type-abstract]


def names() -> list[str]:
    """Return the names of the tasks of this package."""
    return config.names("tasks")


def find(task: str | type[Task]) -> type[Task]:
    """Return the class of a task.

    Raises:
        UnknownName: There is no such task.
        InvalidInput: The argument, or the object to which it refers, is no class of a task.
    """
    task_class = TASKS.find(task) if isinstance(task, str) else task
    TASKS.check_complete(task_class)
    if not inspect.isclass(task_class) or not issubclass(task_class, Task) or inspect.isabstract(task_class):
        raise InvalidInput(
            f"A task must be given as a name, a reference 'module:attribute', the path of a Python file or a class, "
            f"got {shown(task)}. Names: {', '.join(TASKS.names())}."
        )
    return task_class


def unpacked(task: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Split a mapping with a ``name`` into the name and its options; ``options`` by keyword are added to these.

    Raises:
        InvalidInput: There is no ``name``, or an option is no text or is given twice.
    """
    task_options = dict(task)
    if "name" not in task_options:
        raise InvalidInput(f"A task given as a mapping needs a 'name', got {shown(task)}.")
    name = task_options.pop("name")
    for option in task_options:
        if not isinstance(option, str) or option in options:
            raise InvalidInput(f"{option!r} of the task {shown(name)} must be a text and given only once.")
    return name, task_options | dict(options)


def config_options(task: str | type[Task], system: Any) -> dict[str, Any]:
    """Return the options of a task's config for the task and its loop, with those for the system where it has some.

    Only tasks of this package have a config; for others the result is the ``loop_defaults`` of their class.
    """
    name = task if isinstance(task, str) else snake_case(task.__name__)
    if name not in names() or find(task) is not find(name):
        return dict(find(task).loop_defaults)
    table = config.load("tasks", name)
    of_system = table.get("systems", {}).get(system, {}) if isinstance(system, str) else {}
    return table["options"] | of_system


def option_names(task_class: type[Task]) -> list[str]:
    """Return the names of the options of a task's class."""
    return [field.name for field in fields(task_class.Options)]


def make_options(task_class: type[Task], options: Mapping[str, Any]) -> Task.Options:
    """Make the options of a task; missing ones have the defaults of its class.

    Raises:
        UnknownOption: The task has no option of that name.
        InvalidInput: A value is out of range.
    """
    for name in options:
        if name not in option_names(task_class):
            raise unknown_option(task_class.__name__, name, option_names(task_class))
    return task_class.Options(**options)


__all__ = [
    "TASKS",
    "Demonstration",
    "Measurement",
    "Spec",
    "Task",
    "TaskSetup",
    "config_options",
    "find",
    "make_options",
    "names",
    "option_names",
    "unpacked",
]
