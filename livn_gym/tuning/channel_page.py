"""A page of figures of recordings on channels: spontaneous activity, responses to stimuli, and all measures."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.decoding import BurstDetection
from livn_gym.errors import InvalidInput
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.plot.style import COLOURS, GREY, plain_numbers, styled
from livn_gym.tuning.channel_measures import (
    CHANNEL_MEASURES,
    active_channels,
    channel_text,
    measure_channels,
    probe_pulses,
    probe_response,
    spontaneous_part,
    train_rates,
)
from livn_gym.tuning.measurement import AVALANCHE_BIN_MS, SPECTRUM_BIN_MS
from livn_gym.tuning.protocol import EVOKED_MS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RASTER_MS = 30_000.0
RASTER_CHANNELS = 256
"""Largest number of channels in a raster; of larger arrays it shows an even selection."""

LABELLED_ELECTRODES = 32
BURST_MS = -200.0, 600.0
RESPONSE_MS = -50.0, 200.0
RESPONSE_BIN_MS = 5.0

Values = Mapping[str, Mapping[str, float]]


@checked_types
@styled
def channel_page(recordings: Mapping[str, ChannelSpikes], values: Values | None = None) -> Figure:
    """Draw one recording on channels, or two over each other, such as a culture and the one that was fitted to it.

    Args:
        recordings: One or two recordings by their labels.
        values: Measures of each, by label, as of ``measure_channels``. Default: they are computed.

    Returns:
        A figure without window or global state; ``figure.savefig(path)`` writes it.

    Raises:
        BackendUnavailable: A package is missing.
        InvalidInput: There are no recordings, or more than two.
    """
    if not 1 <= len(recordings) <= 2:
        raise InvalidInput(f"A page has one recording or two, got {len(recordings)}.")
    values = values or {label: measure_channels(spikes) for label, spikes in recordings.items()}
    seen = [
        _Seen(label, label[:20] if len(recordings) > 1 else "recording", spikes, colour)
        for (label, spikes), colour in zip(recordings.items(), COLOURS, strict=False)
    ]
    figure = import_module("matplotlib.figure").Figure(figsize=(15.0, 9.0))
    grid = figure.add_gridspec(
        3, 5, left=0.055, right=0.99, bottom=0.06, top=0.91, hspace=0.45, wspace=0.38, width_ratios=(1, 1, 1, 1, 1.15)
    )
    rasters = grid[0, :4].subgridspec(1, len(seen), wspace=0.2)
    for k, one in enumerate(seen):
        _raster(figure.add_subplot(rasters[0, k]), one)
    panels = [_array, _intervals, _rates, _bursts, _avalanches, _spectrum, _response]
    panels.append(_trains if any(len(one.trains[0]) for one in seen) else _evoked)
    for k, draw in enumerate(panels):
        axes = figure.add_subplot(grid[1 + k // 4, k % 4])
        draw(axes, seen)
        axes.title.set_fontsize(9.5)
    _table(figure.add_subplot(grid[:, 4]), seen, values)
    title = " and ".join(f"{one.label} ({_length(one.spikes.duration_ms)})" for one in seen)
    figure.suptitle(title, x=0.055, ha="left", fontsize=12, fontweight="bold")
    return figure


def _length(duration_ms: float) -> str:
    seconds = duration_ms / 1e3
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


class _Seen:
    """A recording with the spikes of its active channels in the spontaneous part, and its responses."""

    def __init__(self, label: str, name: str, spikes: ChannelSpikes, colour: str) -> None:
        self.label, self.spikes, self.colour = label, spikes, colour
        self.name = name
        self.active = active_channels(spikes)
        self.number = int(self.active.sum())
        self.rest = spontaneous_part(spikes)
        self.probe, self.trains = probe_response(spikes), train_rates(spikes)
        shown = self.rest or spikes.slice(0.0, 0.0 + spikes.duration_ms)
        selected = self.active[shown.channel]
        self.t_ms, self.channel = shown.t_ms[selected], (np.cumsum(self.active) - 1)[shown.channel[selected]]
        self.duration_ms = shown.duration_ms

    def counts(self, bin_ms: float) -> NDArray[np.int64]:
        """Return the spikes of all active channels in every whole bin."""
        whole_ms = np.floor(self.duration_ms / bin_ms + 1e-9) * bin_ms
        return measures.population_counts(self.t_ms[self.t_ms < whole_ms], whole_ms, bin_ms)


def _none(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes, fontsize=8)
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)


def _legend(axes: Any, seen: list[_Seen], **options: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**{"fontsize": 7.5, "handlelength": 1.2, "borderaxespad": 0.2} | options)


def _raster(axes: Any, one: _Seen) -> None:
    shown_ms = min(RASTER_MS, one.duration_ms)
    stride = -(-max(one.number, 1) // RASTER_CHANNELS)
    inside = (one.t_ms < shown_ms) & (one.channel % stride == 0)
    size = float(np.clip(170.0 * stride / max(one.number, 1), 0.8, 7.0))
    axes.plot(one.t_ms[inside] / 1e3, one.channel[inside], "|", color=one.colour, markersize=size, markeredgewidth=0.6)
    axes.set(
        xlim=(0.0, shown_ms / 1e3), ylim=(-1, max(one.number, 1) * 1.35), xlabel="time (s)", ylabel="active channel"
    )
    whole_ms = float(np.floor(shown_ms / 50.0)) * 50.0
    if whole_ms and one.number:
        counts = measures.population_counts(one.t_ms[one.t_ms < whole_ms], whole_ms, 50.0) / one.number * 20.0
        rate = axes.twinx()
        rate.stairs(counts, np.arange(len(counts) + 1) * 0.05, color="black", linewidth=0.7)
        rate.set_ylim(-3.3 * max(counts.max(), 1.0), max(counts.max(), 1.0) * 1.05)  # above the raster
        rate.set_yticks([0.0, float(np.ceil(counts.max()))])
        rate.tick_params(labelsize=7)
        rate.set_ylabel("Hz in 50 ms", fontsize=7.5, loc="top")
        rate.spines["right"].set_visible(True)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= one.number])
    if one.rest is None:
        stim_s = one.spikes.stim_t_ms[one.spikes.stim_t_ms < shown_ms] / 1e3
        axes.plot(stim_s, np.full(len(stim_s), -0.6), "^", color=GREY, markersize=4, clip_on=False)
    part = "spontaneous" if one.rest is not None else "stimulated"
    axes.set_title(
        f"{one.label}: {part} activity{'' if one.rest is not None else ', stimuli below'}"
        + ("" if stride == 1 else f", 1 of {stride} channels")
    )


def _array(axes: Any, seen: list[_Seen]) -> None:
    """Draw the rate of every channel on the array of the first recording, or sorted if positions are unknown."""
    one = seen[0]
    rates = (one.rest or one.spikes).rates_hz
    if one.spikes.coordinates_um is None:
        for each in seen:
            values = np.sort((each.rest or each.spikes).rates_hz)[::-1]
            axes.step(np.arange(len(values)) + 0.5, values, where="mid", color=each.colour, label=each.name)
        axes.set(xlabel="channel, by rate", ylabel="rate (Hz)", title="Rates of the channels")
        axes.set_ylim(bottom=0.0)
        _legend(axes, seen)
        return
    xy = one.spikes.coordinates_um[:, :2]
    side = 130.0 / np.sqrt(len(xy))
    points = axes.scatter(*xy.T, c=rates, s=float(np.clip(side, 2.0, 22.0)) ** 2, marker="s", cmap="viridis", vmin=0.0)
    axes.scatter(*xy[~one.active].T, s=6.0, marker="x", color="white", linewidths=0.8)
    axes.set_aspect("equal")
    axes.margins(0.1)
    axes.set(xlabel="um" if one.active.all() else "um (x: not active)", title="Rates on the array (Hz)")
    bar = axes.figure.colorbar(points, ax=axes, fraction=0.046, pad=0.03)
    bar.ax.tick_params(labelsize=7)


def _intervals(axes: Any, seen: list[_Seen]) -> None:
    bins = np.logspace(0, 4.5, 55)
    for one in seen:
        _, length = measures.intervals(one.channel, one.t_ms)
        if len(length):
            weights = np.full(len(length), 100.0 / len(length))
            axes.hist(length, bins, weights=weights, histtype="step", color=one.colour, linewidth=1.4, label=one.name)
    axes.set(xscale="log", xlabel="interval on a channel (ms)", ylabel="% of intervals", title="Interspike intervals")
    plain_numbers(axes.xaxis)


def _rates(axes: Any, seen: list[_Seen]) -> None:
    rates = [one.spikes.rates_hz[one.active] if one.rest is None else one.rest.rates_hz[one.active] for one in seen]
    if not any(len(values) for values in rates):
        return _none(axes, "no active channel")
    for one, values in zip(seen, rates, strict=True):
        share = np.arange(1, len(values) + 1) / max(len(values), 1)
        axes.plot(np.sort(values), share, drawstyle="steps-post", color=one.colour, linewidth=1.4, label=one.name)
    axes.set(xscale="log", xlabel="rate of an active channel (Hz)", ylabel="cumulative share of channels")
    axes.set(title="Rates", ylim=(0.0, 1.02))
    plain_numbers(axes.xaxis)
    low, high = axes.get_xlim()
    ticks = [x for x in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if low <= x <= high]
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    return None


def _bursts(axes: Any, seen: list[_Seen]) -> None:
    """Draw the mean rate around the onsets of network bursts."""
    edges = np.arange(BURST_MS[0], BURST_MS[1] + 1.0, 20.0)
    for one in seen:
        if one.rest is None or not one.number:
            continue
        bursts = BurstDetection(one.duration_ms).bursts(one.number, one.channel, one.t_ms)
        start = bursts["start_ms"]
        start = start[(start + BURST_MS[0] >= 0.0) & (start + BURST_MS[1] <= one.duration_ms)]
        if len(start):
            bounds = np.searchsorted(one.t_ms, start[:, None] + edges - 1e-9)
            rate = np.diff(bounds, axis=1).mean(axis=0) / one.number / 20.0 * 1e3
            axes.stairs(rate, edges, color=one.colour, linewidth=1.4, label=f"bursts: {len(start)}")
    if not axes.patches:
        return _none(axes, "no network bursts" if any(one.rest for one in seen) else "no spontaneous part")
    axes.set(xlabel="time from the onset (ms)", ylabel="Hz per channel", title="Network bursts")
    axes.set_ylim(bottom=0.0)
    _legend(axes, seen)
    return None


def _avalanches(axes: Any, seen: list[_Seen]) -> None:
    generator = np.random.default_rng(0)
    for one in seen:
        counts = one.counts(AVALANCHE_BIN_MS)
        random = measures.population_counts(
            generator.uniform(0.0, len(counts) * AVALANCHE_BIN_MS, int(counts.sum())),
            len(counts) * AVALANCHE_BIN_MS,
            AVALANCHE_BIN_MS,
        )
        for each, colour, label in ((random, GREY, "random times"), (counts, one.colour, one.name)):
            sizes = np.sort(measures.avalanches(each)[0])
            if len(sizes):
                size, first = np.unique(sizes, return_index=True)
                axes.loglog(size, 1.0 - first / len(sizes), "-", color=colour, linewidth=1.3, label=label)
    if not axes.lines:
        return _none(axes, f"no avalanches: no bin of {AVALANCHE_BIN_MS:g} ms\nis without a spike")
    plain_numbers(axes.xaxis, axes.yaxis)
    axes.set(xlabel="size (spikes)", ylabel="share at least so large", title=f"Avalanches, {AVALANCHE_BIN_MS:g} ms")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys(), fontsize=7.5, handlelength=1.2)
    return None


def _spectrum(axes: Any, seen: list[_Seen]) -> None:
    segment = round(2000.0 / SPECTRUM_BIN_MS)
    for one in seen:
        counts = one.counts(SPECTRUM_BIN_MS)
        if len(counts) < segment or not counts.any():
            continue
        frequency, density = measures.welch(counts / counts.mean(), 1000.0 / SPECTRUM_BIN_MS, segment)
        drawn = (frequency >= 0.5) & (frequency < 99.0) & (density > 0.0)
        axes.loglog(frequency[drawn], density[drawn], color=one.colour, linewidth=1.3, label=one.name)
    if not axes.lines:
        return _none(axes, "too short for a spectrum")
    axes.axvspan(1.0, 50.0, color=GREY, alpha=0.12, linewidth=0)
    plain_numbers(axes.xaxis)
    axes.tick_params(which="minor", labelleft=False)
    axes.set(xlabel="frequency (Hz)", ylabel="power of count / mean (1/Hz)", title="Spectrum")
    return None


def _response(axes: Any, seen: list[_Seen]) -> None:
    """Draw the mean rate around the strongest pulses at single electrodes."""
    edges = np.arange(RESPONSE_MS[0], RESPONSE_MS[1] + 1e-9, RESPONSE_BIN_MS)
    for one in seen:
        onset_ms = one.spikes.stim_t_ms[probe_pulses(one.spikes)] if one.probe is not None else np.zeros(0)
        onset_ms = onset_ms[(onset_ms + edges[0] >= 0.0) & (onset_ms + edges[-1] <= one.spikes.duration_ms)]
        if len(onset_ms) and one.number:
            t = one.spikes.t_ms[one.active[one.spikes.channel]]
            bounds = np.searchsorted(t, onset_ms[:, None] + edges - 1e-9)
            rate = np.diff(bounds, axis=1).mean(axis=0) / one.number / RESPONSE_BIN_MS * 1e3
            axes.stairs(rate, edges, color=one.colour, linewidth=1.4, label=f"pulses: {len(onset_ms)}")
    if not axes.patches:
        return _none(axes, "evoked response not identified:\nno probe pulses in the file")
    axes.axvspan(*EVOKED_MS, color=GREY, alpha=0.15, linewidth=0)
    axes.set(xlabel="time from a pulse (ms)", ylabel="Hz per channel", title="Response to single pulses")
    axes.set_ylim(bottom=0.0)
    _legend(axes, seen, loc="upper right")
    return None


def _evoked(axes: Any, seen: list[_Seen]) -> None:
    """Draw the spikes that each electrode evokes, sorted."""
    for one in seen:
        if one.probe is not None:
            values = np.sort(one.probe.spikes)[::-1] / 100.0
            axes.plot(np.arange(len(values)) + 1, values, "o-", color=one.colour, markersize=3, label=one.name)
    if not axes.lines:
        return _none(axes, "no trains and no probe pulses\nin the file")
    axes.axhline(0.0, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlabel="electrode, by its response", ylabel="spikes evoked per channel", title="Electrodes")
    return None


def _trains(axes: Any, seen: list[_Seen]) -> None:
    """Draw the rate between the pulses of trains by their amplitude."""
    for one in seen:
        levels, rates = one.trains
        if not len(levels):
            continue
        if np.isfinite(levels).all():
            rest = 0.0 if one.rest is None else one.rest.rates_hz[one.active].mean()
            levels, rates = np.append(0.0, levels), np.append(rest, rates)
            axes.plot(levels, rates, "o-", color=one.colour, markersize=4, label=one.name)
        else:
            axes.axhline(rates[-1], color=one.colour, label=f"{one.name}: amplitude unknown")
    axes.set(xlabel="amplitude of trains (uA)", ylabel="Hz per channel", title="Rate under trains, blanked 5 ms")
    axes.set_ylim(bottom=0.0)
    _legend(axes, seen, loc="upper left")


def _table(axes: Any, seen: list[_Seen], values: Values) -> None:
    """List the measures of every recording, one column each."""
    axes.axis("off")
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    right = [1.0] if len(seen) == 1 else [0.83, 1.0]
    for k, (one, x) in enumerate(zip(seen, right, strict=True)):
        y = 1.0 + 0.022 * (len(seen) - 1 - k)  # long labels would cover each other on one line
        axes.text(x, y, one.name, fontsize=8.0, fontweight="bold", va="top", ha="right", color=one.colour)
    lines = list[tuple[str, list[str]]]()
    for name, measure in CHANNEL_MEASURES.items():
        label = f"{measure.label} ({measure.unit})" if measure.unit else measure.label
        lines.append((label, [channel_text(name, values[one.label]) for one in seen]))
    for k, (label, texts) in enumerate(lines, start=1):
        y = 1.0 - 0.036 * k
        axes.text(0.0, y, label, fontsize=7.5, va="top", color="black")
        for text, x in zip(texts, right, strict=True):
            axes.text(x, y, text, fontsize=7.5, va="top", ha="right", color=GREY if text == "-" else "black")
    axes.text(0.0, 1.0 - 0.036 * (len(lines) + 1.3), "-: not identified", fontsize=7.5, va="top", color=GREY)
