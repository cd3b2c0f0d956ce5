"""Figures of recordings. matplotlib is imported on first use, so that only those who plot need it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from livn_gym.envs.rendering import COLOURS, check_available
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.system import System
from livn_gym.units import finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def raster(recording: Recording, system: System, *, bin_ms: float = 20.0) -> Figure:
    """Every spike of one culture over time, and below it the mean rate of its cells.

    Args:
        recording: Spikes of one culture.
        system: The culture; cells are drawn at their gids, coloured by population.
        bin_ms: Width of the rate's bins, ms; the last bin may be cut short by the run's end.

    Returns:
        A figure without window or global state; ``figure.savefig(path)`` writes it.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        NotRecorded: Spikes were not recorded.
        InvalidInput: There are several cultures, or a bin is not positive.
    """
    if recording.num_cultures != 1:
        raise InvalidInput(f"A raster is one culture's, got {recording.num_cultures}: give recording[b].")
    width_ms = finite("bin_ms", bin_ms, above=0.0)
    _, gid, t_ms = recording.spikes
    check_available()
    figure = import_module("matplotlib.figure").Figure(figsize=(9.6, 5.4), dpi=100, layout="constrained")
    spikes, rate = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    seconds = (recording.t0_ms + t_ms) / 1000.0
    mark = float(np.clip(230.0 / system.num_neurons, 0.8, 8.0))  # points; cells share about 230 of them
    for population, colour in zip(system.populations, COLOURS * len(system.populations), strict=False):
        own = (gid >= population.start) & (gid < population.stop)
        rate_hz = own.sum() / population.count / recording.duration_ms * 1000.0
        label = f"{population.name}, {rate_hz:.1f} Hz"
        style = {"linestyle": "none", "marker": "|", "markersize": mark, "color": colour}
        spikes.plot(seconds[own], gid[own], label=label, **style)
    edges_ms = np.append(np.arange(0.0, recording.duration_ms, width_ms), recording.duration_ms)
    edges_s = (recording.t0_ms + edges_ms) / 1000.0
    rates_hz = 1000.0 * np.histogram(t_ms, edges_ms)[0] / np.diff(edges_ms) / system.num_neurons
    rate.stairs(rates_hz, edges_s, fill=True, color="#606060")
    spikes.set(ylim=(-1, system.num_neurons), ylabel="cell")
    spikes.set_title(f"{system.name}: {len(gid):,} spikes", loc="left", fontweight="bold")
    legend = spikes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=5, frameon=False)
    for handle in legend.legend_handles:
        handle.set(marker="s", markersize=7.0)
    rate.set(xlabel="time (s)", ylabel="Hz a cell", xlim=edges_s[[0, -1]])
    rate.set_title(f"mean rate in {width_ms:g} ms", loc="left", fontsize=10)
    rate.set_ylim(bottom=0)
    return figure
