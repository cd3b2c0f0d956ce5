"""Generate the kernels of a model's populations as branch-free Python source, which Numba vectorises.

The equations are scalar functions in ``livn_gym.models``. They are translated with constants in the engine's precision
(one float64 constant would halve the width of a float32 loop), with a polynomial for ``math.exp``, and with explicit
fused multiply-adds, so that the compiler has no choice. Synapses, noise, stimulus and the solution for the two voltages
are added in the order of NEURON's fixed step.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import dedent
from types import FunctionType
from typing import Any

from livn_gym.backends.base import MAX_VOLTAGE_MV
from livn_gym.backends.native import layout as variables
from livn_gym.backends.native import lines
from livn_gym.backends.native.layout import Layout
from livn_gym.backends.native.templates import (
    HEADER,
    KERNEL,
    LEARNING,
    LIGHT,
    NO_LEARNING,
    NO_LIGHT,
    RUN,
    RUN_RANK,
    SLOW,
    SOLVE,
    SOLVE_CORRECTED,
)
from livn_gym.backends.parsing import parsed

_IDENTIFIER = re.compile(r"\w+")


def source(
    layouts: Sequence[Layout],
    parameter_names: Sequence[list[str]],
    bits: int,
    *,
    shared: bool = False,
    learns: bool = False,
    varied: Sequence[tuple[str, ...]] = (),
) -> str:
    """Return the source of a module with a function ``run`` for these populations.

    Args:
        layouts: Layouts of the populations.
        parameter_names: Names of the parameters of each kernel, in order; the first is ``threshold``.
        bits: Precision, 32 or 64.
        shared: Whether MPI ranks share the cultures; ``run`` then advances one window between two exchanges.
        learns: Whether each culture has synapses of its own, which may be plastic.
        varied: Names of the parameters of each kernel that differ between cells and are read per lane from an
            additional array.
    """
    imports = "" if layouts[0].opsin is None else ", rewind_light, update_light"
    texts = [HEADER.format(bits=bits, bound=MAX_VOLTAGE_MV, lanes=layouts[0].lanes, imports=imports)]
    calls = []
    none: tuple[str, ...] = ()
    populations = zip(layouts, parameter_names, varied or [none] * len(layouts), strict=True)
    for tag, (layout, names, lanes) in enumerate(populations):
        functions = _Functions(f"_{tag}", names, layout)
        loops = {
            "noise_drawn": lines.noise_drawn(layout),
            "noise_stored": lines.noise_stored(layout),
            "advance_slow": map(_fused, lines.advance_slow(layout, functions)),
            "solve": map(_fused, lines.solve(layout, functions)),
            "solve_corrected": map(_fused, lines.solve(layout, functions, corrected=True)),
            "advance": map(_fused, lines.advance(layout, functions)),
        }
        depths = {"noise_drawn": 5, "noise_stored": 5, "solve_corrected": 5, "advance_slow": 5, "advance": 4}
        depths["solve"] = 4 if layout.multirate_step is None else 5
        texts_of = {name: _lines(_laned(list(loop), lanes), depths[name]) for name, loop in loops.items()}
        slow = SLOW.format(period=layout.slow_steps, lines=texts_of["advance_slow"]) if layout.multirate else ""
        solve = SOLVE if layout.multirate_step is None else SOLVE_CORRECTED
        kernel = KERNEL.format(
            tag=tag,
            name=layout.name,
            size=layout.size,
            v_old=variables.V_OLD,
            Q="Q, " if lanes else "",
            parameters=_lines((f"p_{name} = T(load(P, {k}))" for k, name in enumerate(names) if name not in lanes), 1),
            arrive=_lines(lines.arrive(layout), 4),
            noise_steps=layout.noise_steps,
            noise_period=2 * layout.noise_steps,
            noise_drawn=texts_of["noise_drawn"],
            noise_stored=texts_of["noise_stored"],
            advance_slow=slow,
            solve=solve.format(solve=texts_of["solve"], corrected=texts_of["solve_corrected"]),
            advance=texts_of["advance"],
            active=lines.ACTIVE,
        )
        texts += [*functions.texts, kernel]
        arrays = f"parameters[{tag}], parameters[{len(layouts) + tag}]" if lanes else f"parameters[{tag}]"
        due = "arrivals.bucket, arrivals.address, arrivals.increment"
        calls.append(f"step_blocks_{tag}(S, {arrays}, group, step, steps, {due}, new_spikes)")
    run = RUN_RANK if shared else RUN
    light, learning = NO_LIGHT if layouts[0].opsin is None else LIGHT, LEARNING if learns else NO_LEARNING
    texts.append(run.format(advance=_lines(calls, 2), **light, **learning))
    return "\n\n".join(text.strip("\n") for text in texts) + "\n"


def _laned(texts: Sequence[str], lanes: Sequence[str]) -> list[str]:
    """Return the lines of a loop over the lanes, preceded by those that read the parameters per lane that they use."""
    used = set(_IDENTIFIER.findall("\n".join(texts)))
    read = [f"p_{name} = load(Q, q + {k} * LANES)" for k, name in enumerate(lanes) if f"p_{name}" in used]
    return [f"q = block * {len(lanes)} * LANES + lane", *read, *texts] if read else list(texts)


def _lines(texts: Iterable[str], depth: int) -> str:
    return ("\n" + "    " * depth).join(texts)


class _Functions:
    """Translated scalar functions that the kernel of a population calls.

    Args:
        suffix: Keeps functions of different cells apart.
        parameters: Names of the kernel's parameters.
        layout: The population.
    """

    def __init__(self, suffix: str, parameters: list[str], layout: Layout) -> None:
        self.suffix = suffix
        self.texts: list[str] = []
        self._names: dict[Callable[..., Any], str] = {}
        self._arguments = {name: f"p_{name}" for name in parameters}
        self._arguments |= {name: f"x_{name}" for name in layout.native.states}
        self._arguments |= {name: name for name in ("v_s", "v_d", "v_ahead", "v_old")}

    def call(self, function: Callable[..., Any], names: Mapping[str, str] | None = None) -> str:
        """Return a call of a function, with its arguments chosen by name; ``names`` replaces those of the cell."""
        names = self._arguments if names is None else names
        arguments = [names[name] for name in inspect.signature(function).parameters]
        return f"{self.name(function)}({', '.join(arguments)})"

    def name(self, function: Callable[..., Any]) -> str:
        """Return the name of a function in the generated module, to which it and the functions it calls are added."""
        if function not in self._names:
            stem = function.__name__.strip("_")
            same = sum(other.__name__.strip("_") == stem for other in self._names)
            self._names[function] = f"{stem}{'' if same == 0 else f'_{same}'}{self.suffix}"
            definition = parsed(dedent(inspect.getsource(function))).body[0]
            assert isinstance(definition, ast.FunctionDef)
            definition = _Fuser().visit(_Rewriter(self, function).visit(definition))
            definition.name = self._names[function]
            text = ast.unparse(ast.fix_missing_locations(definition))
            self.texts.append(f"@njit(forceinline=True, **INNER_OPTIONS)\n{text}\n")
        return self._names[function]


class _Rewriter(ast.NodeTransformer):
    """Translator of constants to the engine's precision, of exp and of function names."""

    def __init__(self, functions: _Functions, function: Callable[..., Any]) -> None:
        self._functions = functions
        self._globals: dict[str, Any] = function.__globals__

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            del node.body[0]  # the docstring
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return _constant(node.value)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if ast.unparse(node) not in ("math.exp", "math.exp2"):
            raise TypeError(f"A cell's function may only use math.exp and math.exp2, not {ast.unparse(node)}.")
        return ast.Name(node.attr, ast.Load())

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._globals.get(node.id)
        if isinstance(node.ctx, ast.Load) and isinstance(value, FunctionType):
            return ast.Name(self._functions.name(value), ast.Load())
        if isinstance(node.ctx, ast.Load) and isinstance(value, float):
            return _constant(value)
        return node


def _constant(value: object) -> ast.expr:
    if not isinstance(value, float):
        raise TypeError(f"Constants in a cell's function must be floats, got {value!r}.")
    return ast.Call(ast.Name("T", ast.Load()), [ast.Constant(value)], [])


class _Fuser(ast.NodeTransformer):
    """Translate ``a * b + c`` and similar sums to fused multiply-adds, except in addresses."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        sign = isinstance(node.op, ast.Sub)
        if not sign and not isinstance(node.op, ast.Add):
            return node
        for product, other, first in ((node.left, node.right, True), (node.right, node.left, False)):
            if isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult):
                a = _negative(product.left) if sign and not first else product.left
                c = _negative(other) if sign and first else other
                return ast.Call(ast.Name("fma", ast.Load()), [a, product.right, c], [])
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        called = ast.unparse(node.func)
        numbers = {"load": [], "store": node.args[2:]}.get(called, node.args)
        node.args = [self.visit(argument) if argument in numbers else argument for argument in node.args]
        return node


def _negative(value: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), value)


def _fused(line: str) -> str:
    return ast.unparse(ast.fix_missing_locations(_Fuser().visit(parsed(line))))
