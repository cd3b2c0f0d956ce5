"""Measures of a recording on channels, of a simulated or a living culture: those of ``measure`` that need no cells.

Spontaneous activity is measured in the longest part without stimulation. Only active channels count: an electrode
without a cell near it says nothing about the culture, and arrays differ in the share of such electrodes. Responses are
measured after pulses at single electrodes that are far enough from others, and between the pulses of trains.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked, checked_types
from livn_gym.errors import unknown_name
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.tuning.measurement import AVALANCHE_BIN_MS, MEASURES, NAN, Measure, train_measures
from livn_gym.tuning.protocol import EVOKED_MS

ACTIVE_HZ = 5.0 / 60.0
"""Lowest rate of an active channel: five spikes per minute, a usual criterion for multi-electrode arrays."""

MIN_SPONTANEOUS_MS = 10_000.0
"""Shortest part without stimulation that counts as spontaneous activity of a stimulated recording, ms."""

COUNT_MS = 500.0
"""The spontaneous part is shortened to a whole number of these windows, ms."""

MIN_SPECTRUM_MS = 2000.0
"""Shortest recording whose spontaneous activity is measured: one segment of the spectrum, ms."""

SIMULTANEOUS_MS = 1.0
"""Pulses that begin within this time of each other are one stimulus, ms."""

ISOLATION_MS = 500.0
"""Time without stimulus before a pulse of a probe sweep, ms. Stimuli that follow each other faster are a train."""

MIN_PULSES = 10
"""Minimum number of pulses at single electrodes for the measures of the evoked response."""

MIN_TRAIN_MS = 2000.0
"""Minimum time between the pulses of trains for a rate under stimulation, ms."""

BLANKED_MS = EVOKED_MS[0]
"""Time after the onset of every pulse that is left out, ms: behind every direct response and most artefacts."""

CHANCE_QUANTILE = 0.95
"""An electrode evokes a response if it exceeds this quantile of as many windows drawn from the spontaneous part. A
fixed number of spikes would not do: channels record different numbers of cells."""

DRAWS = 1000

_CRITICALITY = (
    "branching", "above_shuffled", "naive_branching", "avalanche_size_exponent", "avalanche_duration_exponent",
)  # fmt: skip
_TRAINS = (
    "log_rate_sd", "isi_cv", "bursts_per_s", "participation", "burst_ms", "burst_spike_share", "fano_500ms",
    "correlation", "spectral_slope",
)  # fmt: skip

CHANNEL_MEASURES: dict[str, Measure] = {
    "rate_hz": Measure("spontaneous rate per channel", "Hz"),
    "active_channels": Measure("active channels"),
    "active_share": Measure("share of active channels"),
    **{name: MEASURES[name] for name in _TRAINS},
    "log_rate_sd": Measure("SD of log10 of channels' rates"),
    **{name: MEASURES[name] for name in _CRITICALITY if name in MEASURES},
    "avalanche_size_exponent": Measure("exponent of avalanche sizes"),
    "avalanche_duration_exponent": Measure("exponent of avalanche lengths"),
    "evoked_spikes": Measure("spikes evoked per 100 channels", stage="stimulation"),
    "evoked_share": Measure("electrodes that evoke a response", stage="stimulation"),
    "evoked_gain": Measure("slope of evoked spikes", "/uA", stage="stimulation"),
    "blanked_hz": Measure("rate in strongest trains", "Hz", stage="stimulation"),
    "range_5ms": Measure("rate in strongest trains / spontaneous", stage="stimulation"),
    "train_gain": Measure("slope of rate in trains", "Hz/uA", stage="stimulation"),
}
"""Measures of a recording on channels, by name. A rate is that of an active channel, and participation is the share of
active channels; spikes evoked are counted 5 to 100 ms after a pulse, above the spontaneous ones, on active channels."""


@checked_types
@dataclass(frozen=True, eq=False)
class Probe:
    """Responses to the pulses at single electrodes of a recording.

    Attributes:
        electrodes: Stimulated channels, ascending, ``[E]``.
        spikes: Spikes above the spontaneous ones that a pulse of each evokes per 100 active channels, ``[E]``: the
            mean over its strongest pulses if amplitudes are known, otherwise over all.
        pulses: Number of these pulses, ``[E]``.
        amplitudes_uA: Amplitudes of all pulses, ascending, ``[L]``; empty if unknown.
        curve: Spikes that a pulse of each amplitude evokes, mean over all electrodes, ``[L]``.
    """

    electrodes: NDArray[np.int64]
    spikes: NDArray[np.float64]
    pulses: NDArray[np.int64]
    amplitudes_uA: NDArray[np.float64]
    curve: NDArray[np.float64]


@checked
def measure_channels(spikes: ChannelSpikes, names: Collection[str] | None = None) -> dict[str, float]:
    """Compute the measures of a recording, by their names in ``CHANNEL_MEASURES``; NaN where one is not identified.

    Without a part of at least 10 s without stimulation, spontaneous activity is not identified, and neither is what is
    compared to it. The evoked response needs at least 10 pulses at single electrodes, each at least 500 ms after the
    stimulus before it and 100 ms before the next (``probe_response``).

    Args:
        spikes: Spikes and stimuli of the recording.
        names: Measures to compute. Default: all. Without branching and avalanches it takes about a tenth of the time.

    Raises:
        UnknownName: There is no such measure.
        BackendUnavailable: The branching ratio needs the package mrestimator (``pip install 'livn_gym[analysis]'``).
    """
    wanted = list(CHANNEL_MEASURES) if names is None else list(names)
    for name in wanted:
        if name not in CHANNEL_MEASURES:
            raise unknown_name("measure", name, CHANNEL_MEASURES)
    values = dict.fromkeys(CHANNEL_MEASURES, NAN)
    active = active_channels(spikes)
    rest = spontaneous_part(spikes)
    if rest is not None:
        values |= _spontaneous(rest, active, set(wanted))
    values |= _evoked(spikes, rest, active) | _trains(spikes, values["rate_hz"])
    return {name: values[name] for name in wanted}


@checked_types
def channel_text(name: str, values: Mapping[str, float]) -> str:
    """Return the value of a measure as text: "-" if it is not identified.

    A branching ratio is "none" if the activity has no temporal correlation.

    Args:
        name: Name of the measure.
        values: All measures of the recording.
    """
    if name == "branching" and np.isnan(values[name]) and not np.isnan(values["naive_branching"]):
        return "none"
    return "-" if np.isnan(values[name]) else f"{values[name]:.3g}"


@checked
def spontaneous_part(spikes: ChannelSpikes) -> ChannelSpikes | None:
    """Return the part of a recording in which spontaneous activity is measured, a whole number of 500 ms long.

    It is the whole recording if nothing was stimulated, otherwise the longest part that begins 1 s after a stimulus;
    None if that has less than 10 s, or the recording less than 2 s.
    """
    rest = spikes.spontaneous()
    if rest is None or rest.duration_ms < (MIN_SPONTANEOUS_MS if len(spikes.stim_t_ms) else MIN_SPECTRUM_MS):
        return None
    return rest.slice(0.0, np.floor(rest.duration_ms / COUNT_MS + 1e-9) * COUNT_MS)


@checked
def active_channels(spikes: ChannelSpikes) -> NDArray[np.bool_]:
    """Return which channels are active, ``[C]``: at least five spikes per minute in the spontaneous part, or overall.

    The whole recording counts if there is no spontaneous part.
    """
    return (spontaneous_part(spikes) or spikes).rates_hz >= ACTIVE_HZ


@checked
def probe_response(spikes: ChannelSpikes) -> Probe | None:
    """Return the responses to pulses at single electrodes, each at least 500 ms after the stimulus before it.

    Returns:
        The responses; None for fewer than 10 such pulses, without spontaneous activity or without active channels.
    """
    active, rest = active_channels(spikes), spontaneous_part(spikes)
    pulse = _isolated_pulses(spikes)
    if rest is None or len(pulse) < MIN_PULSES or not active.any():
        return None
    t = spikes.t_ms[active[spikes.channel]]
    onset_ms, channel = spikes.stim_t_ms[pulse], spikes.stim_channel[pulse]
    counts = np.searchsorted(t, onset_ms + EVOKED_MS[1]) - np.searchsorted(t, onset_ms + EVOKED_MS[0])
    expected = active[rest.channel].sum() / rest.duration_ms * (EVOKED_MS[1] - EVOKED_MS[0])
    above = 100.0 * (counts - expected) / active.sum()
    levels, curve = np.zeros(0), np.zeros(0)
    if spikes.stim_amplitude_uA is not None:
        amplitude_uA = spikes.stim_amplitude_uA[pulse]
        levels, level = np.unique(amplitude_uA.round(6), return_inverse=True)
        curve = np.bincount(level, above) / np.bincount(level)
    strongest = np.isin(pulse, probe_pulses(spikes))
    electrodes, index, number = np.unique(channel[strongest], return_inverse=True, return_counts=True)
    return Probe(electrodes, np.bincount(index, above[strongest]) / number, number, levels, curve)


@checked
def evoked_gap(spikes: ChannelSpikes) -> str:
    """Return why the response to single pulses is not identified, as the end of a sentence; empty if it is."""
    pulses = len(_isolated_pulses(spikes))
    if not len(spikes.stim_t_ms):
        return "the recording has no stimuli"
    if spontaneous_part(spikes) is None:
        return f"it has no {MIN_SPONTANEOUS_MS / 1e3:g} s without stimulation"
    if pulses < MIN_PULSES:
        return f"it has {pulses} pulses far enough from other stimuli, and at least {MIN_PULSES} are needed"
    return "" if active_channels(spikes).any() else "no channel is active"


@checked
def probe_pulses(spikes: ChannelSpikes) -> NDArray[np.int64]:
    """Return the indices of the pulses whose responses are averaged, ``[n]``.

    They are at single electrodes, at least 500 ms after the stimulus before them and 100 ms before the next; of each
    electrode, they are the strongest, if amplitudes are known.
    """
    pulse = _isolated_pulses(spikes)
    if spikes.stim_amplitude_uA is None:
        return pulse
    channel, amplitude_uA = spikes.stim_channel[pulse], spikes.stim_amplitude_uA[pulse]
    highest = np.zeros(spikes.num_channels)
    np.maximum.at(highest, channel, amplitude_uA)
    return pulse[amplitude_uA >= highest[channel] * (1 - 1e-9)]


def _spontaneous(rest: ChannelSpikes, active: NDArray[np.bool_], wanted: set[str]) -> dict[str, float]:
    number = int(active.sum())
    values = {"active_channels": float(number), "active_share": float(active.mean())}
    if not number:
        return values
    selected = active[rest.channel]
    t, channel = rest.t_ms[selected], (np.cumsum(active) - 1)[rest.channel[selected]]
    values["rate_hz"] = len(t) / number / rest.duration_ms * 1e3
    values |= train_measures(channel, t, number, rest.duration_ms, criticality=not wanted.isdisjoint(_CRITICALITY))
    counts = measures.population_counts(t, rest.duration_ms, AVALANCHE_BIN_MS)
    sizes, bins = measures.avalanches(counts)
    values["avalanche_size_exponent"] = measures.power_law_exponent(sizes)
    values["avalanche_duration_exponent"] = measures.power_law_exponent(bins)
    return values


def _evoked(spikes: ChannelSpikes, rest: ChannelSpikes | None, active: NDArray[np.bool_]) -> dict[str, float]:
    probe = probe_response(spikes)
    if probe is None or rest is None:
        return {}
    return {
        "evoked_spikes": float(probe.spikes.mean()),
        "evoked_share": float(_above_chance(probe, rest, active).mean()),
        "evoked_gain": float(np.polyfit(probe.amplitudes_uA, probe.curve, 1)[0]) if len(probe.curve) > 1 else NAN,
    }


def _above_chance(probe: Probe, rest: ChannelSpikes, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which electrodes evoke more than as many windows drawn at rest hold in 95 of 100 draws, ``[E]``."""
    length_ms = EVOKED_MS[1] - EVOKED_MS[0]
    windows = int(rest.duration_ms / length_ms)
    index = np.floor(rest.t_ms[active[rest.channel]] / length_ms).astype(np.int64)
    counts = np.bincount(index[index < windows], minlength=windows)
    above = 100.0 * (counts - counts.mean()) / active.sum()
    generator = np.random.default_rng(0)
    bounds = {
        n: np.quantile(above[generator.integers(0, windows, (DRAWS, n))].mean(axis=1), CHANCE_QUANTILE)
        for n in np.unique(probe.pulses).tolist()
    }
    return probe.spikes > np.array([bounds[n] for n in probe.pulses.tolist()])


@checked
def train_rates(spikes: ChannelSpikes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rates of an active channel between the pulses of trains, for every amplitude.

    A train has stimuli less than 500 ms apart; what is within 5 ms after an onset is left out. The time after a
    stimulus counts for the largest of its currents.

    Returns:
        Amplitudes, uA, ascending, and rates, Hz, ``[L]`` each. One amplitude, NaN, if amplitudes are unknown; none if
        trains have less than 2 s between their pulses, or no channel is active.
    """
    active = active_channels(spikes)
    starts, amplitudes = _stimuli(spikes)
    gap = np.diff(starts)
    in_train = (gap < ISOLATION_MS) & (gap > BLANKED_MS)
    begin, end = starts[:-1][in_train] + BLANKED_MS, starts[1:][in_train]
    t = spikes.t_ms[active[spikes.channel]]
    count = np.searchsorted(t, end) - np.searchsorted(t, begin)
    levels, level = np.unique(amplitudes[:-1][in_train], return_inverse=True)
    listened_ms = np.bincount(level, end - begin, minlength=len(levels))
    long = listened_ms >= MIN_TRAIN_MS
    if not active.any() or not long.any():
        return np.zeros(0), np.zeros(0)
    counts = np.bincount(level, count, minlength=len(levels))
    return levels[long], counts[long] / active.sum() / listened_ms[long] * 1e3


def _trains(spikes: ChannelSpikes, rate_hz: float) -> dict[str, float]:
    levels, rates = train_rates(spikes)
    if not len(levels):
        return {}
    values = {"blanked_hz": float(rates[-1]), "range_5ms": float(rates[-1] / rate_hz) if rate_hz > 0.0 else NAN}
    with_rest = np.append(0.0, levels), np.append(rate_hz, rates)
    if np.isfinite(with_rest).all():
        values["train_gain"] = float(np.polyfit(*with_rest, 1)[0])
    return values


def _stimuli(spikes: ChannelSpikes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return time and largest current of every stimulus; pulses that begin within ``SIMULTANEOUS_MS`` are one."""
    first = np.flatnonzero(np.diff(spikes.stim_t_ms, prepend=-np.inf) > SIMULTANEOUS_MS)
    if spikes.stim_amplitude_uA is None or not len(first):
        return spikes.stim_t_ms[first], np.full(len(first), NAN)
    return spikes.stim_t_ms[first], np.maximum.reduceat(spikes.stim_amplitude_uA, first).round(6)


def _isolated_pulses(spikes: ChannelSpikes) -> NDArray[np.int64]:
    """Return the indices of pulses at one electrode with enough time before and after them."""
    before = np.diff(spikes.stim_t_ms, prepend=-np.inf)
    after = np.diff(spikes.stim_t_ms, append=np.inf)
    within = spikes.stim_t_ms + EVOKED_MS[1] <= spikes.duration_ms
    return np.flatnonzero((before >= ISOLATION_MS) & (after >= EVOKED_MS[1]) & within)
