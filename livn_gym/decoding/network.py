"""Network bursts, synchrony and avalanches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked
from livn_gym.decoding.base import SpikeDecoding
from livn_gym.errors import InvalidInput
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
class BurstDetection(SpikeDecoding):
    """Network bursts: times in which the culture as a whole fires fast and many of its cells take part.

    In a burst every spike belongs to a window in which the pooled rate reaches a threshold: the largest of
    ``min_rate_hz`` a cell, ``relative`` times the run's own mean rate, and what a Poisson culture of that mean
    reaches in one of twenty runs (which matters for a few cells only). A burst cut by the run's ends counts
    as what is seen of it. The definition and its source stand in ``measures.network_bursts``.

    The result is a dict: ``count``; ``bursts_per_s``; ``participation``, the mean share of cells that fire in
    a burst; ``duration_ms``, its mean length from first to last spike; ``spike_share``, the share of all
    spikes inside bursts; ``start_ms`` and ``stop_ms`` ``[K]``. Without bursts the two means are NaN; without
    spikes ``spike_share`` is NaN too.

    Args:
        duration: Length of the run, ms.
        min_rate_hz: Lowest mean rate of a cell in a burst.
        relative: Lowest rate in units of the run's mean. With 0 the run's mean plays no part, neither here nor
            for chance: for short runs, which may lie within a burst.
        window_ms: Window of the rate.
        merge_ms: Bursts closer than this are one.
        min_participation: Smallest share of cells that fire in a burst.
    """

    def __init__(
        self,
        duration: float,
        min_rate_hz: float = 10.0,
        relative: float = 3.0,
        window_ms: float = 50.0,
        merge_ms: float = 100.0,
        min_participation: float = 0.2,
    ) -> None:
        super().__init__(duration)
        self.min_rate_hz = finite("min_rate_hz", min_rate_hz, above=0.0)
        self.relative = finite("relative", relative, minimum=0.0)
        self.window_ms = finite("window_ms", window_ms, above=0.0)
        self.merge_ms = finite("merge_ms", merge_ms, minimum=0.0)
        self.min_participation = finite("min_participation", min_participation, minimum=0.0)
        if self.min_participation > 1.0:
            raise InvalidInput(f"min_participation is a share from 0 to 1, got {min_participation:g}.")

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, Any]:
        """One culture's bursts; see the class."""
        cells = env.system.num_neurons
        bursts = measures.network_bursts(
            gid,
            t,
            min_spikes=self.min_spikes(cells, len(t)),
            window_ms=self.window_ms,
            merge_ms=self.merge_ms,
            min_cells=self.min_participation * cells,
        )
        count, nan = len(bursts.start_ms), float("nan")
        return {
            "count": count,
            "bursts_per_s": count / self.duration * 1000.0,
            "participation": float(bursts.cells.mean() / cells) if count else nan,
            "duration_ms": float((bursts.stop_ms - bursts.start_ms).mean()) if count else nan,
            "spike_share": float(bursts.spikes.sum() / len(t)) if len(t) else nan,
            "start_ms": bursts.start_ms,
            "stop_ms": bursts.stop_ms,
        }

    def min_spikes(self, cells: int, spikes: int) -> int:
        """Spikes in a window from which on it is a burst's, for a culture with so many spikes in the run."""
        mean = spikes * self.window_ms / self.duration
        floor = max(self.min_rate_hz * cells * self.window_ms / 1000.0, self.relative * mean)
        number = max(2, math.ceil(floor - 1e-9))
        return measures.more_than_chance(number, mean, spikes) if self.relative else number


@checked
class Synchrony(SpikeDecoding):
    """``{"correlation": float, "chi": float}``: how much cells fire together.

    The mean over pairs of cells of the correlation of their spike counts, and chi (Golomb), on counts in
    bins, over cells whose count varies; see ``measures.count_synchrony``. Independent cells have a correlation of 0
    and a chi of about 1 / sqrt(cells), identical ones 1 and 1. NaN where fewer than two (chi: one) fire, and for
    fewer than 10 spikes: one coincidence of two lone spikes would be a correlation of 1.

    Args:
        duration: Length of the run, ms; a whole number of bins.
        bin_ms: Bin width.
    """

    def __init__(self, duration: float, bin_ms: float = 10.0) -> None:
        super().__init__(duration)
        measures.num_bins(duration, bin_ms)
        self.bin_ms = float(bin_ms)

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, float]:
        """One culture's correlation and chi; see the class."""
        if len(t) < measures.FEW_SPIKES:
            return {"correlation": float("nan"), "chi": float("nan")}
        correlation, chi = measures.count_synchrony(gid, t, self.duration, self.bin_ms)
        return {"correlation": correlation, "chi": chi}


@checked
class AvalancheAnalysis(SpikeDecoding):
    """Avalanches and the branching ratio of the culture's pooled activity.

    The result is a dict: ``branching_ratio`` by multistep regression, a number only where ``verdict`` is
    ``"temporal correlation"``, else NaN and ``"no temporal correlation"`` (a Poisson train's) or ``"too few spikes"``
    (fewer than ``measures.criticality.MIN_SPIKES``, 200);
    ``timescale_ms``, ``amplitude``, ``r_1`` and ``r_1_chance``, on which the verdict rests;
    ``naive_branching_ratio``, the simple ratio of successive bins, near 1 for a Poisson train too; ``sizes``
    (spikes) and ``durations_ms`` of the avalanches, ``[K]``. Without spikes the ratios are NaN and there are
    no avalanches. Definitions and sources stand in ``livn_gym.measures.criticality``.

    Args:
        duration: Length of the run, ms; a whole number of bins, at least 100. A minute is a good length.
        bin_ms: Bin width.
        max_lag_ms: Longest lag of the regression.

    Raises:
        BackendUnavailable: mrestimator is not installed (``pip install 'livn_gym[analysis]'``).
    """

    def __init__(self, duration: float, bin_ms: float = 4.0, max_lag_ms: float = 500.0) -> None:
        super().__init__(duration)
        measures.require_mrestimator()
        if measures.num_bins(duration, bin_ms) < 100:
            raise InvalidInput(f"A branching ratio needs 100 bins of {bin_ms:g} ms, the run has {duration:g} ms.")
        self.bin_ms = float(bin_ms)
        self.max_lag_ms = finite("max_lag_ms", max_lag_ms, above=0.0)

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, Any]:
        """One culture's avalanches; see the class."""
        counts = measures.population_counts(t, self.duration, self.bin_ms)
        found = measures.branching(counts, self.bin_ms, max_lag_ms=self.max_lag_ms)
        sizes, bins = measures.avalanches(counts)
        return {
            "branching_ratio": found.ratio,
            "verdict": found.verdict,
            "timescale_ms": found.timescale_ms,
            "amplitude": found.amplitude,
            "r_1": found.r_1,
            "r_1_chance": found.r_1_chance,
            "naive_branching_ratio": measures.naive_branching_ratio(counts),
            "sizes": sizes,
            "durations_ms": bins * self.bin_ms,
        }
