"""Translation of loops over lanes to LLVM's language.

Each operation is Numba's own, looked up once for the types of its operands, so that results are the same as with its
compiler. Functions are translated at the place of their call.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from numba import typeof
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from livn_gym.backends.native.lanes import CONSTANTS, LANE, Constants, Loop, Source, Sources, constant, turns

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
    ast.And: operator.and_,
    ast.Or: operator.or_,
}


@dataclass(frozen=True)
class _Value:
    """A number or an array with its type for Numba."""

    type: Any
    llvm: Any


def function(name: str, part: Constants | Loop) -> Any:
    """Return a part of a kernel as a function for Numba, which takes the part's inputs.

    A loop returns the carried variable, constants are returned as a tuple.
    """
    define = partial(_loop, part) if isinstance(part, Loop) else partial(_constants, part)
    arguments = ", ".join(part.inputs)
    scope: dict[str, Any] = {"define": define}
    exec(f"def {name}(typingctx, {arguments}): return define(({arguments},))", scope)
    return intrinsic(scope[name])


def _constants(part: Constants, arguments: Sequence[Any]) -> tuple[Any, Callable[..., Any]]:
    """Return the signature and the code of constants for arguments of these types."""
    number = typeof(part.module["T"](0))
    result = types.UniTuple(number, len(part.names))

    def codegen(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        values = dict(zip(part.inputs, map(_Value, arguments, args), strict=True))
        translator = _Translator(context, builder, part.sources)
        translator.execute(part.lines, values, part.module)
        return context.make_tuple(builder, result, [values[name].llvm for name in part.names])

    return result(*arguments), codegen


def _loop(part: Loop, arguments: Sequence[Any]) -> tuple[Any, Callable[..., Any]]:
    """Return the signature and the code of a loop for arguments of these types."""
    result = types.void if part.carried is None else arguments[part.inputs.index(part.carried)]

    def codegen(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        values = dict(zip(part.inputs, map(_Value, arguments, args), strict=True))
        translator = _Translator(context, builder, part.sources)
        if CONSTANTS in values:
            packed = values.pop(CONSTANTS)
            numbers = map(_Value, packed.type, cgutils.unpack_tuple(builder, packed.llvm))
            values |= dict(zip(part.constants, numbers, strict=True))
        carried = cgutils.alloca_once_value(builder, values[part.carried].llvm) if part.carried else None
        with cgutils.for_range(builder, context.get_constant(types.intp, part.count)) as turn:
            inside: dict[str, Any] = values | {LANE: _Value(types.intp, turn.index)}
            if part.carried:
                inside[part.carried] = _Value(result, builder.load(carried))
            translator.execute(part.lines, inside, part.module)
            if part.carried:
                builder.store(translator.converted(inside[part.carried], result), carried)
        return builder.load(carried) if part.carried else context.get_dummy_value()

    return result(*arguments), codegen


class _Translator:
    """Writes statements with a builder of LLVM's language.

    Args:
        context: Numba's target.
        builder: The builder.
        sources: Sources of the functions that the statements call.
    """

    def __init__(self, context: Any, builder: Any, sources: Sources) -> None:
        self._context, self._builder, self._sources = context, builder, sources
        self._known: dict[Any, tuple[Any, Callable[..., Any]]] = {}

    def execute(self, lines: Sequence[ast.stmt], values: dict[str, Any], module: dict[str, Any]) -> Any:
        """Translate statements, which change ``values``, the variables; return the value of a return statement."""
        for number, line in enumerate(lines):
            if isinstance(line, ast.If):
                rest = [*line.orelse, *lines[number + 1 :]]
                return self._chosen(
                    self._value(line.test, values, module),
                    partial(self.execute, line.body, values.copy(), module),
                    partial(self.execute, rest, values, module),
                )
            if isinstance(line, ast.Return):
                assert line.value is not None
                return self._value(line.value, values, module)
            if isinstance(line, ast.Expr):
                self._value(line.value, values, module)
            elif isinstance(line, ast.AugAssign):
                assert isinstance(line.target, ast.Name)
                value = ast.BinOp(ast.Name(line.target.id, ast.Load()), line.op, line.value)
                values[line.target.id] = self._value(value, values, module)
            elif isinstance(line, ast.Assign):
                value = self._value(line.value, values, module)
                for target in line.targets:
                    _assign(target, value, values)
            else:
                assert isinstance(line, ast.For)
                for turn in turns(line) or ():
                    _assign(line.target, self._constant(turn), values)
                    self.execute(line.body, values, module)
        return None

    def converted(self, value: _Value, to: Any) -> Any:
        """Return a number as another type."""
        return self._context.cast(self._builder, value.llvm, value.type, to)

    def _value(self, node: ast.expr, values: Mapping[str, Any], module: dict[str, Any]) -> Any:
        """Return the value of an expression; that of a tuple is a Python tuple."""
        parts = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        if isinstance(node, ast.Name) and node.id in values:
            return values[node.id]
        if isinstance(node, ast.Name | ast.Attribute) or _is_constant(node, values, module):
            return self._constant(constant(node, module))
        if isinstance(node, ast.Call):
            arguments = [self._value(each, values, module) for each in node.args]
            called = self._sources.called(node, module)
            if not isinstance(called, Source):
                return self._apply(called, arguments)
            names = [each.arg for each in called.node.args.args]
            return self.execute(called.body, dict(zip(names, arguments, strict=True)), called.module)
        if isinstance(node, ast.Subscript):
            return _items(self._value(node.value, values, module))[constant(node.slice, module)]
        if isinstance(node, ast.IfExp) and not _is_load(node.orelse):
            condition = self._value(node.test, values, module)
            return self._chosen(condition, *(partial(self._value, each, values, module) for each in parts[1:]))
        operands = [self._value(each, values, module) for each in parts]
        if isinstance(node, ast.Tuple):
            return tuple(operands)
        if isinstance(node, ast.IfExp):
            return self._selected(*operands)
        if isinstance(node, ast.Compare):
            pairs = zip(node.ops, operands, operands[1:], strict=False)
            results = [self._apply(_OPERATORS[type(each)], pair) for each, *pair in pairs]
            return self._all(ast.And(), results)
        if isinstance(node, ast.BoolOp):
            return self._all(node.op, operands)
        assert isinstance(node, ast.BinOp | ast.UnaryOp)
        return self._apply(_OPERATORS[type(node.op)], operands)

    def _constant(self, number: Any) -> _Value:
        of_type = types.intp if type(number) is int else typeof(number)
        return _Value(of_type, self._context.get_constant(of_type, number))

    def _apply(self, operation: Callable[..., Any], operands: Sequence[_Value]) -> _Value:
        """Return the result of an operation or a function of Numba."""
        key = operation, *(each.type for each in operands)
        if key not in self._known:
            typing = self._context.typing_context
            of_type = typing.resolve_value_type(operation)
            signature = typing.resolve_function_type(of_type, key[1:], {})
            if signature is None:
                raise TypingError(f"Numba has no {operation} of {', '.join(map(str, key[1:]))}.")
            self._known[key] = signature, self._context.get_function(of_type, signature)
        signature, implementation = self._known[key]
        of_types = signature.args
        packed = isinstance(of_types[0], types.StarArgTuple | types.StarArgUniTuple)  # of functions such as max(*args)
        numbers = list(map(self.converted, operands, of_types[0] if packed else of_types))
        if packed:
            numbers = [self._context.make_tuple(self._builder, of_types[0], numbers)]
        return _Value(signature.return_type, implementation(self._builder, numbers))

    def _chosen(self, condition: _Value, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
        """Return the value of one of two branches, whose code these functions write.

        They are branches, as in Numba's code, which LLVM turns into faster kernels than selected values.
        """
        results, blocks = [], []
        with self._builder.if_else(self.converted(condition, types.boolean)) as branches:
            for branch, write in zip(branches, (first, second), strict=True):
                with branch:
                    results.append(write())
                    blocks.append(self._builder.block)
        return self._joined(results, blocks)

    def _selected(self, condition: _Value, first: _Value, second: _Value) -> _Value:
        """Return one of two numbers that are both known, since branches with a load would become masked loads."""
        of_type = self._context.typing_context.unify_types(first.type, second.type)
        numbers = (self.converted(number, of_type) for number in (first, second))
        return _Value(of_type, self._builder.select(self.converted(condition, types.boolean), *numbers))

    def _joined(self, results: Sequence[Any], blocks: Sequence[Any]) -> Any:
        """Return the number, or each number of a tuple, of the branch that was taken."""
        if isinstance(results[0], tuple):
            return tuple(self._joined(each, blocks) for each in zip(*results, strict=True))
        of_type = self._context.typing_context.unify_types(*(result.type for result in results))
        number = self._builder.phi(self._context.get_value_type(of_type))
        for result, block in zip(results, blocks, strict=True):
            with self._builder.goto_block(block):
                number.add_incoming(self.converted(result, of_type), block)
        return _Value(of_type, number)

    def _all(self, sign: ast.boolop, conditions: Sequence[_Value]) -> _Value:
        """Return whether all or any of some conditions are true."""
        result = conditions[0]
        for condition in conditions[1:]:
            result = self._apply(_OPERATORS[type(sign)], (result, condition))
        return result


def _is_load(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "load"


def _is_constant(node: ast.expr, values: Mapping[str, Any], module: Mapping[str, Any]) -> bool:
    """Return whether an expression consists of numbers and whole numbers of the module."""
    nodes = list(ast.walk(node))
    names = [each.id for each in nodes if isinstance(each, ast.Name)]
    known = all(name not in values and type(module.get(name)) is int for name in names)
    return known and not any(isinstance(each, ast.Call) for each in nodes)


def _assign(target: ast.expr, value: Any, values: dict[str, Any]) -> None:
    if isinstance(target, ast.Tuple):
        for part, each in zip(target.elts, _items(value), strict=True):
            _assign(part, each, values)
        return
    assert isinstance(target, ast.Name)
    values[target.id] = value


def _items(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise TypingError(f"A loop over lanes uses load(array, index) for items of an array; {value.type} has none.")
    return value
