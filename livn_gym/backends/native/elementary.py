"""Straight-line exp and the options of every kernel: no calls, branches or tables, so that loops become SIMD.

``math.exp`` is a call, which Numba does not vectorise. Kernels may turn division by a constant into multiplication
and use fused multiply-adds where the processor has them; neither depends on the lane.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "fastmath": {"arcp", "contract"}}

inlined = numba.njit(forceinline=True, **OPTIONS)
"""Compiles a function into its callers; a call would keep a loop from being vectorised."""

_MAGIC = 6755399441055744.0  # 1.5 * 2**52: adding it leaves a whole number in a float's low bits


@intrinsic
def bits_of(typingctx, x):
    """The bits of a float64 as int64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def float_of(typingctx, x):
    """The float64 of these bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@inlined
def exp(x):
    """Exponential within a few units in the last place; arguments are clipped to +-700."""
    x = min(max(x, -700.0), 700.0)
    shifted = x * 1.4426950408889634 + _MAGIC
    n = shifted - _MAGIC
    r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
    p = 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = 1.0 + r * (1.0 + r * p)
    return p * float_of((bits_of(shifted) + 1023) << 52)  # type: ignore[call-arg]  # an intrinsic gets its context itself


@inlined
def select(condition, yes, no):
    """Both values are computed and one is taken, as SIMD does it."""
    return yes if condition else no
