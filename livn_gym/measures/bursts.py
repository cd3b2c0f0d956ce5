"""Network bursts: short times in which a large part of the culture fires together."""

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
    """Bursts in order of time, K of them.

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
    """Find the bursts of the pooled train of all cells.

    A burst is a longest stretch in which every spike belongs to ``min_spikes`` successive spikes that last at
    most ``window_ms`` (the criterion called ISI_N by Bakkum et al.; here with a given window). Stretches less
    than ``merge_ms`` apart are one burst; those in which fewer than ``min_cells`` cells fire are none.

    Reference:
        Bakkum, Radivojevic, Frey, Franke, Hierlemann & Takahashi, Parameters for burst detection, Front
        Comput Neurosci 7:193, 2014.

    Args:
        gid: Cell of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``.
        min_spikes: Fewest spikes of a burst, at least 2.
        window_ms: Longest time that so many successive spikes may take.
        merge_ms: Bursts closer than this are joined.
        min_cells: Fewest cells of a burst.
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
    kept = cells >= min_cells
    first, last = first[kept], last[kept]
    return NetworkBursts(t[first], t[last], last - first + 1, cells[kept])


@checked
def more_than_chance(min_spikes: int, mean: float, spikes: int) -> int:
    """The smallest number of spikes in a window, from ``min_spikes`` on, that is no matter of chance.

    In a run of a Poisson culture fewer than 0.05 windows with so many spikes are expected: every spike starts one,
    which holds k others with Poisson's probability, whose tail from k on is below p(k) / (1 - mean / (k + 1)).

    Args:
        min_spikes: The smallest number looked at, at least 2.
        mean: Mean number of spikes in a window.
        spikes: Number of spikes in the run.
    """
    whole_number("min_spikes", min_spikes, minimum=2)
    if not 0.0 <= finite("mean", mean) <= whole_number("spikes", spikes, minimum=0):
        raise InvalidInput(f"The mean of a window must lie in 0 ... {spikes}, the spikes of the run, got {mean:g}.")
    if spikes == 0 or mean == 0.0:
        return min_spikes
    number = max(min_spikes, math.ceil(mean) + 1)
    while True:
        others = number - 1
        tail = math.exp(others * math.log(mean) - mean - math.lgamma(others + 1)) / (1.0 - mean / (others + 1))
        if spikes * tail < 0.05:
            return number
        number += 1
