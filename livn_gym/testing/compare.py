"""Comparison of results bit for bit, and of observations with their space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from livn_gym.errors import NonConforming


def require(condition: bool, message: str) -> None:
    """Raise ``NonConforming`` with the message if a condition is false."""
    if not condition:
        raise NonConforming(message)


def require_same(label: str, first: Any, second: Any) -> None:
    """Require that two results are equal: arrays and numbers bit for bit and in type, mappings by key.

    Raises:
        NonConforming: They differ.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        require(first.keys() == second.keys(), f"{label}: keys {sorted(first)} and {sorted(second)}.")
        for key, value in first.items():
            require_same(f"{label}[{key!r}]", value, second[key])
        return
    if isinstance(first, tuple | list) and isinstance(second, tuple | list):
        require(len(first) == len(second), f"{label}: lengths {len(first)} and {len(second)}.")
        for k, (x, y) in enumerate(zip(first, second, strict=True)):
            require_same(f"{label}[{k}]", x, y)
        return
    a, b = np.asarray(first), np.asarray(second)
    equal = a.dtype == b.dtype and a.shape == b.shape
    equal = equal and np.array_equal(a, b, equal_nan=np.issubdtype(a.dtype, np.floating))
    require(equal, f"{label} differ: {first!r} and {second!r}.")


def require_inside(label: str, observation: Any, space: spaces.Space) -> None:
    """Require that an observation is a finite point of its space.

    Raises:
        NonConforming: The observation is not finite or not in the space.
    """
    if isinstance(space, spaces.Box):
        require(bool(np.isfinite(observation).all()), f"{label} is not finite: {observation!r}.")
    require(observation in space, f"{label} is not in {space}: {observation!r}.")
