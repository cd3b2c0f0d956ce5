"""Conditions by name: faults, delays, drift and ablations inside the closed loop, for any task.

``gym.make("livn/EI2-v0", conditions=["artefact_blanking", {"name": "latency", "latency_ms": 40.0}])``, and the same
with ``gym.make_vec``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition, ConditionedRun, culture_slices
from livn_gym.envs.conditions.conditioned import Conditioned
from livn_gym.registry import Kind

Spec = str | type[Condition] | Mapping[str, Any]
"""What a condition is given as: a name, a reference, a path, a class, or a mapping with a ``name`` and options."""

CONDITIONS: Kind[Condition] = Kind("condition", Condition, "livn_gym.envs.conditions", objects=False)


def names() -> list[str]:
    """Names of every condition, those of installed packages among them."""
    return CONDITIONS.names()


def make(env: Env, given: Spec | Sequence[Spec] | None) -> list[Condition]:
    """Make conditions for the cultures of a loop, in the order in which they act.

    Args:
        env: The cultures.
        given: A name, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a mapping with a ``name``
            and options, or a list or tuple of these; None is no condition.

    Raises:
        UnknownName: There is no condition of that name.
        UnknownOption: A condition has no option of that name.
        InvalidInput: An option does not fit, or something else was given.
    """
    if given is None:
        return []
    return [CONDITIONS.make(one, env) for one in (given if isinstance(given, list | tuple) else [given])]


__all__ = ["CONDITIONS", "Condition", "Conditioned", "ConditionedRun", "Spec", "culture_slices", "make", "names"]
