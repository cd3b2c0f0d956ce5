"""Measures of cultures under the protocol: one number per measure and culture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked_types
from livn_gym.decoding import BurstDetection
from livn_gym.recording import Recording
from livn_gym.tuning.response import responses
from livn_gym.tuning.stages import Observation

AVALANCHE_BIN_MS = 4.0
SPECTRUM_BIN_MS = 5.0
CORRELATION_BIN_MS = 10.0
MIN_SPIKES = 10
"""Minimum number of spikes of a cell for the irregularity of its intervals."""

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
    "above_shuffled": Measure("r_1 / 99 % of shuffled trains"),
    "naive_branching": Measure("ratio of successive bins"),
    "spectral_slope": Measure("spectral slope, 1-50 Hz"),
    "blanked_hz": Measure("rate at the top, blanked 3 ms", "Hz", stage="stimulation"),
    "range_3ms": Measure("top / rest, blanked 3 ms", stage="stimulation"),
    "range_5ms": Measure("top / rest, blanked 5 ms", stage="stimulation"),
    "sustained": Measure("last / first 10 s at the top", stage="stimulation"),
    "curve_fall": Measure("largest fall of the curve / range", stage="stimulation"),
    "second_cv": Measure("CV of the 1-s rate, worst level", stage="stimulation"),
    "cut_gain": Measure("gain, cut / intact", stage="stimulation"),
    "evoked_share": Measure("electrodes that evoke 10 spikes", stage="stimulation"),
    "evoked_spikes": Measure("spikes evoked per 100 cells", stage="stimulation"),
    "evoked_chance": Measure("electrodes, without a pulse", stage="stimulation"),
    "local_evoked_share": Measure("electrodes that evoke 10 nearby", stage="stimulation"),
    "local_evoked_spikes": Measure("spikes evoked per 100 cells nearby", stage="stimulation"),
    "local_evoked_chance": Measure("electrodes nearby, without a pulse", stage="stimulation"),
    "evoked_cut": Measure("spikes evoked, cut", stage="stimulation"),
    "place": Measure("quadrant decoded, 20-100 ms", stage="stimulation"),
    "place_cut": Measure("quadrant decoded, cut", stage="stimulation"),
    "stimulated_fano": Measure("Fano factor at the top, 500 ms", stage="stimulation"),
    "direct_share": Measure("share of direct spikes at the top", stage="stimulation"),
    "device_range_3ms": Measure("device: top / rest, blanked 3 ms", stage="stimulation"),
    "device_evoked_share": Measure("device: electrodes that evoke 10", stage="stimulation"),
    "device_evoked_spikes": Measure("device: spikes per 100 cells", stage="stimulation"),
}


@checked_types
def measure(observation: Observation) -> list[dict[str, float]]:
    """Compute all measures that the observation allows, for each culture; NaN if a measure is undefined.

    The measures of the amplitude curve and of single pulses are one graph's: its cultures share them.
    """
    result = [_rest(observation, observation.rest.culture(b)) for b in range(observation.num_cultures)]
    if observation.sustained is None:
        return result
    return [values | more for values, more in zip(result, responses(observation), strict=True)]


@checked_types
def cell_rates_hz(recording: Recording, num_neurons: int) -> NDArray[np.float64]:
    """Return the mean rate of every cell of one culture, ``[N]``."""
    return np.bincount(recording.spikes[1], minlength=num_neurons) / recording.duration_ms * 1e3


def _rest(observation: Observation, rest: Recording) -> dict[str, float]:
    env, duration = observation.env, rest.duration_ms
    n = env.system.num_neurons
    _, gid, t = rest.spikes
    rates = cell_rates_hz(rest, n)
    population_rates = {p.name: float(rates[p.start : p.stop].mean()) for p in env.system.populations}
    return {
        "rate_hz": float(rates.mean()),
        "exc_hz": population_rates.get("EXC", NAN),
        "inh_hz": population_rates.get("INH", NAN),
        "lowest_rate_hz": float(rates.mean()),
        "fastest_cell_hz": float(rates.max()),
        "silent_share": float((rates == 0).mean()),
        **train_measures(gid, t, n, duration),
    }


@checked_types
def train_measures(
    gid: NDArray, t: NDArray, num_trains: int, duration_ms: float, *, criticality: bool = True
) -> dict[str, float]:
    """Compute the measures of spontaneous activity that need spike trains only, of cells or of channels.

    Args:
        gid: Cell or channel of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``.
        num_trains: Number of cells or channels.
        duration_ms: Length of the recording, a multiple of 500 ms, at least 2 s.
        criticality: Compute the branching ratios as well, which take most of the time.
    """
    rates = np.bincount(gid, minlength=num_trains) / duration_ms * 1e3
    logs = np.log10(rates[rates > 0])
    bursts = BurstDetection(duration_ms).bursts(num_trains, gid, t)
    return {
        "log_rate_sd": float(logs.std()) if len(logs) > 1 else NAN,
        "isi_cv": _mean(measures.isi_cv(gid, t, num_trains, MIN_SPIKES)),
        "bursts_per_s": bursts["bursts_per_s"],
        "participation": bursts["participation"],
        "burst_ms": bursts["duration_ms"],
        "burst_spike_share": bursts["spike_share"],
        "fano_500ms": measures.population_fano_factor(t, duration_ms, 500.0),
        "correlation": measures.count_synchrony(gid, t, duration_ms, CORRELATION_BIN_MS)[0],
        **(_criticality(t, duration_ms) if criticality else {}),
        "spectral_slope": measures.spectral_slope(
            measures.population_counts(t, duration_ms, SPECTRUM_BIN_MS), SPECTRUM_BIN_MS
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


def _mean(values: NDArray) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else NAN
