"""Checks of single arguments: each takes the name and the value, and returns the value that the function receives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import numpy as np

from livn_gym.errors import InvalidInput, LivnError, shown, unknown_name

Check = Callable[[str, Any], Any]
"""Function of the name and the value of an argument; returns the value to use, or raises ``InvalidInput``."""

_KINDS = {"b": "booleans", "iu": "integers", "iuf": "numbers", "biuf": "numbers"}


def nothing(name: str, value: Any) -> Any:
    """Check that the value is None."""
    if value is not None:
        raise InvalidInput(f"{name} must be None, got {shown(value)}.")
    return value


def flag(name: str, value: Any) -> bool:
    """Check that the value is a bool of Python or NumPy."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidInput(f"{name} must be True or False, got {shown(value)}.")
    return bool(value)


def instance(name: str, value: Any, *, kind: type) -> Any:
    """Check that the value is an instance of a class."""
    if not isinstance(value, kind):
        what = "a string" if kind is str else f"of type {kind.__name__}"
        raise InvalidInput(f"{name} must be {what}, got {shown(value)}.")
    return value


def subclass(name: str, value: Any, *, base: type) -> Any:
    """Check that the value is a class or a subclass of it."""
    if not inspect.isclass(value) or not issubclass(value, base):
        raise InvalidInput(f"{name} must be a subclass of {base.__name__}, got {shown(value)}.")
    return value


def named(name: str, value: Any, *, kind: str) -> Any:
    """Check that the value is an instance of a class of a given name."""
    if not any(base.__name__ == kind for base in type(value).__mro__):
        raise InvalidInput(f"{name} must be of type {kind}, got {shown(value)}.")
    return value


def axes(name: str, value: Any) -> Any:
    """Check that the value is matplotlib Axes, or a sequence of them."""
    # By attributes: matplotlib is slow to import, and other libraries have compatible axes.
    each = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
    if not each or not all(hasattr(axes, "figure") and not inspect.isclass(axes) for axes in each):
        raise InvalidInput(f"{name} must be matplotlib Axes, got {shown(value)}.")
    return value


def environment(name: str, value: Any) -> Any:
    """Check that the value is an ``Env`` or has its attributes, as wrapped environments do."""
    if not (hasattr(value, "system") or hasattr(value, "io")):
        raise InvalidInput(f"{name} must be an Env, got {shown(value)}.")
    return value


def culture_view(name: str, value: Any) -> Any:
    """Check that the value is an ``Env`` or another ``CultureView``, by its attributes."""
    if not (hasattr(value, "system") or hasattr(value, "electrodes")):
        raise InvalidInput(f"{name} must be an Env or another CultureView, got {shown(value)}.")
    return value


def literal(name: str, value: Any, *, allowed: tuple[Any, ...]) -> Any:
    """Check that the type of the value is that of an allowed literal."""
    # An unknown string is left to the function, whose message can say what the names mean.
    if not any(type(option) is type(value) for option in allowed):
        raise unknown_name(name, value, allowed)
    return value


def callable_object(name: str, value: Any) -> Any:
    """Check that the value is callable."""
    if not callable(value):
        raise InvalidInput(f"{name} must be callable, got {shown(value)}.")
    return value


def mapping(name: str, value: Any, *, key: Check | None, item: Check | None) -> Any:
    """Check a mapping, its keys and its values."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be a mapping, got {shown(value)}.")
    for k, v in value.items():
        if key is not None:
            key(f"A key of {name}", k)
        if item is not None:
            item(f"{name}[{shown(k)}]", v)
    return value


def sequence(name: str, value: Any, *, origin: type, element: Check | None) -> Any:
    """Check a sequence and its elements."""
    if isinstance(value, np.ndarray) and value.ndim > 0 and origin is not set:
        given: Any = value
    elif isinstance(value, str | bytes | bytearray | Mapping) or not isinstance(value, Iterable):
        raise InvalidInput(f"{name} must be a sequence, got {shown(value)}.")
    elif issubclass(origin, Sequence) and not isinstance(value, Sequence):
        raise InvalidInput(f"{name} must be a sequence, got {shown(value)}.")
    elif isinstance(value, Iterator):
        return value  # iterating would exhaust it
    else:
        given = value
    if element is not None and not isinstance(value, range):
        try:
            for item in given:
                element(name, item)
        except LivnError:
            for k, item in enumerate(given):
                element(f"{name}[{k}]", item)  # the message names the item
            raise
    if origin in (list, tuple) and not isinstance(value, origin):
        return origin(value)
    return value


def row(name: str, value: Any, *, checks: list[Check | None]) -> Any:
    """Check a row of values, one for each of the checks."""
    scalar = isinstance(value, np.ndarray) and value.ndim == 0
    if scalar or not isinstance(value, tuple | list | np.ndarray) or len(value) != len(checks):
        raise InvalidInput(f"{name} must be {len(checks)} values in a row, got {shown(value)}.")
    for k, (check, item) in enumerate(zip(checks, value, strict=True)):
        if check is not None:
            check(f"{name}[{k}]", item)
    return value


def array_kinds(args: tuple[Any, ...]) -> str:
    """Return NumPy's codes of the kinds of data types that the annotation of an array allows."""
    scalar = get_args(args[1])[:1] if len(args) == 2 else ()
    kind = scalar[0] if scalar and isinstance(scalar[0], type) else None
    if kind is None:
        return "biuf"
    if issubclass(kind, np.bool_):
        return "b"
    return "iu" if issubclass(kind, np.integer) else "iuf"


def array(name: str, value: Any, *, kinds: str, only_finite: bool) -> Any:
    """Check an array of numbers."""
    if not isinstance(value, np.ndarray | Sequence | np.generic):
        raise InvalidInput(f"{name} must be an array of {_KINDS[kinds]}, got {shown(value)}.")
    return number_array(name, value, kinds=kinds, only_finite=only_finite)


def unchangeable(array: np.ndarray) -> np.ndarray:
    """Return a read-only view of an array."""
    view = array.view()
    view.flags.writeable = False
    return view


def number_array(name: str, value: Any, *, kinds: str = "iuf", only_finite: bool = True) -> np.ndarray:
    """Convert a value to an array of numbers.

    Args:
        name: Name of the argument, for the message.
        value: An array, or numbers in (nested) sequences.
        kinds: NumPy's codes of the allowed kinds of data types.
        only_finite: Refuse NaN and infinity.

    Raises:
        InvalidInput: The value holds something else (bools, text, dates, complex numbers, objects), its rows differ in
            length, or a number is not finite.
    """
    if not isinstance(value, np.ndarray):
        try:
            result = np.asarray(value)
        except (TypeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            raise InvalidInput(f"{name} must be an array of {_KINDS[kinds]}, got {shown(value)}.") from error
    elif np.ma.is_masked(value):
        raise InvalidInput(f"{name} must be {_KINDS[kinds]} without masked ones, got {shown(value)}.")
    else:
        result = value
    if result.size == 0 and result.dtype.kind in "biuf":
        return result if result.dtype.kind in kinds else result.astype(np.int64 if kinds == "iu" else bool)
    if result.dtype.kind == "f" and kinds == "iu" and np.array_equal(result, np.rint(result)):
        if np.abs(result).max() < 2**63:
            return result.astype(np.int64)
    if result.dtype.kind not in kinds:
        raise InvalidInput(f"{name} must be an array of {_KINDS[kinds]}, got {shown(value)}.")
    if only_finite and result.dtype.kind == "f" and not np.isfinite(result).all():
        raise InvalidInput(f"{name} must be finite; it holds NaN or infinity.")
    return result
