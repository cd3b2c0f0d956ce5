"""Find implementations by name: a new file in a package is enough, there is no list to edit."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, unknown_name, unknown_option

T = TypeVar("T")

_NOT_OPTIONS = ("env", "system")
"""Arguments that the caller adds, which a message must not offer."""

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@checked
def snake_case(name: str) -> str:
    """``"PulseAmplitude"`` as ``"pulse_amplitude"``, ``"LFPBandPowers"`` as ``"lfp_band_powers"``."""
    return _WORD_START.sub("_", name).lower()


@checked
def find(package: str, base: type[T]) -> dict[str, type[T]]:
    """Every public concrete subclass of ``base`` that a module of ``package`` defines, by snake-case name.

    Args:
        package: Import path of the package, e.g. ``"livn_gym.encoding"``; subpackages are not searched.
        base: The class whose implementations are wanted.

    Returns:
        Classes by name, sorted by name.
    """
    found: dict[str, type[T]] = {}
    for info in iter_modules(import_module(package).__path__):
        module = import_module(f"{package}.{info.name}")
        for name, value in vars(module).items():
            if (
                inspect.isclass(value)
                and issubclass(value, base)
                and value.__module__ == module.__name__
                and not inspect.isabstract(value)
                and not name.startswith("_")
            ):
                found[snake_case(name)] = value
    return dict(sorted(found.items()))


@checked
def create(package: str, base: type[T], spec: object, options: Mapping[str, Any]) -> T:
    """Make the implementation that ``spec`` names.

    Args:
        package: Where to look names up.
        base: What the result must be.
        spec: A name, a subclass of ``base``, or an instance, which is returned as it is.
        options: Arguments of the constructor; none for an instance.

    Raises:
        UnknownName: There is no implementation of that name.
        InvalidInput: ``spec`` is something else, or the options do not fit the constructor.
    """
    kind = base.__name__.lower()
    if isinstance(spec, base):
        if options:
            raise InvalidInput(f"Options {sorted(options)} cannot be given with a finished {type(spec).__name__}.")
        return spec
    if isinstance(spec, str):
        known = find(package, base)
        if spec not in known:
            raise unknown_name(kind, spec, known)
        cls = known[spec]
    elif inspect.isclass(spec) and issubclass(spec, base) and not inspect.isabstract(spec):
        cls = spec
    else:
        raise InvalidInput(f"{base.__name__} must be given as a name, a class or an object, got {spec!r}.")
    check_options(cls.__name__, cls, options)
    return cls(**options)


def check_options(owner: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Check that a function takes these keyword arguments.

    Args:
        owner: Name of the function for the message.
        function: What will be called.
        options: Its arguments by keyword.

    Raises:
        UnknownOption: One of them does not exist.
        InvalidInput: One is missing.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters.values()
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in options:
            if name not in known:
                raise unknown_option(owner, name, [option for option in known if option not in _NOT_OPTIONS])
    try:
        signature.bind(**options)
    except TypeError as error:
        raise InvalidInput(f"{owner}{signature}: {error}.") from error
