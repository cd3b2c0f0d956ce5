"""Times of current through the electrodes in a run: the spikes that they blank, and those that they evoke directly."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livn_gym.blanked_times import Blanking
from livn_gym.copies import altered
from livn_gym.errors import InvalidInput
from livn_gym.io import BoundElectrodes
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import rounding

DIRECT_MS = 0.8
"""Time after current within which a spike counts as evoked directly by the field, ms."""

NEVER = np.int64(2**40)
"""Number of steps since the last current of a channel that has had none, at the beginning."""

_FEW_SPIKES = 2000
"""Number of spikes up to which each is searched by channel, which takes fewer operations but longer for a spike, and up
to which no table is made."""


class CurrentFlow:
    """Times at which current flows through the electrodes of B cultures in a run, in whole time steps.

    Args:
        recording: Recording of the run.
        stimulus: Stimulus at the electrodes, of B cultures or one for all; None is none.
        electrodes: The electrodes.
        carried: State after the run before, ``[B, C]``, as ``blanked`` takes it; None is none.
        previous: Times of an earlier run; if current flows at the same times in this one, its results are reused.

    Attributes:
        carried: State after this run.
    """

    def __init__(
        self,
        recording: Recording,
        stimulus: Stimulus | None,
        electrodes: BoundElectrodes,
        carried: NDArray[np.int64] | None = None,
        previous: CurrentFlow | None = None,
    ) -> None:
        self._dt_ms, self._duration_ms = recording.dt_ms, recording.duration_ms
        self._steps = round(self._duration_ms / self._dt_ms)
        self._electrodes = electrodes
        self._shape = recording.num_cultures, electrodes.num_channels
        if carried is not None and carried.shape != self._shape:
            raise InvalidInput(f"The carried state must be {self._shape}, got the shape {carried.shape}.")
        if carried is not None and carried.min(initial=0) < 0:
            raise InvalidInput(f"The carried state must be numbers of time steps, got {carried.min()}.")
        self._before = np.full(self._shape, NEVER) if carried is None else carried
        self._last = int(self._before.min(initial=NEVER))
        self._row, self._start, self._stop = self._phases(stimulus, previous)
        self.carried = self._before + self._steps
        # Phases of a row are in the order of time, so that the last one remains.
        self.carried.ravel()[self._row] = self._steps - self._stop

    def positions(self, recording: Recording) -> NDArray[np.int64]:
        """Return the step of every spike, on one axis on which the run of each culture follows the last one's."""
        culture, _, t = recording.spikes
        return culture * (self._steps + 1) + (t / self._dt_ms + 1e-6).astype(np.int64)

    def blanked(
        self, recording: Recording, blank_ms: tuple[float, float], positions: NDArray[np.int64] | None = None
    ) -> Recording:
        """Return the recording without the spikes of blanked times; see ``blanked``.

        Args:
            recording: The recording.
            blank_ms: Times of stimulated and of other electrodes, ms.
            positions: The ``positions`` of the recording, if they are known.
        """
        stimulated, others = map(self._whole_steps, blank_ms)
        if not stimulated or (not len(self._row) and self._last >= stimulated):
            return recording
        by_channel, blanking, complete = self._cached(blank_ms, stimulated, lambda: self._blanking(stimulated, others))
        culture, gid, _ = recording.spikes
        at = self.positions(recording) if positions is None else positions
        channel = blanking.cell_channels[gid]

        def by_row(spikes: Any) -> NDArray[np.bool_]:
            row = culture[spikes] * (self._shape[1] - 1) + channel[spikes]
            return by_channel.contain(row * (self._steps + 1) + at[spikes])

        if len(at) <= _FEW_SPIKES:
            lost = by_row(...)
        else:  # most verdicts follow from the culture, so that few spikes are searched by channel
            lost = self._reached(others, at)
            (rest,) = np.nonzero(self._reached(stimulated, at) & ~lost)
            lost[rest] = by_row(rest)
        if not complete:
            lost &= channel >= 0
        return altered(recording.where(~lost), blanking=blanking)

    def direct(self, recording: Recording, positions: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Return the number of spikes that the field evoked directly, by culture ``[B]``.

        A spike counts as direct while current flows through any electrode of its culture and for 0.8 ms after it
        (``DIRECT_MS``). All others are synaptic or spontaneous.

        Args:
            recording: The recording.
            positions: The ``positions`` of the recording, if they are known.
        """
        after = self._whole_steps(DIRECT_MS)
        if not len(self._row) and self._last >= after:
            return np.zeros(self._shape[0], dtype=np.int64)
        near = self._reached(after, self.positions(recording) if positions is None else positions)
        return np.bincount(recording.spikes[0][near], minlength=self._shape[0])

    def _phases(
        self, stimulus: Stimulus | None, previous: CurrentFlow | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return row (culture * C + channel), first step and end of every time of current, by row and time."""
        none = np.zeros(0, dtype=np.int64)
        self._results: dict[Any, Any] = {}
        self._source: tuple[Any, ...] = ()
        if stimulus is None or stimulus.mode != "electrode":
            return none, none, none
        count, channels = self._shape
        if stimulus.num_columns != channels or stimulus.num_cultures not in (None, count):
            given = f"{stimulus.num_columns} channels of {stimulus.num_cultures or 'all'} cultures"
            raise InvalidInput(f"The run has {channels} channels of {count} cultures, the stimulus {given}.")
        if stimulus.duration_ms > self._duration_ms + rounding(self._duration_ms):
            raise InvalidInput(f"The stimulus lasts {stimulus.duration_ms:g} ms, the run {self._duration_ms:g} ms.")
        changes = stimulus.schedule(self._dt_ms)  # cached, since the run has made it
        on = changes.value != 0
        self._source = changes.culture, changes.step, changes.column, on, self._steps, self._shape, self._electrodes
        if previous is not None and _same(self._source, previous._source):
            self._results = previous._results
            return previous._row, previous._start, previous._stop
        span = self._steps + 1
        key = 2 * ((changes.culture * channels + changes.column) * span + changes.step) + on
        key.sort()
        flows = (key & 1).astype(np.bool_)
        before = np.concatenate([[False], flows[:-1]])  # every row ends with 0, so the one before is over
        (row, start), stop = np.divmod(key[flows & ~before] >> 1, span), (key[before & ~flows] >> 1) % span
        if stimulus.num_cultures is None and count > 1:
            row = (np.arange(count)[:, None] * channels + row).ravel()
            start, stop = np.tile(start, count), np.tile(stop, count)
        return row, start, stop

    @cached_property
    def _of_cultures(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Culture, first step and end of the times of current through any channel."""
        culture = self._row // self._shape[1] if len(self._row) else self._row
        culture, start, stop, _ = Intervals.merged(culture, self._start, self._stop, self._steps)
        last = self._before.min(axis=1, initial=NEVER)
        (earlier,) = np.nonzero(last < NEVER)  # most of them too early, which the cut at the run's start leaves out
        return (
            np.concatenate([culture, earlier]),
            np.concatenate([start, np.zeros_like(earlier)]),
            np.concatenate([stop, -last[earlier]]),
        )

    def _cached(self, key: Any, after: int, compute: Callable[[], Any]) -> Any:
        """Return a result of ``compute``, cached unless currents of earlier runs reach into this one."""
        if self._last < after:
            return compute()
        if key not in self._results:
            self._results[key] = compute()
        return self._results[key]

    def _near(self, after: int) -> Intervals:
        """Return the times of current through any channel of a culture and ``after`` steps more."""

        def compute() -> Intervals:
            culture, start, stop = self._of_cultures
            return Intervals.merged(*self._cut(culture, start, stop + after), self._steps)

        return self._cached(after, after, compute)

    def _reached(self, after: int, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether positions lie in ``_near``: looked up in a table of all steps if there are many."""
        near = self._near(after)
        if len(positions) <= _FEW_SPIKES:
            return near.contain(positions)
        size = self._shape[0] * (self._steps + 1)
        return self._cached(("steps", after), after, lambda: near.table(size))[positions]

    def _blanking(self, stimulated: int, others: int) -> tuple[Intervals, Blanking, bool]:
        """Return the blanked times in steps and as ``Recording.blanking``, and whether every cell has a channel."""
        channels, of_all = self._shape[1], self._near(others)
        # Intervals of a culture hold for each of its channels.
        row = (of_all.row[:, None] * channels + np.arange(channels)).ravel()
        start, stop = (np.repeat(times, channels) for times in (of_all.start, of_all.stop))
        own = self._channel_intervals(stimulated)
        row, start, stop = (np.concatenate(pair) for pair in zip(own, (row, start, stop), strict=True))
        merged = Intervals.merged(row, start, stop, self._steps)
        start_ms, stop_ms = (np.multiply(step, self._dt_ms, dtype=np.float64) for step in (merged.start, merged.stop))
        cell_channels = self._electrodes.blanking_channels()
        times_ms = start_ms, np.minimum(stop_ms, self._duration_ms)
        blanking = Blanking(self._duration_ms, *self._shape, cell_channels, *np.divmod(merged.row, channels), *times_ms)
        return merged, blanking, bool(cell_channels.min(initial=0) >= 0)

    def _channel_intervals(self, after: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return row, start and end of current through the row's channel and ``after`` steps more."""
        before = self._before.ravel()
        (earlier,) = np.nonzero(before < after)
        if not len(earlier):
            return self._cut(self._row, self._start, self._stop + after)
        row, start = np.concatenate([self._row, earlier]), np.concatenate([self._start, np.zeros_like(earlier)])
        return self._cut(row, start, np.concatenate([self._stop, -before[earlier]]) + after)

    def _cut(
        self, row: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the intervals within the run."""
        inside = stop > 0
        if not inside.all():
            row, start, stop = row[inside], start[inside], stop[inside]
        return row, start, np.minimum(stop, self._steps)

    def _whole_steps(self, time_ms: float) -> int:
        """Return a blank time in steps, rounded up; one beyond ``NEVER`` is as long as any run, and fits an integer."""
        return math.ceil(min(time_ms / self._dt_ms - 1e-6, float(NEVER)))


class Intervals(NamedTuple):
    """Intervals of rows within a run, sorted by (row, start), of which none overlap or touch, in steps ``[I]``.

    Attributes:
        row: Row of every interval.
        start: First step.
        stop: Step after the last.
        bounds: Start and stop of each interval in turn, on one axis on which rows follow one another, ``[2 I]``.
    """

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def merged(cls, row: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64], steps: int) -> Intervals:
        """Make them from intervals within ``0 ... steps``, in any order."""
        span = steps + 1
        if not len(row):
            return cls(row, start, stop, row)
        start, stop = row * span + start, row * span + stop
        order = np.argsort(start)
        start, end = start[order], np.maximum.accumulate(stop[order])
        first = np.concatenate([[True], start[1:] > end[:-1]])
        start, end = start[first], end[np.concatenate([first[1:], [True]])]
        row = start // span
        return cls(row, start - row * span, end - row * span, np.stack([start, end], axis=1).ravel())

    def contain(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether positions on the axis of the bounds lie in an interval: after an odd number of bounds."""
        return (np.searchsorted(self.bounds, positions, side="right") & 1).astype(np.bool_)

    def table(self, size: int) -> NDArray[np.bool_]:
        """Return ``contain`` of all positions ``0 ... size - 1``."""
        return np.repeat(np.arange(len(self.bounds) + 1) % 2 == 1, np.diff(self.bounds, prepend=0, append=size))


def _same(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    """Return whether two descriptions of the times of current are the same arrays, with current in the same places."""
    if not theirs or any(a is not b for a, b in zip(ours[:3], theirs[:3], strict=True)):
        return False
    return ours[4:6] == theirs[4:6] and ours[6] is theirs[6] and bool((ours[3] == theirs[3]).all())
