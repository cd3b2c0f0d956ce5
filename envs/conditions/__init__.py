"""Conditions by name: faults, delays, drift and ablations inside the closed loop, for any task.

``gym.make("livn/EI2-v0", conditions=["electrode_faults", {"name": "latency", "latency_ms": 40.0}])``, and the same
with ``gym.make_vec``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from livn_gym.envs.conditions.base import Condition, ConditionedRun, culture_slices
from livn_gym.envs.conditions.conditioned import Conditioned
from livn_gym.errors import InvalidInput, shown
from livn_gym.plant import Plant
from livn_gym.registry import Kind

Spec = str | type[Condition] | Mapping[str, Any]
"""Specification of a condition: a name, a reference, a path, a class, or a mapping with a ``name`` and options."""

CONDITIONS: Kind[Condition] = Kind("condition", Condition, "livn_gym.envs.conditions", objects=False)


def names() -> list[str]:
    """Return the names of all conditions, installed packages included."""
    return CONDITIONS.names()


def make(env: Plant, specs: Spec | Sequence[Spec] | None) -> list[Condition]:
    """Make conditions for the cultures of a loop, in the order in which the loop applies them.

    Args:
        env: The cultures.
        specs: A name, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a mapping with a ``name``
            and options, or a list or tuple of these; None is no condition.

    Raises:
        UnknownName: There is no condition of that name.
        UnknownOption: A condition has no option of that name.
        InvalidInput: An option is out of range, or ``specs`` is none of these.
    """
    if specs is None:
        return []
    listed = specs if isinstance(specs, list | tuple) else [specs]
    for spec in listed:
        if not (isinstance(spec, str | Mapping | Condition) or callable(spec)):
            raise InvalidInput(
                "conditions must be a name, a reference, a class, a mapping with a 'name', or a list of these, got "
                f"{shown(spec)}."
            )
    return [CONDITIONS.make(spec, env) for spec in listed]


__all__ = ["CONDITIONS", "Condition", "Conditioned", "ConditionedRun", "Spec", "culture_slices", "make", "names"]
