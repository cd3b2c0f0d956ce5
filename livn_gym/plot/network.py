"""Connectivity: strengths of synapses between cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from livn_gym.checks import checked_types
from livn_gym.plot.style import panel, styled
from livn_gym.system import System

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLOCKS = 200
"""Largest number of rows and columns; in larger cultures, a row is a block of cells."""


@checked_types
@styled
def connectivity(system: System, *, ax: Any = None) -> Figure:
    """Draw the strengths of synapses by presynaptic (row) and postsynaptic cell (column); inhibition is negative.

    In cultures of more than 200 cells a point is a block of cells and shows the mean over its pairs.

    Args:
        system: The culture.
        ax: Axes to draw into; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    number = system.num_neurons
    block = -(-number // BLOCKS)
    side = -(-number // block)
    strength = np.zeros((side, side))
    for projection in system.projections:
        sign = -1.0 if any(name.startswith("GABA") for name in projection.receptors) else 1.0
        np.add.at(strength, (projection.pre_gid // block, projection.post_gid // block), sign * projection.scale)
    cells = np.minimum(block, number - block * np.arange(side))
    strength /= np.outer(cells, cells)
    figure, axes = panel(ax, 6.4, 5.4)
    # Single synapses in a log-normal tail must not determine the colour scale.
    limit = float(np.quantile(np.abs(strength[strength != 0]), 0.98)) if strength.any() else 1.0
    edges = np.minimum(block * np.arange(side + 1), number) - 0.5
    mesh = axes.pcolormesh(edges, edges, strength, cmap="RdBu_r", vmin=-limit, vmax=limit, rasterized=True)
    for population in system.populations[1:]:
        axes.axhline(population.start - 0.5, color="black", linewidth=0.6)
        axes.axvline(population.start - 0.5, color="black", linewidth=0.6)
    middles = [(population.start + population.stop - 1) / 2 for population in system.populations]
    top, right = axes.secondary_xaxis("top"), axes.secondary_yaxis("right")
    top.set_xticks(middles, system.population_names)
    right.set_yticks(middles, system.population_names, rotation=90, va="center")
    for side in (top, right):
        side.tick_params(length=0)
    axes.set(xlabel="postsynaptic cell", ylabel="presynaptic cell", aspect="equal")
    axes.set_ylim(number - 0.5, -0.5)
    label = "strength" if block == 1 else f"mean strength over {block} x {block} pairs"
    figure.colorbar(mesh, ax=axes, pad=0.03, extend="both").set_label(f"{label} (of the weight; inhibition negative)")
    axes.set_title(f"{system.name}: {system.num_synapses:,} synapses", pad=18)
    return figure
