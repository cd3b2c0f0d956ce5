"""Measures of the response to stimulation that only a network can give: behind blanking, and against a cut copy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.io.fields import distances
from livn_gym.recording import Recording
from livn_gym.tuning.protocol import EVOKED_MS
from livn_gym.tuning.stages import Observation, blanked_rates_hz

EVOKED_SPIKES = 10.0
"""Number of spikes per 100 cells above the spontaneous ones that an electrode evokes at least to count."""

LOCAL_UM = 200.0
"""Distance from an electrode within which cells count as its neighbourhood: about as far as a connection reaches (the
standard deviation of the predefined systems' connectivity), and all cells of EI2 for an electrode in its middle."""

DIRECT_MS = 0.8
"""Time after the last phase of a pulse within which the pulse itself sets off spikes."""

COMPARED_MS = 10_000.0
"""Length of the first and of the last part of sustained stimulation that are compared."""

FANO_BIN_MS = 500.0

RAISED = 1.5
"""Rate at a level by that at rest, at least, for the level to count for the steadiness of the response: about the
lowest target of a task that follows a rate."""

MIN_SECONDS = 8
"""Minimum number of seconds at a level, of all cultures of a graph together, for the spread of their rates."""

MIN_GAIN_HZ = 0.1
"""Least gain of the intact culture to which that of the cut copy is compared."""

NAN = float("nan")


@checked_types
def responses(observation: Observation) -> list[dict[str, float]]:
    """Compute the measures of the stages with stimulation for each culture; NaN where a stage was left out."""
    graph = _curve(observation) | _steadiness(observation) | _pulses(observation)
    return [
        _sustained(observation, b) | _cut(observation, b) | _place(observation, b) | _device(observation, b) | graph
        for b in range(observation.num_cultures)
    ]


@checked_types
def evoked_spikes(observation: Observation, evoked: NDArray | None) -> NDArray[np.float64]:
    """Return the spikes above the spontaneous ones that each electrode evokes per 100 cells, ``[E]``.

    Args:
        observation: Its rest gives the spontaneous spikes of each culture.
        evoked: Spikes after every pulse, ``[B, trials, E, N]``.
    """
    if evoked is None:
        return np.zeros(0)
    expected = rest_rates_hz(observation) * (EVOKED_MS[1] - EVOKED_MS[0]) / 1e3
    above = evoked.sum(axis=3) / evoked.shape[3] - expected[:, None, None]
    return 100.0 * above.mean(axis=(0, 1))


@checked_types
def local_evoked_spikes(observation: Observation) -> NDArray[np.float64]:
    """Return the spikes above the spontaneous ones that each electrode evokes per 100 cells near it, ``[E]``."""
    near = cells_near(observation)
    return 100.0 * (evoked_maps(observation) * near).sum(axis=1) / np.maximum(near.sum(axis=1), 1)


@checked_types
def cells_near(observation: Observation) -> NDArray[np.bool_]:
    """Return which cells are within ``LOCAL_UM``, in the plane, of each electrode with single pulses, ``[E, N]``."""
    env = observation.env
    electrodes_um = env.system.electrodes[observation.electrodes, :2]
    return distances(env.electrodes.geometry.soma_um[:, :2], electrodes_um).T <= LOCAL_UM


@checked_types
def evoked_maps(observation: Observation) -> NDArray[np.float64]:
    """Return the spikes above the spontaneous ones that each electrode evokes in each cell, ``[E, N]``."""
    assert observation.evoked is not None
    cells = observation.env.system.num_neurons
    culture, gid, _ = observation.rest.spikes
    counts = np.bincount(culture * cells + gid, minlength=observation.num_cultures * cells).reshape(-1, cells)
    expected = counts.mean(axis=0) / observation.rest.duration_ms * (EVOKED_MS[1] - EVOKED_MS[0])
    return observation.evoked.mean(axis=(0, 1)) - expected


@checked_types
def chance_share(observation: Observation, near: NDArray | None = None, seed: int = 0) -> float:
    """Return the share of electrodes that seem to evoke ``EVOKED_SPIKES`` if the windows lie at rest instead.

    As many windows as there are pulses are drawn from the rest, 200 times.

    Args:
        observation: It has single pulses.
        near: The cells that count for each electrode, ``[E, N]``. Default: all cells.
        seed: Seed of the draws.
    """
    if observation.evoked is None:
        return NAN
    length_ms, cultures = EVOKED_MS[1] - EVOKED_MS[0], observation.num_cultures
    windows = int(observation.rest.duration_ms / length_ms)
    culture, gid, t = observation.rest.spikes
    index = np.floor(t / length_ms).astype(np.int64)
    inside = index < windows
    window, gid = (culture * windows + index)[inside], gid[inside]
    draws = np.random.default_rng(seed).integers(0, windows, (200, cultures, observation.evoked.shape[1]))
    if near is None:
        near = np.ones((1, observation.env.system.num_neurons), dtype=np.bool_)
    shares = []
    for cells in near:
        counts = np.bincount(window[cells[gid]], minlength=cultures * windows).reshape(-1, windows)
        above = 100.0 * (counts - counts.mean(axis=1, keepdims=True)) / max(int(cells.sum()), 1)
        means = above[np.arange(cultures)[:, None], draws].mean(axis=(1, 2))
        shares.append((means >= EVOKED_SPIKES).mean())
    return float(np.mean(shares))


@checked_types
def rest_rates_hz(observation: Observation) -> NDArray[np.float64]:
    """Return the spontaneous rate per cell of each culture, ``[B]``."""
    counts = np.bincount(observation.rest.spikes[0], minlength=observation.num_cultures)
    return counts / observation.env.system.num_neurons / observation.rest.duration_ms * 1e3


@checked_types
def blanked_range(observation: Observation) -> float:
    """Return the rate at the highest level behind 3 ms by that at rest, over all cultures; NaN without spikes."""
    assert observation.sustained is not None
    return _by(_blanked(observation, observation.sustained)[:, 1].mean(), rest_rates_hz(observation).mean())


def _blanked(observation: Observation, recording: Recording) -> NDArray[np.float64]:
    """Return the rates of each culture behind each blanking under the electrodes' ordinary pulses, ``[B, 3]``."""
    protocol = observation.protocol
    return blanked_rates_hz(recording, protocol, protocol.phase_ms, observation.env.system.num_neurons)


def _by(value: Any, reference: Any) -> float:
    return float(value / reference) if reference > 0 else NAN


def _sustained(observation: Observation, b: int) -> dict[str, float]:
    assert observation.sustained is not None
    recording, protocol = observation.sustained.culture(b), observation.protocol
    rest_hz = float(rest_rates_hz(observation)[b])
    _, behind_3ms, behind_5ms = _blanked(observation, observation.sustained)[b]
    part_ms = min(COMPARED_MS, recording.duration_ms / 2)
    first, last = (
        _blanked(observation, recording.slice(start, start + part_ms))[0, 1]
        for start in (0.0, recording.duration_ms - part_ms)
    )
    t = recording.spikes[2]
    fano_ms = recording.duration_ms // FANO_BIN_MS * FANO_BIN_MS
    direct = np.mod(t + 1e-9, protocol.spacing_ms) < 2.0 * protocol.phase_ms + DIRECT_MS
    return {
        "blanked_hz": float(behind_3ms),
        "range_3ms": _by(behind_3ms, rest_hz),
        "range_5ms": _by(behind_5ms, rest_hz),
        "sustained": _by(last, first),
        "stimulated_fano": measures.population_fano_factor(t[t < fano_ms], fano_ms, FANO_BIN_MS) if fano_ms else NAN,
        "direct_share": float(direct.mean()) if len(t) else NAN,
    }


def _curve(observation: Observation) -> dict[str, float]:
    """Compute how far the mean curve behind 3 ms falls below its values at lower levels, by its range."""
    if observation.curve_hz is None:
        return {}
    curve = observation.curve_hz[..., 1].mean(axis=0)
    span = curve.max() - curve[0]
    return {"curve_fall": float((np.maximum.accumulate(curve) - curve).max() / span) if span > 0 else NAN}


def _steadiness(observation: Observation) -> dict[str, float]:
    """Compute the largest coefficient of variation of the rate of a second at a level that raises the rate.

    The seconds of all cultures of a graph are taken together. What a controller that sees rates of a second can reach
    at a constant target is about this spread.
    """
    if observation.level_seconds_hz is None:
        return {}
    levels = observation.level_seconds_hz.swapaxes(0, 1).reshape(observation.level_seconds_hz.shape[1], -1)
    if levels.shape[1] < MIN_SECONDS:
        return {"second_cv": NAN}
    raised = levels[levels.mean(axis=1) >= max(RAISED * rest_rates_hz(observation).mean(), MIN_GAIN_HZ)]
    return {"second_cv": float((raised.std(axis=1) / raised.mean(axis=1)).max()) if len(raised) else NAN}


def _cut(observation: Observation, b: int) -> dict[str, float]:
    cut = observation.cut
    if cut is None or cut.sustained is None or observation.sustained is None:
        return {}
    gain, gain_cut = (
        float(_blanked(seen, seen.sustained)[b, 1] - rest_rates_hz(seen)[b])  # type: ignore[arg-type]
        for seen in (observation, cut)
    )
    return {"cut_gain": gain_cut / gain if gain > MIN_GAIN_HZ else NAN}


def _pulses(observation: Observation) -> dict[str, float]:
    if observation.evoked is None:
        return {}
    spikes = evoked_spikes(observation, observation.evoked)
    values = {
        "evoked_share": float((spikes >= EVOKED_SPIKES).mean()),
        "evoked_spikes": float(spikes.mean()),
        "evoked_chance": chance_share(observation),
    }
    if observation.electrodes is not None:
        local = local_evoked_spikes(observation)
        values["local_evoked_share"] = float((local >= EVOKED_SPIKES).mean())
        values["local_evoked_spikes"] = float(local.mean())
        values["local_evoked_chance"] = chance_share(observation, cells_near(observation))
    if observation.cut is not None and observation.cut.evoked is not None:
        values["evoked_cut"] = float(evoked_spikes(observation.cut, observation.cut.evoked).mean())
    if observation.device_evoked is not None:
        device = evoked_spikes(observation, observation.device_evoked)
        values["device_evoked_share"] = float((device >= EVOKED_SPIKES).mean())
        values["device_evoked_spikes"] = float(device.mean())
    return values


def _place(observation: Observation, b: int) -> dict[str, float]:
    values = {}
    for name, seen in (("place", observation), ("place_cut", observation.cut)):
        if seen is not None and seen.place is not None and seen.protocol.place_trials > 1:
            trials, quadrants, channels = seen.place[b].shape
            labels = np.tile(np.arange(quadrants), trials)
            values[name] = measures.centroid_accuracy(seen.place[b].reshape(-1, channels), labels)
    return values


def _device(observation: Observation, b: int) -> dict[str, float]:
    if observation.device is None:
        return {}
    rates = blanked_rates_hz(
        observation.device,
        observation.protocol,
        observation.protocol.device_phase_ms,
        observation.env.system.num_neurons,
    )
    return {"device_range_3ms": _by(rates[b, 1], rest_rates_hz(observation)[b])}
