"""Units used throughout the package, and checks of quantities.

Time is ms, position um, membrane voltage mV, electrode command uA, point current nA, conductance uS in
the simulators and nS in weight and noise keys, densities mS/cm2 and uA/cm2, charge nC.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.errors import InvalidInput, shown

NS_TO_US = 1e-3
"""Factor from nanosiemens to microsiemens."""

UM2_TO_CM2 = 1e-8
"""Factor from square micrometres to square centimetres."""


def finite(name: str, value: object, *, minimum: float | None = None, above: float | None = None) -> float:
    """Check that a value is a finite number, and return it as a float.

    Args:
        name: Name of the argument with its unit, for the message.
        value: Value to check.
        minimum: Smallest allowed value.
        above: Exclusive lower bound.

    Raises:
        InvalidInput: ``value`` is not a real number, not finite, or out of range.
    """
    result = number(name, value)
    if not math.isfinite(result):
        raise InvalidInput(f"{name} must be a finite number, got {result}.")
    if minimum is not None and result < minimum:
        raise InvalidInput(f"{name} must be at least {minimum:.12g}, got {result:.12g}.")
    if above is not None and result <= above:
        raise InvalidInput(f"{name} must be greater than {above:.12g}, got {result:.12g}.")
    return result


def number(name: str, value: object) -> float:
    """Check that a value is a number, which may be NaN or infinite, and return it as a float.

    A zero-dimensional array is accepted as a number.

    Raises:
        InvalidInput: ``value`` is not a real number (a bool is not), or exceeds the range of floats.
    """
    if type(value) is float:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0 and not np.ma.is_masked(value):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidInput(f"{name} must be a finite number, got {shown(value)}.")
    try:
        return float(value)
    except (OverflowError, ValueError) as error:
        raise InvalidInput(f"{name} must be a finite number, got {shown(value)}.") from error


def finite_range(
    name: str, value: object, *, maximum: float, minimum: float | None = None, above: float | None = None
) -> tuple[float, float]:
    """Check that a value is a number or a (low, high) pair, and return it as a pair.

    Raises:
        InvalidInput: ``value`` is neither, low is above high, or a number is out of range (see ``finite``).
    """
    is_pair = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes) and np.shape(value) != ()
    pair = list(value) if is_pair else [value, value]  # type: ignore[call-overload]
    if len(pair) != 2:
        raise InvalidInput(f"{name} must be a number or a (low, high) range, got {shown(value)}.")
    low, high = (finite(name, limit, minimum=minimum, above=above) for limit in pair)
    if not low <= high <= maximum:
        raise InvalidInput(f"{name} must have low <= high <= {maximum:g}, got {shown(value)}.")
    return low, high


MAX_WHOLE = 2**64
"""Exclusive upper bound of all integers: no count, index or seed is larger."""

MAX_STEPS = 2**40
"""Maximum number of time steps in a run, 318 days at 0.025 ms."""


def whole_number(name: str, value: object, *, minimum: int | None = 1) -> int:
    """Check that a value is an integer, and return it as an int.

    Args:
        name: Name of the argument, for the message.
        value: Value to check; a zero-dimensional array is accepted as a number.
        minimum: Smallest allowed value; None allows negative values.

    Raises:
        InvalidInput: ``value`` is not an integer (a bool is not), below ``minimum``, or has more than 64 bits.
    """
    if type(value) is int and (minimum is None or value >= minimum) and abs(value) < MAX_WHOLE:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0 and not np.ma.is_masked(value):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Integral) or (minimum is not None and value < minimum):
        allowed = "an integer" if minimum is None else f"an integer from {minimum} on"
        raise InvalidInput(f"{name} must be {allowed}, got {shown(value)}.")
    if abs(int(value)) >= MAX_WHOLE:
        raise InvalidInput(f"{name} must be an integer below 2**64, got {shown(int(value))}.")
    return int(value)


def whole_steps(name: str, duration_ms: object, dt_ms: float, *, minimum: int = 1) -> int:
    """Return the number of steps of ``dt_ms`` in ``duration_ms``.

    Raises:
        InvalidInput: The duration is not finite, too short, not a whole number of steps, or more than ``MAX_STEPS``.
    """
    duration = finite(name, duration_ms, minimum=0.0)
    if duration > dt_ms * MAX_STEPS:
        raise InvalidInput(f"{name} must be at most {MAX_STEPS} steps of {dt_ms:g} ms, got {duration:g}.")
    steps = round(duration / dt_ms)
    # Tolerance for rounding of the duration, always below a thousandth of a step.
    if abs(steps * dt_ms - duration) > dt_ms * min(1e-3, 1e-6 * max(1, steps)):
        raise InvalidInput(f"{name} must be a multiple of the time step {dt_ms:.6g} ms, got {duration:.12g}.")
    if steps < minimum:
        raise InvalidInput(f"{name} must be at least {minimum * dt_ms:g} ms, got {duration:g}.")
    return steps


def rounding(value: ArrayLike) -> NDArray[np.float64]:
    """Return the tolerance for rounding of times or ratios of times: a few units in the last place, at least 1e-9.

    A time is ``step * dt`` rounded, the edge of a bin is ``index * width`` rounded, and their difference or ratio is
    rounded again. The tolerance therefore grows with the values, but stays far below a time step.
    """
    return 1e-9 + np.abs(value) * 2.0**-49
