"""Reproducible random numbers and functions, equal on every machine: Philox, exp, log, normal variates.

NumPy's exp and log1p differ in the last bit between SIMD levels, so that a generated culture would depend on the
processor. This module uses only integer arithmetic, ``+ - * /`` and ``sqrt`` in a fixed order: results are bit for bit
equal on all IEEE machines. The NEURON mechanism ``ou_conductance.mod`` contains the same formulas in C, so that both
backends draw the same noise.

Background noise is drawn from Philox4x32-10 with all 64 bits of the seed as key. Graphs are generated with
Philox2x32-10, on which the checksums of the predefined systems are based.

Reference:
    Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, SC '11 (Philox4x32-10, Philox2x32-10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.errors import InvalidInput

_MULTIPLIER = np.uint64(0xD256D193)
_WEYL = np.uint64(0x9E3779B9)
_MULTIPLIERS4 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL4 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ONE = np.uint64(1)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_INV_LN2 = 1.4426950408889634
_HALF_PI = 1.5707963267948966

# Taylor coefficients; arguments are reduced so that errors are at most two units in the last place.
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


def philox4x32(
    counter0: ArrayLike, counter1: ArrayLike, counter2: ArrayLike, counter3: ArrayLike, key0: ArrayLike, key1: ArrayLike
) -> tuple[NDArray[np.uint64], ...]:
    """Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key.

    Args:
        counter0: Lowest counter word(s); all words are taken modulo 2**32, and all six arguments broadcast.
        counter1: Second counter word(s).
        counter2: Third counter word(s).
        counter3: Highest counter word(s).
        key0: Low key word(s).
        key1: High key word(s).

    Returns:
        Four uint64 arrays holding values below 2**32.
    """
    words = (counter0, counter1, counter2, counter3, key0, key1)
    x0, x1, x2, x3, k0, k1 = (np.asarray(word, dtype=np.uint64) & _LOW for word in words)
    for _ in range(10):
        first, second = _MULTIPLIERS4[0] * x0, _MULTIPLIERS4[1] * x2
        x0, x1 = (second >> _SHIFT) ^ x1 ^ k0, second & _LOW
        x2, x3 = (first >> _SHIFT) ^ x3 ^ k1, first & _LOW
        k0, k1 = (k0 + _WEYL4[0]) & _LOW, (k1 + _WEYL4[1]) & _LOW
    return x0, x1, x2, x3


@dataclass(frozen=True)
class NoiseStream:
    """Random stream of the background noise of one culture in one trial.

    Attributes:
        seed: Key of Philox, below 2**64.
        trial: Number of the trial, below 2**32; a word of the counter of Philox.

    Raises:
        InvalidInput: The seed or the trial is not an integer in its range.
    """

    seed: int
    trial: int = 0

    def __post_init__(self) -> None:
        """Check both numbers."""
        checked_seed(self.seed)
        if isinstance(self.trial, bool) or not isinstance(self.trial, int | np.integer) or not 0 <= self.trial < 2**32:
            raise InvalidInput(f"A trial must be an integer from 0 to 2**32 - 1, got {self.trial!r}.")

    @property
    def words(self) -> tuple[int, int, int]:
        """Low and high word of the seed, and the trial."""
        return int(self.seed) & 0xFFFFFFFF, int(self.seed) >> 32, int(self.trial)


def noise(step: ArrayLike, cell: ArrayLike, stream: NoiseStream) -> tuple[NDArray, NDArray]:
    """Draw the standard normal numbers that drive the background conductances of cells at a time step.

    The four words of one counter value are used for an even step and the next, odd step, two words each. The counter
    consists of ``step // 2`` (low and high word), the cell and the trial.

    Args:
        step: Time steps since the start of the trial, below 2**64.
        cell: gids of the cells, below 2**32; they broadcast with the steps.
        stream: Random stream of the culture.

    Returns:
        The numbers of the excitatory and those of the inhibitory conductance.
    """
    step = np.asarray(step, dtype=np.uint64)
    low, high, trial = stream.words
    words = philox4x32(step >> _ONE, step >> np.uint64(33), cell, trial, low, high)
    odd = (step & _ONE).astype(bool)
    return _box_muller(np.where(odd, words[2], words[0]), np.where(odd, words[3], words[1]))


def stream_key(seed: int, stream: int) -> int:
    """Return the 32-bit key of a random stream of a graph, from its seed (below 2**64) and the number of the stream."""
    return int(philox2x32(seed & 0xFFFFFFFF, seed >> 32, stream)[0])


def uniform(counter0: ArrayLike, counter1: ArrayLike, key: ArrayLike) -> tuple[NDArray, NDArray]:
    """Draw two uniform numbers in (0, 1), on the grid (n + 0.5) / 2**32, with Philox2x32-10."""
    x0, x1 = philox2x32(counter0, counter1, key)
    return (x0.astype(np.float64) + 0.5) * 2.0**-32, (x1.astype(np.float64) + 0.5) * 2.0**-32


def normal(counter0: ArrayLike, counter1: ArrayLike, key: ArrayLike) -> tuple[NDArray, NDArray]:
    """Draw two independent standard normal numbers with Philox2x32-10."""
    return _box_muller(*philox2x32(counter0, counter1, key))


def _box_muller(radial: NDArray[np.uint64], angular: NDArray[np.uint64]) -> tuple[NDArray, NDArray]:
    """Convert two words to two independent standard normal numbers (Box & Muller, Ann Math Stat 29:610, 1958)."""
    radius = np.sqrt(-2.0 * log((radial.astype(np.float64) + 0.5) * 2.0**-32))
    cosine, sine = direction(angular)
    return radius * cosine, radius * sine


def direction(word: ArrayLike) -> tuple[NDArray, NDArray]:
    """Convert a 32-bit word to the cosine and sine of a uniformly distributed angle.

    The top two bits select a quadrant, the others an angle in (-pi/4, pi/4) around its axis.
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
    """Return the exponential of arguments from -700 to 700, within two units in the last place."""
    x = np.asarray(x, dtype=np.float64)
    n = np.floor(x * _INV_LN2 + 0.5)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return np.ldexp(1.0 + r * (1.0 + r * _horner(_EXP, r)), n.astype(np.int32))


def log(x: ArrayLike) -> NDArray:
    """Return the natural logarithm of positive finite arguments, within two units in the last place."""
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


def checked_seed(value: object, name: str = "seed") -> int:
    """Return a seed as an int.

    Args:
        value: The seed.
        name: Name of the argument in messages.

    Raises:
        InvalidInput: The seed is not an integer from 0 to 2**64 - 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**64:
        raise InvalidInput(f"A {name} must be an integer from 0 to 2**64 - 1, got {value!r}.")
    return int(value)


def checked_seeds(seed: object, count: int, name: str = "seed") -> list[int]:
    """Return one seed for each of several cultures: those of a sequence, otherwise ``seed``, ``seed + 1``, ...

    Args:
        seed: One seed, or a sequence of them.
        count: Number of cultures.
        name: Name of the argument in messages.

    Raises:
        InvalidInput: A seed is out of range, or the length of a sequence is not ``count``.
    """
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str) and np.ndim(seed) > 0:
        if len(seed) != count:
            raise InvalidInput(f"{name} needs one entry for each of {count} cultures, got {len(seed)}.")
        return [checked_seed(value, name) for value in seed]
    return [checked_seed(checked_seed(seed, name) + b, name) for b in range(count)]
