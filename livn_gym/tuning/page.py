"""A page of figures of a culture: spontaneous activity and responses to stimulation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from livn_gym import measures, plot
from livn_gym.checks import checked_types
from livn_gym.plot.spikes import raster_stride
from livn_gym.plot.style import COLOURS, GREY, check_available, coloured
from livn_gym.tuning.measurement import (
    AVALANCHE_BIN_MS,
    MEASURES,
    SPECTRUM_BIN_MS,
    cell_rates_hz,
)
from livn_gym.tuning.protocol import BLANKS_MS, EVOKED_MS
from livn_gym.tuning.response import EVOKED_SPIKES, evoked_maps, evoked_spikes, rest_rates_hz
from livn_gym.tuning.stages import Observation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from livn_gym.tuning.validation import Report

RASTER_MS = 20_000.0
MARKED_ELECTRODES = 100
"""Maximum number of electrodes that are marked, since more would hide the cells."""


@checked_types
def page(observation: Observation, report: Report | None = None) -> Figure:
    """Draw activity at rest, blanked amplitude curve and evoked spikes of the cultures of a graph.

    Args:
        observation: Observation of a graph whose cultures were stimulated too.
        report: Its verdicts are listed beside the figures.

    Returns:
        A figure without window or global state; ``figure.savefig(path)`` writes it.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    check_available()
    figure = import_module("matplotlib.figure").Figure(figsize=(13.0, 8.0), dpi=85)
    grid = figure.add_gridspec(3, 5, left=0.045, right=0.985, bottom=0.06, top=0.92, hspace=0.42, wspace=0.36)
    raster = figure.add_subplot(grid[0, :4])
    _raster(raster, observation)
    _verdicts(figure.add_subplot(grid[:, 4]), report)
    for k, draw in enumerate((_rates, _intervals, _avalanches, _spectrum)):
        draw(figure.add_subplot(grid[1, k]), observation)
    _curve(figure.add_subplot(grid[2, 0]), observation)
    _pulse_response(figure.add_subplot(grid[2, 1]), observation)
    _evoked(figure, figure.add_subplot(grid[2, 2]), observation)
    _map(figure, figure.add_subplot(grid[2, 3]), observation)
    if report is not None:
        figure.suptitle(f"{report.title}: {_simulation(report)}", x=0.045, ha="left", fontsize=11, fontweight="bold")
    return figure


def _simulation(report: Report) -> str:
    s = report.simulation
    return f"{s['backend']}, {s['dt_ms']} ms, {str(s['scheme']).replace('_', ' ')}, {s['precision']}"


def _title(axes: Any, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=9, fontweight="bold")
    axes.tick_params(labelsize=7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_size(8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _raster(axes: Any, observation: Observation) -> None:
    system = observation.env.system
    raster_ms = min(RASTER_MS, observation.rest.duration_ms)
    _, gid, t = observation.rest.culture(0).slice(0.0, raster_ms).spikes
    stride = raster_stride(system.num_neurons)
    for population, colour in coloured(system):
        selected = (gid >= population.start) & (gid < population.stop) & (gid % stride == 0)
        size = float(np.clip(150.0 * stride / system.num_neurons, 0.7, 6.0))
        axes.plot(t[selected] / 1e3, gid[selected], "|", color=colour, markersize=size, label=population.name)
    counts = measures.population_counts(t, raster_ms, 50.0) / system.num_neurons * 20.0
    rate = axes.twinx()
    rate.stairs(counts, np.arange(len(counts) + 1) * 0.05, color="black", linewidth=0.8)
    rate.set_ylim(0, max(4.0 * counts.max(), 1.0))
    rate.set_ylabel("Hz a cell, 50 ms (line)", fontsize=7)
    rate.tick_params(labelsize=7)
    axes.set(xlim=(0, raster_ms / 1e3), ylim=(-1, system.num_neurons), xlabel="time (s)", ylabel="cell")
    stride_text = "" if stride == 1 else f", 1 of {stride} cells"
    _title(axes, f"At rest: one culture{stride_text}; " + ", ".join(_legend(system.populations)))


def _legend(populations: Any) -> list[str]:
    names = {"#0072B2": "blue", "#D55E00": "orange", "#009E73": "green", "#CC79A7": "pink", "#56B4E9": "light blue"}
    return [f"{p.name} {names[c]}" for p, c in zip(populations, COLOURS, strict=False)]


def _rates(axes: Any, observation: Observation) -> None:
    system = observation.env.system
    cultures = range(observation.num_cultures)
    rates = np.array([cell_rates_hz(observation.rest.culture(b), system.num_neurons) for b in cultures])
    positive = rates[rates > 0]
    if len(positive):
        low, high = np.floor(np.log10(positive.min()) * 4) / 4, np.ceil(np.log10(positive.max()) * 4) / 4
        bins = np.logspace(low, max(high, low + 0.5), 25)
        for population, colour in coloured(system):
            population_rates = rates[:, population.start : population.stop]
            axes.hist(population_rates[population_rates > 0], bins, color=colour, alpha=0.6, label=population.name)
        axes.set_xscale("log")
        ticks = [x for x in (0.03, 0.1, 0.3, 1, 2, 3, 5, 10, 20, 30) if bins[0] <= x <= bins[-1]]
        axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axes.minorticks_off()
        axes.legend(fontsize=7, frameon=False)
    axes.set(xlabel="rate of a cell (Hz)", ylabel="cells, all cultures")
    _title(axes, "Rates")


def _intervals(axes: Any, observation: Observation) -> None:
    plot.intervals(observation.rest, ax=axes)
    _title(axes, "Interspike intervals")


def _avalanches(axes: Any, observation: Observation) -> None:
    plot.avalanches(observation.rest, bin_ms=AVALANCHE_BIN_MS, ax=axes)
    if axes.lines:  # they fall from the upper left to the lower right
        axes.legend(fontsize=6.5, frameon=False, loc="upper right", handlelength=1.2, borderaxespad=0.0)
    _title(axes, f"Avalanches, {AVALANCHE_BIN_MS:g} ms")


def _spectrum(axes: Any, observation: Observation) -> None:
    rest = observation.rest
    segment = round(2000.0 / SPECTRUM_BIN_MS)
    powers = []
    for b in range(observation.num_cultures):
        counts = measures.population_counts(rest.culture(b).spikes[2], rest.duration_ms, SPECTRUM_BIN_MS)
        frequency, density = measures.welch(counts, 1000.0 / SPECTRUM_BIN_MS, segment)
        powers.append(density)
    mean = np.mean(powers, axis=0)
    inside = (frequency >= 1.0) & (frequency <= 50.0)
    if (mean[inside] > 0).all():
        axes.loglog(frequency[frequency >= 0.5], mean[frequency >= 0.5], color=GREY, linewidth=1)
        slope, offset = np.polyfit(np.log10(frequency[inside]), np.log10(mean[inside]), 1)
        line = 10 ** (offset + slope * np.log10(frequency[inside]))
        axes.loglog(frequency[inside], line, color=COLOURS[1], label=f"slope {slope:.2f}")
        axes.legend(fontsize=7, frameon=False)
    axes.tick_params(which="minor", labelleft=False)  # a flat spectrum's would cover its neighbour
    axes.set(xlabel="frequency (Hz)", ylabel="power of the spike count")
    _title(axes, "Spectrum")


def _curve(axes: Any, observation: Observation) -> None:
    """Draw the rate behind blanking at every level, of the culture and of its copy without synapses."""
    assert observation.curve_hz is not None
    levels = np.array(observation.protocol.levels_uA)
    for k, line in zip((1, 2), ("-", "--"), strict=True):
        axes.plot(
            levels,
            observation.curve_hz[..., k].mean(axis=0),
            f"o{line}",
            color=COLOURS[0],
            markersize=3,
            label=f"behind {BLANKS_MS[k]:g} ms",
        )
    if observation.level_seconds_hz is not None and observation.level_seconds_hz.size:
        mean, sd = observation.level_seconds_hz.mean(axis=(0, 2)), observation.level_seconds_hz.std(axis=(0, 2))
        axes.fill_between(levels, mean - sd, mean + sd, color=COLOURS[0], alpha=0.2, linewidth=0, label="SD of 1 s")
    if observation.cut is not None and observation.cut.curve_hz is not None:
        cut = observation.cut.curve_hz[..., 1].mean(axis=0)
        axes.plot(levels, cut, "o-", color=COLOURS[1], markersize=3, label=f"synapses cut, {BLANKS_MS[1]:g} ms")
    axes.axhline(rest_rates_hz(observation).mean(), color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel=f"uA, all electrodes in turns at {observation.protocol.pulse_rate_hz:g} Hz", ylabel="Hz a cell")
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])  # room for the legend
    axes.legend(fontsize=6.5, frameon=False, loc="upper left")
    _title(axes, "Amplitude curve, blanked")


def _pulse_response(axes: Any, observation: Observation) -> None:
    """Draw the mean rate after a group's pulse of the sustained stimulation, with and without synapses."""
    spacing_ms = observation.protocol.spacing_ms
    bins = np.linspace(0.0, spacing_ms, 51)
    for seen, colour, label in ((observation, COLOURS[0], "intact"), (observation.cut, COLOURS[1], "synapses cut")):
        if seen is None or seen.sustained is None:
            continue
        pulses = round(seen.sustained.duration_ms / spacing_ms)
        index = measures.bin_index(seen.sustained.spikes[2], bins[1], 50 * pulses) % 50
        cells = seen.env.system.num_neurons * seen.num_cultures * pulses
        rate = np.bincount(index, minlength=50) / cells / (bins[1] * 1e-3)
        axes.stairs(np.maximum(rate, 0.1), bins, baseline=0.1, color=colour, label=label)
    end_ms = 2.0 * observation.protocol.phase_ms
    axes.axvspan(0.0, end_ms + BLANKS_MS[1], color=GREY, alpha=0.25, linewidth=0, label="blanked")
    axes.set(yscale="log", ylim=(0.1, 1000.0), xlim=(0, spacing_ms))
    axes.set(xlabel="time since a group's pulse (ms)", ylabel="Hz a cell")
    axes.legend(fontsize=6.5, frameon=False)
    _title(axes, f"After a pulse of {observation.protocol.top_uA:g} uA")


def _evoked(figure: Any, axes: Any, observation: Observation) -> None:
    """Draw the number of spikes that each electrode evokes."""
    if observation.evoked is None or observation.electrodes is None:
        axes.axis("off")
        return
    system, spikes = observation.env.system, evoked_spikes(observation, observation.evoked)
    limit = max(float(np.abs(spikes).max()), EVOKED_SPIKES)
    xy = system.electrodes[observation.electrodes, :2]
    points = axes.scatter(*xy.T, c=spikes, s=120.0, marker="s", cmap="RdBu_r", vmin=-limit, vmax=limit)
    if len(spikes) <= MARKED_ELECTRODES:
        for position, number in zip(xy, spikes, strict=True):
            colour = "white" if abs(number) > 0.6 * limit else "black"
            axes.annotate(f"{number:.0f}", position, ha="center", va="center", fontsize=6, color=colour)
    axes.set_aspect("equal")
    axes.margins(0.15)
    axes.set(xlabel="um")
    figure.colorbar(points, ax=axes, fraction=0.046, pad=0.03).ax.tick_params(labelsize=7)
    _title(axes, f"Evoked per 100 cells, {EVOKED_MS[0]:g}-{EVOKED_MS[1]:g} ms")


def _map(figure: Any, axes: Any, observation: Observation) -> None:
    """Draw the spikes that the strongest of the electrodes evokes in every cell."""
    if observation.evoked is None or observation.electrodes is None:
        axes.axis("off")
        return
    system, maps = observation.env.system, evoked_maps(observation)
    row = int(evoked_spikes(observation, observation.evoked).argmax())
    limit = max(float(np.quantile(np.abs(maps[row]), 0.995)), 0.1)
    xy = system.positions[:, :2]
    size = float(np.clip(4000.0 / system.num_neurons, 1.0, 40.0))
    points = axes.scatter(*xy.T, c=maps[row], s=size, cmap="RdBu_r", vmin=-limit, vmax=limit, linewidths=0)
    if system.num_channels <= MARKED_ELECTRODES:
        axes.plot(*system.electrodes[:, :2].T, "s", color=GREY, markersize=2, fillstyle="none", linewidth=0.5)
    axes.plot(*system.electrodes[observation.electrodes[row], :2], "*", color="black", markersize=9)
    axes.set_aspect("equal")
    axes.set(xlabel="um")
    figure.colorbar(points, ax=axes, fraction=0.046, pad=0.03).ax.tick_params(labelsize=7)
    _title(axes, f"Spikes by electrode {observation.electrodes[row]}")


def _verdicts(axes: Any, report: Report | None) -> None:
    axes.axis("off")
    if report is None:
        return
    last = len(report.sets) - 1
    axes.text(0.0, 1.02, f"Targets,\n{report.sets[last].name}", fontsize=9, fontweight="bold", va="top")
    lines = [name for name in report.measures if name in report.targets.targets]
    for k, name in enumerate(lines, start=1):
        target, verdict = report.targets.targets[name], report.verdict(name) or ""
        value = report.spread(name, last).value
        set_verdict = target.verdict(value)
        verdict_text = set_verdict if set_verdict == verdict else f"{set_verdict}, elsewhere {verdict}"
        y = 1.0 - k * 0.045
        colour = {"ok": "black", "off": "#9a6a00", "MISSED": "#b00000"}[verdict]
        axes.text(0.0, y, MEASURES[name].label, fontsize=7.5, va="top", color=colour)
        text = f"{value:.3g} {MEASURES[name].unit}".rstrip() + f"; {target.band}: {verdict_text}"
        axes.text(1.0, y - 0.018, text, fontsize=7.5, va="top", ha="right", color=colour)
    axes.set(xlim=(0, 1), ylim=(0, 1))
