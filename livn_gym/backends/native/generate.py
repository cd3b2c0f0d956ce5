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
from collections.abc import Callable, Iterable, Iterator, Sequence
from textwrap import dedent
from types import FunctionType
from typing import Any

from livn_gym.backends.base import MAX_VOLTAGE_MV
from livn_gym.backends.native import layout as variables
from livn_gym.backends.native.layout import Layout, W
from livn_gym.backends.native.templates import HEADER, KERNEL, RUN, RUN_RANK

_MIN_CONDUCTANCE_US = 1e-30
"""Conductances below this are set to 0. They are negligible in any sum, and subnormal numbers, which a decay reaches in
float32 some 30 ms after a spike, take over a hundred cycles each on some processors."""

_IDENTIFIER = re.compile(r"\w+")


def source(
    layouts: Sequence[Layout],
    parameter_names: Sequence[list[str]],
    bits: int,
    *,
    shared: bool = False,
    varied: Sequence[tuple[str, ...]] = (),
) -> str:
    """Return the source of a module with a function ``run`` for these populations.

    Args:
        layouts: Layouts of the populations.
        parameter_names: Names of the parameters of each kernel, in order; the first is ``threshold``.
        bits: Precision, 32 or 64.
        shared: Whether MPI ranks share the cultures; ``run`` then advances one window between two exchanges.
        varied: Names of the parameters of each kernel that differ between cells and are read per lane from an
            additional array.
    """
    texts = [HEADER.format(bits=bits, bound=MAX_VOLTAGE_MV)]
    calls = []
    none: tuple[str, ...] = ()
    populations = zip(layouts, parameter_names, varied or [none] * len(layouts), strict=True)
    for tag, (layout, names, lanes) in enumerate(populations):
        functions = _Functions(f"_{tag}", names, layout)
        solve, advance = ([_fused(line) for line in lines(layout, functions)] for lines in (_solve, _advance))
        solve, noise, noise_drawn, advance = (_laned(lines, lanes) for lines in (solve, _NOISE, _NOISE_DRAWN, advance))
        kernel = KERNEL.format(
            tag=tag,
            name=layout.name,
            size=layout.size,
            W=W,
            v_old=variables.V_OLD * W,
            Q="Q, " if lanes else "",
            parameters=_lines((f"p_{name} = T(P[{k}])" for k, name in enumerate(names) if name not in lanes), 1),
            solve=_lines(solve, 4),
            noise=_lines(noise, 5),
            noise_drawn=_lines(noise_drawn, 5),
            advance=_lines(advance, 4),
        )
        texts += [*functions.texts, kernel]
        arrays = f"parameters[{tag}], parameters[{len(layouts) + tag}]" if lanes else f"parameters[{tag}]"
        due = "arrivals.bucket, arrivals.address, arrivals.increment"
        calls.append(f"step_blocks_{tag}(S, {arrays}, group, step, steps, {due}, new_spikes)")
    texts.append((RUN_RANK if shared else RUN).format(advance=_lines(calls, 2)))
    return "\n\n".join(text.strip("\n") for text in texts) + "\n"


def _laned(lines: Sequence[str], lanes: Sequence[str]) -> list[str]:
    """Return the lines of a loop over the lanes, preceded by those that read the parameters per lane that they use."""
    used = set(_IDENTIFIER.findall("\n".join(lines)))
    read = [f"p_{name} = load(Q, q + {k * W})" for k, name in enumerate(lanes) if f"p_{name}" in used]
    return [f"q = block * {len(lanes) * W} + lane", *read, *lines] if read else list(lines)


def _get(variable: int) -> str:
    return f"load(S, i + {variable * W})"


def _put(variable: int, value: str) -> str:
    return f"store(S, i + {variable * W}, {value})"


def _word(variable: int) -> str:
    return f"WORD(to_bits({_get(variable)}))"


_NOISE_KEY = (variables.GID, variables.TRIAL, variables.SEED_LOW, variables.SEED_HIGH)
_UPDATE = [
    "draw_e, draw_i = normal(radius, angle)",
    _put(variables.Y_E, f"p_noise_keep_e * {_get(variables.Y_E)} + p_noise_spread_e * draw_e"),
    _put(variables.Y_I, f"p_noise_keep_i * {_get(variables.Y_I)} + p_noise_spread_i * draw_i"),
]

_NOISE = [
    f"at = ({_word(variables.STEP_HIGH)} << WORD(32)) + {_word(variables.STEP)} + now",
    f"words = philox(at, {', '.join(map(_word, _NOISE_KEY))})",
    "odd = at & WORD(1) == WORD(1)",
    "radius, angle = words[2] if odd else words[0], words[3] if odd else words[1]",
    _put(variables.ODD_RADIUS, "from_bits(BITS(words[2]))"),
    _put(variables.ODD_ANGLE, "from_bits(BITS(words[3]))"),
    *_UPDATE,
]
"""Noise at even steps, at the first step of a window, and in groups with cultures at even and odd steps."""

_NOISE_DRAWN = [f"radius, angle = {_word(variables.ODD_RADIUS)}, {_word(variables.ODD_ANGLE)}", *_UPDATE]
"""Noise at an odd step that follows an even step of the same window."""


# Three loops over the lanes instead of one, so that the code after the solution does not wait for it within the few
# hundred instructions that a processor looks ahead.


def _solve(layout: Layout, functions: _Functions) -> Iterator[str]:
    """Return the lines that compute the next voltages from the conductances, and the decay of the synapses."""
    states = layout.state_variables
    at = {"s": "v_s", "d": "v_d"}  # voltages at the end of the previous step
    yield f"v_s = {_get(variables.V_S)}"
    yield f"v_d = {_get(variables.V_D)}"
    yield "v_before = v_s"
    yield f"v_old = {_get(variables.V_OLD)}"
    for name, variable in states.items():
        yield f"x_{name} = {_get(variable)}"
    if layout.native.reset is not None:
        at = {"s": "v_before", "d": "v_d_before"}
        yield from _reset(layout, functions)
    yield "v_ahead = v_s + T(0.5) * (v_s - v_old)"
    yield f"G_s, J_s, G_d, J_d = {functions.call(layout.native.conductances)}"
    yield f"G_s = p_area_s * G_s + {_get(variables.G_IN)}"
    yield f"J_s = p_area_s * J_s + {_get(variables.J_IN)} + {_get(variables.AMP_S)}"
    yield "G_d = p_area_d * G_d"
    yield f"J_d = p_area_d * J_d + {_get(variables.AMP_D)}"
    for name, slot in layout.slots.items():
        side = slot.site[0]
        yield f"A_{name} = {_get(slot.first)}"
        yield f"B_{name} = {_get(slot.first + 1)}"
        yield f"g = p_norm_{name} * (B_{name} - A_{name})"
        if slot.receptor.magnesium_mM:
            yield f"g = g / (T(1.0) + exp(T(-0.062) * {at[side]}) * p_mg_{name} / T(3.57))"
        yield f"G_{side} += g"
        yield f"J_{side} += g * p_E_{name}"
    for sign, variable in (("e", variables.Y_E), ("i", variables.Y_I)):
        side = layout.noise_site[sign][0]
        yield f"g = p_noise_g0_{sign} + p_noise_std_{sign} * {_get(variable)}"
        yield "g = g if g > T(0.0) else T(0.0)"
        yield f"G_{side} += g"
        yield f"J_{side} += g * p_noise_E_{sign}"
    yield from (
        "flow = p_coupling * (v_d - v_s)",
        "R_s = J_s - G_s * v_s + flow",
        "R_d = J_d - G_d * v_d - flow",
        "inverse = T(1.0) / (p_C_d + G_d + p_coupling)",
        "share = p_coupling * inverse",
        "change = (R_s + share * R_d) / (p_C_s + G_s + p_coupling - share * p_coupling)",
        "v_s = v_s + p_order * change",
        "v_d = v_d + p_order * (R_d + p_coupling * change) * inverse",
        _put(variables.V_S, "v_s"),
        _put(variables.V_D, "v_d"),
        _put(variables.V_OLD, "v_before"),
        "crossed = FLAG(crossed + (FLAG(1) if (v_s > p_threshold) & (v_before <= p_threshold) else FLAG(0)))",
    )
    for name, slot in layout.slots.items():
        yield f"arrived = {_get(slot.first + 2)}"
        for k, (process, phase) in enumerate((("A", "rise"), ("B", "decay"))):
            yield f"left = ({process}_{name} + arrived) * p_keep_{phase}_{name}"
            yield _put(slot.first + k, f"left if abs(left) > T({_MIN_CONDUCTANCE_US}) else T(0.0)")
        yield _put(slot.first + 2, "T(0.0)")


def _reset(layout: Layout, functions: _Functions) -> Iterator[str]:
    """Return the lines that reset cells whose soma has reached the peak, across which nothing is extrapolated."""
    assert layout.native.reset is not None
    changed = {"v_s": None, "v_d": None} | {f"x_{name}": k for name, k in layout.state_variables.items()}
    yield "v_d_before = v_d"
    yield "fired = v_s >= p_v_peak"
    yield f"{', '.join(f'reset_{name}' for name in changed)} = {functions.call(layout.native.reset)}"
    for name, variable in changed.items():
        yield f"{name} = reset_{name} if fired else {name}"
        if variable is not None:
            yield _put(variable, name)
    yield "v_old = v_s if fired | (v_old >= p_v_peak) else v_old"


def _advance(layout: Layout, functions: _Functions) -> Iterator[str]:
    """Return the lines that advance the states of the cell at the new voltages."""
    states = layout.state_variables
    if not states:
        return
    yield f"v_s = {_get(variables.V_S)}"
    yield f"v_d = {_get(variables.V_D)}"
    if "v_old" in inspect.signature(layout.native.advance).parameters:
        yield f"v_old = {_get(variables.V_OLD)}"
    for name, variable in states.items():
        yield f"x_{name} = {_get(variable)}"
    yield f"{', '.join(f'x_{name}' for name in states)} = {functions.call(layout.native.advance)}"
    for name, variable in states.items():
        yield _put(variable, f"x_{name}")


def _lines(lines: Iterable[str], depth: int) -> str:
    return ("\n" + "    " * depth).join(lines)


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

    def call(self, function: Callable[..., Any]) -> str:
        """Return a call of a function, with its arguments chosen by name."""
        arguments = [self._arguments[name] for name in inspect.signature(function).parameters]
        return f"{self.name(function)}({', '.join(arguments)})"

    def name(self, function: Callable[..., Any]) -> str:
        """Return the name of a function in the generated module, to which it and the functions it calls are added."""
        if function not in self._names:
            self._names[function] = function.__name__.strip("_") + self.suffix
            definition = ast.parse(dedent(inspect.getsource(function))).body[0]
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
        if ast.unparse(node) != "math.exp":
            raise TypeError(f"A cell's function may only use math.exp, not {ast.unparse(node)}.")
        return ast.Name("exp", ast.Load())

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
    return ast.unparse(ast.fix_missing_locations(_Fuser().visit(ast.parse(line))))
