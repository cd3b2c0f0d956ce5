"""Checks of the arguments of environments and of their resets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from livn_gym.envs.episode_loop import RESAMPLE, Graph
from livn_gym.errors import InvalidInput, UnknownName, shown, unknown_name
from livn_gym.numerics import checked_seed, checked_seeds
from livn_gym.units import whole_number


def episode_limit(value: int | None) -> int | None:
    """Return the number of steps after which an episode is truncated; None means never.

    Raises:
        InvalidInput: It is neither None, -1 nor a positive integer.
    """
    if value is None or (isinstance(value, Integral) and value == -1):
        return None
    try:
        return whole_number("max_episode_steps", value)
    except InvalidInput as error:
        raise InvalidInput(f"{error} -1 means no limit.") from None


def autoreset(value: str | AutoresetMode) -> AutoresetMode:
    """Return an autoreset mode from its name.

    Raises:
        UnknownName: No mode has that name.
    """
    if isinstance(value, AutoresetMode):
        return value
    known = {mode.value: mode for mode in AutoresetMode}
    if not isinstance(value, str) or value not in known:
        raise unknown_name("autoreset_mode", value, known)
    return known[value]


def graph_seeds(value: int | Sequence[int] | str | None, count: int) -> list[Graph]:
    """Return the graph of every environment.

    Raises:
        InvalidInput: A seed is out of range, or there is not one seed per environment.
        UnknownName: ``graph_seed`` is an unknown word.
    """
    if value is None or (isinstance(value, str) and value == RESAMPLE):
        return [value] * count
    if isinstance(value, str):
        if value != "per_env":
            raise UnknownName(
                f"graph_seed must be an integer, a list with one per environment, 'per_env', {RESAMPLE!r} or None, "
                f"got {shown(value)}."
            )
        return list(range(count))
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, bytes):
        return list(checked_seeds(value, count, "graph_seed"))
    return [checked_seed(value, "graph_seed")] * count


def reset_options(value: object, known: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the options of a reset, of which only known names are allowed.

    Raises:
        InvalidInput: The options are no mapping.
        UnknownName: An option is unknown.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"options must be a mapping or None, got {value!r}.")
    for name in value:
        if name not in known:
            raise unknown_name("option of reset", name, known)
    return value


def reset_mask(value: Any, count: int) -> NDArray[np.bool_]:
    """Return the mask of the environments to reset.

    Raises:
        InvalidInput: The mask is no boolean array of that length with at least one True.
    """
    array = isinstance(value, np.ndarray) and not np.ma.is_masked(value)
    if not array or value.shape != (count,) or value.dtype != np.bool_ or not value.any():
        raise InvalidInput(f"reset_mask must be a boolean array [{count}] with at least one True, got {value!r}.")
    return value


def reset_seeds(seed: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    """Return one seed per environment; None continues with the next trial.

    Raises:
        InvalidInput: A seed is out of range, or there is not one seed per environment.
    """
    if seed is None:
        return [None] * count
    scalar = isinstance(seed, np.ndarray) and seed.ndim == 0
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str | bytes) and not scalar:
        if len(seed) != count:
            raise InvalidInput(f"reset needs one seed for each of {count} environments, got {len(seed)}.")
        return [None if value is None else checked_seed(value) for value in seed]
    return [checked_seed(checked_seed(seed) + i) for i in range(count)]
