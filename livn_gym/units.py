"""The units used throughout, and the few checks on quantities that every door shares.

Time is ms, position um, membrane voltage mV, electrode command uA, point current nA, conductance uS in
the simulators and nS in weight and noise keys, densities mS/cm2 and uA/cm2, charge nC.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np

from livn_gym.errors import InvalidInput

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
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InvalidInput(f"{name} must be a finite number, got {value!r}.")
    number = float(value)
    if minimum is not None and number < minimum:
        raise InvalidInput(f"{name} must be at least {minimum:g}, got {number:g}.")
    if above is not None and number <= above:
        raise InvalidInput(f"{name} must be greater than {above:g}, got {number:g}.")
    return number


def finite_range(
    name: str, value: object, *, maximum: float, minimum: float | None = None, above: float | None = None
) -> tuple[float, float]:
    """Return ``value``, a number or a (low, high) pair, as a pair that rises, or raise.

    Raises:
        InvalidInput: It is neither, falls, or is out of range (``minimum`` and ``above`` as of ``finite``).
    """
    pair = [value, value] if np.ndim(value) == 0 else list(value)  # type: ignore[call-overload, arg-type]
    if len(pair) != 2:
        raise InvalidInput(f"{name} must be a number or a (low, high) range, got {value!r}.")
    low, high = (finite(name, limit, minimum=minimum, above=above) for limit in pair)
    if not low <= high <= maximum:
        raise InvalidInput(f"{name} must rise and not exceed {maximum:g}, got {value!r}.")
    return low, high


def whole_number(name: str, value: object, *, minimum: int = 1) -> int:
    """Return ``value`` as an int, or raise.

    Raises:
        InvalidInput: ``value`` is no integer or below ``minimum``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise InvalidInput(f"{name} must be an integer from {minimum} on, got {value!r}.")
    return int(value)


def whole_steps(name: str, duration_ms: object, dt_ms: float, *, minimum: int = 1) -> int:
    """Return how many steps of ``dt_ms`` make up ``duration_ms``.

    Raises:
        InvalidInput: The duration is not finite, too short, or not a whole number of steps.
    """
    duration = finite(name, duration_ms, minimum=0.0)
    steps = round(duration / dt_ms)
    # Room for rounding in the duration, but never for so much as a thousandth of a step.
    if abs(steps * dt_ms - duration) > dt_ms * min(1e-3, 1e-6 * max(1, steps)):
        raise InvalidInput(f"{name} must be a multiple of the time step {dt_ms:g} ms, got {duration:g}.")
    if steps < minimum:
        raise InvalidInput(f"{name} must be at least {minimum * dt_ms:g} ms, got {duration:g}.")
    return steps
