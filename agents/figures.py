"""Figures that compare agents. matplotlib is imported on first use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.atomic import replacing
from livn_gym.plot.style import COLOURS, check_available


def intervals(path: str | Path, tables: Mapping[str, Mapping[str, NDArray[np.float64]]], label: str) -> None:
    """Draw one panel per task, with a value and its interval for every agent.

    Args:
        path: Output file.
        tables: Task -> agent -> (value, low, high).
        label: Label of the value axis.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    columns = min(3, len(tables))
    lines = -(-len(tables) // columns)
    figure, grid = _figure(4.2 * columns, 2.6 * lines, lines, columns)
    panels = np.atleast_1d(grid).ravel()
    names = list(dict.fromkeys(name for agents in tables.values() for name in agents))
    colours = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(names)}
    for axes, (task, agents) in zip(panels, tables.items(), strict=False):
        for line, (name, (value, low, high)) in enumerate(agents.items()):
            colour = colours[name]
            axes.plot([low, high], [line, line], color=colour, linewidth=6, alpha=0.35, solid_capstyle="butt")
            axes.plot(value, line, marker="|", markersize=12, markeredgewidth=2.5, color=colour)
        axes.set_yticks(range(len(agents)), list(agents))
        axes.set(ylim=(len(agents) - 0.5, -0.5), xlabel=label)
        axes.set_title(task, loc="left", fontsize=10, fontweight="bold")
    for axes in panels[len(tables) :]:
        axes.set_axis_off()
    _save(figure, path)


def _figure(width: float, height: float, lines: int = 1, columns: int = 1) -> tuple[Any, Any]:
    check_available()
    figure = import_module("matplotlib.figure").Figure(figsize=(width, height), dpi=120, layout="constrained")
    return figure, figure.subplots(lines, columns)


def _save(figure: Any, path: str | Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary)
