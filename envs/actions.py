"""Actions are checked here before anything runs, for single environments, vectors and MPI ranks alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput

ROUNDING_STEPS = 16
"""Number of float32 rounding steps by which a value may exceed a bound and still counts as the bound.

``RescaleAction`` and other affine maps take a few roundings to get from the bounds of their own space to ours.
"""


def as_numbers(actions: Any) -> NDArray:
    """What was given as actions, as an array.

    Raises:
        InvalidInput: It is masked, ragged, or nothing that NumPy can make an array of.
    """
    if np.ma.isMaskedArray(actions) and np.ma.getmaskarray(actions).any():
        raise InvalidInput("An action must be finite numbers; some of these are masked.")
    try:
        return np.asarray(actions)
    except Exception as error:  # whatever __array__ of a foreign type raises, as a tensor on another device does
        raise InvalidInput(f"An action must be an array of numbers, got {type(actions).__name__}: {error}") from error


def finite_numbers(actions: Any) -> NDArray:
    """What was given as actions, as an array of finite real numbers.

    Raises:
        InvalidInput: It is something else.
    """
    given = as_numbers(actions)
    numeric = np.issubdtype(given.dtype, np.floating) or np.issubdtype(given.dtype, np.integer)
    if not numeric or not np.isfinite(given).all():
        raise InvalidInput("An action must be finite numbers; got NaN, infinity or something else.")
    return given


def checked_actions(space: spaces.Box, actions: Any, count: int) -> NDArray:
    """Actions within a space.

    A value that exceeds a bound by no more than ``ROUNDING_STEPS`` float32 roundings of the larger bound is clipped.

    Args:
        space: A single environment's actions.
        actions: ``[count, *space.shape]``.
        count: Number of actions.

    Returns:
        The same numbers, none below ``space.low`` or above ``space.high``.

    Raises:
        InvalidInput: They have the wrong shape, are not finite numbers or lie outside the space.
    """
    given = as_numbers(actions)
    if given.shape != (count, *space.shape):
        raise InvalidInput(f"An action must have the shape {space.shape}, got {given.shape[1:]}.")
    finite_numbers(given)
    low, high = space.low, space.high
    if ((given >= low) & (given <= high)).all():
        return given
    slack = ROUNDING_STEPS * np.finfo(np.float32).eps * np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
    if (given < low - slack).any() or (given > high + slack).any():
        raise InvalidInput(
            f"An action must lie in {low.min():g} ... {high.max():g}, "
            f"got values from {given.min():.9g} to {given.max():.9g}."
        )
    return np.clip(given, low, high)
