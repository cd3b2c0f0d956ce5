"""Exponential and normal random numbers in float64 and float32, as branch-free code that compilers vectorise.

The float64 normal numbers are those of ``livn_gym.numerics.noise``, operation for operation. Multiply-adds are fused
where it is written, never by the compiler's choice, so that a number does not depend on the processor.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from livn_gym.backends.native.compiler import BORROWED
from livn_gym.backends.native.intrinsics import fma, from_bits, to_bits

inlined = njit(forceinline=True, **BORROWED)

_U = np.uint64
_LOW = _U(0xFFFFFFFF)
_MULTIPLIER0, _MULTIPLIER1 = _U(0xD2511F53), _U(0xCD9E8D57)
_WEYL0, _WEYL1 = _U(0x9E3779B9), _U(0xBB67AE85)
_S23, _S30, _S32, _S52 = np.uint32(23), _U(30), _U(32), _U(52)
_ANGLE = _U(0x3FFFFFFF)
_ONE, _TWO = _U(1), _U(2)
_LOG2_E, _LN2 = 1.4426950408889634, 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUND64 = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the lowest bits
_MANTISSA64, _HALF64 = _U(0x000FFFFFFFFFFFFF), _U(0x3FE0000000000000)

_F = np.float32
_LOG2_E32, _LN2_HIGH32, _LN2_LOW32 = _F(1.4426950408889634), _F(0.693145751953125), _F(1.428606765330187e-06)
_ROUND32 = _F(12582912.0)
_TOP32, _BOTTOM32 = _F(88.0), _F(-87.0)
_E6, _E5, _E4, _E3 = _F(0.0013926213), _F(0.008363203), _F(0.041666556), _F(0.16666576)
# 2**r on [-1/2, 1/2], minimax
_P4, _P3, _P2, _P1, _P0 = _F(0.00956998348), _F(0.0559177197), _F(0.240247461), _F(0.693121834), _F(0.999999262)
_HALF32, _ONE32, _ZERO32, _TWO32 = _F(0.5), _F(1.0), _F(0.0), _F(2.0)
_GRID32, _ANGLE32, _QUARTER32 = _F(2.0**-32), _F(2.0**-30), _F(1.5707963267948966)
_SQRT_HALF32, _LN2_32 = _F(0.70710677), _F(0.6931472)
_MANTISSA32, _HALF_BITS32 = np.uint32(0x007FFFFF), np.uint32(0x3F000000)
_L9, _L7, _L5, _L3 = _F(1 / 9), _F(1 / 7), _F(1 / 5), _F(1 / 3)
_S9, _S7, _S5, _S3 = _F(1 / 362880), _F(-1 / 5040), _F(1 / 120), _F(-1 / 6)
_C8, _C6, _C4 = _F(1 / 40320), _F(-1 / 720), _F(1 / 24)


@inlined
def exp64(x):
    """Return the exponential within two units in the last place; arguments are clipped to -700 to 700."""
    x = min(max(x, -700.0), 700.0)
    shifted = fma(x, _LOG2_E, _ROUND64)
    n = shifted - _ROUND64
    r = fma(n, -_LN2_LOW, fma(n, -_LN2_HIGH, x))
    # (exp(r) - 1 - r) / r**2 on [-ln(2) / 2, ln(2) / 2], interpolated at Chebyshev's points: error 2e-17
    p = fma(2.510042720212035e-08, r, 2.7620139383334396e-07)
    p = fma(p, r, 2.755726837263038e-06)
    p = fma(p, r, 2.4801521189018113e-05)
    p = fma(p, r, 0.00019841269863114935)
    p = fma(p, r, 0.0013888888917282464)
    p = fma(p, r, 0.008333333333330042)
    p = fma(p, r, 0.04166666666662399)
    p = fma(p, r, 0.16666666666666669)
    p = fma(p, r, 0.5)
    p = fma(p, r, 1.0)
    p = fma(p, r, 1.0)
    return from_bits(to_bits(p) + (to_bits(shifted) << _S52))


@inlined
def exp32(x):
    """Return the exponential within two units in the last place; arguments are clipped to -87 to 88."""
    x = min(max(x, _BOTTOM32), _TOP32)
    shifted = fma(x, _LOG2_E32, _ROUND32)
    n = shifted - _ROUND32
    r = fma(n, -_LN2_LOW32, fma(n, -_LN2_HIGH32, x))
    p = fma(_E6, r, _E5)
    p = fma(p, r, _E4)
    p = fma(p, r, _E3)
    p = fma(p, r, _HALF32)
    p = fma(p, r, _ONE32)
    p = fma(p, r, _ONE32)
    return from_bits(np.uint32(to_bits(p) + (to_bits(shifted) << _S23)))


@inlined
def exp2_64(x):
    """Return 2 to the power of x, for arguments from -1000 to 1000."""
    return exp64(x * _LN2)


@inlined
def exp2_32(x):
    """Return 2 to the power of x with a relative error of 3e-6; arguments from -126 to 127 are not checked."""
    shifted = x + _ROUND32
    r = x - (shifted - _ROUND32)
    p = fma(_P4, r, _P3)
    p = fma(p, r, _P2)
    p = fma(p, r, _P1)
    p = fma(p, r, _P0)
    return from_bits(np.uint32(to_bits(p) + (to_bits(shifted) << _S23)))


@inlined
def philox(step, cell, trial, seed_low, seed_high):
    """Return the words of ``livn_gym.numerics.noise`` for an even and the next odd step, below 2**32 as uint64.

    Upper halves hold what they may until the end: a product takes the lower halves only.
    """
    pair = step >> _ONE
    x0, x1, x2, x3, k0, k1 = pair, pair >> _S32, cell, trial, seed_low, seed_high
    for _ in range(10):
        first, second = _MULTIPLIER0 * (x0 & _LOW), _MULTIPLIER1 * (x2 & _LOW)
        x0, x1 = (second >> _S32) ^ x1 ^ k0, second
        x2, x3 = (first >> _S32) ^ x3 ^ k1, first
        k0, k1 = k0 + _WEYL0, k1 + _WEYL1
    return x0 & _LOW, x1 & _LOW, x2 & _LOW, x3 & _LOW


@inlined
def normal64(x0, x1):
    """Convert two words to two standard normal numbers."""
    # u = mantissa * 2**exponent with the mantissa in [sqrt(1/2), sqrt(2))
    bits = to_bits((np.float64(x0) + 0.5) * 2.0**-32)
    mantissa = from_bits((bits & _MANTISSA64) | _HALF64)
    exponent = np.float64(np.int64(bits >> _S52) - 1022)
    small = mantissa < 0.7071067811865476
    mantissa = 2.0 * mantissa if small else mantissa
    exponent = exponent - 1.0 if small else exponent
    s = (mantissa - 1.0) / (mantissa + 1.0)
    square = s * s
    p = 1.0 / 23
    p = p * square + 1.0 / 21
    p = p * square + 1.0 / 19
    p = p * square + 1.0 / 17
    p = p * square + 1.0 / 15
    p = p * square + 1.0 / 13
    p = p * square + 1.0 / 11
    p = p * square + 1.0 / 9
    p = p * square + 1.0 / 7
    p = p * square + 1.0 / 5
    p = p * square + 1.0 / 3
    log_u = exponent * _LN2_HIGH + (2.0 * s + (2.0 * s * square * p + exponent * _LN2_LOW))
    radius = np.sqrt(-2.0 * log_u)
    # an angle around one of the four axes
    phi = 1.5707963267948966 * ((np.float64(x1 & _ANGLE) + 0.5) * 2.0**-30 - 0.5)
    square = phi * phi
    p = -1.0 / 1307674368000.0
    p = p * square + 1.0 / 6227020800.0
    p = p * square - 1.0 / 39916800.0
    p = p * square + 1.0 / 362880.0
    p = p * square - 1.0 / 5040.0
    p = p * square + 1.0 / 120.0
    p = p * square - 1.0 / 6.0
    sine = phi + phi * square * p
    p = 1.0 / 20922789888000.0
    p = p * square - 1.0 / 87178291200.0
    p = p * square + 1.0 / 479001600.0
    p = p * square - 1.0 / 3628800.0
    p = p * square + 1.0 / 40320.0
    p = p * square - 1.0 / 720.0
    p = p * square + 1.0 / 24.0
    p = p * square - 1.0 / 2.0
    cosine = 1.0 + square * p
    quadrant = x1 >> _S30
    odd = (quadrant & _ONE) == _ONE
    first, second = sine if odd else cosine, cosine if odd else sine
    first = -first if (quadrant == _ONE) | (quadrant == _TWO) else first
    second = -second if quadrant >= _TWO else second
    return radius * first, radius * second


@inlined
def normal32(x0, x1):
    """Convert two words to two standard normal numbers, in float32."""
    bits = to_bits((_F(np.uint32(x0)) + _HALF32) * _GRID32)
    mantissa = from_bits(np.uint32((bits & _MANTISSA32) | _HALF_BITS32))
    exponent = _F(np.int32(bits >> _S23) - np.int32(126))
    small = mantissa < _SQRT_HALF32
    mantissa = _TWO32 * mantissa if small else mantissa
    exponent = exponent - _ONE32 if small else exponent
    s = (mantissa - _ONE32) / (mantissa + _ONE32)
    square = s * s
    p = fma(fma(fma(_L9, square, _L7), square, _L5), square, _L3)
    log_u = fma(exponent, _LN2_32, _TWO32 * s * fma(square, p, _ONE32))
    log_u = log_u if log_u < _ZERO32 else _ZERO32
    radius = np.sqrt(-_TWO32 * log_u)
    phi = _QUARTER32 * ((_F(np.uint32(x1 & _ANGLE)) + _HALF32) * _ANGLE32 - _HALF32)
    square = phi * phi
    sine = fma(phi * square, fma(fma(fma(_S9, square, _S7), square, _S5), square, _S3), phi)
    cosine = fma(square, fma(fma(fma(_C8, square, _C6), square, _C4), square, -_HALF32), _ONE32)
    quadrant = x1 >> _S30
    odd = (quadrant & _ONE) == _ONE
    first, second = sine if odd else cosine, cosine if odd else sine
    first = -first if (quadrant == _ONE) | (quadrant == _TWO) else first
    second = -second if quadrant >= _TWO else second
    return radius * first, radius * second
