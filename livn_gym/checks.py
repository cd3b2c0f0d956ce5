"""Checks of arguments by their annotations, for all public functions and classes.

``@checked`` reads a signature once and refuses, before the function runs, values that the annotations do not allow: a
bool, text or complex number for a number, NaN or infinity, 0.9 for an index, an object array for an array, a key that
is not a string. Ranges and shapes depend on the meaning of an argument and are checked in the function. Numbers are
real and finite; NumPy scalars and zero-dimensional arrays count as numbers. Sequences and arrays are interchangeable.
"""

from __future__ import annotations

import builtins
import collections.abc
import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
import numpy.typing
from numpy.typing import ArrayLike

from livn_gym import values
from livn_gym.errors import InvalidInput, LivnError, UnknownName
from livn_gym.units import finite, number, whole_number
from livn_gym.values import Check, number_array

T = TypeVar("T")

_SPECIAL = ("__init__", "__call__", "__getitem__")
_WITH_UNIT = {"duration": "duration (ms)", "dt": "dt (ms)"}
"""Public argument names without a unit, and their names in messages."""
_BY_NAME = ("Axes", "Figure", "IO", "MEA", "Model", "Recording", "Stimulus", "System")
"""Types that modules import only for type checking, because of import layers or import time."""


def checked(target: T) -> T:
    """Check the arguments of a function, or of all public methods that a class defines.

    Args:
        target: A function or a class; for a dataclass, the decorator goes above ``@dataclass``.

    Returns:
        The checked function, or the class with checked methods.
    """
    return _applied(target, True)


def checked_types(target: T) -> T:
    """Like ``checked``, but allow NaN and infinity, for functions in which they are missing values."""
    return _applied(target, False)


def checked_options(target: T) -> T:
    """Like ``checked``, but only for the constructor of a class whose methods the closed loop calls at every step."""
    return _applied(target, True, doors=("__init__",))


def checked_methods(target: T) -> T:
    """Like ``checked``, but only for the public methods of a class whose constructor is internal."""
    return _applied(target, True, closed=("__init__",))


def check_members(cls: type, base: type) -> None:
    """Check that what a subclass overrides is a property where it is one in the base class, otherwise a method.

    A method in place of a property would count as True or as an object wherever the property is read.

    Args:
        cls: The subclass; only its own members are checked.
        base: The base class.

    Raises:
        InvalidInput: A member is of the other kind.
    """
    for name, member in vars(cls).items():
        inherited = inspect.getattr_static(base, name, None)
        if isinstance(inherited, property) and inspect.isfunction(member):
            raise InvalidInput(f"{cls.__name__}.{name} must be a property: write @property above it.")
        if inspect.isfunction(inherited) and isinstance(member, property):
            raise InvalidInput(f"{cls.__name__}.{name} must be a method, not a property.")


def _applied(target: Any, only_finite: bool, *, doors: Sequence[str] = (), closed: Sequence[str] = ()) -> Any:
    if not isinstance(target, type):
        return _guarded(target, only_finite)
    for name, member in list(vars(target).items()):
        if (name.startswith("_") and name not in _SPECIAL) or name in closed or (doors and name not in doors):
            continue
        if isinstance(member, classmethod | staticmethod):
            setattr(target, name, type(member)(_guarded(member.__func__, only_finite)))
        elif inspect.isfunction(member):
            setattr(target, name, _guarded(member, only_finite))
    return target


def _guarded(function: Callable, only_finite: bool) -> Callable:
    plan: tuple[list[tuple[str, Check | None]], tuple[str, Check | None] | None, dict[str, Check]] | None = None

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        nonlocal plan
        if plan is None:  # at the first call, when all names in annotations are defined
            plan = _plan(function, only_finite)
        positional, rest, by_name = plan
        changed: list[Any] | None = None
        try:
            for k, value in enumerate(args):
                slot = positional[k] if k < len(positional) else rest
                if slot is None or slot[1] is None:
                    continue
                result = slot[1](slot[0], value)
                if result is not value:
                    changed = changed or list(args)
                    changed[k] = result
            for name, value in kwargs.items():
                check = by_name.get(name)
                if check is not None:
                    kwargs[name] = check(_WITH_UNIT.get(name, name), value)
        except LivnError as error:
            # An Env that ranks share informs the other ranks, which would otherwise wait for this one.
            tell = getattr(args[0], "_tell_refused", None) if args else None
            if tell is not None:
                tell(function.__name__, error)
            raise
        return function(*(args if changed is None else changed), **kwargs)

    return guarded


def _plan(function: Callable, only_finite: bool) -> Any:
    names = _Names(getattr(function, "__globals__", {}))
    positional: list[tuple[str, Check | None]] = []
    rest: tuple[str, Check | None] | None = None
    by_name: dict[str, Check] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        annotation = parameter.annotation
        if isinstance(annotation, str):
            # With the real built-ins, since C code called by eval may import through `__import__`.
            annotation = eval(annotation, {"__builtins__": builtins}, names)  # noqa: S307 - the module's own source
        if name == "ax" and annotation is Any:
            check: Check | None = _or_default(values.axes, None)
        else:
            check = None if annotation is parameter.empty else _check(annotation, only_finite)
        if check is not None and parameter.default is not parameter.empty:
            check = _or_default(check, parameter.default)
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = (_WITH_UNIT.get(name, name), check)
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional.append((_WITH_UNIT.get(name, name), check))
        if check is not None and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            by_name[name] = check
    return positional, rest, by_name


def _or_default(check: Check, default: Any) -> Check:
    return lambda name, value: value if value is default else check(name, value)


class _Names(dict):
    """Names of a module; those imported only for type checking are represented by ``_Unknown``."""

    def __missing__(self, name: str) -> Any:
        for module in (builtins, collections.abc, typing, numpy.typing):
            if hasattr(module, name):
                return getattr(module, name)
        return _Unknown(name)


class _Unknown:
    """Type that is not imported at run time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __or__(self, other: Any) -> Any:
        return _Either([self, other])

    def __ror__(self, other: Any) -> Any:
        return _Either([other, self])

    def __getitem__(self, item: Any) -> _Unknown:
        return self

    def __getattr__(self, name: str) -> _Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unknown(name)


class _Either(_Unknown):
    """Union that contains a type that is not imported at run time."""

    def __init__(self, members: list[Any]) -> None:
        super().__init__("union")
        self.members = members


def _check(annotation: Any, only_finite: bool) -> Check | None:
    """Return the check of an annotation; None if every value is allowed."""
    if isinstance(annotation, _Either):
        return _union(annotation.members, only_finite)
    if isinstance(annotation, _Unknown):
        if annotation.name == "Env":
            return values.environment
        return functools.partial(values.named, kind=annotation.name) if annotation.name in _BY_NAME else None
    if annotation is Any or annotation is Ellipsis:
        return None
    if annotation is None or annotation is type(None):
        return values.nothing
    if annotation is ArrayLike:
        return None  # the function converts it with number_array
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _union(args, only_finite)
    if origin is Literal:
        return functools.partial(values.literal, allowed=args)
    if origin is np.ndarray or annotation is np.ndarray:
        return functools.partial(values.array, kinds=values.array_kinds(args), only_finite=only_finite)
    if origin is type:
        return functools.partial(values.subclass, base=args[0] if isinstance(args[0], type) else object)
    if origin is not None and isinstance(origin, type):
        return _container(origin, args, only_finite)
    if isinstance(annotation, type):
        return _plain(annotation, only_finite)
    return None


def _plain(kind: type, only_finite: bool) -> Check | None:
    if kind.__name__ in ("CultureView", "Plant"):
        return values.culture_view
    if kind is object or getattr(kind, "_is_protocol", False):
        return None
    if kind is float:
        return finite if only_finite else number
    if kind is int:
        return functools.partial(whole_number, minimum=None)
    if kind is bool:
        return values.flag
    if kind in (list, tuple, set, Sequence, Mapping, dict) or kind is Callable:
        return _container(kind, (), only_finite)
    return functools.partial(values.instance, kind=kind)


def _container(origin: type, args: tuple[Any, ...], only_finite: bool) -> Check | None:
    if origin is Callable or issubclass(origin, Callable):  # type: ignore[arg-type]
        return values.callable_object
    if issubclass(origin, Mapping):
        key, item = (_check(arg, only_finite) for arg in args) if len(args) == 2 else (None, None)
        return functools.partial(values.mapping, key=key, item=item)
    if issubclass(origin, tuple) and args and args[-1] is not Ellipsis:
        return functools.partial(values.row, checks=[_check(arg, only_finite) for arg in args])
    if issubclass(origin, Iterator):
        return None
    if issubclass(origin, Collection | Iterable):
        element = _check(args[0], only_finite) if args else None
        return functools.partial(values.sequence, origin=origin, element=element)
    return functools.partial(values.instance, kind=origin)


def _union(members: Sequence[Any], only_finite: bool) -> Check | None:
    checks = [_check(member, only_finite) for member in members]
    if any(check is None for check in checks):
        return None

    def either(name: str, value: Any) -> Any:
        if value is None and values.nothing in checks:
            return None
        errors: list[LivnError] = []
        try:
            for check in checks:
                if check is values.nothing:
                    continue
                try:
                    return check(name, value)  # type: ignore[misc]
                except LivnError as refused:
                    errors.append(refused)
            raise _refusal(errors) from None
        finally:
            errors.clear()  # their tracebacks hold this frame and those of its callers, and with them every Env

    return either


def _refusal(errors: Sequence[LivnError]) -> LivnError:
    """Return the most informative error, or one that lists everything allowed."""
    for error in errors:
        if isinstance(error, UnknownName) or len(errors) == 1:
            return error
    return InvalidInput(" Or: ".join(dict.fromkeys(str(error) for error in errors)))


__all__ = ["number_array", "checked", "checked_methods", "checked_options", "checked_types"]
