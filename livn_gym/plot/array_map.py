"""Map of a culture's cells and electrodes, for rendered frames and figures."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from livn_gym.checks import checked_types
from livn_gym.system import Population, System

CELL_RATE_HZ = 30.0
"""Upper end of the cells' colour scale, Hz; cells with higher rates have its colour."""

MARKERS = ("o", "^", "s", "D", "v")
CELL_MAP, CHARGE_MAP = "viridis", "Oranges"
LABELLED_CHANNELS = 100
"""Largest number of channels with labels; more labels would be too small to read."""


@checked_types
def draw_array(axes: Any, system: System) -> tuple[Any, list[tuple[Population, Any]]]:
    """Draw electrodes with the numbers of their channels, and the cells over them.

    Returns:
        The electrodes, coloured by ``set_array`` with percentages, and each population's cells, coloured by rates (Hz).
    """
    low, high = system.bounding_box[:, :2]
    size = (high - low).max()
    margin = 0.06 * size
    axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
    axes.set_aspect("equal", anchor="N")
    axes.set_xlabel("µm", fontsize=9, labelpad=0)
    axes.tick_params(labelsize=8)
    # Marks shrink with the mean distance between neighbours, in points of a map that is 300 points wide.
    side = 300.0 * np.sqrt(np.prod(high - low)) / size
    electrodes = _draw_electrodes(axes, system, side / np.sqrt(max(1, system.num_channels)))
    cells = _draw_cells(axes, system, side / np.sqrt(system.num_neurons))
    legend = axes.legend(loc="lower left", bbox_to_anchor=(-0.03, 0.995), ncols=5, fontsize=8.5, frameon=False)
    for handle in legend.legend_handles:
        handle.set(array=None, sizes=[50.0], facecolor="#c0c0c0", edgecolor="#303030", linewidth=0.6)
    return electrodes, cells


def _draw_electrodes(axes: Any, system: System, pitch: float) -> Any:
    size = np.clip(0.36 * pitch, 2.0, 24.0)
    if system.num_channels <= LABELLED_CHANNELS:
        halo = import_module("matplotlib.patheffects").withStroke(linewidth=2.0, foreground="white")
        style = {"textcoords": "offset points", "ha": "center", "va": "bottom", "path_effects": [halo]}
        for channel, (x, y, _) in enumerate(system.electrodes):
            axes.annotate(str(channel), (x, y), (0, 0.55 * size), fontsize=7, color="#444444", zorder=3, **style)
    return axes.scatter(
        *system.electrodes[:, :2].T,
        c=np.zeros(system.num_channels),
        cmap=CHARGE_MAP,
        vmin=0,
        vmax=100,
        s=size**2,
        marker="s",
        edgecolors="#9a9a9a",
        linewidths=min(0.8, size / 8),
        zorder=1,
    )


def _draw_cells(axes: Any, system: System, spacing: float) -> list[tuple[Population, Any]]:
    size = np.clip(0.3 * spacing, 1.2, 9.0)
    norm = import_module("matplotlib.colors").PowerNorm(0.6, 0, CELL_RATE_HZ)
    marks = zip(system.populations, MARKERS * len(system.populations), strict=False)
    return [
        (
            population,
            axes.scatter(
                *system.positions[population.start : population.stop, :2].T,
                c=np.zeros(population.count),
                cmap=CELL_MAP,
                norm=norm,
                s=size**2,
                marker=marker,
                edgecolors="#303030" if size > 3.0 else "none",
                linewidths=0.6,
                zorder=2,
                label=population.name,
            ),
        )
        for population, marker in marks
    ]
