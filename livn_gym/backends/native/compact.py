"""Rewriting of generated kernels into a form with the same meaning that Numba translates in less time.

Numba's time grows with the number of calls, each of which it resolves anew, and, for every variable that is assigned
more than once, with the length of the whole function. Therefore constants become global variables, and each assignment
in the loops over lanes gets a variable of its own.
"""

from __future__ import annotations

import ast
from typing import TypeGuard

from livn_gym.backends.parsing import parsed

_CONSTRUCTORS = ("T", "FLAG", "WORD", "BITS")
"""Data types of a generated module."""


def compact(text: str) -> str:
    """Return the source of a module with the same functions."""
    module = parsed(text)
    first = next(k for k, node in enumerate(module.body) if isinstance(node, ast.FunctionDef))
    constants, loops = _Constants(), _Loops()
    module.body[first:] = [loops.visit(constants.visit(node)) for node in module.body[first:]]
    module.body[first:first] = constants.definitions
    return ast.unparse(ast.fix_missing_locations(module)) + "\n"


class _Constants(ast.NodeTransformer):
    """Replaces expressions of constants of these data types by global variables."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    @property
    def definitions(self) -> list[ast.stmt]:
        """The assignments of the variables."""
        return [parsed(f"{name} = {value}").body[0] for value, name in self._names.items()]

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, ast.expr) or not _is_constant(node):
            return self.generic_visit(node)
        value = ast.unparse(node)
        return ast.Name(self._names.setdefault(value, f"c_{len(self._names)}"), ast.Load())


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    if isinstance(node, ast.BinOp):
        return _is_constant(node.left) and _is_constant(node.right)
    converts = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CONSTRUCTORS
    return converts and not any(isinstance(each, ast.Name) for each in ast.walk(node.args[0]))  # type: ignore[attr-defined]


class _Loops(ast.NodeTransformer):
    """Gives each assignment of a value that only one iteration of a loop over lanes uses a variable of its own."""

    def __init__(self) -> None:
        self._count = 0
        self._elsewhere: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        loops = [line for each in ast.walk(node) if _is_simple(each) for line in each.body]
        inside = {id(name) for line in loops for name in ast.walk(line)}
        names = [each for each in ast.walk(node) if isinstance(each, ast.Name) and id(each) not in inside]
        self._elsewhere = {name.id for name in names if isinstance(name.ctx, ast.Load)}
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        if _is_simple(node):
            versions = _Versions(self._count, self._elsewhere | _carried(node.body))
            node.body = [versions.visit(line) for line in node.body]
            self._count = versions.count
        return node


def _is_simple(node: ast.AST) -> TypeGuard[ast.For]:
    """Return whether this is a loop over lanes without branches."""
    if not isinstance(node, ast.For) or not isinstance(node.target, ast.Name) or node.target.id != "lane":
        return False
    return all(isinstance(line, ast.Assign | ast.AugAssign | ast.Expr) for line in node.body)


class _Versions(ast.NodeTransformer):
    """Numbers the assignments of variables, but for those that are ``carried`` into or out of the loop."""

    def __init__(self, count: int, carried: set[str]) -> None:
        self.count = count
        self._carried = carried
        self._current: dict[str, str] = {}

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        node.value = self.visit(node.value)  # it reads the values from before
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        if not isinstance(node.target, ast.Name) or node.target.id in self._carried:
            return self.generic_visit(node)  # type: ignore[return-value]
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return self.visit_Assign(ast.Assign([node.target], value))

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self._carried:
            return node
        if isinstance(node.ctx, ast.Store):
            self._current[node.id] = f"{node.id}_{self.count}"
            self.count += 1
        return ast.Name(self._current.get(node.id, node.id), node.ctx)


def _carried(lines: list[ast.stmt]) -> set[str]:
    """Return the variables that are read before they are assigned: they have values from before the iteration."""
    assigned: set[str] = set()
    carried: set[str] = set()
    for line in lines:
        names = [node for node in ast.walk(line) if isinstance(node, ast.Name)]
        read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
        if isinstance(line, ast.AugAssign) and isinstance(line.target, ast.Name):
            read.add(line.target.id)
        carried |= read - assigned
        assigned |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return carried
