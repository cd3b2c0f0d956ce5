"""Instructions that Numba does not offer: unchecked loads and stores, fused multiply-add, bit casts, small allocations.

``array[i]`` in Numba supports negative indices, and the check for them prevents vectorisation of a loop.
"""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.typing.npydecl import parse_dtype
from numba.extending import intrinsic
from numba.np.arrayobj import _empty_nd_impl

_instruction: Any = intrinsic  # its own type would ask callers for the typing context


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.data_model_manager[array_type].get_field_position("data")
    return cgutils.gep_inbounds(builder, builder.extract_value(array, data), index)


@_instruction
def load(typingctx, array, index):
    """Return ``array[index]`` of a contiguous array, for an index known to be valid."""

    def codegen(context, builder, signature, args):
        return context.unpack_value(
            builder, signature.return_type, _pointer(context, builder, signature.args[0], *args)
        )

    return array.dtype(array, types.intp), codegen


@_instruction
def store(typingctx, array, index, value):
    """Set ``array[index] = value`` of a contiguous array, for an index known to be valid."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], *args[:2])
        context.pack_value(builder, signature.args[2], args[2], pointer)

    return types.void(array, types.intp, array.dtype), codegen


@_instruction
def peek(typingctx, array, index):
    """Return ``array[index]`` of a contiguous int64 array, read from memory every time: other threads may write it.

    What a thread wrote before a ``post`` is visible to the threads that read the posted value.
    """

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_pointer(context, builder, signature.args[0], *args), "acquire", 8)

    return array.dtype(array, types.intp), codegen


@_instruction
def post(typingctx, array, index, value):
    """Set ``array[index] = value`` of a contiguous int64 array, for other threads that ``peek`` at it."""

    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], _pointer(context, builder, signature.args[0], *args[:2]), "release", 8)

    return types.void(array, types.intp, array.dtype), codegen


@_instruction
def pause(typingctx):
    """Wait for some nanoseconds, as processors with several threads per core recommend for loops that wait."""

    def codegen(context, builder, signature, args):
        if context.codegen().magic_tuple()[0].startswith("x86_64"):
            _call(builder, ir.VoidType(), "llvm.x86.sse2.pause")

    return types.void(), codegen


@_instruction
def yield_processor(typingctx):
    """Let other threads that wait for this processor run first, by a call of the operating system."""

    def codegen(context, builder, signature, args):
        _call(builder, ir.IntType(32), "SwitchToThread" if sys.platform == "win32" else "sched_yield")

    return types.void(), codegen


@_instruction
def sleep(typingctx):
    """Sleep as shortly as the operating system can, after which it continues the thread on an idle processor."""

    def codegen(context, builder, signature, args):
        if sys.platform == "win32":
            _call(builder, ir.VoidType(), "Sleep", ir.IntType(32)(1))
        else:
            _call(builder, ir.IntType(32), "usleep", ir.IntType(32)(1))

    return types.void(), codegen


@_instruction
def processor(typingctx):
    """Return the index of the processor that executes the thread; -1 if the operating system does not tell it."""

    def codegen(context, builder, signature, args):
        if sys.platform == "linux":
            return builder.sext(_call(builder, ir.IntType(32), "sched_getcpu"), ir.IntType(64))
        return ir.IntType(64)(-1)

    return types.int64(), codegen


def _call(builder: Any, result: Any, name: str, *values: Any) -> Any:
    """Call a function of LLVM or of the operating system."""
    function_type = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), values)


@_instruction
def fma(typingctx, a, b, c):
    """Return ``a * b + c`` with a single rounding."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return a(a, a, a), codegen


@_instruction
def to_bits(typingctx, x):
    """Return the bits of a float as an unsigned integer of the same width."""
    result: Any = {types.float32: types.uint32, types.float64: types.uint64}.get(x)
    if result is None:
        raise TypingError(f"to_bits takes float32 or float64, not {x}")

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(result.bitwidth))

    return result(x), codegen


@_instruction
def from_bits(typingctx, x):
    """Return the float with the bits of an unsigned integer."""
    result: Any = {types.uint32: types.float32, types.uint64: types.float64}.get(x)
    if result is None:
        raise TypingError(f"from_bits takes uint32 or uint64, not {x}")

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType() if result == types.float32 else ir.DoubleType())

    return result(x), codegen


@_instruction
def empty(typingctx, size, dtype):
    """Return ``np.empty(size, dtype)``, for which Numba would compile several functions per data type."""
    array_type = types.Array(parse_dtype(dtype), 1, "C")

    def codegen(context, builder, signature, args):
        return _empty_nd_impl(context, builder, array_type, args[:1])._getvalue()

    return array_type(types.intp, dtype), codegen


@_instruction
def zeros(typingctx, size, dtype):
    """Return ``np.zeros(size, dtype)``; see ``empty``."""
    array_type = types.Array(parse_dtype(dtype), 1, "C")

    def codegen(context, builder, signature, args):
        array = _empty_nd_impl(context, builder, array_type, args[:1])
        cgutils.memset(builder, array.data, builder.mul(array.itemsize, args[0]), 0)
        return array._getvalue()

    return array_type(types.intp, dtype), codegen


@_instruction
def whole_registers(typingctx):
    """Let the calling function use the widest SIMD registers of the processor.

    On some processors LLVM uses half of the width, since occasional wide code can reduce the clock rate; here all code
    is wide. llvmlite has no interface for attributes with values, but writes those that are added.
    """

    def codegen(context, builder, signature, args):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')

    return types.void(), codegen
