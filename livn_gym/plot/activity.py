"""Activity over time: rasters with population rates, and voltage traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.plot.style import coloured, new_figure, panel, styled
from livn_gym.recording import Recording
from livn_gym.system import System
from livn_gym.units import finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRACES = 8
"""Number of cells whose traces are drawn by default."""


@checked_types
@styled
def raster(recording: Recording, system: System, *, bin_ms: float = 20.0, ax: Any = None) -> Figure:
    """Draw every spike of one culture over time, and below them the mean rate of each population's cells.

    Args:
        recording: Spikes of one culture.
        system: The culture; cells are drawn at their gids, coloured by population.
        bin_ms: Width of the bins of the rates, ms; the last bin ends at the end of the run.
        ax: Two axes for spikes and rates, or one axes for the spikes alone; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        NotRecorded: Spikes were not recorded.
        InvalidInput: There are several cultures, the recording is of another system, or a bin is not positive.
    """
    one_culture("A raster", recording)
    of_system(recording, system)
    width_ms = finite("bin_ms", bin_ms, above=0.0)
    _, gid, t_ms = recording.spikes
    if ax is None:
        ax = new_figure(9.6, 5.4).subplots(2, 1, sharex=True, height_ratios=(3, 1))
    spikes, rate = ax if isinstance(ax, Sequence | np.ndarray) else (ax, None)
    seconds = (recording.t0_ms + t_ms) / 1000.0
    mark = float(np.clip(230.0 / system.num_neurons, 0.8, 8.0))  # points; cells share about 230 of them
    bins = max(1, int(np.ceil(recording.duration_ms / width_ms * (1 - 1e-12))))
    edges_ms = np.append(np.arange(bins) * width_ms, recording.duration_ms)
    edges_s = (recording.t0_ms + edges_ms) / 1000.0
    for population, colour in coloured(system):
        in_population = (gid >= population.start) & (gid < population.stop)
        rate_hz = in_population.sum() / population.count / recording.duration_ms * 1000.0
        style = {"linestyle": "none", "marker": "|", "markersize": mark, "color": colour}
        spikes.plot(seconds[in_population], gid[in_population], label=f"{population.name}, {rate_hz:.1f} Hz", **style)
        if rate is not None:
            index = measures.bin_index(t_ms[in_population], width_ms, bins)
            counts = np.bincount(index, minlength=bins)
            rate.stairs(1000.0 * counts / np.diff(edges_ms) / population.count, edges_s, color=colour, linewidth=1.2)
    spikes.set(ylim=(-1, system.num_neurons), xlim=edges_s[[0, -1]], ylabel="cell")
    spikes.set_title(f"{system.name}: {len(gid):,} spikes")
    legend = spikes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=5)
    for handle in legend.legend_handles:
        handle.set(marker="s", markersize=7.0)
    (spikes if rate is None else rate).set_xlabel("time (s)")
    if rate is not None:
        rate.set(ylabel="rate (Hz a cell)", xlim=edges_s[[0, -1]], title=f"mean rate in {width_ms:g} ms")
        rate.set_ylim(bottom=0)
    return spikes.figure


@checked_types
@styled
def voltage(
    recording: Recording,
    system: System | None = None,
    *,
    cells: Sequence[int] | None = None,
    distance_mV: float = 100.0,
    ax: Any = None,
) -> Figure:
    """Draw voltages of some cells of one culture, one above the other, in the compartment that was recorded.

    Args:
        recording: Recording of one culture, with voltages.
        system: The culture, for colours and names of populations; if omitted, traces are black.
        cells: gids, from top to bottom; default the first eight that were recorded.
        distance_mV: Distance between the zero lines of neighbours.
        ax: Axes to draw into; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        NotRecorded: Voltages were not recorded, or not of these cells.
        InvalidInput: There are several cultures, the recording is of another system, no cells, or the distance is not
            positive.
    """
    one_culture("A picture of voltages", recording)
    of_system(recording, system)
    if recording.voltage is None or recording.voltage_gid is None:
        raise NotRecorded("Voltages were not recorded: call record_voltage() before the run.")
    distance = finite("distance_mV", distance_mV, above=0.0)
    recorded = recording.voltage_gid.tolist()
    gids = recorded[:TRACES] if cells is None else [int(cell) for cell in cells]
    if not gids:
        raise InvalidInput("cells must name at least one cell.")
    missing = sorted(set(gids) - set(recorded))
    if missing:
        raise NotRecorded(f"Voltages of the cells {missing} were not recorded, only those of {recorded}.")
    figure, axes = panel(ax, 8.0, 1.2 + 0.55 * len(gids))
    samples = recording.voltage.shape[-1]
    seconds = (recording.t0_ms + np.arange(samples) * recording.sample_dt_ms) / 1000.0
    names = []
    for row, cell in enumerate(gids):
        colour, name = "black", str(cell)
        if system is not None:
            population, colour = next((p, c) for p, c in coloured(system) if p.start <= cell < p.stop)
            name = f"{population.name} {cell}"
        names.append(name)
        trace = recording.voltage[0, recorded.index(cell)] - row * distance
        axes.plot(seconds, trace, color=colour, linewidth=0.8)
    axes.set_yticks([-row * distance for row in range(len(gids))], [f"{name}: 0 mV" for name in names])
    low_mV, high_mV = -0.9 * distance, 0.6 * distance
    axes.set(xlabel="time (s)", ylabel=f"voltage, {distance:g} mV a cell", xlim=seconds[[0, -1]])
    axes.set_ylim(low_mV - (len(gids) - 1) * distance, high_mV)
    axes.grid(axis="y", color="#d8d8d8", linewidth=0.6)
    title = "Somatic voltage" if recording.voltage_compartment == "soma" else "Dendritic voltage"
    axes.set_title(title if system is None else f"{system.name}: {title.lower()}")
    return figure


@checked_types
def one_culture(figure: str, recording: Recording) -> None:
    """Check that a recording has a single culture.

    Raises:
        InvalidInput: It has several; the message says how to select one.
    """
    if recording.num_cultures != 1:
        raise InvalidInput(f"{figure} shows one culture, got {recording.num_cultures}: pass recording.culture(b).")


@checked_types
def of_system(recording: Recording, system: System | None) -> None:
    """Check that a recording can be of a system: it has the same populations, or, if it has none, cells of the system.

    Raises:
        InvalidInput: It is of another system.
    """
    if system is None:
        return
    if recording.populations and recording.populations != system.populations:
        given, expected = (
            ", ".join(f"{population.count} {population.name}" for population in populations)
            for populations in (recording.populations, system.populations)
        )
        raise InvalidInput(f"The recording is of another system: of {given} cells, {system.name} has {expected}.")
    gids = [gid for gid in (recording.spike_gid, recording.voltage_gid) if gid is not None and len(gid)]
    largest = max((int(gid.max()) for gid in gids), default=0)
    if largest >= system.num_neurons:
        raise InvalidInput(
            f"The recording is of another system: it has cell {largest}, {system.name} has {system.num_neurons} cells."
        )
