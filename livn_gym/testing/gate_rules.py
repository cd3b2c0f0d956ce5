"""Rules of the gate for a task: what kind of score it has, and which systems are exempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from livn_gym import config
from livn_gym.envs import tasks
from livn_gym.errors import InvalidInput, unknown_option
from livn_gym.registry import snake_case
from livn_gym.units import finite

MAX_CUT_SHARE = 0.15
"""Largest share of the gain over silence that may remain with the synapses cut, or in Poisson cells."""

MAX_SHUFFLED_SHARE = 0.3
"""Largest share of the gain over silence that may remain in a spatial task when cells are shuffled."""

MIN_SPREADS = 2.0
"""Smallest gain over silence, in standard deviations of the return of silence."""


@dataclass(frozen=True)
class GateRules:
    """Rules for a task. A shipped task has them in the table ``[gate]`` of its config, others in ``Task.gate``.

    Attributes:
        spatial: Whether the score depends on the place of activity, so that shuffled cells must lose it.
        floor: Smallest gain over silence, in units of the return; counts where all silent episodes score the same.
        bursts: Name in info of the number of bursts in a step, for a task whose aim is to suppress them: such a task
            must have no bursts with the synapses cut, and must beat the same charge at random times.
        exempt: Reasons for which systems are exempt from the gate, by name; ``"*"`` stands for every system. An exempt
            task is measured all the same.

    Raises:
        InvalidInput: The floor is negative.
    """

    spatial: bool = False
    floor: float = 0.0
    bursts: str = ""
    exempt: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the floor."""
        finite("floor", self.floor, minimum=0.0)

    def exemption(self, system: str) -> str:
        """Return the reason for which a system is exempt, or an empty string."""
        return self.exempt.get(system, self.exempt.get("*", ""))


def rules_of(task: tasks.Spec, **changes: Any) -> GateRules:
    """Return the rules for a task.

    Args:
        task: The task, as environments take it.
        **changes: Values that override those of the task; None keeps them.

    Raises:
        UnknownOption: The task's table or ``changes`` has another name.
        InvalidInput: A value is out of range.
    """
    task_class = tasks.find(task["name"] if isinstance(task, Mapping) else task)
    name = snake_case(task_class.__name__)
    shipped = name in tasks.names() and tasks.find(name) is task_class
    table: Any = config.load("tasks", name).get("gate", {}) if shipped else task_class.gate
    if not isinstance(table, Mapping):
        raise InvalidInput(f"{task_class.__name__}.gate must be a mapping, got {table!r}.")
    known = [rule.name for rule in fields(GateRules)]
    for rule in (*table, *changes):
        if rule not in known:
            raise unknown_option(f"The gate of {task_class.__name__}", rule, known)
    return replace(GateRules(**table), **{rule: value for rule, value in changes.items() if value is not None})
