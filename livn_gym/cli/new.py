"""``livn-gym new``: write a template for a task, encoding, decoding, condition, model or device."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from livn_gym.errors import InvalidInput, StorageError, unknown_name

ARGUMENTS = {
    "task": "task",
    "encoding": "encoding",
    "decoding": "decoding",
    "condition": "conditions",
    "model": "model",
}
"""Kinds of templates for environments, with the argument that accepts each."""

KINDS = (*ARGUMENTS, "device")
"""All kinds of templates; a device is the driver of ``livn-gym deploy``."""


def new(
    kind: Annotated[str, typer.Argument(help=f"Kind of template: {', '.join(KINDS[:-1])} or {KINDS[-1]}.")],
    path: Annotated[Path, typer.Argument(metavar="FILE.py", help="Python file to write, which must not exist.")],
) -> None:
    """Write a commented template that runs unchanged and passes the conformance suite."""
    cls = write(kind, path)
    typer.echo(f"{path}: {cls}. Check it with: python {path}")
    if kind == "device":
        typer.echo(f"Use it with: livn-gym deploy AGENT --driver {path}:{cls} --device PROFILE")
    else:
        typer.echo(f"Use it with: --option {ARGUMENTS[kind]}={path}:{cls}, or gym.make(..., {ARGUMENTS[kind]}=...).")


def write(kind: str, path: Path) -> str:
    """Write a template and return the name of its class, which is derived from the name of the file.

    Raises:
        UnknownName: There is no such kind.
        InvalidInput: The path is not the name of a Python module in an existing folder, or the file exists.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise InvalidInput(f"The file must have the name of a Python module, such as my_{kind}.py, got {str(path)!r}.")
    cls = "".join(word[:1].upper() + word[1:] for word in re.split("_+", path.stem))
    if not cls.isidentifier():
        raise InvalidInput(f"{path.stem!r} cannot be converted to the name of a class: start it with a letter.")
    source = files("livn_gym.templates").joinpath(f"{kind}.py").read_text(encoding="utf-8")
    imported = [name.name for part in ast.parse(source).body if isinstance(part, ast.ImportFrom) for name in part.names]
    if cls in imported:
        raise InvalidInput(f"The class would be called {cls}, a name that the template uses itself: rename the file.")
    source = source.replace(f"My{kind.capitalize()}", cls).replace(f"my_{kind}", path.stem)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
    except FileExistsError as error:
        raise InvalidInput(f"{path} exists already; it is not replaced.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInput(f"There is no folder {str(path.parent)!r}.") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error
    return cls
