"""Arguments of environments and of their resets, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from livn_gym.envs.episode_loop import RESAMPLE, Graph
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.numerics import checked_seed, checked_seeds
from livn_gym.units import whole_number


def episode_limit(given: int | None) -> int | None:
    """Steps after which an episode is truncated; None is never.

    Raises:
        InvalidInput: It is neither None, -1 nor a positive integer.
    """
    if given is None or (isinstance(given, Integral) and given == -1):
        return None
    try:
        return whole_number("max_episode_steps", given)
    except InvalidInput as error:
        raise InvalidInput(f"{error} -1 means no limit.") from None


def autoreset(given: str | AutoresetMode) -> AutoresetMode:
    """An autoreset mode from its name.

    Raises:
        UnknownName: There is no such mode.
    """
    if isinstance(given, AutoresetMode):
        return given
    known = {mode.value: mode for mode in AutoresetMode}
    if not isinstance(given, str) or given not in known:
        raise unknown_name("autoreset_mode", given, known)
    return known[given]


def graph_seeds(given: int | Sequence[int] | str | None, count: int) -> list[Graph]:
    """The seed of every environment's graph.

    Raises:
        InvalidInput: A seed is out of range, or there are not as many as environments.
        UnknownName: A word is none of those that ``graph_seed`` takes.
    """
    if given is None or (isinstance(given, str) and given == RESAMPLE):
        return [given] * count
    if isinstance(given, str):
        if given != "per_env":
            raise unknown_name("graph_seed", given, ("per_env", RESAMPLE))
        return list(range(count))
    if isinstance(given, Sequence | np.ndarray) and not isinstance(given, bytes):
        return list(checked_seeds(given, count))
    return [checked_seed(given)] * count


def reset_options(given: object, known: tuple[str, ...]) -> Mapping[str, Any]:
    """Options of a reset.

    Raises:
        InvalidInput: They are no mapping.
        UnknownName: There is no such option.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput(f"options must be a mapping or None, got {given!r}.")
    for name in given:
        if name not in known:
            raise unknown_name("option of reset", name, known)
    return given


def reset_mask(given: object, count: int) -> NDArray[np.bool_]:
    """Which environments are reset.

    Raises:
        InvalidInput: It is no boolean array of that length with a True in it.
    """
    if not isinstance(given, np.ndarray) or given.shape != (count,) or given.dtype != np.bool_ or not given.any():
        raise InvalidInput(f"reset_mask must be a boolean array [{count}] with at least one True, got {given!r}.")
    return given


def reset_seeds(seed: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    """One seed for each environment; None goes on with the next trial.

    Raises:
        InvalidInput: A seed is out of range, or there are not as many as environments.
    """
    if seed is None:
        return [None] * count
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str | bytes):
        if len(seed) != count:
            raise InvalidInput(f"reset needs one seed for each of {count} environments, got {len(seed)}.")
        return [None if value is None else checked_seed(value) for value in seed]
    return [checked_seed(checked_seed(seed) + i) for i in range(count)]
