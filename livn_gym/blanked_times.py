"""Times in which the channels of an array did not record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.units import rounding

MIN_LISTENING = 0.25
"""Share of a run for which a channel must record for its rate to count."""


@dataclass(frozen=True, eq=False)
class Blanking:
    """Intervals of a run of B cultures in which C channels did not record, ``[I]``.

    Intervals of one channel neither overlap nor touch. They are sorted by (culture, channel, start).

    Attributes:
        duration_ms: Length of the run.
        num_cultures: B.
        num_channels: C.
        cell_channels: Channel with which each cell is blanked, int64 ``[N]``; -1 for a cell that is never blanked.
        culture: Culture of every interval, int64 ``[I]``.
        channel: Channel of every interval, int64 ``[I]``.
        start_ms: Start of every interval since the run's start, float64 ``[I]``.
        stop_ms: End of every interval, at most ``duration_ms``, float64 ``[I]``.
    """

    duration_ms: float
    num_cultures: int
    num_channels: int
    cell_channels: NDArray[np.int64]
    culture: NDArray[np.int64]
    channel: NDArray[np.int64]
    start_ms: NDArray[np.float64]
    stop_ms: NDArray[np.float64]

    @cached_property
    def listening_ms(self) -> NDArray[np.float64]:
        """Time for which each channel recorded, ms ``[B, C]``."""
        shape = self.num_cultures, self.num_channels
        rows = self.culture * self.num_channels + self.channel
        lost_ms = np.bincount(rows, self.stop_ms - self.start_ms, minlength=shape[0] * shape[1]).reshape(shape)
        listening_ms = self.duration_ms - lost_ms
        # Sums of intervals that fill the run differ from its length by rounding.
        return np.where(listening_ms > rounding(self.duration_ms), listening_ms, 0.0)

    @cached_property
    def recorded(self) -> NDArray[np.bool_]:
        """Whether each channel recorded for at least a quarter of the run (``MIN_LISTENING``), ``[B, C]``."""
        return self.listening_ms > MIN_LISTENING * self.duration_ms - rounding(self.duration_ms)

    @cached_property
    def cells_recorded(self) -> NDArray[np.bool_]:
        """Whether each cell was recorded for at least a quarter of the run, ``[B, N]``."""
        return self.of_cells(self.recorded, True)

    @cached_property
    def cell_spike_hz(self) -> NDArray[np.float64]:
        """Rate of a single spike of each cell in the time for which it was recorded, Hz ``[B, N]``; 0 without any."""
        listening_ms = self.listening_ms
        spike_hz = np.divide(1000.0, listening_ms, out=np.zeros_like(listening_ms), where=listening_ms > 0)
        return self.of_cells(spike_hz, 1000.0 / self.duration_ms)

    @cached_property
    def recorded_cell_spike_hz(self) -> NDArray[np.float64]:
        """``cell_spike_hz`` of cells that were recorded for at least a quarter of the run, otherwise 0, ``[B, N]``."""
        return np.where(self.cells_recorded, self.cell_spike_hz, 0.0)

    @cached_property
    def num_cells_recorded(self) -> NDArray[np.int64]:
        """Number of cells that were recorded for at least a quarter of the run, ``[B]``."""
        return self.cells_recorded.sum(axis=1)

    @cached_property
    def num_blanked_channels(self) -> NDArray[np.int64]:
        """Number of channels that recorded for less than a quarter of the run, ``[B]``."""
        return (~self.recorded).sum(axis=1)

    @cached_property
    def lost_fraction(self) -> NDArray[np.float64]:
        """Share of the run in which a channel did not record, mean over channels, ``[B]``."""
        return 1.0 - self.listening_ms.mean(axis=1) / self.duration_ms

    def of_cells(self, of_channels: NDArray, otherwise: float | bool) -> NDArray:
        """Return the value of each cell's channel, ``[B, N]``.

        Args:
            of_channels: Values of the channels, ``[B, C]``.
            otherwise: Value of cells that are never blanked.
        """
        last = np.full((len(of_channels), 1), otherwise, dtype=of_channels.dtype)
        return np.concatenate([of_channels, last], axis=1)[:, self.cell_channels]  # -1 is the last column

    @cached_property
    def singles(self) -> tuple[Blanking, ...]:
        """Intervals of the single cultures, ``[B]``; they are read at every step of a loop, and often the same."""
        return self.cultures(0, self.num_cultures)

    def cultures(self, first: int, last: int) -> tuple[Blanking, ...]:
        """Return the intervals of the single cultures from ``first`` to ``last - 1``."""
        bounds = np.searchsorted(self.culture, np.arange(first, last + 1)).tolist()
        singles = []
        for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
            own = slice(start, stop)
            culture = np.zeros(stop - start, dtype=np.int64)
            parts = {name: getattr(self, name)[own] for name in ("channel", "start_ms", "stop_ms")}
            singles.append(self._with(num_cultures=1, culture=culture, **parts))
        return tuple(singles)

    def select(self, cultures: NDArray[np.int64]) -> Blanking:
        """Return the intervals of some cultures, ascending indices ``[n]``."""
        own = np.isin(self.culture, cultures)
        culture = np.searchsorted(cultures, self.culture[own])
        return self._where(own)._with(num_cultures=len(cultures), culture=culture)

    def slice(self, start_ms: float, stop_ms: float) -> Blanking:
        """Return what lies in ``[start_ms, stop_ms)``, with times relative to ``start_ms``."""
        starts, stops = (np.clip(times, start_ms, stop_ms) - start_ms for times in (self.start_ms, self.stop_ms))
        inside = stops - starts > rounding(self.duration_ms)
        cut = self._with(duration_ms=stop_ms - start_ms, start_ms=starts, stop_ms=stops)
        return cut._where(inside)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes without cached results."""
        return {name: getattr(self, name) for name in _FIELDS}

    def _with(self, **attributes: Any) -> Blanking:
        """Return a copy with other values of some attributes, without cached results."""
        other = object.__new__(Blanking)
        vars(other).update(self.__getstate__(), **attributes)
        return other

    def _where(self, keep: NDArray[np.bool_]) -> Blanking:
        arrays = {name: getattr(self, name)[keep] for name in ("culture", "channel", "start_ms", "stop_ms")}
        return self._with(**arrays)


_FIELDS = tuple(own.name for own in fields(Blanking))


def batch(parts: Sequence[Blanking | None], counts: Sequence[int]) -> Blanking | None:
    """Join the intervals of different cultures over the same run; None if nothing was blanked in any.

    Args:
        parts: Intervals of one or more cultures each; None for no intervals.
        counts: Number of cultures of each part.
    """
    blanked = [part for part in parts if part is not None]
    if not blanked:
        return None
    first = np.cumsum([0, *counts[:-1]])
    culture = [part.culture + offset for part, offset in zip(parts, first, strict=True) if part is not None]
    arrays = {name: np.concatenate([getattr(p, name) for p in blanked]) for name in ("channel", "start_ms", "stop_ms")}
    return blanked[0]._with(num_cultures=sum(counts), culture=np.concatenate(culture), **arrays)


def concat(parts: Sequence[Blanking | None], starts_ms: Sequence[float], duration_ms: float) -> Blanking | None:
    """Join the intervals of consecutive runs of the same cultures; None if nothing was blanked in any.

    An interval that reaches the end of a run is continued by one that begins at the start of the next.

    Args:
        parts: Intervals of each run; None for no intervals.
        starts_ms: Start of each run since the start of the first.
        duration_ms: Length of all runs together.
    """
    blanked = [(part, start) for part, start in zip(parts, starts_ms, strict=True) if part is not None]
    if not blanked:
        return None
    culture, channel = (np.concatenate([getattr(p, name) for p, _ in blanked]) for name in ("culture", "channel"))
    begin, end = (np.concatenate([getattr(p, name) + t for p, t in blanked]) for name in ("start_ms", "stop_ms"))
    order = np.lexsort((begin, channel, culture))
    culture, channel, begin, end = culture[order], channel[order], begin[order], end[order]
    room = rounding(duration_ms)
    joined = (culture[1:] == culture[:-1]) & (channel[1:] == channel[:-1]) & (begin[1:] <= end[:-1] + room)
    opens, closes = np.append(True, ~joined)[: len(order)], np.append(~joined, True)[: len(order)]
    return blanked[0][0]._with(
        duration_ms=duration_ms,
        culture=culture[opens],
        channel=channel[opens],
        start_ms=begin[opens],
        stop_ms=np.minimum(end[closes], duration_ms),
    )


def same_times(one: Blanking | None, other: Blanking | None) -> bool:
    """Return whether two recordings were blanked at the same times, or both not at all."""
    if one is None or other is None:
        return one is other
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in _FIELDS)
