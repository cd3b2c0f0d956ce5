"""Network bursts: short periods in which a large part of the culture fires together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.measures.counts import same_length
from livn_gym.units import finite, rounding, whole_number


@dataclass(frozen=True, eq=False)
class NetworkBursts:
    """K network bursts in temporal order.

    Attributes:
        start_ms: Time of the first spike, ``[K]``.
        stop_ms: Time of the last spike, ``[K]``.
        spikes: Number of spikes, ``[K]``.
        cells: Number of different cells that fired, ``[K]``.
    """

    start_ms: NDArray[np.float64]
    stop_ms: NDArray[np.float64]
    spikes: NDArray[np.int64]
    cells: NDArray[np.int64]


@checked
def network_bursts(
    gid: NDArray, t: NDArray, *, min_spikes: int, window_ms: float, merge_ms: float, min_cells: float
) -> NetworkBursts:
    """Detect network bursts in the pooled spike train of all cells.

    A burst is a maximal sequence of spikes each of which belongs to ``min_spikes`` successive spikes within at most
    ``window_ms`` (the ISI_N criterion of Bakkum et al., with the window as a parameter). Sequences less than
    ``merge_ms`` apart form one burst. Sequences in which fewer than ``min_cells`` cells fire are discarded.

    Reference:
        Bakkum, Radivojevic, Frey, Franke, Hierlemann & Takahashi, Parameters for burst detection, Front
        Comput Neurosci 7:193, 2014.

    Args:
        gid: Cell of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``.
        min_spikes: Minimum number of spikes in a burst, at least 2.
        window_ms: Longest duration of ``min_spikes`` successive spikes in a burst.
        merge_ms: Bursts closer than this are merged.
        min_cells: Minimum number of cells that fire in a burst.
    """
    same_length(gid, t)
    whole_number("min_spikes", min_spikes, minimum=2)
    finite("window_ms", window_ms, above=0.0)
    finite("merge_ms", merge_ms, minimum=0.0)
    finite("min_cells", min_cells, minimum=0.0)
    order = np.argsort(t, kind="stable")
    gid, t = gid[order], t[order]
    reach = min_spikes - 1  # intervals between the first and the last of min_spikes spikes
    windows = max(len(t) - reach, 0)
    dense = np.flatnonzero(t[reach:] - t[:windows] <= window_ms + rounding(t[reach:]))

    # An interval between neighbouring spikes is inside a burst where a dense window spans it.
    change = np.zeros(len(t) + 1, dtype=np.int64)
    np.add.at(change, dense, 1)
    np.add.at(change, dense + reach, -1)
    inside = np.cumsum(change)[:-1] > 0
    edges = np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)

    apart = t[first[1:]] - t[last[:-1]] >= merge_ms
    first = first[np.concatenate([[True], apart])[: len(first)]]
    last = last[np.concatenate([apart, [True]])[: len(last)]]

    firing = [len(np.unique(gid[a : b + 1])) for a, b in zip(first, last, strict=True)]
    cells = np.array(firing, dtype=np.int64)
    large = cells >= min_cells
    first, last = first[large], last[large]
    return NetworkBursts(t[first], t[last], last - first + 1, cells[large])


@checked
def more_than_chance(min_spikes: int, mean: float, spikes: int) -> int:
    """Return the smallest number of spikes in a window that is unlikely to occur by chance.

    In a recording of a Poisson process, fewer than 0.05 windows with this number of spikes are expected. Every spike
    starts a window, which holds k further spikes with Poisson probability p(k); the tail of this distribution from k
    on is below p(k) / (1 - mean / (k + 1)).

    Args:
        min_spikes: Lower bound of the result, at least 2.
        mean: Mean number of spikes in a window.
        spikes: Number of spikes in the recording.
    """
    whole_number("min_spikes", min_spikes, minimum=2)
    if not 0.0 <= finite("mean", mean) <= whole_number("spikes", spikes, minimum=0):
        raise InvalidInput(
            f"The mean number of spikes in a window must be from 0 to {spikes}, the spikes of the run, got {mean:g}."
        )
    if spikes == 0 or mean == 0.0:
        return min_spikes
    number = max(min_spikes, math.ceil(mean) + 1)
    while True:
        others = number - 1
        tail = math.exp(others * math.log(mean) - mean - math.lgamma(others + 1)) / (1.0 - mean / (others + 1))
        if spikes * tail < 0.05:
            return number
        number += 1
