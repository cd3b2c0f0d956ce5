"""Floating-point operations of a cell's step, and the share of the core's peak rate that the native engine reaches.

The generated kernels are run once on numbers that write down what is done to them, for as many steps as it takes until
every loop has had its turn, such as those of every fourth step. Counted are ``+ - *``, division and square root as 1
and a fused multiply-add as 2; what depends on parameters alone or was computed before is not counted again, as a
compiler would not. Comparisons, choices, conversions and integer operations are not counted. The peak is that of a loop
of independent multiply-adds on numbers in cache, compiled and timed in the same run.

``--quick`` takes fewer turns.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import time
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from contestants import Native
from numba import njit
from tables import table

from livn_gym.backends import PROFILES, CultureSpec
from livn_gym.backends.native import arithmetic
from livn_gym.backends.native.generate import source
from livn_gym.backends.native.intrinsics import fma, load, store
from livn_gym.backends.native.layout import layouts
from livn_gym.models import Noise, ReducedCalciumSomaDendrite
from livn_gym.system import make

CULTURES = 8
CYCLE = 8
"""Number of steps that are counted: a multiple of the periods of all loops."""

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

    def __bool__(self) -> bool:
        """Refuse a branch: which way it goes is not known.

        Raises:
            TypeError: Always.
        """
        raise TypeError("A kernel branches on a number of a cell; its operations cannot be counted.")

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
            "select": lambda condition, a, b: self.apply("select", self.apply("and", condition), a, b),
            "min": lambda a, b: self.apply("min", a, b) if _traced(a, b) else min(a, b),
            "max": lambda a, b: self.apply("max", a, b) if _traced(a, b) else max(a, b),
            "fma": lambda a, b, c: self.apply("fma", a, b, c),
            "to_bits": as_integer,
            "from_bits": as_float,
            "load": self.read,
            "store": lambda array, address, value: self.memory.update({address: self.value(value)}),
            "whole_registers": lambda: None,
            "negated": lambda value: self.apply("not", value) if isinstance(value, Value) else not value,
            "FLAG": lambda _: 0,
        }


def _traced(*arguments: Any) -> bool:
    """True if an argument is a number of a cell, not one of the loops around it."""
    return any(isinstance(argument, Value) for argument in arguments)


class _Plain(ast.NodeTransformer):
    """Turns a choice into a call that takes both sides, as SIMD code computes both."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        match node.body[-2:]:
            case [ast.If(test, [ast.Return(first)], []), ast.Return(second)]:
                node.body[-2:] = [ast.Return(ast.IfExp(test, first, second))]
        self.generic_visit(node)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.Call:
        self.generic_visit(node)
        return ast.Call(ast.Name("select", ast.Load()), [node.test, node.body, node.orelse], [])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return ast.Call(ast.Name("negated", ast.Load()), [node.operand], []) if isinstance(node.op, ast.Not) else node


def _execute(text: str, names: dict[str, Any]) -> None:
    """Execute a module in which the given names stay as they are; imported functions are those before compilation."""
    body = []
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
            for alias in statement.names:
                imported = names.get(alias.name) or getattr(importlib.import_module(statement.module), alias.name)
                names.setdefault(alias.asname or alias.name, getattr(imported, "py_func", imported))
        elif isinstance(statement, ast.Assign) and all(ast.unparse(target) in names for target in statement.targets):
            continue
        elif not isinstance(statement, ast.Import | ast.ImportFrom):
            body.append(_Plain().visit(statement))
    exec(compile(ast.fix_missing_locations(ast.Module(body, [])), "generated", "exec"), names)


def count(profile: str) -> dict[str, Counter[str]]:
    """Return the operations of ``CYCLE`` steps of a cell by population of EI2."""
    setting = PROFILES[profile]
    spec = CultureSpec(make("EI2"), ReducedCalciumSomaDendrite(), setting.dt_ms, setting.scheme, 1, setting.precision)
    found, bits = layouts(spec), int(setting.precision.removeprefix("float"))
    parameters = [list(layout.parameters(spec, Noise())) for layout in found]
    text, none = source(found, parameters, bits), np.zeros(len(found), dtype=np.int64)
    group = SimpleNamespace(
        count=none + 1, span=np.array([[0, 1]] * len(found)), base=none, bucket=none, start=none,
        size=1, time=np.zeros(1, dtype=np.int64),
    )  # fmt: skip
    result = {}
    for tag, layout in enumerate(found):
        trace = Trace()
        names = trace.names()
        _execute(inspect.getsource(arithmetic), names)
        _execute(text, names)
        values = [trace.apply("parameter", float(k)) for k in range(len(parameters[tag]))]
        spikes, nothing = SimpleNamespace(count=[0] * (1 + len(found))), [0] * (CYCLE + 1)
        names[f"step_blocks_{tag}"](None, values, group, 0, CYCLE, nothing, [], [], spikes)
        result[layout.name] = Counter({name: number // layout.lanes for name, number in trace.counts.items()})
    return result


def flops(counts: Counter[str]) -> float:
    """Return the floating-point operations of a step, of counts of ``CYCLE`` steps."""
    return sum(COST[name] * number for name, number in counts.items()) / CYCLE


def culture_flops(profile: str) -> int:
    """Return the floating-point operations of a step of a culture of EI2."""
    counts = count(profile)
    return round(sum(flops(counts[population.name]) * population.count for population in make("EI2").populations))


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


def share(profile: str, turns: int) -> tuple[str, ...]:
    """Return the row of a profile: peak and reached rates are the best of the turns, at B = 8 of EI2."""
    setting, step = PROFILES[profile], culture_flops(profile)
    engine, steps = Native("EI2", CULTURES, setting), round(100.0 / setting.dt_ms)
    measure, best, reached = peak(int(setting.precision.removeprefix("float"))), 0.0, 0.0
    try:
        for _ in range(turns):
            best = max(best, measure())
            reached = max(reached, step * CULTURES * steps / engine.run(100.0).cpu_s)
    finally:
        engine.close()
    rates = f"{reached / 1e9:.1f}", f"{best / 1e9:.1f}", f"{100 * reached / best:.0f} %"
    return profile, setting.precision, str(step), f"{step * steps / 1e6:.0f}", *rates


def main() -> None:
    """Print the counts and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer turns")
    turns = 2 if parser.parse_args().quick else 15
    print("Operations of a step of a cell of EI2, averaged over the loops that do not run in every step\n")
    rows = []
    for profile, setting in PROFILES.items():
        for name, counts in count(profile).items():
            numbers = (flops(counts), 2 * counts["fma"] / CYCLE, counts["/"] / CYCLE, counts["sqrt"] / CYCLE)
            rows.append((f"{profile}, {setting.precision}", name, *(f"{number:.4g}" for number in numbers)))
    table(("profile", "population", "flop", "of these in multiply-adds", "divisions", "square roots"), rows)
    print(f"EI2, B = {CULTURES}, one thread, by processor time\n")
    columns = (
        "profile",
        "precision",
        "flop per culture and step",
        "Mflop for 100 ms",
        "Gflop/s",
        "peak Gflop/s",
        "share",
    )
    table(columns, [share(profile, turns) for profile in PROFILES])


if __name__ == "__main__":
    main()
