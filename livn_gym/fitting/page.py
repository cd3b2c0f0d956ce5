"""One page that compares a recording to cultures of the fitted parameter sets."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.fitting.criterion import Measures
from livn_gym.fitting.fit import Fit
from livn_gym.fitting.statistics import fitted_vector
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.plot.style import COLOURS, GREY, check_available
from livn_gym.tuning import CHANNEL_MEASURES, probe_response, spontaneous_part
from livn_gym.tuning.channel_measures import active_channels
from livn_gym.tuning.measurement import AVALANCHE_BIN_MS, SPECTRUM_BIN_MS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RASTER_MS = 20_000.0
RATE_BIN_MS = 50.0
RECORDED, FITTED_COLOUR = "black", COLOURS[0]


@checked_types
def page(spikes: ChannelSpikes, cultures: Sequence[ChannelSpikes], result: Fit, title: str = "") -> Figure:
    """Draw the recording in black and simulated cultures of the accepted sets in blue.

    Args:
        spikes: The recording.
        cultures: Recordings of simulated cultures, at least one: of the accepted sets, or of those that came nearest.
        result: The fit.
        title: Title of the page.

    Returns:
        A figure without window or global state; ``figure.savefig(path)`` writes it.

    Raises:
        BackendUnavailable: matplotlib is not installed.
    """
    check_available()
    figure = import_module("matplotlib.figure").Figure(figsize=(13.0, 9.0), dpi=85)
    grid = figure.add_gridspec(4, 4, left=0.05, right=0.985, bottom=0.055, top=0.93, hspace=0.55, wspace=0.42)
    simulated = "Fitted culture, another seed" if result.sets else "Culture of the nearest set, which is not accepted"
    for row, (recording, colour, what) in enumerate(
        ((spikes, RECORDED, "Recording"), (cultures[0], FITTED_COLOUR, simulated))
    ):
        _raster(figure.add_subplot(grid[row, :3]), recording, colour, what)
    _measures(figure.add_subplot(grid[:2, 3]), result)
    parts = [spontaneous_part(recording) or recording for recording in (spikes, *cultures)]
    for k, draw in enumerate((_rates, _intervals, _bursts, _avalanches)):
        draw(figure.add_subplot(grid[2, k]), parts)
    _spectrum(figure.add_subplot(grid[3, 0]), parts)
    _evoked(figure.add_subplot(grid[3, 1]), [spikes, *cultures])
    _predictive(figure.add_subplot(grid[3, 2]), result)
    _parameters(figure.add_subplot(grid[3, 3]), result)
    figure.suptitle(title or "Recording and fitted cultures", x=0.05, ha="left", fontsize=11, fontweight="bold")
    return figure


@checked_types
def compared(result: Fit) -> tuple[list[Measures], NDArray[np.bool_]]:
    """Return the measures that are compared to the recording, and which of them meet the criterion.

    They are those of the runs of the predictive check; if no set was accepted, the means of the sets that came nearest,
    none of which meets it.
    """
    if result.sets:
        return list(result.predictive), result.passed
    return [item.measures for item in result.candidates], np.zeros(len(result.candidates), np.bool_)


@checked_types
def range_of(runs: Sequence[Measures], name: str) -> tuple[float, float]:
    """Return the range of 95 % of the values of a measure; NaN if no run has one."""
    values = np.array([run[name] for run in runs], dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _title(axes: Any, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=9, fontweight="bold")
    axes.tick_params(labelsize=7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_size(8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _raster(axes: Any, recording: ChannelSpikes, colour: str, what: str) -> None:
    rest = spontaneous_part(recording) or recording
    length_ms = min(RASTER_MS, rest.duration_ms // RATE_BIN_MS * RATE_BIN_MS)
    shown = rest.slice(0.0, length_ms)
    size = float(np.clip(150.0 / rest.num_channels, 0.7, 6.0))
    axes.plot(shown.t_ms / 1e3, shown.channel, "|", color=colour, markersize=size, alpha=0.7)
    rate = axes.twinx()
    counts = measures.population_counts(shown.t_ms, length_ms, RATE_BIN_MS)
    hz = counts / max(int(active_channels(recording).sum()), 1) / (RATE_BIN_MS * 1e-3)
    rate.stairs(hz, np.arange(len(hz) + 1) * RATE_BIN_MS / 1e3, color=COLOURS[1], linewidth=0.8)
    rate.set_ylim(0, max(4.0 * hz.max(initial=0.0), 1.0))
    rate.set_ylabel("Hz per channel\n(line)", fontsize=7)
    rate.tick_params(labelsize=7)
    axes.set(xlim=(0, length_ms / 1e3), ylim=(-1, rest.num_channels), xlabel="time (s)", ylabel="channel")
    axes.yaxis.get_major_locator().set_params(integer=True)
    _title(axes, f"{what}: {rest.num_channels} channels")


def _lines(parts: Sequence[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Return each part with the style of its line: the recording above the others."""
    styles = [{"color": RECORDED, "linewidth": 1.4, "zorder": 3, "label": "recording"}]
    styles += [{"color": FITTED_COLOUR, "linewidth": 0.8, "alpha": 0.7} for _ in parts[1:]]
    if len(styles) > 1:
        styles[1]["label"] = "simulated"
    return list(zip(parts, styles, strict=True))


def _curve(axes: Any, values: NDArray, edges: NDArray, style: dict[str, Any]) -> None:
    """Draw a histogram as shares of all values."""
    counts, _ = np.histogram(values, edges)
    axes.stairs(counts / max(len(values), 1), edges, **style)


def _rates(axes: Any, parts: Sequence[ChannelSpikes]) -> None:
    edges = np.logspace(-1.5, 2.25, 26)
    for part, style in _lines(parts):
        rates = part.rates_hz
        _curve(axes, rates[rates > 0.0], edges, style)
    axes.set(xscale="log", xlabel="rate of a channel (Hz)", ylabel="share of channels")
    axes.legend(fontsize=7, frameon=False)
    _title(axes, "Rates")


def _intervals(axes: Any, parts: Sequence[ChannelSpikes]) -> None:
    edges = np.logspace(0, 4, 41)
    for part, style in _lines(parts):
        order = np.lexsort((part.t_ms, part.channel))
        same = np.diff(part.channel[order]) == 0
        _curve(axes, np.diff(part.t_ms[order])[same], edges, style)
    axes.set(xscale="log", xlabel="interval on a channel (ms)", ylabel="share")
    _title(axes, "Interspike intervals")


def _bursts(axes: Any, parts: Sequence[ChannelSpikes]) -> None:
    from livn_gym.decoding import BurstDetection

    longest = 0.0
    for part, style in _lines(parts):
        found = BurstDetection(part.duration_ms).bursts(part.num_channels, part.channel, part.t_ms)
        gaps = np.sort(np.diff(np.asarray(found["start_ms"], dtype=np.float64)) / 1e3)
        if len(gaps):
            axes.step(gaps, np.arange(1, len(gaps) + 1) / len(gaps), where="post", **style)
            longest = max(longest, float(gaps[-1]))
    axes.set(xlabel="time between bursts (s)", ylabel="share below", ylim=(0, 1.02), xlim=(0, max(longest, 1.0)))
    _title(axes, "Network bursts" if longest else "Network bursts: none")


def _avalanches(axes: Any, parts: Sequence[ChannelSpikes]) -> None:
    for part, style in _lines(parts):
        length_ms = part.duration_ms // AVALANCHE_BIN_MS * AVALANCHE_BIN_MS
        counts = measures.population_counts(part.t_ms[part.t_ms < length_ms], length_ms, AVALANCHE_BIN_MS)
        sizes = np.sort(measures.avalanches(counts)[0])
        if len(sizes):
            axes.plot(sizes, 1.0 - np.arange(len(sizes)) / len(sizes), **style)
    axes.set(xscale="log", yscale="log", xlabel="spikes in an avalanche", ylabel="share as large")
    _title(axes, f"Avalanches, {AVALANCHE_BIN_MS:g} ms")


def _spectrum(axes: Any, parts: Sequence[ChannelSpikes]) -> None:
    segment = round(2000.0 / SPECTRUM_BIN_MS)
    for part, style in _lines(parts):
        length_ms = part.duration_ms // SPECTRUM_BIN_MS * SPECTRUM_BIN_MS
        active = max(int(active_channels(part).sum()), 1)
        counts = measures.population_counts(part.t_ms[part.t_ms < length_ms], length_ms, SPECTRUM_BIN_MS)
        frequency, density = measures.welch(counts / active, 1000.0 / SPECTRUM_BIN_MS, segment)
        inside = (frequency >= 0.5) & (density > 0.0)
        axes.loglog(frequency[inside], density[inside], **style)
    axes.tick_params(which="minor", labelleft=False)
    axes.set(xlabel="frequency (Hz)", ylabel="power of the count per channel")
    _title(axes, "Spectrum")


def _evoked(axes: Any, recordings: Sequence[ChannelSpikes]) -> None:
    """Draw the spikes that the strongest pulses at each electrode evoke, sorted: electrodes do not correspond."""
    drawn = False
    for recording, style in _lines(recordings):
        probe = probe_response(recording)
        if probe is not None:
            share = (np.arange(len(probe.spikes)) + 0.5) / len(probe.spikes)
            axes.plot(share, np.sort(probe.spikes), **style)
            drawn = True
    axes.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="electrodes, by their response (share)", ylabel="spikes per 100 channels")
    _title(axes, "Evoked response, 5-100 ms" if drawn else "Evoked response: not identified")


def _predictive(axes: Any, result: Fit) -> None:
    """Draw the measures of the predictive check as deviations from the recording, in standard deviations."""
    criterion = result.criterion
    sd = np.sqrt(np.diag(criterion.of_recording + criterion.between))
    generator = np.random.default_rng(0)
    widest = 5.0
    for values, passed in zip(*compared(result), strict=True):
        off = (fitted_vector(values, criterion.names) - criterion.target) / sd
        widest = max(widest, 1.1 * float(np.max(np.abs(off[np.isfinite(off)]), initial=0.0)))
        colour = FITTED_COLOUR if passed else COLOURS[1]
        axes.plot(off, np.arange(len(off)) + generator.uniform(-0.25, 0.25), ".", color=colour, markersize=4)
    axes.axvline(0.0, color=RECORDED, linewidth=1.0)
    axes.axvspan(-1.96, 1.96, color=GREY, alpha=0.2, linewidth=0)
    axes.set_yticks(np.arange(len(criterion.names)), criterion.names)
    axes.set_xlim(-widest, widest)
    axes.invert_yaxis()
    axes.set(xlabel="deviation from the recording (SD)")
    if result.sets:
        _title(axes, f"Predictive check: {int(result.passed.sum())} of {len(result.passed)} pass")
    else:
        _title(axes, "Nearest sets: none passes")


def _parameters(axes: Any, result: Fit) -> None:
    """Draw the values of the accepted sets, or of those that came nearest, within the bounds."""
    space = result.space
    for item in result.sets or result.candidates:
        share = (space.values(item.x) - space.low) / (space.high - space.low)
        axes.plot(share, np.arange(len(share)), "|", color=FITTED_COLOUR if result.sets else COLOURS[1], markersize=7)
    axes.plot((space.centre - space.low) / (space.high - space.low), np.arange(space.num_varied), "x", color=GREY)
    names = [key.removeprefix("weight-").removesuffix("-weight").replace("hillock-", "") for key in space.keys]
    axes.set_yticks(np.arange(space.num_varied), names, fontsize=6)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of the bounds (x: start)")
    _title(axes, f"{len(result.sets)} accepted sets" if result.sets else f"{len(result.candidates)} nearest sets")
    axes.tick_params(axis="y", labelsize=6)


def _measures(axes: Any, result: Fit) -> None:
    axes.axis("off")
    axes.text(0.0, 1.0, "measure", fontsize=8, fontweight="bold", va="top")
    what = "fitted" if result.sets else "nearest sets"
    axes.text(0.98, 1.0, f"recording ± SD / {what}", fontsize=8, fontweight="bold", va="top", ha="right")
    runs, _ = compared(result)
    for k, (name, value) in enumerate(result.recorded.items(), start=1):
        measure = CHANNEL_MEASURES[name]
        unit = f" ({measure.unit})" if measure.unit else ""
        low, high = range_of(runs, name)
        y = 1.02 - k * 0.112
        axes.text(0.0, y, measure.label + unit, fontsize=7.5, va="top")
        text = f"{value:.3g} ± {result.spread[name]:.2g} / {low:.3g} ... {high:.3g}"
        axes.text(0.98, y - 0.042, text, fontsize=7.5, va="top", ha="right")
    note = "Fitted: 95 % of runs of the accepted sets with new\nseeds. Orange: runs that miss the joint criterion."
    if not result.sets:
        note = "No set meets the joint criterion: these are\nthe sets that came nearest."
    axes.text(0.0, 0.0, note, fontsize=6.5, va="bottom", color=GREY)
    axes.set(xlim=(0, 1), ylim=(0, 1))
