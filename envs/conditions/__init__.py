"""Conditions by name: faults, delays, drift and ablations inside the closed loop, for any task.

``gym.make("livn/EI2-v0", conditions=["artefact_blanking", {"name": "latency", "latency_ms": 40.0}])``, and the same
with ``gym.make_vec``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from livn_gym import registry
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition, ConditionedRun
from livn_gym.envs.conditions.conditioned import Conditioned
from livn_gym.errors import InvalidInput

Chosen = str | Mapping[str, Any]


def names() -> list[str]:
    """Names of every condition."""
    return list(registry.find(__name__, Condition))


def create(env: Env, chosen: Chosen | Sequence[Chosen] | None) -> list[Condition]:
    """Make conditions for the cultures of a loop, in the order in which they act.

    Args:
        env: The cultures.
        chosen: A name, a mapping with a ``name`` and options, or a list or tuple of these; None is no condition.

    Raises:
        UnknownName: There is no condition of that name.
        UnknownOption: A condition has no option of that name.
        InvalidInput: An option does not fit, or something else was given.
    """
    if chosen is None:
        return []
    if not isinstance(chosen, str | Mapping | list | tuple):
        raise InvalidInput(f"conditions must be a name, a mapping with a 'name', or a list of these, got {chosen!r}.")
    made = []
    for one in [chosen] if isinstance(chosen, str | Mapping) else chosen:
        own = {"name": one} if isinstance(one, str) else dict(one) if isinstance(one, Mapping) else {}
        if "name" not in own:
            raise InvalidInput(f"A condition is a name or a mapping with a 'name', got {one!r}.")
        if "env" in own or not all(isinstance(option, str) for option in own):
            raise InvalidInput(f"A condition's options are its keyword arguments after env, got {one!r}.")
        made.append(registry.create(__name__, Condition, own.pop("name"), {"env": env, **own}))
    return made


__all__ = ["Condition", "Conditioned", "ConditionedRun", "create", "names"]
