"""What several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from livn_gym.atomic import replacing
from livn_gym.errors import InvalidInput, unknown_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from livn_gym.system import System

Backend = Annotated[
    str | None,
    typer.Option(help="Simulator, native or neuron; without it LIVN_BACKEND, else native.", show_default=False),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the noise.")]
SystemName = Annotated[
    str, typer.Argument(metavar="SYSTEM", help="Name of a predefined system, or a folder that holds one.")
]


def find_system(name: str) -> System:
    """A predefined system by name, or one from a folder.

    Raises:
        UnknownName: It is neither.
    """
    from livn_gym.system import System, make, names

    if name in names():
        return make(name)
    if Path(name).is_dir():
        return System.from_directory(name)
    raise unknown_name("system (and there is no such folder)", name, names())


def table(title: str, *headings: str) -> Table:
    """An empty table; the first column is text, the others are aligned like numbers."""
    result = Table(title=title, title_justify="left", show_header=bool(headings))
    for index, heading in enumerate(headings):
        result.add_column(heading, justify="right" if index else "left")
    return result


def check_output(option: str, path: Path | None, *suffixes: str) -> None:
    """Refuse a path to which nothing could be written, before anything runs.

    Raises:
        InvalidInput: Its suffix is not among those allowed, or its folder does not exist.
    """
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise InvalidInput(f"{option} must end in {' or '.join(suffixes)}, got {str(path)!r}.")
    if not path.parent.is_dir():
        raise InvalidInput(f"{option}: there is no folder {str(path.parent)!r}.")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix."""
    with replacing(path) as part:
        figure.savefig(part)
