"""Generated kernels mean the same after they were rewritten for Numba; executed here as plain Python."""

import ast
from collections import Counter

import numpy as np
import pytest

from livn_gym.backends.native.compact import compact

TEXT = """
import numpy as np
T = np.float32
FLAG = np.int32
BITS = np.uint32
WORD = np.uint64
LANES = 4

def half(x):
    return T(0.5) * x + T(1.0) - T(0.25) * T(3.0)

def pair(x, y):
    return y, x

def run(S, steps):
    flags = FLAG(0)
    seen = []
    for k in range(steps):
        scale = T(k) + T(0.1)
        for lane in range(LANES):
            i = lane
            x = S[i]
            x, y = pair(x, half(x))
            x += scale
            a = b = T(-2.0)
            b -= x
            x = x if x > T(0.0) else a * y
            S[i] = x + b / T(7.0)
            flags = FLAG(flags + (FLAG(1) if x > T(1.0) else FLAG(1024 - 1)))
        for lane in range(LANES):
            if S[lane] > scale:
                z = S[lane]
                seen.append(z)
        for lane in range(LANES):
            x = S[lane] * scale
            last = x
            S[lane] = x
            flags += FLAG(2)
        seen.append(last)
    return flags, seen
"""


def run(text, steps):
    module = {}
    exec(compile(text, "<kernels>", "exec"), module)
    S = np.array([0.3, -4.0, 2.5, 0.0], dtype=np.float32)
    flags, seen = module["run"](S, steps)
    return S.tobytes(), flags, [value.tobytes() for value in seen]


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_rewritten_module_has_the_same_results(steps):
    assert run(compact(TEXT), steps) == run(TEXT, steps)


def test_variables_of_an_iteration_are_assigned_once_and_others_stay():
    tree = ast.parse(compact(TEXT))
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    count = Counter(names)
    assert {name for name in count if count[name] > 1} == {"flags", "lane"}
    assert {"x", "y", "a", "b", "i", "z", "last"} & set(names) == {"z", "last"}


def test_equal_constants_are_converted_once():
    tree = ast.parse(compact(TEXT))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    calls = [ast.unparse(node) for function in functions for node in ast.walk(function) if isinstance(node, ast.Call)]
    assert {call for call in calls if call.startswith(("T(", "BITS(", "WORD("))} == {"T(k)"}
    values = [ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assert len(set(values)) == len(values)
