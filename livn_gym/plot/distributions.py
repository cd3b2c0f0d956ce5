"""Distributions of interspike intervals and of avalanche sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.plot.activity import of_system
from livn_gym.plot.style import COLOURS, GREY, coloured, panel, plain_numbers, styled
from livn_gym.recording import Recording
from livn_gym.system import System
from livn_gym.units import finite, rounding, whole_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INTERVAL_BINS_MS = np.logspace(0, 4, 60)


@checked_types
@styled
def intervals(recording: Recording, system: System | None = None, *, ax: Any = None) -> Figure:
    """Draw the distribution of interspike intervals of all cells, on a logarithmic axis.

    Args:
        recording: Spikes of one or several cultures, which are pooled.
        system: The culture; if given, intervals are split by population.
        ax: Axes to draw into; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        NotRecorded: Spikes were not recorded.
        InvalidInput: The recording is of another system.
    """
    culture, gid, t = recording.spikes
    of_system(recording, system)
    figure, axes = panel(ax)
    # cells of different cultures are different cells
    number = int(gid.max(initial=0)) + 1
    cell, length = measures.intervals(culture * number + gid, t)
    if system is None:
        axes.hist(length, INTERVAL_BINS_MS, color=GREY)
    else:
        for population, colour in coloured(system):
            selected = length[(cell % number >= population.start) & (cell % number < population.stop)]
            median = f", median {np.median(selected):.0f} ms" if len(selected) else ""
            axes.hist(
                selected, INTERVAL_BINS_MS, color=colour, histtype="step", linewidth=1.5,
                label=f"{population.name}{median}",
            )  # fmt: skip
        axes.legend()
    axes.set(xscale="log", xlabel="interval between spikes of a cell (ms)", ylabel="number of intervals")
    plain_numbers(axes.xaxis)
    axes.set_title("Interspike intervals")
    return figure


@checked_types
@styled
def avalanches(recording: Recording, *, bin_ms: float = 4.0, seed: int = 0, ax: Any = None) -> Figure:
    """Draw the share of avalanches of at least each size, and the same for random spike times.

    Args:
        recording: Spikes of one or several cultures; avalanches are found in each culture separately.
        bin_ms: Width of the bins, ms; an avalanche is a sequence of bins with spikes between empty ones. An incomplete
            bin at the end of the run is not counted.
        seed: Seed of the random times.
        ax: Axes to draw into; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        NotRecorded: Spikes were not recorded.
        InvalidInput: The bin is not positive or longer than the run.
    """
    width = finite("bin_ms", bin_ms, above=0.0)
    bins = recording.duration_ms / width
    counted_ms = float(np.floor(bins + rounding(bins))) * width
    generator = np.random.default_rng(whole_number("seed", seed, minimum=0))
    real: list[np.ndarray] = []
    chance: list[np.ndarray] = []
    for culture in recording.cultures:
        t = culture.spikes[2]
        for times, sizes in ((t, real), (generator.uniform(0.0, recording.duration_ms, len(t)), chance)):
            counts = measures.population_counts(times[times < counted_ms - rounding(counted_ms)], counted_ms, width)
            sizes.append(measures.avalanches(counts)[0])
    figure, axes = panel(ax)
    for sizes, colour, label in ((real, COLOURS[0], "culture"), (chance, GREY, "random times")):
        values = np.sort(np.concatenate(sizes))
        if len(values):
            size, first = np.unique(values, return_index=True)
            share = 1.0 - first / len(values)
            axes.plot(size, share, "o-", markersize=3, color=colour, label=f"{label} ({len(values):,})")
    if axes.lines:
        axes.set(xscale="log", yscale="log")
        plain_numbers(axes.xaxis, axes.yaxis)
        axes.legend()
    else:
        text = "no spikes" if not len(recording.spikes[1]) else f"none: no bin of {width:g} ms\nis without a spike"
        axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes)
    axes.set(xlabel="size of an avalanche (spikes)", ylabel="share at least so large")
    axes.set_title(f"Avalanches, {width:g} ms")
    return figure
