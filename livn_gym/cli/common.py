"""Options, tables and progress bars that several commands share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from livn_gym.atomic import replacing
from livn_gym.cli import interruption
from livn_gym.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from livn_gym.system import System

Backend = Annotated[
    str | None,
    typer.Option(
        help="Simulation engine: native, neuron or module:attribute. Default: the environment variable LIVN_BACKEND, "
        "otherwise native.",
        show_default=False,
    ),
]
ProfileName = Annotated[str, typer.Option(help="Simulation profile (solver, time step and precision): fast or exact.")]
SettleMs = Annotated[
    float, typer.Option(help="Simulated time before the recording, in ms: cultures start with a burst.")
]
Seed = Annotated[int, typer.Option(min=0, help="Random seed of the synaptic noise.")]
SystemName = Annotated[
    str,
    typer.Argument(
        metavar="SYSTEM",
        help="Name of a system, SONATA or livn folder, TOML file of the generator, or module:attribute.",
    ),
]


progressed = threading.Event()
"""Whether the command has reported progress, so that its arguments were accepted."""

TimeUnit = Annotated[
    str | None,
    typer.Option(
        help="Unit of time in a table whose column does not name it: s, ms, us or frames.", show_default=False
    ),
]
SamplingHz = Annotated[float | None, typer.Option(help="Frames per second, with --unit frames.", show_default=False)]


def find_system(name: str) -> System:
    """Return the system that a command-line argument names.

    Raises:
        UnknownName: There is no such system.
    """
    from livn_gym.system import make

    return make(name)


def table(title: str, *headings: str) -> Table:
    """Return an empty table whose first column is left-aligned and whose other columns are right-aligned."""
    result = Table(title=title, title_justify="left", show_header=bool(headings))
    for index, heading in enumerate(headings):
        result.add_column(heading, justify="right" if index else "left", overflow="fold")  # ids are copied whole
    return result


def wide_console() -> Console:
    """Return a console for wide tables, which are folded in a narrow terminal only, not in files and pipes."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


def check_output(option: str, path: Path | None, *suffixes: str) -> None:
    """Check, before a command runs, that an output file can be written.

    Raises:
        InvalidInput: The path's suffix is not allowed, its folder does not exist, or it is a folder itself.
    """
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise InvalidInput(f"{option} must end in {' or '.join(suffixes)}, got {str(path)!r}.")
    if not path.parent.is_dir():
        raise InvalidInput(f"{option}: there is no folder {str(path.parent)!r}.")
    if path.is_dir():
        raise InvalidInput(f"{option} must be a file, {str(path)!r} is a folder.")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix."""
    with replacing(path) as temporary:
        figure.savefig(temporary)


@contextmanager
def progress_bar(label: str, unit: str = "", quiet: bool = False) -> Iterator[Any]:
    """Show a progress bar on standard error.

    Args:
        label: Description of the task in progress.
        unit: Unit of the counts, appended to them.
        quiet: Show nothing.

    Yields:
        A function that updates the bar. It takes the amount done, the total (None if unknown), the latest return (NaN
        if there is none) and a note, which a return replaces.
    """
    counted = TextColumn("{task.fields[count]}")
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        counted,
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    note_column = TextColumn("{task.fields[note]}")
    with Progress(*columns, note_column, console=Console(stderr=True), disable=quiet) as progress:
        bar = progress.add_task(label, total=None, count="", note="")

        def report(done: float, total: float | None = None, latest: float = float("nan"), note: str = "") -> None:
            interruption.check()
            if done > 0:
                progressed.set()
            count = f"{done:,.0f}{'' if total is None else f'/{total:,.0f}'}{unit}"
            if latest == latest:
                note = f"return {latest:.1f}"
            progress.update(bar, completed=done, total=total, count=count, note=note)

        yield report
        task = progress.tasks[bar]
        progress.update(bar, total=task.completed or 1.0, completed=task.completed or 1.0)
