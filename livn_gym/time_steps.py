"""Exact time steps: their common divisor and multiple, also for steps without a finite decimal, such as 1/30 ms."""

from __future__ import annotations

import math
from fractions import Fraction

_DENOMINATOR = 1000
"""Largest denominator of a step in us, so that whole nanoseconds are exact."""


def exact_us(time_us: float) -> Fraction:
    """Return the closest fraction with a denominator of at most 1000, us: 100/3 for 33.3333.

    It differs from the time by at most half a nanosecond.
    """
    return Fraction(time_us).limit_denominator(_DENOMINATOR)


def common_divisor_us(*times_us: float) -> Fraction:
    """Return the longest step of which all times are whole multiples, us."""
    steps = [exact_us(time_us) for time_us in times_us]
    unit = math.lcm(*(step.denominator for step in steps))
    return Fraction(math.gcd(*(int(step * unit) for step in steps)), unit)


def common_multiple_us(*times_us: float) -> Fraction:
    """Return the shortest time that is a whole multiple of all steps, us."""
    steps = [exact_us(time_us) for time_us in times_us]
    unit = math.lcm(*(step.denominator for step in steps))
    return Fraction(math.lcm(*(int(step * unit) for step in steps)), unit)
