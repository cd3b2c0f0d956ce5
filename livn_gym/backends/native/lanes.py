"""Replacement of the kernels' loops over lanes by functions that are translated straight to LLVM's language.

Numba takes most of its time to infer types, anew for each operation, and for each statement in proportion to the length
of the function. Loops over lanes are nine tenths of the kernels, and have no branches. See ``translation``.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any, TypeGuard

from livn_gym.backends.parsing import parsed

LANE = "lane"
"""The variable of a loop over lanes."""

CONSTANTS = "constants"
"""The variable with a function's ``Constants``, a tuple."""

_STATEMENTS = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)
_VALUES = (ast.Name, ast.Constant, ast.Tuple, ast.Attribute, ast.Subscript, ast.expr_context)
_OPERATIONS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.operator, ast.unaryop)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_PARTS = (*_STATEMENTS, *_VALUES, *_OPERATIONS, *_COMPARISONS, ast.boolop)


@dataclass(frozen=True)
class Source:
    """Source of a function, and the variables of its module."""

    node: ast.FunctionDef
    module: dict[str, Any]

    @property
    def body(self) -> list[ast.stmt]:
        """The statements without the docstring."""
        return self.node.body[ast.get_docstring(self.node) is not None :]


class Sources:
    """Sources of the functions that the functions of a module call.

    Args:
        module: Variables of the module, which has no file.
        tree: Its source.
    """

    def __init__(self, module: dict[str, Any], tree: ast.Module) -> None:
        self._module = module
        self._nodes = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def called(self, node: ast.Call, module: dict[str, Any]) -> Any:
        """Return the ``Source`` of what is called; a function that Numba has not compiled is returned itself."""
        function = constant(node.func, module)
        python = getattr(function, "py_func", None)
        if python is None:
            return function
        if python.__globals__ is self._module:
            return Source(self._nodes[python.__name__], self._module)
        (definition,) = parsed(dedent(inspect.getsource(python))).body
        assert isinstance(definition, ast.FunctionDef)
        return Source(definition, python.__globals__)

    def are_unsuitable(self, lines: Sequence[ast.stmt], module: dict[str, Any]) -> bool:
        """Return whether statements or the functions that they call have parts that cannot be translated.

        Those are loops with a number of turns that is computed, and conditions whose first branch does not return.
        """
        for node in (each for line in lines for each in ast.walk(line)):
            if isinstance(node, ast.If):
                if not isinstance(node.body[-1], ast.Return):
                    return True
            elif isinstance(node, ast.For):
                if turns(node) is None or any(isinstance(each, ast.Return) for each in ast.walk(node)):
                    return True
            elif not isinstance(node, _PARTS):
                return True
            elif isinstance(node, ast.Attribute):
                if not isinstance(node.value, ast.Name) or node.value.id not in module:
                    return True
            elif isinstance(node, ast.Call):
                source = self.called(node, module)
                if isinstance(source, Source) and self._is_unsuitable(source, len(node.args)):
                    return True
        return False

    def _is_unsuitable(self, source: Source, num_arguments: int) -> bool:
        return len(source.node.args.args) != num_arguments or self.are_unsuitable(source.body, source.module)


def constant(node: ast.expr, module: dict[str, Any]) -> Any:
    """Return the value of an expression of numbers and variables of a module."""
    return eval(compile(ast.Expression(node), "<constant>", "eval"), module)


def turns(node: ast.For) -> range | None:
    """Return the range of a loop with a written number of turns; None for other loops."""
    call = node.iter
    if not isinstance(node.target, ast.Name) or not isinstance(call, ast.Call) or ast.unparse(call.func) != "range":
        return None
    numbers = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, int)]
    return range(*numbers) if len(numbers) == len(call.args) else None


@dataclass(frozen=True)
class Constants:
    """Numbers that a function converts to the engine's precision at its start, for its loops over lanes.

    Attributes:
        lines: Assignments of the form ``name = T(...)``.
        inputs: Variables from before that they read.
        module: Variables of their module.
        sources: Sources of the functions that they call.
    """

    lines: list[ast.Assign]
    inputs: list[str]
    module: dict[str, Any]
    sources: Sources

    @property
    def names(self) -> list[str]:
        """Names of the numbers."""
        return [name.id for line in self.lines for name in line.targets if isinstance(name, ast.Name)]


@dataclass(frozen=True)
class Loop:
    """A loop over lanes.

    Attributes:
        lines: Its statements.
        inputs: Variables from before the loop that it reads.
        constants: Names of the items of the input ``CONSTANTS``.
        carried: Input that an iteration takes from the one before, and that has a value after the loop.
        count: Number of lanes.
        module: Variables of its module.
        sources: Sources of the functions that it calls.
    """

    lines: list[ast.stmt]
    inputs: list[str]
    constants: list[str]
    carried: str | None
    count: int
    module: dict[str, Any]
    sources: Sources


def outlined(text: str, module: dict[str, Any]) -> tuple[str, dict[str, Constants | Loop]]:
    """Return the source of a module in which calls replace loops over lanes, and the loops by the names of the calls.

    Loops that cannot be translated, or with several values for later iterations, are left as they are.

    Args:
        text: Source of the module.
        module: Variables of the module, which has been executed.
    """
    tree = parsed(text)
    outliner = _Outliner(module, Sources(module, parsed(text)))
    tree.body = [outliner.visit(node) for node in tree.body]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n", outliner.parts


class _Outliner(ast.NodeTransformer):
    """Replaces loops over lanes, and conversions of numbers before them."""

    def __init__(self, module: dict[str, Any], sources: Sources) -> None:
        self.parts: dict[str, Constants | Loop] = {}
        self._module, self._sources = module, sources
        self._simple: list[ast.For] = []
        self._constants: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        loops = [each for each in ast.walk(node) if _is_over_lanes(each)]
        elsewhere = _loaded_outside(node, loops).union(*(self._read(loop.body) for loop in loops))
        self._simple = [loop for loop in loops if self._is_simple(loop, elsewhere)]
        elsewhere = _loaded_outside(node, self._simple)
        start = [*itertools.takewhile(lambda line: not isinstance(line, ast.For), node.body)] if self._simple else []
        lines = [line for line in start if _is_conversion(line) and not _assigned([line]) & elsewhere]
        constants = Constants(lines, sorted(self._read(lines)), self._module, self._sources)
        self._constants = constants.names
        if lines:
            node.body[node.body.index(lines[-1])] = self._call(constants, CONSTANTS)
            node.body = [line for line in node.body if line not in lines]
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        if node not in self._simple:
            return self.generic_visit(node)
        assert isinstance(node.iter, ast.Call)
        read, count = self._read(node.body) - {LANE}, int(constant(node.iter.args[0], self._module))
        inputs = sorted(read - set(self._constants)) + [CONSTANTS] * bool(read & set(self._constants))
        carried = next(iter(read & _assigned(node.body)), None)
        loop = Loop(node.body, inputs, self._constants, carried, count, self._module, self._sources)
        return self._call(loop, carried)

    def _is_simple(self, loop: ast.For, elsewhere: set[str]) -> bool:
        """Return whether a loop over lanes can be translated and only its carried variable is read ``elsewhere``."""
        if self._sources.are_unsuitable(loop.body, self._module):
            return False
        assigned, read = _assigned(loop.body), self._read(loop.body)
        return len(assigned & read) <= 1 and not (assigned - read) & elsewhere

    def _read(self, lines: Sequence[ast.stmt]) -> set[str]:
        """Return the variables whose values from before they read, without those of the module."""
        assigned = _assigned(lines)
        known = {name for name in _read_before_assigned(lines) if name in self._module or hasattr(builtins, name)}
        return _read_before_assigned(lines) - (known - assigned)

    def _call(self, part: Constants | Loop, result: str | None) -> ast.stmt:
        """Return a statement that calls the function of a part."""
        name = f"lanes_{len(self.parts)}"
        self.parts[name] = part
        call = f"{name}({', '.join(part.inputs)})"
        return parsed(f"{result} = {call}" if result else call).body[0]


def _is_over_lanes(node: ast.AST) -> TypeGuard[ast.For]:
    return isinstance(node, ast.For) and isinstance(node.target, ast.Name) and node.target.id == LANE


def _is_conversion(line: ast.stmt) -> TypeGuard[ast.Assign]:
    if not isinstance(line, ast.Assign) or not isinstance(line.value, ast.Call):
        return False
    return ast.unparse(line.value.func) == "T" and all(isinstance(each, ast.Name) for each in line.targets)


def _loaded_outside(function: ast.FunctionDef, loops: Sequence[ast.For]) -> set[str]:
    inside = {id(each) for loop in loops for each in ast.walk(loop)}
    return _loaded([each for each in ast.walk(function) if id(each) not in inside])


def _loaded(nodes: Sequence[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _assigned(lines: Sequence[ast.stmt]) -> set[str]:
    names = [node for line in lines for node in ast.walk(line) if isinstance(node, ast.Name)]
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def _read_before_assigned(lines: Sequence[ast.stmt]) -> set[str]:
    assigned: set[str] = set()
    read: set[str] = set()
    for line in lines:
        loaded = _loaded(list(ast.walk(line)))
        if isinstance(line, ast.AugAssign):
            loaded |= _assigned([line])
        read |= loaded - assigned
        assigned |= _assigned([line])
    return read
