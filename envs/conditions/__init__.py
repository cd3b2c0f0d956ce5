"""Conditions by name: faults, delays, drift and ablations inside the closed loop, for any task.

``gym.make("livn/EI2-v0", conditions=["artefact_blanking", {"name": "latency", "latency_ms": 40.0}])``, and the same
with ``gym.make_vec``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from livn_gym import registry
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.envs.conditions.conditioned import Conditioned
from livn_gym.errors import InvalidInput

Chosen = str | Mapping[str, Any]


def names() -> list[str]:
    """Names of every condition."""
    return list(registry.find(__name__, Condition))  # type: ignore[type-abstract]


def create(env: Env, chosen: Chosen | Sequence[Chosen]) -> list[Condition]:
    """The conditions of one culture, in the order in which they act.

    Args:
        env: The cultures.
        chosen: A name, a mapping with a ``name`` and options, or a sequence of these.

    Raises:
        UnknownName: There is no condition of that name.
        InvalidInput: The options do not fit, or something else was given.
    """
    made = []
    for one in [chosen] if isinstance(chosen, str | Mapping) else list(chosen):
        own = {"name": one} if isinstance(one, str) else dict(one) if isinstance(one, Mapping) else {}
        if "name" not in own:
            raise InvalidInput(f"A condition is a name or a mapping with a 'name', got {one!r}.")
        made.append(registry.create(__name__, Condition, own.pop("name"), {"env": env, **own}))  # type: ignore[type-abstract]
    return made


__all__ = ["Condition", "Conditioned", "create", "names"]
