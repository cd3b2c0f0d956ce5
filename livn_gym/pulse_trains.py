"""Regular pulses of one rate on all columns, which are expanded to phases only where they are read."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from livn_gym import memory
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses, PulseShape, Schedule
from livn_gym.units import rounding


class PulseTrain:
    """Regular pulses of K columns in B cultures, of one rate; immutable.

    A step of the closed loop needs the changes and the charge of its pulses. Both follow from those of one column for
    each group of columns that start together.

    Args:
        form: Shape of the pulses.
        sizes: Value of the first phase of every column, finite, ``[B, K]``; 0 for no pulses.
        rate_hz: Pulses per second, above 0.
        duration_ms: Length of the stimulus. All pulses that end within it are made.
        starts_ms: Onset of the first pulse of every column, ``[K]``.

    Raises:
        InvalidInput: Pulses overlap, or are too many for the memory of the machine.
    """

    def __init__(
        self,
        form: PulseShape,
        sizes: NDArray[np.float64],
        rate_hz: float,
        duration_ms: float,
        starts_ms: tuple[float, ...],
    ) -> None:
        self._form, self._times = form, (rate_hz, duration_ms, starts_ms)
        self._sizes = sizes
        self._num_pulses, self._fewest, self._most = _num_pulses(form, *self._times)
        memory.require("A pulse train", 200.0 * self._most * np.count_nonzero(sizes))

    def of_culture(self, b: int) -> PulseTrain:
        """Return the pulses of one culture, as culture 0."""
        return PulseTrain(self._form, self._sizes[b : b + 1], *self._times)

    def pulses(self) -> Pulses:
        """Return all phases."""
        rate_hz, duration_ms, starts_ms = self._times
        rates_hz = np.where(self._sizes != 0, rate_hz, 0.0)
        culture, column, onset_ms = self._form.train(rates_hz, duration_ms, np.array(starts_ms))
        return self._form.pulses(culture, column, onset_ms, self._sizes[culture, column])

    def charge(self) -> NDArray[np.float64]:
        """Return the absolute value times width, summed over phases in their order, ``[B, K]``."""
        charge = np.zeros(self._sizes.shape)
        for _, width_ms, value in self._form.phases:
            phase = np.abs(self._sizes * value) * width_ms
            for k in range(self._most):
                charge += phase if k < self._fewest else np.where(k < self._num_pulses, phase, 0.0)
        return charge

    def schedule(self, dt_ms: float) -> Schedule:
        """Return the changes at whole steps; see ``Pulses.schedule``."""
        culture, step, column, unit, unit_column = _changes(self._form, *self._times, dt_ms, len(self._sizes))
        # Adding 0 turns the product of 0 and a negative size into 0.
        value = (self._sizes.take(unit_column, axis=1) * unit + 0.0).ravel()
        if self._sizes.all():
            return Schedule(culture, step, column, value)
        pulsed = self._sizes[culture, column] != 0
        return Schedule(culture[pulsed], step[pulsed], column[pulsed], value[pulsed])


@lru_cache(maxsize=64)
def _column(form: PulseShape, rate_hz: float, duration_ms: float, start_ms: float) -> Pulses:
    """Return the phases of a column with pulses of size 1."""
    culture, column, onset_ms = form.train(np.array([[rate_hz]]), duration_ms, np.array([start_ms]))
    pulses = form.pulses(culture, column, onset_ms, np.ones(len(onset_ms)))
    end_ms = (pulses.onset_ms + pulses.offset_ms + pulses.width_ms).max(initial=0.0)
    if end_ms > duration_ms + rounding(duration_ms):
        raise InvalidInput(f"A pulse ends at {end_ms:g} ms, after the stimulus of {duration_ms:g} ms.")
    return pulses


@lru_cache(maxsize=16)
def _num_pulses(
    form: PulseShape, rate_hz: float, duration_ms: float, starts_ms: tuple[float, ...]
) -> tuple[NDArray[np.int64], int, int]:
    """Return the number of pulses of every column, ``[K]``, the smallest and the largest."""
    phases = [len(_column(form, rate_hz, duration_ms, start_ms).value) for start_ms in starts_ms]
    num_pulses = np.array(phases) // len(form.phases)
    num_pulses.flags.writeable = False
    return num_pulses, int(num_pulses.min()), int(num_pulses.max())


@lru_cache(maxsize=8)
def _changes(
    form: PulseShape,
    rate_hz: float,
    duration_ms: float,
    starts_ms: tuple[float, ...],
    dt_ms: float,
    cultures: int,
) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Return culture, step and column of the changes of all cultures; value and column of one culture of size 1."""
    starts, group = np.unique(starts_ms, return_inverse=True)
    parts: list[list[NDArray]] = []
    for g, start_ms in enumerate(starts.tolist()):
        unit = _column(form, rate_hz, duration_ms, start_ms).schedule(dt_ms)
        columns = np.flatnonzero(group == g)
        shape = len(unit.step), len(columns)
        arrays = unit.step[:, None], columns, unit.value[:, None]
        parts.append([np.broadcast_to(array, shape).ravel() for array in arrays])
    step, column, value = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.lexsort((column, step))
    step, column, value = step[order], column[order], value[order]
    culture = np.repeat(np.arange(cultures), len(step))
    return culture, np.tile(step, cultures), np.tile(column, cultures), value, column
