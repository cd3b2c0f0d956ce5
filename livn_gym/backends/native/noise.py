"""Normal numbers for a block's lanes: the stream of ``livn_gym.numerics.normal`` in SIMD."""

from __future__ import annotations

import numba
import numpy as np

from livn_gym.backends.native.elementary import OPTIONS, bits_of, float_of
from livn_gym.backends.native.layout import DRAW_E, DRAW_I, W

_WORD = np.uint64(0xFFFFFFFF)
_TWO_52 = np.uint64(0x4330000000000000)  # the bits of 2**52: a whole number below it, put in, becomes a float


# Without contraction the numbers are those of the NEURON mechanism to the bit.
@numba.njit(**{**OPTIONS, "fastmath": False})
def draw(block, step, first_gid, key):
    """Draw the step's two numbers of every lane; the formulas are explained in ``livn_gym.numerics``."""
    for lane in range(W):
        x0 = np.uint64(step) & _WORD
        x1 = np.uint64(first_gid + lane)
        k = np.uint64(key)
        for _ in range(10):
            product = np.uint64(0xD256D193) * x0
            x0 = (product >> np.uint64(32)) ^ k ^ x1
            x1 = product & _WORD
            k = (k + np.uint64(0x9E3779B9)) & _WORD
        # Logarithm of a uniform number
        word = np.int64(x0 | _TWO_52)
        u = (float_of(word) - 4503599627370496.0 + 0.5) * 2.0**-32  # type: ignore[call-arg]
        bits = bits_of(u)
        exponent = float_of(((bits >> 52) & 2047) | 0x4330000000000000) - 4503599627370496.0 - 1022.0
        mantissa = float_of((bits & 0xFFFFFFFFFFFFF) | 0x3FE0000000000000)
        small = mantissa < 0.7071067811865476
        mantissa = 2.0 * mantissa if small else mantissa
        exponent = exponent - 1.0 if small else exponent
        s = (mantissa - 1.0) / (mantissa + 1.0)
        square = s * s
        p = 1.0 / 23.0
        p = p * square + 1.0 / 21.0
        p = p * square + 1.0 / 19.0
        p = p * square + 1.0 / 17.0
        p = p * square + 1.0 / 15.0
        p = p * square + 1.0 / 13.0
        p = p * square + 1.0 / 11.0
        p = p * square + 1.0 / 9.0
        p = p * square + 1.0 / 7.0
        p = p * square + 1.0 / 5.0
        p = p * square + 1.0 / 3.0
        rest = 2.0 * s * square * p + exponent * 1.90821492927058770002e-10
        radius = np.sqrt(-2.0 * (exponent * 6.93147180369123816490e-01 + (2.0 * s + rest)))
        # Cosine and sine of an angle around one of the four axes
        fraction = float_of(np.int64((x1 & np.uint64(0x3FFFFFFF)) | _TWO_52)) - 4503599627370496.0
        phi = 1.5707963267948966 * ((fraction + 0.5) * 2.0**-30 - 0.5)
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
        quadrant = x1 >> np.uint64(30)
        odd = (quadrant & np.uint64(1)) == np.uint64(1)
        cosine, sine = (sine, cosine) if odd else (cosine, sine)
        negative = (quadrant == np.uint64(1)) | (quadrant == np.uint64(2))
        block[DRAW_E * W + lane] = radius * (-cosine if negative else cosine)
        block[DRAW_I * W + lane] = radius * (-sine if quadrant >= np.uint64(2) else sine)
