"""Network bursts, synchrony and avalanches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import measures
from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.decoding.results import stack_by_name
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.units import finite
from livn_gym.view import CultureView


@checked
class BurstDetection(Decoding):
    """Network bursts: periods of fast firing of the whole culture in which many cells take part.

    Every spike of a burst belongs to a window in which the pooled rate reaches a threshold: the largest of
    ``min_rate_hz`` per cell, ``relative`` times the mean rate of the run, and the rate that a Poisson culture of that
    mean reaches in one of twenty runs (which matters for small cultures only). Of a burst that the start or the end of
    the run cuts, the part within the run counts. ``measures.network_bursts`` has the definition and its source.

    The result is a dict: ``count``; ``bursts_per_s``; ``participation``, the mean share of cells that fire in
    a burst; ``duration_ms``, the mean time from the first to the last spike of a burst; ``spike_share``, the share of
    all spikes inside bursts; ``start_ms`` and ``stop_ms`` ``[K]``. Without bursts, the two means are NaN; without
    spikes, ``spike_share`` is NaN as well. Of B cultures, the numbers are ``[B]``, ``start_ms`` and ``stop_ms`` lists.

    Args:
        duration: Length of the run, ms.
        min_rate_hz: Lowest mean rate of a cell in a burst.
        relative: Lowest rate in units of the mean rate of the run. With 0, neither this threshold nor
            the one of chance is used: for short runs, which may lie within a burst.
        window_ms: Window in which the rate is computed.
        merge_ms: Bursts closer than this are merged.
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

    def decode(self, view: CultureView, recording: Recording) -> dict[str, Any]:
        """Bursts of every culture."""
        cells = view.system.num_neurons
        return stack_by_name(
            [self.bursts(cells, gid, t) for gid, t in self.trains(view, recording)], lists=("start_ms", "stop_ms")
        )

    def bursts(self, cells: int, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, Any]:
        """Bursts of one culture.

        Args:
            cells: Number of cells, or of channels if spikes are known by channel.
            gid: Cell or channel of every spike, ``[S]``.
            t: Time of every spike, ms ``[S]``.
        """
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
        """Smallest number of spikes in a window of a burst, for a culture with that many spikes in the run."""
        mean = spikes * self.window_ms / self.duration
        floor = max(self.min_rate_hz * cells * self.window_ms / 1000.0, self.relative * mean)
        number = max(2, math.ceil(floor - 1e-9))
        return measures.more_than_chance(number, mean, spikes) if self.relative else number


@checked
class Synchrony(Decoding):
    """Synchrony of cells: ``{"correlation": float, "chi": float}``, of B cultures ``[B]`` each.

    The mean over pairs of cells of the correlation of their spike counts in bins, and Golomb's chi of these counts,
    over cells whose count varies; see ``measures.count_synchrony``. Independent cells have a correlation of 0
    and a chi of about 1 / sqrt(cells), identical cells 1 and 1. NaN if fewer than two cells (chi: one) fire, and for
    fewer than 10 spikes, since one coincidence of two single spikes would be a correlation of 1.

    Args:
        duration: Length of the run, ms; a whole number of bins.
        bin_ms: Bin width.
    """

    def __init__(self, duration: float, bin_ms: float = 10.0) -> None:
        super().__init__(duration)
        measures.num_bins(duration, bin_ms)
        self.bin_ms = float(bin_ms)

    def decode(self, view: CultureView, recording: Recording) -> dict[str, NDArray[np.float64]]:
        """Correlation and chi of every culture."""
        return stack_by_name([self._synchrony(gid, t) for gid, t in self.trains(view, recording)])

    def _synchrony(self, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, float]:
        if len(t) < measures.FEW_SPIKES:
            return {"correlation": float("nan"), "chi": float("nan")}
        correlation, chi = measures.count_synchrony(gid, t, self.duration, self.bin_ms)
        return {"correlation": correlation, "chi": chi}


@checked
class AvalancheAnalysis(Decoding):
    """Avalanches and branching ratio of the pooled activity of the culture.

    The result is a dict: ``branching_ratio`` by multistep regression, a number only if ``verdict`` is
    ``"temporal correlation"``, otherwise NaN and ``"no temporal correlation"`` (as for a Poisson train) or
    ``"too few spikes"`` (fewer than ``measures.criticality.MIN_SPIKES``, 200);
    ``timescale_ms`` and ``amplitude`` of the fitted exponential, and ``r_1`` (correlation of successive bins) and its
    chance level ``r_1_chance``, on which the verdict is based;
    ``naive_branching_ratio``, the simple ratio of successive bins, which is near 1 for a Poisson train as well;
    ``sizes`` (spikes) and ``durations_ms`` of the avalanches, ``[K]``. Without spikes, the ratios are NaN and there
    are no avalanches. Of B cultures, the numbers are ``[B]``; ``verdict``, ``sizes`` and ``durations_ms`` are lists.
    ``livn_gym.measures.criticality`` has the definitions and their sources.

    Args:
        duration: Length of the run, ms; a whole number of bins, at least 100. A minute is long enough for most uses.
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

    def decode(self, view: CultureView, recording: Recording) -> dict[str, Any]:
        """Avalanches and branching ratio of every culture."""
        return stack_by_name(
            [self._avalanches(t) for _, t in self.trains(view, recording)],
            lists=("verdict", "sizes", "durations_ms"),
        )

    def _avalanches(self, t: NDArray[np.float64]) -> dict[str, Any]:
        counts = measures.population_counts(t, self.duration, self.bin_ms)
        branching = measures.branching(counts, self.bin_ms, max_lag_ms=self.max_lag_ms)
        sizes, bins = measures.avalanches(counts)
        return {
            "branching_ratio": branching.ratio,
            "verdict": branching.verdict,
            "timescale_ms": branching.timescale_ms,
            "amplitude": branching.amplitude,
            "r_1": branching.r_1,
            "r_1_chance": branching.r_1_chance,
            "naive_branching_ratio": measures.naive_branching_ratio(counts),
            "sizes": sizes,
            "durations_ms": bins * self.bin_ms,
        }
