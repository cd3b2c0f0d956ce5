"""The measures that a fit compares, as roughly normal numbers, and their spread within one recording."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.tuning import measure_channels, spontaneous_part
from livn_gym.units import whole_number

Transform = Callable[[float], float]

SPONTANEOUS: dict[str, Transform] = {
    "rate_hz": lambda x: np.log(max(x, 1e-3)),
    "isi_cv": lambda x: np.log(max(x, 1e-3)),
    "bursts_per_s": lambda x: np.sqrt(max(x, 0.0)),
    "burst_spike_share": lambda x: np.arcsin(np.sqrt(min(max(x, 0.0), 1.0))),
}
"""Measures of spontaneous activity that are fitted, with the transform that makes them roughly normal."""

EVOKED: dict[str, Transform] = {
    "evoked_spikes": lambda x: np.arcsinh(x / 20.0),
    "blanked_hz": lambda x: np.log(max(x, 1e-3)),
    "train_gain": lambda x: np.arcsinh(x),
}
"""Measures of the response to the standard probe sweep."""

FITTED: dict[str, Transform] = SPONTANEOUS | EVOKED
"""All measures that are fitted, at most eight."""

BLOCK_MS = 30_000.0
"""Length of the blocks of spontaneous activity that a bootstrap draws: longer than any interval between bursts that a
recording of ten minutes can tell from silence."""

MIN_BLOCKS = 10
"""Least number of blocks in a recording."""

ISOLATED_MS = 500.0
"""Time without a stimulus before a single pulse; pulses that follow each other faster are a train."""

PULSE_UNIT_MS = 1000.0
"""Longest time after a single pulse that is drawn together with it."""

TRAIN_UNIT_MS = 1000.0
"""Length of the parts of a train that are drawn."""

RESAMPLES = 100

MIN_RESAMPLED = 0.5
"""A measure is fitted if it is defined in at least this share of the surrogate recordings of the bootstrap."""

_log = logging.getLogger(__name__)


@checked_types
def fitted_vector(values: Mapping[str, float], names: Sequence[str]) -> NDArray[np.float64]:
    """Return measures as roughly normal numbers, ``[K]``; NaN where a measure is undefined."""
    return np.array([FITTED[name](values[name]) if np.isfinite(values[name]) else np.nan for name in names])


@checked_types
def identified(spikes: ChannelSpikes) -> dict[str, float]:
    """Return those fitted measures that a recording identifies, with their values.

    Raises:
        InvalidInput: Fewer than three are identified, for example because too few channels are active.
    """
    values = measure_channels(spikes, list(FITTED))
    found = {name: value for name, value in values.items() if np.isfinite(value)}
    _require_enough(found)
    return found


def _require_enough(found: Collection[str]) -> None:
    if len(found) < 3:
        missing = ", ".join(name for name in SPONTANEOUS if name not in found)
        raise InvalidInput(
            f"The recording identifies {len(found)} of {len(FITTED)} measures, at least 3 are needed: {missing} are "
            "not identified. It needs at least 5 minutes without stimulation, with active channels."
        )


@checked_types
def with_surrogates(
    spikes: ChannelSpikes, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Return the identified measures whose spread is identified too, and their fitted values in surrogates, ``[n, K]``.

    A measure that most surrogates lack, such as the rate in trains of a few seconds, is left out with a warning.

    Args:
        spikes: The recording.
        resamples: Number of surrogates; those that lack a measure are left out.
        seed: Seed of the draws.

    Raises:
        InvalidInput: Fewer than three measures are identified, or the spontaneous part is too short.
    """
    found = identified(spikes)
    resampled = block_bootstrap(spikes, tuple(found), resamples=resamples, seed=seed)
    defined = np.isfinite(resampled).mean(axis=0) >= MIN_RESAMPLED
    lacking = [name for name, enough in zip(found, defined, strict=True) if not enough]
    if lacking:
        _log.warning(
            "livn_gym: measures not fitted, since the recording is too short to estimate their variability: %s",
            ", ".join(lacking),
        )
    found = {name: value for name, value in found.items() if name not in lacking}
    _require_enough(found)
    resampled = resampled[:, defined]
    return found, resampled[np.isfinite(resampled).all(axis=1)]


@checked_types
def block_bootstrap(
    spikes: ChannelSpikes, names: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> NDArray[np.float64]:
    """Return the fitted measures of surrogate recordings, ``[resamples, K]``.

    A surrogate is made of blocks of the spontaneous part that begin at random times (moving blocks), of the single
    pulses with what follows each, and of parts of every train, all drawn with replacement.

    Reference:
        Künsch, The jackknife and the bootstrap for general stationary observations, Ann Stat 17:1217, 1989.

    Args:
        spikes: The recording.
        names: The measures.
        resamples: Number of surrogates.
        seed: Seed of the draws.

    Raises:
        InvalidInput: The spontaneous part has fewer than 10 blocks of 30 s.
    """
    rest = spontaneous_part(spikes)
    if rest is None or rest.duration_ms < MIN_BLOCKS * BLOCK_MS:
        length_s = 0.0 if rest is None else rest.duration_ms / 1e3
        raise InvalidInput(
            f"The recording has {length_s:g} s without stimulation; at least {MIN_BLOCKS * BLOCK_MS / 1e3:g} s are "
            "needed to tell how much its measures vary, and 10 minutes are recommended."
        )
    probed = len(spikes.stim_t_ms) > 0
    rows = []
    for k in range(whole_number("resamples", resamples, minimum=10)):
        generator = np.random.default_rng([seed, k])
        count = round(rest.duration_ms / BLOCK_MS)
        starts = generator.uniform(0.0, rest.duration_ms - BLOCK_MS, count)
        parts = [(rest, float(start), float(start) + BLOCK_MS) for start in starts]
        if probed:
            for units in _units(spikes):
                parts += [(spikes, *units[i]) for i in generator.integers(0, len(units), len(units))]
        rows.append(fitted_vector(measure_channels(_joined(parts), names), names))
    return np.array(rows)


def _units(spikes: ChannelSpikes) -> list[list[tuple[float, float]]]:
    """Return groups of intervals that may replace each other: single pulses, and the parts of each train."""
    t = spikes.stim_t_ms
    starts = np.flatnonzero(np.diff(t, prepend=-np.inf) >= ISOLATED_MS)
    stops = np.append(starts[1:], len(t))
    singles: list[tuple[float, float]] = []
    groups: list[list[tuple[float, float]]] = []
    for first, stop in zip(starts, stops, strict=True):
        next_ms = float(t[stop]) if stop < len(t) else spikes.duration_ms
        if stop - first == 1:
            singles.append((float(t[first]), min(float(t[first]) + PULSE_UNIT_MS, next_ms)))
            continue
        edges = [float(t[first])]
        for onset in t[first + 1 : stop]:
            if onset - edges[-1] >= TRAIN_UNIT_MS - 1e-6:
                edges.append(float(onset))
        units = list(zip(edges[:-1], edges[1:], strict=True))
        if units:
            groups.append(units)
    return ([singles] if singles else []) + groups


def _joined(parts: Sequence[tuple[ChannelSpikes, float, float]]) -> ChannelSpikes:
    """Return intervals of recordings one after the other; between groups of stimuli lies a pause of ``ISOLATED_MS``."""
    first = parts[0][0]
    columns: list[list[NDArray]] = [[], [], [], [], []]
    t_ms, stimulated_before = 0.0, False
    for source, start, stop in parts:
        a, b = np.searchsorted(source.t_ms, [start, stop])
        p, q = np.searchsorted(source.stim_t_ms, [start, stop])
        single = q - p == 1
        if single or (q > p and not stimulated_before):
            t_ms += ISOLATED_MS
        amplitude = source.stim_amplitude_uA
        columns[0].append(source.t_ms[a:b] - start + t_ms)
        columns[1].append(source.channel[a:b])
        columns[2].append(source.stim_t_ms[p:q] - start + t_ms)
        columns[3].append(source.stim_channel[p:q])
        columns[4].append(np.zeros(0) if amplitude is None else amplitude[p:q])
        stimulated_before = q - p > 1
        t_ms += stop - start
    spikes, channel, onset, electrode, amplitude_uA = (np.concatenate(column) for column in columns)
    return replace(
        first,
        t_ms=spikes,
        channel=channel,
        duration_ms=t_ms + ISOLATED_MS,
        stim_t_ms=onset,
        stim_channel=electrode,
        stim_amplitude_uA=amplitude_uA if len(amplitude_uA) == len(onset) else None,
    )
