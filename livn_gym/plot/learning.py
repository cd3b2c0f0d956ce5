"""Learning curves: returns over the steps of a training."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livn_gym.checks import checked_types
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.plot.style import COLOURS, panel, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float]]
COLUMNS = ("step", "return", "return_low", "return_high")
CURVE = "curve.csv"


@checked_types
@styled
def learning_curves(
    runs: str | Path | Rows | Mapping[str, str | Path | Rows],
    *,
    title: str = "Training",
    levels: Mapping[str, float] | None = None,
    ax: Any = None,
) -> Figure:
    """Draw the returns of evaluation episodes over one or several trainings, and levels for comparison.

    Args:
        runs: Folder of a training, its ``curve.csv`` or its rows; or a mapping of several by name.
        title: Title of the figure.
        levels: Mean returns of other agents, by name.
        ax: Axes to draw into; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        InvalidInput: There is no such file, no training or no row.
        CorruptData: The file is no learning curve.
    """
    named = runs if isinstance(runs, Mapping) else {"trained": runs}
    if not named:
        raise InvalidInput("learning_curves needs at least one training.")
    curves = {name: _rows(run) for name, run in named.items()}
    figure, axes = panel(ax, 7.2, 4.2)
    colours = ("black", *COLOURS)
    for (name, rows), colour in zip(curves.items(), colours * len(curves), strict=False):
        steps = [row["step"] for row in rows]
        axes.plot(steps, [row["return"] for row in rows], "o-", color=colour, label=f"{name}, mean", zorder=3)
        low, high = ([row[column] for row in rows] for column in COLUMNS[2:])
        axes.fill_between(steps, low, high, color=colour, alpha=0.12, label=f"{name}, worst to best episode")
    offset = 0 if len(curves) == 1 else len(curves) - 1
    for number, (name, level) in enumerate((levels or {}).items()):
        colour, style = COLOURS[(offset + number) % len(COLOURS)], ("--", ":", "-.")[number % 3]
        axes.axhline(level, color=colour, linestyle=style, label=name)
    axes.set(xlabel="environment steps", ylabel="return of an episode (sum of rewards)", title=title)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _rows(run: str | Path | Rows) -> Rows:
    """Read and check the evaluations of a training.

    Raises:
        InvalidInput: There is no such file or no row.
        CorruptData: A column is missing or does not hold numbers.
    """
    where: str | Path = "A learning curve"
    rows: Rows
    if isinstance(run, str | Path):
        where = Path(run) / CURVE if Path(run).is_dir() else Path(run)
        if not where.is_file():
            raise InvalidInput(f"There is no learning curve {where}.")
        with where.open(newline="", encoding="utf-8") as file:
            try:
                rows = [{name: float(row[name]) for name in COLUMNS} for row in csv.DictReader(file)]
            except (KeyError, ValueError, TypeError, csv.Error) as error:
                raise CorruptData(
                    f"{where} is no learning curve, which has numbers in {', '.join(COLUMNS)}."
                ) from error
    else:
        rows = run
        missing = sorted({name for row in rows for name in COLUMNS if name not in row})
        if missing:
            raise InvalidInput(f"Rows of a learning curve need {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    if not rows:
        raise InvalidInput(f"{where} has no rows.")
    return rows
