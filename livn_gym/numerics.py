"""Numbers that are the same on every machine: Philox, exp, log, and a Gaussian pair.

NumPy's exp and log1p differ between SIMD levels in the last bit, which would change a generated culture
from one processor to the next. Everything here uses integer arithmetic and ``+ - * /`` and ``sqrt`` only,
in a fixed order, so that results are equal to the bit on any IEEE machine. The same formulas stand in C in
the NEURON mechanism ``ou_conductance.mod``, so that both draw the same noise.

Reference:
    Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, SC '11 (Philox2x32-10).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.errors import InvalidInput

_MULTIPLIER = np.uint64(0xD256D193)
_WEYL = np.uint64(0x9E3779B9)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_INV_LN2 = 1.4426950408889634
_HALF_PI = 1.5707963267948966

# Taylor coefficients; the arguments are reduced so far that they hold to one unit in the last place or two.
_EXP = tuple(1.0 / f for f in (6227020800, 479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2))
_LOG = tuple(1.0 / n for n in (23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3))
_SIN = tuple(
    s / f
    for s, f in (
        (-1.0, 1307674368000),
        (1.0, 6227020800),
        (-1.0, 39916800),
        (1.0, 362880),
        (-1.0, 5040),
        (1.0, 120),
        (-1.0, 6),
    )
)
_COS = tuple(
    s / f
    for s, f in (
        (1.0, 20922789888000),
        (-1.0, 87178291200),
        (1.0, 479001600),
        (-1.0, 3628800),
        (1.0, 40320),
        (-1.0, 720),
        (1.0, 24),
        (-1.0, 2),
    )
)


def philox2x32(
    counter0: ArrayLike, counter1: ArrayLike, key: ArrayLike
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Philox2x32-10: two 32-bit words from a 64-bit counter and a 32-bit key.

    Args:
        counter0: Low counter word(s), taken modulo 2**32.
        counter1: High counter word(s).
        key: Key(s). All three broadcast.

    Returns:
        Two uint64 arrays holding values below 2**32.
    """
    x0, x1, k = (np.asarray(a, dtype=np.uint64) & _LOW for a in (counter0, counter1, key))
    for _ in range(10):
        product = _MULTIPLIER * x0
        x0, x1 = (product >> _SHIFT) ^ k ^ x1, product & _LOW
        k = (k + _WEYL) & _LOW
    return x0, x1


def stream_key(seed: int, stream: int) -> int:
    """The 32-bit Philox key of a seed (below 2**64) and a stream number, e.g. a trial (below 2**32)."""
    return int(philox2x32(seed & 0xFFFFFFFF, seed >> 32, stream)[0])


def uniform(counter0: ArrayLike, counter1: ArrayLike, key: ArrayLike) -> tuple[NDArray, NDArray]:
    """Two uniform numbers in (0, 1), on the grid (n + 0.5) / 2**32."""
    x0, x1 = philox2x32(counter0, counter1, key)
    return (x0.astype(np.float64) + 0.5) * 2.0**-32, (x1.astype(np.float64) + 0.5) * 2.0**-32


def normal(counter0: ArrayLike, counter1: ArrayLike, key: ArrayLike) -> tuple[NDArray, NDArray]:
    """Two independent standard normal numbers (Box & Muller, Ann Math Stat 29:610, 1958)."""
    x0, x1 = philox2x32(counter0, counter1, key)
    radius = np.sqrt(-2.0 * log((x0.astype(np.float64) + 0.5) * 2.0**-32))
    cosine, sine = direction(x1)
    return radius * cosine, radius * sine


def direction(word: ArrayLike) -> tuple[NDArray, NDArray]:
    """Cosine and sine of an angle drawn uniformly on the circle by a 32-bit word.

    The top two bits choose a quadrant, the rest an angle in (-pi/4, pi/4) around its axis.
    """
    word = np.asarray(word, dtype=np.uint64)
    quadrant = word >> np.uint64(30)
    phi = _HALF_PI * (((word & np.uint64(0x3FFFFFFF)).astype(np.float64) + 0.5) * 2.0**-30 - 0.5)
    square = phi * phi
    sine = phi + phi * square * _horner(_SIN, square)
    cosine = 1.0 + square * _horner(_COS, square)
    odd = (quadrant & np.uint64(1)).astype(bool)
    return (
        np.where(odd, np.where(quadrant == 1, -sine, sine), np.where(quadrant == 0, cosine, -cosine)),
        np.where(odd, np.where(quadrant == 1, cosine, -cosine), np.where(quadrant == 0, sine, -sine)),
    )


def exp(x: ArrayLike) -> NDArray:
    """Exponential of arguments between -700 and 700, within two units in the last place."""
    x = np.asarray(x, dtype=np.float64)
    n = np.floor(x * _INV_LN2 + 0.5)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return np.ldexp(1.0 + r * (1.0 + r * _horner(_EXP, r)), n.astype(np.int32))


def log(x: ArrayLike) -> NDArray:
    """Natural logarithm of positive finite arguments, within two units in the last place."""
    mantissa, exponent = np.frexp(np.asarray(x, dtype=np.float64))
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    n = (exponent - small).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    return n * _LN2_HIGH + (2.0 * s + (2.0 * s * square * _horner(_LOG, square) + n * _LN2_LOW))


def _horner(coefficients: tuple[float, ...], x: NDArray) -> NDArray:
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def checked_seed(value: object) -> int:
    """A seed as an int.

    Raises:
        InvalidInput: It is not an integer from 0 to 2**64 - 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**64:
        raise InvalidInput(f"A seed must be an integer from 0 to 2**64 - 1, got {value!r}.")
    return int(value)


def checked_seeds(seed: object, count: int) -> list[int]:
    """One seed each for several cultures: those of a sequence, or ``seed``, ``seed + 1``, ...

    Raises:
        InvalidInput: A seed is out of range, or a sequence has another length.
    """
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
        if len(seed) != count:
            raise InvalidInput(f"seed needs one entry for each of {count} cultures, got {len(seed)}.")
        return [checked_seed(value) for value in seed]
    return [checked_seed(checked_seed(seed) + b) for b in range(count)]
