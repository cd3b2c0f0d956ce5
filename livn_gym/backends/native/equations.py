"""A model's own equations, compiled: the functions of its file with the vectorisable exp.

The equations stand once, in ``livn_gym.models``, as scalar functions with the paper's names. Here their source is
taken over with two changes: ``math.exp`` becomes our exp, and ``if ...: return a`` / ``return b`` becomes a
selection between two computed values.
"""

from __future__ import annotations

import ast
import inspect
from types import ModuleType, SimpleNamespace
from typing import Any

from livn_gym.backends.native.elementary import exp, inlined, select


def compiled(module: ModuleType) -> SimpleNamespace:
    """The constants and compiled functions of a model's file, by name."""
    names: dict[str, Any] = {"exp": exp, "select": select}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef):
            node = _Vectorisable().visit(node)
        elif not isinstance(node, ast.Assign):
            continue
        code = ast.fix_missing_locations(ast.Module([node], []))
        exec(compile(code, f"<{module.__name__}>", "exec"), names)
        if isinstance(node, ast.FunctionDef):
            names[node.name] = inlined(names[node.name])
    return SimpleNamespace(**{name: value for name, value in names.items() if not name.startswith("__")})


class _Vectorisable(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        while len(node.body) > 1:
            branch, otherwise = node.body[-2:]
            if not isinstance(branch, ast.If) or not isinstance(otherwise, ast.Return) or len(branch.body) != 1:
                break
            taken = branch.body[0]
            if branch.orelse or not isinstance(taken, ast.Return) or taken.value is None or otherwise.value is None:
                break
            arguments = [branch.test, taken.value, otherwise.value]
            node.body[-2:] = [ast.Return(ast.Call(ast.Name("select", ast.Load()), arguments, []))]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and (node.value.id, node.attr) == ("math", "exp"):
            return ast.Name("exp", ast.Load())
        return node
