"""Pulses at the same times on all columns, which are expanded to phases only where they are read."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from livn_gym import memory
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses, PulseShape, Schedule


class PulseTrain:
    """Regular pulses of K columns in B cultures, of one rate; immutable.

    A step of the closed loop needs the changes and the charge of its pulses, and both follow from those of one column.

    Args:
        form: Shape of the pulses.
        sizes: Value of the first phase of every column, finite, ``[B, K]``; 0 for no pulses.
        rate_hz: Pulses per second, above 0.
        duration_ms: Length of the stimulus. All pulses that end within it are made.
        start_ms: Onset of the first pulse.

    Raises:
        InvalidInput: Pulses overlap, or are too many for the memory of the machine.
    """

    def __init__(
        self, form: PulseShape, sizes: NDArray[np.float64], rate_hz: float, duration_ms: float, start_ms: float
    ) -> None:
        self._form, self._times = form, (rate_hz, duration_ms, start_ms)
        self._sizes = sizes
        self._column = _column(form, *self._times)
        phases = len(form.phases)
        memory.require("A pulse train", 200.0 * len(self._column.value) / phases * np.count_nonzero(sizes))

    def of_culture(self, b: int) -> PulseTrain:
        """Return the pulses of one culture, as culture 0."""
        return PulseTrain(self._form, self._sizes[b : b + 1], *self._times)

    def pulses(self) -> Pulses:
        """Return all phases."""
        culture, column = np.nonzero(self._sizes)
        pulses = len(self._column.value) // len(self._form.phases)
        onset_ms = np.tile(self._column.onset_ms[:pulses], len(culture))
        culture, column = np.repeat(culture, pulses), np.repeat(column, pulses)
        return self._form.pulses(culture, column, onset_ms, self._sizes[culture, column])

    def charge(self) -> NDArray[np.float64]:
        """Return the absolute value times width, summed over phases in their order, ``[B, K]``."""
        charge = np.zeros(self._sizes.shape)
        pulses = len(self._column.value) // len(self._form.phases)
        for _, width_ms, value in self._form.phases:
            phase = np.abs(self._sizes * value) * width_ms
            for _ in range(pulses):
                charge += phase
        return charge

    def schedule(self, dt_ms: float) -> Schedule:
        """Return the changes at whole steps; see ``Pulses.schedule``."""
        culture, step, column, unit = _changes(self._form, *self._times, dt_ms, *self._sizes.shape)
        # Adding 0 turns the product of 0 and a negative size into 0.
        value = (self._sizes[:, None, :] * unit[:, None] + 0.0).ravel()
        if self._sizes.all():
            return Schedule(culture, step, column, value)
        pulsed = self._sizes[culture, column] != 0
        return Schedule(culture[pulsed], step[pulsed], column[pulsed], value[pulsed])


@lru_cache(maxsize=16)
def _column(form: PulseShape, rate_hz: float, duration_ms: float, start_ms: float) -> Pulses:
    """Return the phases of a column with pulses of size 1."""
    culture, column, onset_ms = form.train(np.array([[rate_hz]]), duration_ms, start_ms)
    pulses = form.pulses(culture, column, onset_ms, np.ones(len(onset_ms)))
    end_ms = (pulses.onset_ms + pulses.offset_ms + pulses.width_ms).max(initial=0.0)
    if end_ms > duration_ms + 1e-9:
        raise InvalidInput(f"A pulse ends at {end_ms:g} ms, after the stimulus of {duration_ms:g} ms.")
    return pulses


@lru_cache(maxsize=8)
def _changes(
    form: PulseShape,
    rate_hz: float,
    duration_ms: float,
    start_ms: float,
    dt_ms: float,
    cultures: int,
    columns: int,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return culture, step and column of the changes of all columns, and the values of one column of size 1."""
    unit = _column(form, rate_hz, duration_ms, start_ms).schedule(dt_ms)
    arrays = (np.arange(cultures)[:, None, None], unit.step[:, None], np.arange(columns))
    culture, step, column = (np.ascontiguousarray(array).ravel() for array in np.broadcast_arrays(*arrays))
    return culture, step, column, unit.value
