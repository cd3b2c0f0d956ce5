"""Registry of extension points: make an object from a name, a reference, a path, a class or an object.

An object of any kind (encoding, task, system, ...) can be specified as

- a name, either shipped or an entry point of an installed package;
- a reference, ``"module:attribute"``;
- the path of a Python file, ``"folder/my_task.py:MyTask"``, without the attribute if the file defines only one class of
  that kind;
- a class, a function that makes the object, or the object itself;
- a mapping with a ``name`` (any of the above) and the constructor's options.

Each package defines a ``Kind`` with its shipped names and the base class of its objects.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar

from livn_gym import plugins, references
from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, shown, unknown_name, unknown_option

T = TypeVar("T")

_NOT_OPTIONS = ("env", "system", "setup")
"""Arguments that the caller adds, and which messages therefore do not list as options."""

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@checked
def snake_case(name: str) -> str:
    """Convert to snake case: ``"PulseAmplitude"`` to ``"pulse_amplitude"``, ``"LFPBand"`` to ``"lfp_band"``."""
    return _WORD_START.sub("_", name).lower()


@checked
def find(package: str, base: type[T]) -> dict[str, type[T]]:
    """Find all public concrete subclasses of ``base`` that the modules of ``package`` define, by snake-case name.

    Args:
        package: Import path of the package, e.g. ``"livn_gym.encoding"``; subpackages are not searched.
        base: Base class of the implementations.

    Returns:
        Classes by name, sorted by name.
    """
    classes: dict[str, type[T]] = {}
    for info in iter_modules(import_module(package).__path__):
        module = import_module(f"{package}.{info.name}")
        classes |= {snake_case(cls.__name__): cls for cls in references.subclasses(module, base)}
        classes = {name: cls for name, cls in classes.items() if cls is not base}
    return dict(sorted(classes.items()))


class Kind(Generic[T]):
    """One extension point: its shipped names, those of installed packages, and the conversion of arguments to objects.

    Shipped names take precedence, so that an installed package cannot change the meaning of a name; a package that
    offers a shipped name causes a ``PluginWarning`` when names are listed. If two packages offer the same name, only
    that name raises an error. A package is imported when one of its names is requested, not earlier.

    Args:
        name: Name of the kind in messages, in the singular.
        base: Base class of the objects.
        shipped: Package whose modules define subclasses of ``base``; or a function that returns the shipped classes,
            functions, objects or references by name.
        objects: Whether an object can be passed instead of a class. False if each use needs a new object.
        group: Group of entry points. Default: ``livn_gym.<name>s``.
    """

    def __init__(
        self,
        name: str,
        base: type[T],
        shipped: str | Callable[[], Mapping[str, Any]],
        *,
        objects: bool = True,
        group: str | None = None,
    ) -> None:
        self.name = name
        self.base = base
        self.objects = objects
        self.group = group or f"livn_gym.{name}s"
        self._shipped = shipped
        self._classes: dict[str, type[T]] | None = None

    def shipped(self) -> Mapping[str, Any]:
        """Return the shipped classes, functions, objects or references by name."""
        if not isinstance(self._shipped, str):
            return self._shipped()
        if self._classes is None:
            self._classes = find(self._shipped, self.base)
        return self._classes

    def names(self) -> list[str]:
        """Return all names: the shipped ones, then those of installed packages, which are not imported."""
        shipped = list(self.shipped())
        return [*shipped, *plugins.names(self.group, shipped)]

    def find(self, name: str) -> Any:
        """Find the class, function or object of a name, a reference or the path of a Python file.

        Raises:
            UnknownName: There is no such name, module, attribute or file.
            ImportFailed: Importing it raised an error.
            InvalidInput: Several packages offer the name, or a file does not define exactly one class of this kind.
        """
        shipped = self.shipped()
        if name in shipped:
            value = shipped[name]
            return references.load(value) if isinstance(value, str) else value
        if references.is_file(name):
            return references.load_file(name, self.base)
        if references.is_reference(name):
            return references.load(name)
        offered = plugins.find(self.group, name)
        if offered is None:
            raise unknown_name(self.name, name, self.names())
        return plugins.load(self.name, offered)

    def check(self, name: str) -> None:
        """Check that a name exists; references and files are accepted without an import.

        Raises:
            UnknownName: There is no such name.
        """
        if name in self.shipped() or references.is_file(name) or references.is_reference(name):
            return
        if plugins.find(self.group, name) is None:
            raise unknown_name(self.name, name, self.names())

    def make(self, spec: object, *arguments: Any, **options: Any) -> T:
        """Make an object.

        Args:
            spec: A name, a reference, a path, a class, a function, an object, or a mapping with a ``name`` and options.
            *arguments: Arguments of the constructor before the options.
            **options: Options of the constructor; not allowed if ``spec`` is an object.

        Raises:
            UnknownName: There is no such name, module, attribute, file or option.
            ImportFailed: Importing it raised an error.
            InvalidInput: ``spec`` has another type, or the options do not fit the constructor.
        """
        if isinstance(spec, self.base):
            return self._finished(spec, options)
        if isinstance(spec, Mapping):
            spec, options = self._unpacked(spec, options)
        target = self.find(spec) if isinstance(spec, str) else spec
        if isinstance(target, self.base):
            return self._finished(target, options)
        self.check_complete(target)
        is_class = inspect.isclass(target)
        if not callable(target) or (is_class and (not issubclass(target, self.base) or inspect.isabstract(target))):
            description = shown(spec) if target is spec else f"{spec!r}, which is {shown(target)}"
            raise InvalidInput(
                f"{_article(self.name)} must be given as a name, a reference 'module:attribute', the path of a Python "
                f"file, a class{', an object' if self.objects else ''} or a mapping with a 'name', got {description}."
            )
        check_options(getattr(target, "__name__", str(spec)), target, options, arguments)
        made = target(*arguments, **options)
        if not isinstance(made, self.base):
            raise InvalidInput(f"{shown(spec)} must make {_article(self.name).lower()}, it made {shown(made)}.")
        return made

    def check_complete(self, target: object) -> None:
        """Check that a class of this kind defines all abstract methods and properties; others are accepted.

        Raises:
            InvalidInput: It lacks some; the message names them.
        """
        if not inspect.isclass(target) or target is self.base or not inspect.isabstract(target):
            return
        if issubclass(target, self.base):
            raise InvalidInput(f"{references.lacks(target)}, which {_article(self.name).lower()} must define.")

    def _finished(self, instance: T, options: Mapping[str, Any]) -> T:
        if not self.objects:
            raise InvalidInput(
                f"{_article(self.name)} is made anew for every use: give its class, not {shown(instance)}."
            )
        if options:
            raise InvalidInput(f"Options {sorted(options)} cannot be given with a finished {type(instance).__name__}.")
        return instance

    def _unpacked(self, spec: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        entries = dict(spec)
        if "name" not in entries:
            raise InvalidInput(f"{_article(self.name)} given as a mapping needs a 'name', got {shown(spec)}.")
        name = entries.pop("name")
        for option in entries:
            if not isinstance(option, str) or option in options:
                raise InvalidInput(
                    f"{option!r} is no option of {shown(name)} here; the environment sets {[*options]} itself."
                )
        return name, entries | dict(options)


def _article(name: str) -> str:
    return f"{'An' if name[0] in 'aeio' else 'A'} {name}"


def check_options(
    owner: str, function: Callable[..., Any], options: Mapping[str, Any], arguments: Iterable[Any] = ()
) -> None:
    """Check that a function accepts arguments.

    Args:
        owner: Name of the function in messages.
        function: Function to check.
        options: Arguments by keyword.
        arguments: Arguments by position.

    Raises:
        UnknownOption: The function has no argument of that name.
        InvalidInput: An argument is missing.
    """
    values = tuple(arguments)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # functions written in C may have none
        return
    parameters = list(signature.parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][: len(values)]
    allowed = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p not in positional
    ]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in options:
            if name not in allowed:
                raise unknown_option(owner, name, [option for option in allowed if option not in _NOT_OPTIONS])
    try:
        signature.bind(*values, **options)
    except TypeError as error:
        raise InvalidInput(f"{owner}{signature}: {error}.") from error
