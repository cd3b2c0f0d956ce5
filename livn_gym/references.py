"""References to code: ``"module:attribute"`` and ``"folder/file.py:Attribute"``, loaded once per process."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from livn_gym.errors import ImportFailed, InvalidInput, LivnError, unknown_name

_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_REFERENCE = re.compile(rf"({_DOTTED}):({_DOTTED})")
_FILE = re.compile(rf"(.+\.py)(?::({_DOTTED}))?", re.DOTALL)
_PREFIX = "livn_gym_file_"
"""Prefix in ``sys.modules`` of modules that were loaded from a path; pickles find classes by these names."""


def is_reference(text: str) -> bool:
    """Return whether a string has the form ``"module:attribute"``."""
    return _REFERENCE.fullmatch(text) is not None


def is_file(text: str) -> bool:
    """Return whether a string has the form ``"file.py"`` or ``"file.py:attribute"``."""
    return _FILE.fullmatch(text) is not None


def names_code(value: object) -> bool:
    """Return whether resolving a value, or anything inside it, could import a module or file that the value names.

    Every string with a colon counts, since other libraries have similar forms (Gymnasium's ``"module:Env-v0"``).
    """
    if isinstance(value, str):
        return ":" in value or is_file(value)
    if isinstance(value, Mapping):
        return any(names_code(item) for item in value.values())
    return isinstance(value, list | tuple) and any(names_code(item) for item in value)


def located(value: Any) -> Any:
    """Return the value with absolute paths of Python files, so that it is valid in another folder."""
    if isinstance(value, str):
        match = _FILE.fullmatch(value)
        if match is None:
            return value
        path, attribute = match.groups()
        return str(Path(path).resolve()) + (f":{attribute}" if attribute else "")
    if isinstance(value, Mapping):
        return {key: located(item) for key, item in value.items()}
    return [located(item) for item in value] if isinstance(value, list | tuple) else value


def load(text: str) -> Any:
    """Import the object to which ``"module:attribute"`` refers.

    Raises:
        UnknownName: There is no such module or attribute.
        ImportFailed: Importing the module raised an error.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise InvalidInput(f"A reference has the form 'module:attribute', got {text!r}.")
    name, attribute = match.groups()
    try:
        module = import_module(name)
    except LivnError:
        raise
    except (Exception, SystemExit) as error:  # a user's module can raise anything
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise InvalidInput(
                f"There is no module {error.name!r}, named by {text!r}. Install its package, put its folder on "
                f"PYTHONPATH, or give the path of the file: 'folder/file.py:{attribute}'."
            ) from error
        raise ImportFailed(f"The module {name!r} cannot be imported: {type(error).__name__}: {error}") from error
    return _attribute(module, name, attribute)


def load_file(text: str, base: type) -> Any:
    """Return the object to which ``"file.py:attribute"`` refers, or the one subclass of ``base`` in ``"file.py"``.

    Raises:
        UnknownName: The file has no such attribute.
        InvalidInput: There is no such file, or no attribute was given and the file defines none or several.
        ImportFailed: Executing the file raised an error.
    """
    match = _FILE.fullmatch(text)
    assert match is not None, text
    module = _module(Path(match[1]))
    if match[2]:
        return _attribute(module, match[1], match[2])
    candidates = subclasses(module, base) or [value for value in vars(module).values() if isinstance(value, base)]
    if not candidates and (incomplete := subclasses(module, base, abstract=True)):
        lacking = "; ".join(lacks(value) for value in incomplete)
        raise InvalidInput(f"{match[1]} defines no complete subclass of {base.__name__}: {lacking}.")
    if len(candidates) != 1:
        names = ", ".join(getattr(value, "__name__", "an object") for value in candidates) or "none"
        raise InvalidInput(
            f"{match[1]} must define one subclass of {base.__name__}, it defines {names}: name one as "
            f"'{match[1]}:attribute'."
        )
    return candidates[0]


def reference(definition: type | Callable[..., Any]) -> str | None:
    """Return the string with which ``load`` or ``load_file`` finds a class or function.

    It is None for one that is defined in a function or in ``__main__``, where no other process could find it.
    """
    name, module_name = getattr(definition, "__qualname__", ""), getattr(definition, "__module__", None) or ""
    module = sys.modules.get(module_name)
    resolved: Any = module
    for attribute in name.split("."):
        resolved = getattr(resolved, attribute, None)
    if module is None or resolved is not definition or module_name == "__main__":
        return None
    return f"{module.__file__ if module_name.startswith(_PREFIX) else module_name}:{name}"


def lacks(definition: type) -> str:
    """Return which abstract methods and properties a class does not define: ``"MyTask lacks: info, reward"``."""
    return f"{definition.__name__} lacks: {', '.join(sorted(getattr(definition, '__abstractmethods__', ())))}"


def subclasses(module: ModuleType, base: type, *, abstract: bool = False) -> list[Any]:
    """Return the public concrete, or abstract, subclasses of ``base`` that a module itself defines."""
    return [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value is not base
        and value.__module__ == module.__name__
        and inspect.isabstract(value) is abstract
        and not name.startswith("_")
    ]


def _attribute(module: ModuleType, where: str, path: str) -> Any:
    value: Any = module
    for attribute in path.split("."):
        if not hasattr(value, attribute):
            public = [name for name in vars(value) if not name.startswith("_")]
            raise unknown_name(f"attribute of {where}", attribute, public)
        value = getattr(value, attribute)
    return value


def _module(path: Path) -> ModuleType:
    """Return the module of a file, which is executed again if the file has changed."""
    try:
        path = path.resolve()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidInput(f"There is no file {str(path)!r} that can be read: {error.strerror}.") from error
    name = f"{_PREFIX}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    previous = sys.modules.get(name)
    if previous is not None and vars(previous).get("__digest__") == digest:
        return previous
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidInput(f"{str(path)!r} is no Python file.")
    module = module_from_spec(spec)
    vars(module)["__digest__"] = digest
    sys.modules[name] = module  # dataclasses and pickles look up their module by name
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if previous is not None:
            sys.modules[name] = previous
        if isinstance(error, LivnError) or not isinstance(error, Exception | SystemExit):
            raise
        raise ImportFailed(f"The file {str(path)!r} cannot be executed: {type(error).__name__}: {error}") from error
    return module
