"""Maps of cells and electrodes, and responses of channels to stimulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA, BoundElectrodes
from livn_gym.models import Model, ReducedCalciumSomaDendrite
from livn_gym.plot.activity import of_system, one_culture
from livn_gym.plot.array_map import CELL_RATE_HZ, draw_array
from livn_gym.plot.style import new_figure, panel, styled
from livn_gym.pulses import numbers
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import System
from livn_gym.units import finite, rounding

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checked_types
@styled
def mea_map(
    system: System, recording: Recording | None = None, stimulus: Stimulus | None = None, *, ax: Any = None
) -> Figure:
    """Draw a map of cells and numbered electrodes, coloured by rates and charges.

    Args:
        system: The culture, with its electrodes.
        recording: Spikes of one culture, by which cells are coloured; if omitted, they are grey.
        stimulus: Stimulus of one culture in the electrode mode, by whose absolute charge electrodes are coloured; if
            omitted, they are white.
        ax: Axes to draw into; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        NotRecorded: Spikes were not recorded.
        InvalidInput: There are several cultures, the recording is of another system, the stimulus is in another mode,
            or not for these electrodes.
    """
    figure, axes = panel(ax, 5.6, 6.2)
    rates = charge = None
    if recording is not None:
        one_culture("A map", recording)
        of_system(recording, system)
        rates = np.bincount(recording.spikes[1], minlength=system.num_neurons) / recording.duration_ms * 1000.0
    if stimulus is not None:
        charge = _charge_nC(system, stimulus)
    electrodes, cells = draw_array(axes, system)
    axes.set(xlabel="x (µm)", ylabel="y (µm)")
    axes.set_title(system.name, loc="right")
    if rates is None:
        for _, mark in cells:
            mark.set(array=None, facecolor="#c0c0c0")
    else:
        for population, mark in cells:
            mark.set_array(rates[population.start : population.stop])
        bar = figure.colorbar(cells[0][1], ax=axes, location="bottom", fraction=0.04, pad=0.02, extend="max")
        bar.set_label(f"cell: mean rate (Hz; faster than {CELL_RATE_HZ:g} alike)")
    if charge is None:
        electrodes.set(array=None, facecolor="white")
    else:
        electrodes.set_array(charge)
        electrodes.set_clim(0.0, max(charge.max(), 1e-9))
        figure.colorbar(electrodes, ax=axes, location="bottom", fraction=0.04, pad=0.02).set_label(
            "electrode: charge (nC)"
        )
    return figure


@checked_types
@styled
def evoked(
    recording: Recording,
    system: System,
    stimulus: Stimulus | ArrayLike,
    *,
    io: MEA | None = None,
    model: Model | None = None,
    before_ms: float = 20.0,
    after_ms: float = 80.0,
    bin_ms: float = 2.0,
    ax: Any = None,
) -> Figure:
    """Draw the peri-stimulus histogram of every channel, and above it their mean.

    Args:
        recording: Spikes of one or several cultures, which are pooled.
        system: The culture.
        stimulus: Pulses that began with the recording, or their onsets since the recording's start, ms ``[P]``.
        io: The recording array; default the electrodes of the system.
        model: Model that places the cells' compartments; default ``ReducedCalciumSomaDendrite()``.
        before_ms: Length of the histogram before an onset.
        after_ms: Length of the histogram after an onset.
        bin_ms: Width of the histogram's bins.
        ax: Two axes for the mean and the channels, or one axes for the channels alone; default a new figure.

    Returns:
        The figure.

    Raises:
        BackendUnavailable: matplotlib is not installed.
        NotRecorded: Spikes were not recorded.
        InvalidInput: The recording is of another system, no onset has its full window within the recording, or a time
            is out of range.
    """
    of_system(recording, system)
    geometry = (ReducedCalciumSomaDendrite() if model is None else model).geometry(system)
    electrodes = BoundElectrodes((MEA() if io is None else io).bind(system), geometry)
    onsets = _onsets_ms(stimulus)
    rates, edges = _histogram_hz(recording, electrodes, onsets, _edges(before_ms, after_ms, bin_ms))
    if ax is None:
        ax = new_figure(6.8, 5.4).subplots(2, 1, sharex=True, height_ratios=(1, 2.6))
    mean, channels = ax if isinstance(ax, list | tuple | np.ndarray) else (None, ax)
    # the direct response in the first bins must not determine the colour scale of later ones
    limit = max(float(np.quantile(rates, 0.98)), 1.0)
    mesh = channels.pcolormesh(edges, np.arange(len(rates) + 1) - 0.5, rates, cmap="viridis", vmin=0, vmax=limit)
    channels.figure.colorbar(mesh, ax=channels, pad=0.02, extend="max", label="recorded spikes (Hz)")
    channels.axvline(0.0, color="white", linestyle=":", linewidth=1.2)
    channels.set(xlabel="time since the pulse (ms)", ylabel="channel", ylim=(-0.5, len(rates) - 0.5))
    channels.yaxis.get_major_locator().set_params(integer=True)
    title = f"{system.name}: response of {len(rates)} channels"
    if mean is None:
        channels.set_title(title)
    else:
        mean.stairs(rates.mean(axis=0), edges, fill=True, color="#0072B2")
        mean.axvline(0.0, color="black", linestyle=":", linewidth=1.2)
        mean.set(ylabel="mean (Hz a channel)", title=title, xlim=edges[[0, -1]])
        mean.set_ylim(bottom=0)
    return channels.figure


def _charge_nC(system: System, stimulus: Stimulus) -> NDArray[np.float64]:
    if stimulus.mode != "electrode" or stimulus.num_columns != system.num_channels:
        raise InvalidInput(
            f"A map shows electrode stimuli of {system.num_channels} channels, "
            f"got the mode {stimulus.mode!r} with {stimulus.num_columns} columns."
        )
    if stimulus.num_cultures is not None:
        raise InvalidInput("A map shows one culture: pass stimulus[b].")
    return stimulus.charge_nC()


def _onsets_ms(stimulus: Stimulus | ArrayLike) -> NDArray[np.float64]:
    if not isinstance(stimulus, Stimulus):
        return np.unique(numbers("Onsets", stimulus))
    if stimulus.pulses is None:
        raise InvalidInput("Only pulses have onsets; for another stimulus pass the onsets, ms.")
    return np.unique(stimulus.pulses.onset_ms)


MAX_BINS = 100_000
"""Largest number of bins of a histogram."""


def _edges(before_ms: float, after_ms: float, bin_ms: float) -> NDArray[np.float64]:
    """Return bin edges, one of them at 0, that cover at least the window."""
    width = finite("bin_ms", bin_ms, above=0.0)
    before, after = finite("before_ms", before_ms, minimum=0.0), finite("after_ms", after_ms, above=0.0)
    if (before + after) / width > MAX_BINS:
        raise InvalidInput(f"A histogram has at most {MAX_BINS} bins, got {before + after:g} ms of {width:g} ms.")
    return width * np.arange(-np.ceil(before / width - 1e-9), max(1.0, np.ceil(after / width - 1e-9)) + 1)


def _histogram_hz(
    recording: Recording, electrodes: BoundElectrodes, onsets: NDArray, edges: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rate of every channel in every bin, Hz ``[C, bins]``, over onsets whose window was recorded."""
    onsets = onsets[(onsets + edges[0] >= -1e-9) & (onsets + edges[-1] <= recording.duration_ms + 1e-9)]
    if not len(onsets):
        raise InvalidInput(
            f"No onset has {-edges[0]:g} ms before and {edges[-1]:g} ms after it in {recording.duration_ms:g} ms."
        )
    _, gid, t = recording.spikes
    channel, t_recorded = electrodes.channel_recording(gid, t)
    counts = np.zeros((electrodes.num_channels, len(edges) - 1))
    for onset in onsets:
        window = onset + edges[[0, -1]]
        first, last = np.searchsorted(t_recorded, window - rounding(window))
        # despite rounding, a spike at the time of the pulse must count after it
        tolerance = rounding(window[1]) / (edges[1] - edges[0])
        bins = np.floor((t_recorded[first:last] - window[0]) / (edges[1] - edges[0]) + tolerance).astype(np.int64)
        np.add.at(counts, (channel[first:last], np.clip(bins, 0, counts.shape[1] - 1)), 1)
    seconds = np.diff(edges) / 1000.0
    return counts / seconds / len(onsets) / recording.num_cultures, edges
