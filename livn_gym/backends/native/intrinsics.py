"""Instructions that Numba has no word for: plain loads and stores, fused multiply-add, views of a number's bits.

``array[i]`` in Numba allows negative indices, and the test for them keeps a loop from being vectorised.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

_instruction: Any = intrinsic  # its own type would ask callers for the typing context


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return cgutils.gep_inbounds(builder, make_array(array_type)(context, builder, array).data, index)


@_instruction
def load(typingctx, array, index):
    """``array[index]`` of a contiguous array, for an index known to be inside."""

    def codegen(context, builder, signature, args):
        return context.unpack_value(
            builder, signature.return_type, _pointer(context, builder, signature.args[0], *args)
        )

    return array.dtype(array, types.intp), codegen


@_instruction
def store(typingctx, array, index, value):
    """``array[index] = value`` of a contiguous array, for an index known to be inside."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], *args[:2])
        context.pack_value(builder, signature.args[2], args[2], pointer)

    return types.void(array, types.intp, array.dtype), codegen


@_instruction
def peek(typingctx, array, index):
    """``array[index]`` of a contiguous array of int64, read from memory every time: another thread may write to it."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_pointer(context, builder, signature.args[0], *args), "monotonic", 8)

    return array.dtype(array, types.intp), codegen


@_instruction
def fma(typingctx, a, b, c):
    """``a * b + c`` rounded once."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return a(a, a, a), codegen


@_instruction
def to_bits(typingctx, x):
    """The bits of a float as an unsigned integer of its width."""
    result: Any = {types.float32: types.uint32, types.float64: types.uint64}.get(x)
    if result is None:
        raise TypingError(f"to_bits takes float32 or float64, not {x}")

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(result.bitwidth))

    return result(x), codegen


@_instruction
def from_bits(typingctx, x):
    """The float with these bits."""
    result: Any = {types.uint32: types.float32, types.uint64: types.float64}.get(x)
    if result is None:
        raise TypingError(f"from_bits takes uint32 or uint64, not {x}")

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType() if result == types.float32 else ir.DoubleType())

    return result(x), codegen


@_instruction
def whole_registers(typingctx):
    """Let the calling function use the widest SIMD registers there are.

    LLVM takes half of them on some processors, in case a little wide code slows down the clock for everything else;
    here all is wide. llvmlite knows no attributes with values, but writes out those that are there.
    """

    def codegen(context, builder, signature, args):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')

    return types.void(), codegen
