"""The units used throughout, and the few checks on quantities that every door shares.

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
"""nanosiemens to microsiemens"""

UM2_TO_CM2 = 1e-8
"""square micrometres to square centimetres"""


def finite(name: str, value: object, *, minimum: float | None = None, above: float | None = None) -> float:
    """Return ``value`` as a float, or raise.

    Args:
        name: The argument's name with its unit, for the message.
        value: What was given.
        minimum: Smallest allowed value.
        above: The value must be greater than this.

    Raises:
        InvalidInput: ``value`` is no real number, not finite, or out of range.
    """
    result = float(number(name, value))
    if not math.isfinite(result):
        raise InvalidInput(f"{name} must be a finite number, got {result}.")
    if minimum is not None and result < minimum:
        raise InvalidInput(f"{name} must be at least {minimum:g}, got {result:g}.")
    if above is not None and result <= above:
        raise InvalidInput(f"{name} must be greater than {above:g}, got {result:g}.")
    return result


def number(name: str, value: object) -> float:
    """Return ``value`` as a float that may be NaN or infinite, or raise.

    An array without axes counts as the number in it.

    Raises:
        InvalidInput: ``value`` is no real number (a bool is none), or beyond the range of floats.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
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
    """Return ``value``, a number or a (low, high) pair, as a pair that rises, or raise.

    Raises:
        InvalidInput: It is neither, falls, or is out of range (``minimum`` and ``above`` as of ``finite``).
    """
    is_pair = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes) and np.shape(value) != ()
    pair = list(value) if is_pair else [value, value]  # type: ignore[call-overload]
    if len(pair) != 2:
        raise InvalidInput(f"{name} must be a number or a (low, high) range, got {shown(value)}.")
    low, high = (finite(name, limit, minimum=minimum, above=above) for limit in pair)
    if not low <= high <= maximum:
        raise InvalidInput(f"{name} must rise and not exceed {maximum:g}, got {shown(value)}.")
    return low, high


MAX_WHOLE = 2**64
"""Integers from here on are refused everywhere: no count, index or seed is so large."""

MAX_STEPS = 2**40
"""Most time steps in a run, 318 days at 0.025 ms."""


def whole_number(name: str, value: object, *, minimum: int | None = 1) -> int:
    """Return ``value`` as an int, or raise.

    Args:
        name: The argument's name, for the message.
        value: What was given; an array without axes counts as the number in it.
        minimum: Smallest allowed value; None allows negative ones.

    Raises:
        InvalidInput: ``value`` is no integer (a bool is none), below ``minimum``, or of more than 64 bits.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Integral) or (minimum is not None and value < minimum):
        allowed = "an integer" if minimum is None else f"an integer from {minimum} on"
        raise InvalidInput(f"{name} must be {allowed}, got {shown(value)}.")
    if abs(int(value)) >= MAX_WHOLE:
        raise InvalidInput(f"{name} must be an integer below 2**64, got {shown(int(value))}.")
    return int(value)


def whole_steps(name: str, duration_ms: object, dt_ms: float, *, minimum: int = 1) -> int:
    """Return how many steps of ``dt_ms`` make up ``duration_ms``.

    Raises:
        InvalidInput: The duration is not finite, too short, not a whole number of steps, or more than ``MAX_STEPS``.
    """
    duration = finite(name, duration_ms, minimum=0.0)
    if duration > dt_ms * MAX_STEPS:
        raise InvalidInput(f"{name} must be at most {MAX_STEPS} steps of {dt_ms:g} ms, got {duration:g}.")
    steps = round(duration / dt_ms)
    # Room for rounding in the duration, but never for so much as a thousandth of a step.
    if abs(steps * dt_ms - duration) > dt_ms * min(1e-3, 1e-6 * max(1, steps)):
        raise InvalidInput(f"{name} must be a multiple of the time step {dt_ms:g} ms, got {duration:g}.")
    if steps < minimum:
        raise InvalidInput(f"{name} must be at least {minimum * dt_ms:g} ms, got {duration:g}.")
    return steps


def rounding(value: ArrayLike) -> NDArray[np.float64]:
    """How far rounding can have moved times or ratios of times: some units in the last place, and at least 1e-9.

    A time is ``step * dt`` rounded, an edge ``bin * width`` rounded, and their difference or ratio rounds again; so the
    room for it must grow with the values, but stay far below a time step.
    """
    return 1e-9 + np.abs(value) * 2.0**-49
