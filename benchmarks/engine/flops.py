"""Floating-point operations of a cell's step, and the share of the core's peak rate that the native engine reaches.

The generated kernels are run once on numbers that write down what is done to them. Counted are ``+ - *``, division and
square root as 1 and a fused multiply-add as 2; what depends on parameters alone or was computed before is not
counted again, as a compiler would not. Comparisons, choices, conversions and integer operations are not counted.
The peak is that of a loop of independent multiply-adds on numbers in cache, compiled and timed in the same run.
"""

from __future__ import annotations

import ast
import inspect
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from contestants import Native
from numba import njit

from livn_gym.backends import PROFILES, CultureSpec
from livn_gym.backends.native import arithmetic
from livn_gym.backends.native.generate import source
from livn_gym.backends.native.intrinsics import fma, load, store
from livn_gym.backends.native.layout import W, layouts
from livn_gym.models import Noise, ReducedCalciumSomaDendrite
from livn_gym.system import make

CULTURES = 8
COST = {"+": 1, "-": 1, "*": 1, "/": 1, "sqrt": 1, "fma": 2}


class Value:
    """A number of which is known only how it came about.

    Args:
        trace: Counts what is done to it.
        key: How it came about.
        floating: Whether it is no integer.
        varies: Whether it differs between cells or steps.
    """

    def __init__(self, trace: Trace, key: Any, floating: bool, varies: bool) -> None:
        self.trace, self.key, self.floating, self.varies = trace, key, floating, varies

    def _binary(name: str) -> Any:
        return (
            lambda self, other: self.trace.apply(name, self, other),
            lambda self, other: self.trace.apply(name, other, self),
        )

    __add__, __radd__ = _binary("+")
    __sub__, __rsub__ = _binary("-")
    __mul__, __rmul__ = _binary("*")
    __truediv__, __rtruediv__ = _binary("/")
    __and__, __rand__ = _binary("and")
    __or__, __ror__ = _binary("or")
    __xor__, __rxor__ = _binary("xor")
    __rshift__, __rrshift__ = _binary("shift right")
    __lshift__, __rlshift__ = _binary("shift left")
    __lt__, __gt__ = _binary("<")
    __le__, __ge__ = _binary("<=")
    __eq__ = _binary("==")[0]
    __hash__ = object.__hash__

    def __neg__(self) -> Value:
        """The sign costs nothing."""
        return self.trace.apply("negative", self)

    def __abs__(self) -> Value:
        """Nor does this."""
        return self.trace.apply("absolute", self)


class Trace:
    """Runs generated source on ``Value`` and counts."""

    def __init__(self) -> None:
        self.seen: dict[Any, Value] = {}
        self.counts: Counter[str] = Counter()
        self.memory: dict[int, Value] = {}

    def apply(self, name: str, *arguments: Any, floating: bool | None = None) -> Value:
        """The result of an operation, counted unless it has been done before."""
        values = [self.value(argument) for argument in arguments]
        if name == "/" and not values[1].varies:
            name = "*"  # the reciprocal is a constant; the kernels allow it
        key = (name, *(id(value) for value in values))
        if key not in self.seen:
            is_float = any(value.floating for value in values) if floating is None else floating
            varies = any(value.varies for value in values)
            self.seen[key] = Value(self, key, is_float, varies)
            if varies and name in COST and is_float:
                self.counts[name] += 1
        return self.seen[key]

    def value(self, number: Any) -> Value:
        """A constant, or what is a value already."""
        if isinstance(number, Value):
            return number
        key = ("constant", number)
        return self.seen.setdefault(key, Value(self, key, isinstance(number, float), False))

    def read(self, array: Any, address: int) -> Value:
        """What lies in memory; at first the cells' states, different for each."""
        return self.memory.setdefault(address, Value(self, ("state", address), True, True))

    def names(self) -> dict[str, Any]:
        """What the kernels and the arithmetic module call."""

        def as_float(number: Any) -> Value:
            return self.apply("float", number, floating=True)

        def as_integer(number: Any) -> Value:
            return self.apply("integer", number, floating=False)

        numpy = SimpleNamespace(
            float64=as_float, float32=as_float, uint64=as_integer, uint32=as_integer, int64=as_integer,
            int32=as_integer, sqrt=lambda number: self.apply("sqrt", number),
        )  # fmt: skip
        return {
            "np": numpy,
            "njit": lambda **_: lambda function: function,
            "Any": Any,
            "select": lambda condition, a, b: self.apply("select", self.apply("and", condition), a, b),
            "min": lambda a, b: self.apply("min", a, b),
            "max": lambda a, b: self.apply("max", a, b),
            "fma": lambda a, b, c: self.apply("fma", a, b, c),
            "to_bits": as_integer,
            "from_bits": as_float,
            "load": self.read,
            "store": lambda array, address, value: self.memory.update({address: self.value(value)}),
            "T": as_float,
            "WORD": as_integer,
            "BITS": as_integer,
            "whole_registers": lambda: None,
            "shared_parity": lambda _: 0,
            "LOW": 0xFFFFFFFF,
            "FLAG": lambda _: 0,
            "OPTIONS": {},
            "BORROWED": {},
            "INNER_OPTIONS": {},
        }


class _Plain(ast.NodeTransformer):
    """Leaves out imports, and turns a choice into a call that takes both sides, as SIMD code computes both."""

    def visit_Import(self, node: ast.Import) -> None: ...

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None: ...

    def visit_IfExp(self, node: ast.IfExp) -> ast.Call:
        self.generic_visit(node)
        return ast.Call(ast.Name("select", ast.Load()), [node.test, node.body, node.orelse], [])


def _execute(text: str, names: dict[str, Any], kept: Callable[[ast.stmt], bool]) -> None:
    module = ast.parse(text)
    module.body = [_Plain().visit(statement) for statement in module.body if kept(statement)]
    module.body = [statement for statement in module.body if statement is not None]
    exec(compile(ast.fix_missing_locations(module), "generated", "exec"), names)


def count(bits: int) -> dict[str, Counter[str]]:
    """Operations of a cell's step by population of EI2: the mean of two steps, the first of which draws their noise."""
    system = make("EI2")
    spec = CultureSpec(system, ReducedCalciumSomaDendrite(), 0.025, "backward_euler", 1, f"float{bits}")
    found = layouts(spec)
    text = source(found, [list(layout.parameters(spec, Noise())) for layout in found], bits)
    result = {}
    for tag, layout in enumerate(found):
        trace = Trace()
        names = trace.names()
        _execute(inspect.getsource(arithmetic), names, lambda _: True)
        names |= {"exp": names[f"exp{bits}"], "normal": names[f"normal{bits}"]}
        _execute(text, names, lambda statement: isinstance(statement, ast.FunctionDef))
        once = [0] * len(found)
        group = SimpleNamespace(
            cells=[1] * len(found), base=once, bucket=once, count=once, start=once, size=1, time=None
        )
        spikes = SimpleNamespace(count=[0])
        parameters = [trace.apply("parameter", float(k)) for k in range(len(layout.parameters(spec, Noise())))]
        names[f"step_blocks_{tag}"](None, parameters, group, 0, 2, [0, 0, 0], [], [], spikes)
        result[layout.name] = Counter({name: round(number / W / 2) for name, number in trace.counts.items()})
    return result


def flops(counts: Counter[str]) -> int:
    """Floating-point operations of these."""
    return sum(COST[name] * number for name, number in counts.items())


_CHAINS, _LENGTH, _LANES = 8, 16, 256
_PEAK = """
def multiply_add(S, a, b, repeats):
    for _ in range(repeats):
        for i in range({lanes}):
            {load}
            {work}
            {store}
"""


def peak(bits: int) -> Callable[[], float]:
    """A function that measures the core's rate of multiply-adds once, flop/s of processor time."""
    chains = range(_CHAINS)
    text = _PEAK.format(
        lanes=_LANES,
        load="; ".join(f"x{c} = load(S, i + {c * _LANES})" for c in chains),
        work="\n            ".join(f"x{c} = fma(x{c}, a, b)" for _ in range(_LENGTH) for c in chains),
        store="; ".join(f"store(S, i + {c * _LANES}, x{c})" for c in chains),
    )
    names: dict[str, Any] = {"load": load, "store": store, "fma": fma}
    exec(text, names)
    function, dtype = njit(names["multiply_add"]), np.dtype(f"float{bits}").type
    state, repeats = np.ones(_CHAINS * _LANES, dtype), 4000
    function(state, dtype(0.5), dtype(0.5), 1)

    def once() -> float:
        started = time.thread_time()
        function(state, dtype(0.5), dtype(0.5), repeats)
        return 2.0 * _CHAINS * _LENGTH * _LANES * repeats / (time.thread_time() - started)

    return once


def share(precision: str, runs: int = 7) -> dict[str, float]:
    """Peak and reached rate (Gflop/s, the best of the runs, in turns) and flop a culture's step, at B = 8 of EI2."""
    bits = int(precision.removeprefix("float"))
    counts, system = count(bits), make("EI2")
    step = sum(flops(counts[population.name]) * population.count for population in system.populations)
    setting = PROFILES["exact"]
    engine = Native("EI2", CULTURES, setting.__class__(setting.dt_ms, setting.scheme, precision))
    measure, best, reached, steps = peak(bits), 0.0, 0.0, round(100.0 / setting.dt_ms)
    try:
        for _ in range(runs):
            best = max(best, measure())
            reached = max(reached, step * CULTURES * steps / engine.run(100.0).cpu_s)
    finally:
        engine.close()
    return {"flop": step, "peak": best / 1e9, "reached": reached / 1e9, "share": reached / best}


def main() -> None:
    """Print the counts and the shares."""
    print("| precision | population | flop a step | of which fma | divisions | square roots |")
    print("| --- | --- | --- | --- | --- | --- |")
    for bits in (64, 32):
        for name, counts in count(bits).items():
            print(
                f"| float{bits} | {name} | {flops(counts)} | {2 * counts['fma']} | {counts['/']} | {counts['sqrt']} |"
            )
    print()
    for precision in ("float64", "float32"):
        found = share(precision)
        print(
            f"{precision}: {found['reached']:.1f} of {found['peak']:.1f} Gflop/s, {100 * found['share']:.0f} %, "
            f"{found['flop']} flop a step of EI2, {CULTURES} cultures, one thread"
        )


if __name__ == "__main__":
    main()
