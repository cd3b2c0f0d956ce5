"""Checks of actions before anything runs, for single environments, vector environments and MPI ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput

ROUNDING_STEPS = 16
"""Number of float32 rounding steps by which a value may exceed a bound and is then clipped to it.

``RescaleAction`` and other affine maps round a few times on the way from the bounds of their space to these bounds.
"""


def as_numbers(actions: Any) -> NDArray:
    """Return actions as an array.

    Raises:
        InvalidInput: They are masked or ragged, or NumPy cannot convert them to an array.
    """
    if np.ma.isMaskedArray(actions) and np.ma.getmaskarray(actions).any():
        raise InvalidInput("An action must be finite numbers; some of these are masked.")
    try:
        return np.asarray(actions)
    except Exception as error:  # __array__ of a foreign type can raise anything, as for a tensor on another device
        raise InvalidInput(f"An action must be an array of numbers, got {type(actions).__name__}: {error}") from error


def finite_numbers(actions: Any) -> NDArray:
    """Return actions as an array of finite real numbers.

    Raises:
        InvalidInput: They are not finite real numbers.
    """
    numbers = as_numbers(actions)
    if numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        raise InvalidInput("An action must be finite numbers; got NaN, infinity or something else.")
    return numbers


def checked_actions(space: spaces.Box, actions: Any, count: int) -> NDArray:
    """Return actions as an array within a space.

    A value that exceeds a bound by no more than ``ROUNDING_STEPS`` float32 roundings of the larger bound is clipped.

    Args:
        space: Action space of a single environment.
        actions: ``[count, *space.shape]``.
        count: Number of actions.

    Returns:
        The same numbers, none below ``space.low`` or above ``space.high``.

    Raises:
        InvalidInput: They have the wrong shape, are not finite numbers or lie outside the space.
    """
    numbers = as_numbers(actions)
    if numbers.shape != (count, *space.shape):
        raise InvalidInput(f"An action must have the shape {space.shape}, got {numbers.shape[1:]}.")
    finite_numbers(numbers)
    low, high = space.low, space.high
    if ((numbers >= low) & (numbers <= high)).all():
        return numbers
    slack = ROUNDING_STEPS * np.finfo(np.float32).eps * np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
    if (numbers < low - slack).any() or (numbers > high + slack).any():
        raise InvalidInput(
            f"An action must lie in {low.min():g} ... {high.max():g}, "
            f"got values from {numbers.min():.9g} to {numbers.max():.9g}."
        )
    return np.clip(numbers, low, high)
