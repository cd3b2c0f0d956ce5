"""Generate the NMODL mechanism of a cell from the functions of its ``CellStep``.

The mechanism is inserted in the soma and holds the states of the whole cell; it passes the membrane current of the
dendrite to the mechanism ``held_current`` there. Names of the model have the prefixes ``p_`` (parameters), ``x_``
(states), ``l_`` (local variables) and ``f_`` (functions), so that they cannot collide with keywords of NMODL.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from textwrap import dedent
from types import FunctionType
from typing import Any

from livn_gym.backends.parsing import parsed
from livn_gym.models import CellStep, channelrhodopsin
from livn_gym.models.channelrhodopsin import LIGHT, STATES

DENDRITE = "held_current"
"""Mechanism of the dendrite."""

POINTERS = ("v_s", "v_d", "G_d", "J_d")
"""Pointers of the soma's mechanism: both voltages, and the variables of ``held_current``."""

_MECHANISM = """\
TITLE A cell's membrane, written by livn_gym.backends.neuron.nmodl

COMMENT
Conductances G (mS/cm2) and currents J (uA/cm2) of both compartments are held during a step, so that the current
G v - J is linear in v. BEFORE BREAKPOINT runs at a step's beginning, after thresholds have been looked at: they see
a spike's peak, and what follows starts from the reset.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX @name@
    NONSPECIFIC_CURRENT i
    POINTER @pointers@
    RANGE @ranges@
}

PARAMETER {
    @parameters@
}

ASSIGNED {
    v (millivolt)
    i (milliamp/cm2)
    @assigned@
}

INITIAL {
    v_old = v
    @initial@
}

BEFORE BREAKPOINT {
    hold()
}

BREAKPOINT {
    SOLVE advance
    i = 1e-3 * (G_s * v - J_s)
}

PROCEDURE hold() {
    LOCAL v_before, v_ahead@hold_locals@
    v_before = v_s
    @reset@
    v_ahead = v_s + 0.5 * (v_s - v_old)
    v_old = v_before
    @hold@
}

PROCEDURE advance() {
    @advance_locals@
    @advance@
}

FUNCTION f_abs(x) { f_abs = fabs(x) }
FUNCTION f_min(x, y) { if (x < y) { f_min = x } else { f_min = y } }
FUNCTION f_max(x, y) { if (x > y) { f_max = x } else { f_max = y } }
"""

_OPSIN = """\
TITLE Channelrhodopsin of a cell, written by livn_gym.backends.neuron.nmodl

NEURON {
    THREADSAFE
    POINT_PROCESS @name@
    NONSPECIFIC_CURRENT i
    RANGE @ranges@
}

PARAMETER {
    @parameters@
}

ASSIGNED {
    v (millivolt)
    i (nanoamp)
    held_uS
    @assigned@
}

INITIAL {
    held_uS = 0
    @initial@
}

BEFORE BREAKPOINT {
    hold()
}

BREAKPOINT {
    SOLVE advance
    i = held_uS * (v - p_E)
}

PROCEDURE hold() {
    @hold_locals@
    @hold@
}

PROCEDURE advance() {
    @advance_locals@
    @advance@
}

FUNCTION f_abs(x) { f_abs = fabs(x) }
FUNCTION f_min(x, y) { if (x < y) { f_min = x } else { f_min = y } }
FUNCTION f_max(x, y) { if (x > y) { f_max = x } else { f_max = y } }
"""

OPSIN = "Opsin"
"""Name of the mechanism of an opsin."""

_BUILTIN = {"abs": "f_abs", "min": "f_min", "max": "f_max"}


def mechanism(name: str, step: CellStep, parameters: Iterable[str]) -> str:
    """Return the NMODL text of the mechanism of a cell.

    Besides ``p_<parameter>``, it has a parameter ``first_<state>`` for the initial value of every state.

    Args:
        name: Name of the mechanism.
        step: Equations of the cell.
        parameters: Names of the parameters of the equations.
    """
    writer = _Writer()
    states = [f"x_{state}" for state in step.states]
    symbols = {name: name for name in ("v_s", "v_d", "v_ahead", "v_old")}
    symbols |= {parameter: f"p_{parameter}" for parameter in parameters} | dict(zip(step.states, states, strict=True))
    hold = writer.procedure(step.conductances, symbols, ["G_s", "J_s", "G_d", "J_d"])
    advance = writer.procedure(step.advance, symbols, states) if states else ([], [])
    reset: tuple[list[str], list[str]] = [], []
    if step.reset is not None:
        lines, local = writer.procedure(step.reset, symbols, ["v_s", "v_d", *states])
        stale = "if (v_before >= p_v_peak || v_old >= p_v_peak) { v_old = v_s }"  # no extrapolation across a reset
        reset = ["if (v_before >= p_v_peak) {", *(f"    {line}" for line in lines), "}", stale], local
    numbers = [f"p_{parameter}" for parameter in parameters] + [f"first_{state}" for state in step.states]
    assigned = ["G_s", "J_s", "v_old", *states]
    sections = {
        "name": [name],
        "pointers": [", ".join(POINTERS)],
        "ranges": [", ".join(assigned + numbers)],
        "parameters": [f"{number} = 0" for number in numbers],
        "assigned": [*POINTERS, *assigned],
        "initial": [f"x_{state} = first_{state}" for state in step.states],
        "hold_locals": ["".join(f", {local}" for local in dict.fromkeys([*hold[1], *reset[1]]))],
        "reset": reset[0],
        "hold": hold[0],
        "advance_locals": [f"LOCAL {', '.join(advance[1])}"] if advance[1] else [],
        "advance": advance[0],
    }
    text = _MECHANISM
    for key, lines in sections.items():
        text = text.replace(f"@{key}@", "\n    ".join(lines))
    return "\n".join([text, *writer.texts])


def opsin_mechanism(parameters: Iterable[str]) -> str:
    """Return the NMODL text of the mechanism of an opsin.

    It has a parameter ``p_<parameter>`` for each parameter and for the conductance ``g`` (uS), and a variable
    ``light_<function>`` for each function of the light.

    Args:
        parameters: Names of the parameters of the equations.
    """
    writer = _Writer()
    numbers = {name: f"p_{name}" for name in ("g", *parameters)}
    states, light = {name: f"x_{name}" for name in STATES}, {name: f"light_{name}" for name in LIGHT}
    symbols = numbers | states | light | {"v_s": "v"}
    hold = writer.procedure(channelrhodopsin.conductance, symbols, ["held_uS"])
    advance = writer.procedure(channelrhodopsin.advance, symbols, list(states.values()))
    assigned = [*states.values(), *light.values()]
    sections = {
        "name": [OPSIN],
        "ranges": [", ".join([*assigned, *numbers.values()])],
        "parameters": [f"{number} = 0" for number in numbers.values()],
        "assigned": assigned,
        "initial": [f"{state} = 0" for state in states.values()],
        "hold_locals": [f"LOCAL {', '.join(hold[1])}"],
        "hold": hold[0],
        "advance_locals": [f"LOCAL {', '.join(advance[1])}"],
        "advance": advance[0],
    }
    text = _OPSIN
    for key, lines in sections.items():
        text = text.replace(f"@{key}@", "\n    ".join(lines))
    return "\n".join([text, *writer.texts])


class _Writer:
    """Translator of scalar functions, which collects the functions that they call."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._names: dict[Callable[..., Any], str] = {}

    def procedure(
        self, function: Callable[..., Any], symbols: dict[str, str], targets: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Return the lines that assign the results of a function to ``targets``, and their local variables."""
        definition = _definition(function)
        new = [f"new_{target}" for target in targets]
        names = {argument: symbols[argument] for argument in inspect.signature(function).parameters}
        lines, local = self._body(definition, function, names, new)
        return [*lines, *(f"{a} = {b}" for a, b in zip(targets, new, strict=True))], [*local, *new]

    def function(self, function: Callable[..., Any]) -> str:
        """Return the name of the translation of a function, which is generated on first use."""
        if function not in self._names:
            name = self._names[function] = f"f_{function.__name__.strip('_')}"
            arguments = {argument: f"l_{argument}" for argument in inspect.signature(function).parameters}
            lines, local = self._body(_definition(function), function, arguments, [name])
            if local:
                lines.insert(0, f"LOCAL {', '.join(local)}")
            body = "".join(f"    {line}\n" for line in lines)
            self.texts.append(f"FUNCTION {name}({', '.join(arguments.values())}) {{\n{body}}}\n")
        return self._names[function]

    def _body(
        self, definition: ast.FunctionDef, function: Callable[..., Any], names: dict[str, str], targets: list[str]
    ) -> tuple[list[str], list[str]]:
        stored = [n.id for n in ast.walk(definition) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        local = {name: f"l_{name}" for name in stored}
        if local.keys() & names.keys():
            raise TypeError(f"{function.__name__} must not assign to its arguments.")
        expressions = _Expressions(self, function, names | local)
        return list(self._statements(definition.body, expressions, targets)), list(local.values())

    def _statements(
        self, statements: Sequence[ast.stmt], expressions: _Expressions, targets: list[str]
    ) -> Iterator[str]:
        for k, statement in enumerate(statements):
            match statement:
                case ast.Expr(value=ast.Constant(value=str())):  # a docstring
                    continue
                case ast.Assign(targets=[ast.Name() as target]):
                    yield f"{expressions.text(target)} = {expressions.text(statement.value)}"
                case ast.If():
                    returns = isinstance(statement.body[-1], ast.Return)
                    alternative = [*statement.orelse, *statements[k + 1 :]] if returns else statement.orelse
                    yield f"if ({expressions.text(statement.test)}) {{"
                    yield from (f"    {line}" for line in self._statements(statement.body, expressions, targets))
                    if alternative:
                        yield "} else {"
                        yield from (f"    {line}" for line in self._statements(alternative, expressions, targets))
                    yield "}"
                    if returns:
                        return
                case ast.Return(value=ast.expr() as value):
                    values = value.elts if isinstance(value, ast.Tuple) else [value]
                    for result, each in zip(targets, values, strict=True):
                        yield f"{result} = {expressions.text(each)}"
                case _:
                    raise TypeError(f"A cell's function cannot have the statement: {ast.unparse(statement)}")


class _Expressions(ast.NodeTransformer):
    """Translator of the expressions of one function: names become those of the mechanism, calls are translated."""

    def __init__(self, writer: _Writer, function: Callable[..., Any], names: dict[str, str]) -> None:
        self._writer, self._names = writer, names
        self._globals: dict[str, Any] = function.__globals__

    def text(self, node: ast.expr) -> str:
        """Return the text of an expression, whose syntax is the same in NMODL and Python."""
        return ast.unparse(self.visit(node))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._globals.get(node.id)
        if node.id in self._names:
            return ast.Name(self._names[node.id], node.ctx)
        if isinstance(value, FunctionType):
            return ast.Name(self._writer.function(value), node.ctx)
        if isinstance(value, float):
            return ast.Constant(value)
        if value is None and node.id in _BUILTIN:
            return ast.Name(_BUILTIN[node.id], node.ctx)
        raise TypeError(f"A cell's function may not use {node.id}.")

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if ast.unparse(node) != "math.exp":
            raise TypeError(f"A cell's function may only use math.exp, not {ast.unparse(node)}.")
        return ast.Name("exp", node.ctx)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if not isinstance(node.op, ast.USub):
            raise TypeError(f"A cell's function may not use {ast.unparse(node)}.")
        return ast.BinOp(ast.Constant(0.0), ast.Sub(), self.visit(node.operand))  # NMODL has no a * -b


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    definition = parsed(dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    return definition
