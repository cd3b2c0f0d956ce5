"""The one place that turns a name, a reference, a path, a class or an object into the thing that it stands for.

A thing of any kind (encoding, task, system, ...) can be given as

- a name: of a thing that is shipped, or of one that an installed package offers as an entry point;
- a reference, ``"module:attribute"``;
- the path of a Python file, ``"folder/my_task.py:MyTask"``, or without the attribute where the file defines one thing
  of that kind;
- a class, a function that makes the thing, or the finished object;
- a mapping with a ``name`` (any of the above) and the constructor's options.

Each package states once, as a ``Kind``, what it ships and what its things must be.
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
        found |= {snake_case(cls.__name__): cls for cls in references.subclasses(module, base)}
        found = {name: cls for name, cls in found.items() if cls is not base}
    return dict(sorted(found.items()))


class Kind(Generic[T]):
    """One kind of thing: what is shipped, what installed packages add, and how an argument becomes the thing.

    Names that are shipped win, so that an installed package cannot change what a name means; a package that offers
    a shipped name causes a ``PluginWarning`` where names are listed. Two packages that offer one name are an error
    for that name alone. A package is imported when one of its own names is asked for, and not before.

    Args:
        name: Singular, as messages say it.
        base: What the thing must be an instance of.
        shipped: The package whose modules define subclasses of ``base``; or a function that gives things that are
            shipped by name, each a class, a function, an object or a reference.
        objects: Whether a finished object can be given. Otherwise each use needs an object of its own, which only a
            class can give.
        group: The group of entry points; default ``livn_gym.<name>s``.
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
        """What is shipped, by name."""
        if not isinstance(self._shipped, str):
            return self._shipped()
        if self._classes is None:
            self._classes = find(self._shipped, self.base)
        return self._classes

    def names(self) -> list[str]:
        """Every name: those that are shipped, then those that installed packages add; nothing is imported."""
        shipped = list(self.shipped())
        return [*shipped, *plugins.names(self.group, shipped)]

    def find(self, name: str) -> Any:
        """The class, function or object that a name, a reference or the path of a Python file stands for.

        Raises:
            UnknownName: There is no such name, module, attribute or file.
            ImportFailed: Importing it raised an error.
            InvalidInput: Several packages offer the name, or a file defines none or several things of this kind.
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
        """Refuse a name that does not exist; references and files are not imported for it.

        Raises:
            UnknownName: There is no such name.
        """
        if name in self.shipped() or references.is_file(name) or references.is_reference(name):
            return
        if plugins.find(self.group, name) is None:
            raise unknown_name(self.name, name, self.names())

    def make(self, spec: object, *arguments: Any, **options: Any) -> T:
        """Make the thing that ``spec`` stands for.

        Args:
            spec: A name, a reference, a path, a class, a function, an object, or a mapping with a ``name`` and options.
            *arguments: Given to the constructor before the options.
            **options: Of the constructor; none for an object.

        Raises:
            UnknownName: There is no such name, module, attribute, file or option.
            ImportFailed: Importing it raised an error.
            InvalidInput: It is something else, or the options do not fit the constructor.
        """
        if isinstance(spec, self.base):
            return self._finished(spec, options)
        if isinstance(spec, Mapping):
            spec, options = self._unpacked(spec, options)
        thing = self.find(spec) if isinstance(spec, str) else spec
        if isinstance(thing, self.base):
            return self._finished(thing, options)
        is_class = inspect.isclass(thing)
        if not callable(thing) or (is_class and (not issubclass(thing, self.base) or inspect.isabstract(thing))):
            given = shown(spec) if thing is spec else f"{spec!r}, which is {shown(thing)}"
            raise InvalidInput(
                f"{_article(self.name)} must be given as a name, a reference 'module:attribute', the path of a Python "
                f"file, a class{', an object' if self.objects else ''} or a mapping with a 'name', got {given}."
            )
        check_options(getattr(thing, "__name__", str(spec)), thing, options, arguments)
        made = thing(*arguments, **options)
        if not isinstance(made, self.base):
            raise InvalidInput(f"{shown(spec)} must make {_article(self.name).lower()}, it made {shown(made)}.")
        return made

    def _finished(self, thing: T, options: Mapping[str, Any]) -> T:
        what = type(thing).__name__
        if not self.objects:
            raise InvalidInput(f"{_article(self.name)} is made anew for every use: give its class, not {shown(thing)}.")
        if options:
            raise InvalidInput(f"Options {sorted(options)} cannot be given with a finished {what}.")
        return thing

    def _unpacked(self, spec: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        own = dict(spec)
        if "name" not in own:
            raise InvalidInput(f"{_article(self.name)} given as a mapping needs a 'name', got {shown(spec)}.")
        name = own.pop("name")
        for option in own:
            if not isinstance(option, str) or option in options:
                raise InvalidInput(
                    f"{option!r} is no option of {shown(name)} here; the environment sets {[*options]} itself."
                )
        return name, own | dict(options)


def _article(name: str) -> str:
    return f"{'An' if name[0] in 'aeio' else 'A'} {name}"


def check_options(
    owner: str, function: Callable[..., Any], options: Mapping[str, Any], arguments: Iterable[Any] = ()
) -> None:
    """Check that a function takes these arguments.

    Args:
        owner: Name of the function for the message.
        function: What will be called.
        options: Its arguments by keyword.
        arguments: Those before them, by position.

    Raises:
        UnknownOption: One of them does not exist.
        InvalidInput: One is missing.
    """
    given = tuple(arguments)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # functions written in C may have none
        return
    parameters = list(signature.parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][: len(given)]
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p not in positional]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for name in options:
            if name not in known:
                raise unknown_option(owner, name, [option for option in known if option not in _NOT_OPTIONS])
    try:
        signature.bind(*given, **options)
    except TypeError as error:
        raise InvalidInput(f"{owner}{signature}: {error}.") from error
