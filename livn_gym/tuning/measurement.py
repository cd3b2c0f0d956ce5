"""Measures of cultures under the protocol: one number per measure and culture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.decoding import BurstDetection, culture_result
from livn_gym.io.fields import distances
from livn_gym.recording import Recording
from livn_gym.tuning.protocol import BIN_MS, Observation

AVALANCHE_BIN_MS = 4.0
SPECTRUM_BIN_MS = 5.0
CORRELATION_BIN_MS = 10.0
MIN_SPIKES = 10
"""Minimum number of spikes of a cell for the irregularity of its intervals."""

BURST_SDS = 5.0
"""Number of standard deviations of the population count above which a trial of the maps is a network burst."""

NEAR_UM, FAR_UM = 60.0, 200.0
NAN = float("nan")

Pool = Literal["mean", "max", "min"]


@checked_types
@dataclass(frozen=True)
class Measure:
    """Description of a measure.

    Attributes:
        label: Label in tables.
        unit: Unit, empty if it has none.
        pool: How the values of cultures are pooled: the mean, or the worst of all.
        stage: ``"rest"`` or ``"stimulation"``: the stages that it needs.
    """

    label: str
    unit: str = ""
    pool: Pool = "mean"
    stage: Literal["rest", "stimulation"] = "rest"


MEASURES: dict[str, Measure] = {
    "rate_hz": Measure("spontaneous rate", "Hz"),
    "exc_hz": Measure("rate of EXC cells", "Hz"),
    "inh_hz": Measure("rate of INH cells", "Hz"),
    "lowest_rate_hz": Measure("lowest rate of a culture", "Hz", "min"),
    "fastest_cell_hz": Measure("fastest cell", "Hz", "max"),
    "silent_share": Measure("cells that never fire"),
    "log_rate_sd": Measure("SD of log10 of cells' rates"),
    "isi_cv": Measure("CV of intervals"),
    "bursts_per_s": Measure("network bursts", "/s"),
    "participation": Measure("participation in bursts"),
    "burst_ms": Measure("length of bursts", "ms"),
    "burst_spike_share": Measure("share of spikes in bursts"),
    "fano_500ms": Measure("Fano factor, 500 ms"),
    "correlation": Measure("correlation of pairs, 10 ms"),
    "branching": Measure("branching ratio, multistep"),
    "above_shuffled": Measure("r_1 by shuffled trains' 99 %"),
    "naive_branching": Measure("ratio of successive bins"),
    "spectral_slope": Measure("spectral slope, 1-50 Hz"),
    "stimulated_hz": Measure("stimulated rate", "Hz", stage="stimulation"),
    "d_prime": Measure("d' of a 100 ms count", stage="stimulation"),
    "suppressed_fano": Measure("Fano factor, stimulated, 500 ms", stage="stimulation"),
    "range_ratio": Measure("highest level by rest", stage="stimulation"),
    "lowest_ratio": Measure("lowest 100 ms after a level by rest", stage="stimulation"),
    "monotony": Measure("rank order of the levels", stage="stimulation"),
    "saturation": Measure("last step's slope by steepest", stage="stimulation"),
    "near_hz": Measure(f"evoked within {NEAR_UM:g} um", "Hz", stage="stimulation"),
    "near_by_far": Measure(f"evoked near by beyond {FAR_UM:g} um", stage="stimulation"),
    "maps_identified": Measure("maps told apart", stage="stimulation"),
    "burst_trials": Measure("trials left out of maps for a burst", stage="stimulation"),
}


@checked_types
def measure(observation: Observation) -> list[dict[str, float]]:
    """Compute all measures that the observation allows, for each culture; NaN if a measure is undefined.

    The maps' measures are one graph's: its cultures share them.
    """
    result = [_rest(observation, observation.rest.culture(b)) for b in range(observation.num_cultures)]
    if observation.stimulated is not None:
        maps = _maps(observation)
        for b, values in enumerate(result):
            values |= _response(observation, b) | maps
    return result


@checked_types
def cell_rates_hz(recording: Recording, num_neurons: int) -> NDArray[np.float64]:
    """Return the mean rate of every cell of one culture, ``[N]``."""
    return np.bincount(recording.spikes[1], minlength=num_neurons) / recording.duration_ms * 1e3


@checked_types
def burst_trials(evoked: NDArray) -> NDArray[np.bool_]:
    """Return which trials ``[B, trials, E]`` contain a network burst, from spike counts ``[B, trials, E, N]``.

    A spontaneous burst is not a response to the electrode, and one such trial dominates the map of cells with weak
    responses. Its population count exceeds the median of the electrode by ``BURST_SDS`` standard deviations, which are
    estimated from the median absolute deviation of all trials and are at least those of a Poisson count. If bursts are
    the usual response, they are not outliers.
    """
    counts = evoked.sum(axis=3)
    usual = np.median(counts, axis=(0, 1))
    above = counts - usual
    sd = max(1.4826 * float(np.median(np.abs(above))), math.sqrt(float(usual.mean())), 1.0)
    return above > BURST_SDS * sd


@checked_types
def evoked_maps_hz(observation: Observation, trials: slice = slice(None)) -> NDArray[np.float64]:
    """Return the rate above rest that each electrode evokes in each cell, mean over trials and cultures, ``[E, N]``.

    Trials with a network burst are excluded, unless all trials of an electrode contain one.
    """
    assert observation.evoked is not None
    n = observation.env.system.num_neurons
    rest = np.mean([cell_rates_hz(observation.rest.culture(b), n) for b in range(observation.num_cultures)], axis=0)
    calm = ~burst_trials(observation.evoked)[:, trials]
    calm |= ~calm.any(axis=(0, 1))
    evoked = np.einsum("bten,bte->en", observation.evoked[:, trials], calm) / calm.sum(axis=(0, 1))[:, None]
    return evoked / observation.protocol.map_ms * 1e3 - rest


@checked_types
def electrode_distances_um(observation: Observation) -> NDArray[np.float64]:
    """Return the distance in the plane of every cell from every mapped electrode, ``[E, N]``."""
    env = observation.env
    electrodes = env.system.electrodes[observation.electrodes, :2]
    return distances(env.electrodes.geometry.soma_um[:, :2], electrodes).T


def _rest(observation: Observation, rest: Recording) -> dict[str, float]:
    env, duration = observation.env, rest.duration_ms
    n = env.system.num_neurons
    _, gid, t = rest.spikes
    rates = cell_rates_hz(rest, n)
    population_rates = {p.name: float(rates[p.start : p.stop].mean()) for p in env.system.populations}
    logs = np.log10(rates[rates > 0])
    bursts = culture_result(BurstDetection(duration).decode(env, rest), 0, 1)
    return {
        "rate_hz": float(rates.mean()),
        "exc_hz": population_rates.get("EXC", NAN),
        "inh_hz": population_rates.get("INH", NAN),
        "lowest_rate_hz": float(rates.mean()),
        "fastest_cell_hz": float(rates.max()),
        "silent_share": float((rates == 0).mean()),
        "log_rate_sd": float(logs.std()) if len(logs) > 1 else NAN,
        "isi_cv": _mean(measures.isi_cv(gid, t, n, MIN_SPIKES)),
        "bursts_per_s": bursts["bursts_per_s"],
        "participation": bursts["participation"],
        "burst_ms": bursts["duration_ms"],
        "burst_spike_share": bursts["spike_share"],
        "fano_500ms": measures.population_fano_factor(t, duration, 500.0),
        "correlation": measures.count_synchrony(gid, t, duration, CORRELATION_BIN_MS)[0],
        **_criticality(t, duration),
        "spectral_slope": measures.spectral_slope(
            measures.population_counts(t, duration, SPECTRUM_BIN_MS), SPECTRUM_BIN_MS
        ),
    }


def _criticality(t: NDArray, duration_ms: float) -> dict[str, float]:
    counts = measures.population_counts(t, duration_ms, AVALANCHE_BIN_MS)
    branching = measures.branching(counts, AVALANCHE_BIN_MS)
    return {
        "branching": branching.ratio,
        "above_shuffled": branching.r_1 / branching.r_1_chance if branching.r_1_chance > 0 else NAN,
        "naive_branching": measures.naive_branching_ratio(counts),
    }


def _response(observation: Observation, b: int) -> dict[str, float]:
    """Compute the measures of a culture's response to stimulation of all electrodes."""
    assert observation.stimulated is not None and observation.levels is not None and observation.after is not None
    n, per_hz = observation.env.system.num_neurons, 1e3 / BIN_MS
    rest, stimulated = (
        measures.population_counts(r.culture(b).spikes[2], r.duration_ms, BIN_MS)
        for r in (observation.rest, observation.stimulated)
    )
    enough = rest.sum() + stimulated.sum() >= measures.FEW_SPIKES
    spread = math.sqrt((rest.var() + stimulated.var()) / 2)
    curve = observation.levels[b].mean(axis=1) / n * per_hz
    rest_hz = float(rest.mean()) / n * per_hz
    slope = np.diff(curve) / np.diff(observation.protocol.levels_uA)
    return {
        "stimulated_hz": float(stimulated.mean()) / n * per_hz,
        "d_prime": float((stimulated.mean() - rest.mean()) / spread) if spread and enough else NAN,
        "suppressed_fano": measures.population_fano_factor(
            observation.stimulated.culture(b).spikes[2], observation.stimulated.duration_ms, 500.0
        ),
        "range_ratio": float(curve[-1] / rest_hz) if rest_hz else NAN,
        "lowest_ratio": float(observation.after[b].mean(axis=0)[:3].min() / n * per_hz / rest_hz) if rest_hz else NAN,
        "monotony": _kendall(curve),
        "saturation": float(slope[-1] / slope.max()) if slope.max() > 0 else NAN,
    }


def _maps(observation: Observation) -> dict[str, float]:
    """Compute the measures of the maps of single electrodes and of their differences."""
    if observation.evoked is None:
        return {}
    maps, distance = evoked_maps_hz(observation), electrode_distances_um(observation)
    near, far = _mean(maps[distance <= NEAR_UM]), _mean(maps[distance > FAR_UM])
    halves = [evoked_maps_hz(observation, slice(start, None, 2)) for start in (0, 1)]
    return {
        "near_hz": near,
        # What is far may answer less than nothing; half a hertz is the least that can be told from that.
        "near_by_far": near / max(far, 0.5) if math.isfinite(far) else NAN,
        "maps_identified": identified(*halves) if len(maps) > 1 and observation.protocol.map_trials > 1 else NAN,
        "burst_trials": float(burst_trials(observation.evoked).mean()),
    }


@checked_types
def identified(first: NDArray, second: NDArray) -> float:
    """Return the fraction of maps ``[E, N]`` that are most similar to the map of the same electrode from other trials.

    Each set of trials is compared with the other. Similarity is Pearson's correlation after subtraction of the mean map
    of all electrodes, which identifies none of them. The chance level is 1 / E.
    """
    correlation = _correlation(first - first.mean(axis=0), second - second.mean(axis=0))
    truth = np.arange(len(first))
    hits = [correlation.argmax(axis=axis) == truth for axis in (0, 1)]
    return float(np.mean(hits))


def _correlation(first: NDArray, second: NDArray) -> NDArray[np.float64]:
    def unit(rows: NDArray) -> NDArray:
        centred = rows - rows.mean(axis=1, keepdims=True)
        return centred / np.maximum(np.sqrt((centred**2).sum(axis=1, keepdims=True)), 1e-12)

    return unit(first) @ unit(second).T


def _kendall(curve: NDArray) -> float:
    """Return Kendall's rank correlation with the order of the levels: 1 if the response rises with every level."""
    i, j = np.triu_indices(len(curve), 1)
    return float(np.sign(curve[j] - curve[i]).mean())


def _mean(values: NDArray) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else NAN
