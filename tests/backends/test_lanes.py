"""Loops over lanes have the same results after their translation as in Python and as compiled by Numba."""

import ast
import re

import numpy as np
import pytest
from numba.core.errors import TypingError

from livn_gym.backends.native.lanes import outlined
from livn_gym.backends.native.translation import function

HEADER = """
import numpy as np
from numba import njit
from livn_gym.backends.native.arithmetic import exp{bits} as exp
from livn_gym.backends.native.arithmetic import normal{bits} as normal
from livn_gym.backends.native.arithmetic import philox
from livn_gym.backends.native.intrinsics import fma, from_bits, load, store, to_bits
T = np.float{bits}
BITS = np.uint{bits}
FLAG = np.int{bits}
LANES = 8
"""

TEXT = '''
@njit
def half(x, floor):
    """Docstring."""
    if x < floor:
        return floor
    elif x > T(3.0):
        x = T(2.5)
        return x
    y = T(0.5) * x
    return y + T(1.0) - T(0.25) * T(3.0)

@njit
def pair(x, y):
    if abs(x) > abs(y):
        return y, x
    return x, -y

@njit
def powers(x):
    result = T(1.0)
    for k in range(1, 4):
        result = result * x + T(k)
    return result

@njit
def run(S, P, first, steps):
    p_scale = T(load(P, 0))
    p_floor = T(load(P, 1))
    shared = T(load(P, 2))
    flags = FLAG(0)
    for k in range(steps):
        extra = T(k) * shared
        for lane in range(LANES):
            i = first + lane
            x = y = load(S, i + 1 * LANES)
            x, y = pair(x, half(y, p_floor))
            x += p_scale + extra
            x -= T(0.125)
            a = b = T(-2.0)
            b *= x
            inside = (p_floor < x <= T(2.0)) | (not x > y)
            small = x < y and y < T(1.0) or not inside
            x = x if small else a * y / (b * b + T(1.0))
            x = max(x, min(y, powers(y), +x), -T(3.0))
            words = BITS(lane * 3 + i // 2 - i % 3) ^ (to_bits(x) >> BITS(4)) & BITS(4095)
            x = x + T(BITS(words)) / T(2.0 ** 20) if words != BITS(0) else x
            x = x + np.sqrt(abs(y)) + exp(-abs(x)) + from_bits(to_bits(T(0.5)))
            draws = normal(np.uint64(BITS(words)), np.uint64(i))
            numbers = philox(np.uint64(k), np.uint64(lane), np.uint64(1), np.uint64(2), np.uint64(3))
            x = fma(x, T(0.5), draws[0] * draws[1]) + T(numbers[3]) * T(2.0 ** -32)
            store(S, i + 1 * LANES, x)
            store(S, i, x if inside else load(S, i))
            flags = FLAG(flags + (FLAG(1) if x > T(1.0) else FLAG(1024 - 1)))
    return flags
'''

LEFT = """
@njit
def run(S, P, first, steps):
    p_scale = T(load(P, 0))
    count = FLAG(0)
    total = T(0.0)
    last = T(0.0)
    for lane in range(LANES):
        if load(S, lane) > p_scale:
            count += FLAG(1)
    for lane in range(LANES):
        total += load(S, lane)
        count += FLAG(2)
    for lane in range(LANES):
        last = load(S, lane) * p_scale
        store(S, lane, last)
    for lane in range(LANES):
        for k in range(steps):
            store(S, lane, load(S, lane) + T(1.0))
    return count, total, last
"""


def translated(text, bits):
    module = {}
    text = HEADER.format(bits=bits) + text
    exec(text, module)
    shorter, parts = outlined(text, module)
    module |= {name: function(name, part) for name, part in parts.items()}
    exec(shorter, module)
    return module, shorter, parts


def compiled(text, bits):
    module = {}
    exec(HEADER.format(bits=bits) + text, module)
    return module


def numbers(bits):
    dtype = np.dtype(f"f{bits // 8}")
    rng = np.random.default_rng(0)
    return rng.normal(0, 2, 24).astype(dtype), np.array([0.3, -1.5, 0.25])


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("bits", [32, 64])
def test_a_translated_loop_has_the_results_of_numba(bits, steps):
    module, _, parts = translated(TEXT, bits)
    assert len(parts) == 2
    S, P = numbers(bits)
    expected = S.copy()
    assert module["run"](S, P, 3, steps) == compiled(TEXT, bits)["run"](expected, P, 3, steps)
    np.testing.assert_array_equal(S, expected)
    assert np.isfinite(S).all()


def test_constants_of_loops_are_converted_once_and_others_stay():
    _, shorter, parts = translated(TEXT, 32)
    constants, loop = parts.values()
    assert constants.names == ["p_scale", "p_floor"]
    assert loop.carried == "flags"
    assert loop.inputs == ["S", "extra", "first", "flags", "k", "constants"]
    assert "shared = T(load(P, 2))" in shorter
    assert not re.search(r"p_\w+ = ", shorter)


@pytest.mark.parametrize("bits", [32, 64])
def test_loops_with_branches_or_several_results_are_left_to_numba(bits):
    module, shorter, parts = translated(LEFT, bits)
    assert not parts
    assert ast.dump(ast.parse(shorter)) == ast.dump(ast.parse(HEADER.format(bits=bits) + LEFT))
    S, P = numbers(bits)
    expected = S.copy()
    assert module["run"](S, P, 0, 2) == compiled(LEFT, bits)["run"](expected, P, 0, 2)
    np.testing.assert_array_equal(S, expected)


@pytest.mark.parametrize("line", ["x = x @ y", "x = half(x)", "x = x[0]", "x = -S", "x, y = x"])
def test_what_cannot_be_compiled_is_an_error(line):
    text = TEXT.replace("x -= T(0.125)", line)
    with pytest.raises(TypingError):
        translated(text, 32)[0]["run"](*numbers(32), 0, 1)
