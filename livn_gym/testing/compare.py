"""Equal to the bit, and in the space, with a message that says where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from livn_gym.errors import NonConforming


def require(holds: bool, message: str) -> None:
    """Raise ``NonConforming`` with the message unless it holds."""
    if not holds:
        raise NonConforming(message)


def require_same(what: str, first: Any, second: Any) -> None:
    """Two results are equal: arrays and numbers to the bit and in type, mappings by key.

    Raises:
        NonConforming: They differ.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        require(first.keys() == second.keys(), f"{what}: keys {sorted(first)} and {sorted(second)}.")
        for key, value in first.items():
            require_same(f"{what}[{key!r}]", value, second[key])
        return
    if isinstance(first, tuple | list) and isinstance(second, tuple | list):
        require(len(first) == len(second), f"{what}: lengths {len(first)} and {len(second)}.")
        for k, (a, b) in enumerate(zip(first, second, strict=True)):
            require_same(f"{what}[{k}]", a, b)
        return
    one, other = np.asarray(first), np.asarray(second)
    equal = one.dtype == other.dtype and one.shape == other.shape
    equal = equal and np.array_equal(one, other, equal_nan=np.issubdtype(one.dtype, np.floating))
    require(equal, f"{what} differ: {first!r} and {second!r}.")


def require_inside(what: str, observation: Any, space: spaces.Space) -> None:
    """An observation is a point of its space, and finite.

    Raises:
        NonConforming: It is not.
    """
    if isinstance(space, spaces.Box):
        require(bool(np.isfinite(observation).all()), f"{what} is not finite: {observation!r}.")
    require(observation in space, f"{what} is not in {space}: {observation!r}.")
