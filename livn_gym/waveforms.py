"""Time courses of a stimulus: rows of a dense array, or pulses, which are never converted to a dense array."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput
from livn_gym.pulse_trains import PulseTrain
from livn_gym.pulses import Pulses, Schedule
from livn_gym.units import whole_steps


class Waveform(ABC):
    """Values of K columns over time; immutable. ``Stimulus`` checks the values.

    Attributes:
        num_columns: Number of columns K.
        num_cultures: Number of cultures B, or None if all cultures get the same values.
        duration_ms: Length.
    """

    def __init__(self, num_columns: int, num_cultures: int | None, duration_ms: float) -> None:
        self.num_columns = num_columns
        self.num_cultures = num_cultures
        self.duration_ms = duration_ms
        self._cached_schedule: tuple[float, Schedule] | None = None

    @property
    @abstractmethod
    def kind(self) -> tuple[Any, ...]:
        """Properties that the waveforms of a batch must have in common."""

    @property
    @abstractmethod
    def values(self) -> NDArray[np.float64]:
        """All values that occur, in no particular order."""

    @abstractmethod
    def culture(self, b: int) -> Self:
        """Return the waveform of one culture, without a culture axis.

        Raises:
            InvalidInput: There is no such culture.
        """

    @classmethod
    @abstractmethod
    def batch(cls, parts: Sequence[Self | None]) -> Self:
        """Join the waveforms of single cultures into one of B cultures; None applies nothing to a culture.

        Raises:
            InvalidInput: The waveforms differ in kind, have a culture axis, or are all None.
        """

    @abstractmethod
    def charge(self) -> NDArray[np.float64]:
        """Return the absolute value times ms, summed over time, ``[K]`` or ``[B, K]``."""

    def schedule(self, dt_ms: float) -> Schedule:
        """Return the changes at whole simulation steps; the last result is cached, since a run needs it twice.

        Raises:
            InvalidInput: Times are not multiples of ``dt_ms``, or pulses overlap.
        """
        cached = self._cached_schedule
        if cached is None or cached[0] != dt_ms:
            cached = self._cached_schedule = dt_ms, self._schedule(dt_ms)
        return cached[1]

    def _check_culture(self, b: int) -> None:
        if self.num_cultures is None or not 0 <= b < self.num_cultures:
            raise InvalidInput(f"Stimulus has {self.num_cultures} cultures, got index {b}.")

    @abstractmethod
    def _schedule(self, dt_ms: float) -> Schedule:
        """Compute the schedule."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the cached schedule."""
        return vars(self) | {"_cached_schedule": None}


_W = TypeVar("_W", bound=Waveform)


def _checked_parts(parts: Sequence[_W | None]) -> list[_W]:
    """Return the waveforms of a batch that are not None, after checks."""
    waveforms = [part for part in parts if part is not None]
    if not waveforms:
        raise InvalidInput("A batch of waveforms needs at least one.")
    for part in waveforms:
        if part.num_cultures is not None:
            raise InvalidInput("A batch is made of stimuli of one culture each: take stimulus[b] first.")
        if part.kind != waveforms[0].kind:
            raise InvalidInput(f"Stimuli of a batch must be of one kind, got {waveforms[0].kind} and {part.kind}.")
    return waveforms


class DenseWaveform(Waveform):
    """Rows of an array, each held for ``dt`` ms.

    Args:
        array: ``[T, K]`` or ``[B, T, K]``, read-only.
        dt: Time between rows, ms.
    """

    def __init__(self, array: NDArray[np.float64], dt: float) -> None:
        super().__init__(array.shape[-1], array.shape[0] if array.ndim == 3 else None, array.shape[-2] * dt)
        self.array = array
        self.dt = dt

    @property
    def kind(self) -> tuple[Any, ...]:
        """Time between rows and shape of the array."""
        return "dense", self.dt, self.array.shape

    @property
    def values(self) -> NDArray[np.float64]:
        """The array."""
        return self.array

    def culture(self, b: int) -> DenseWaveform:
        """Return the rows of one culture, as a view."""
        self._check_culture(b)
        return DenseWaveform(self.array[b], self.dt)

    @classmethod
    def batch(cls, parts: Sequence[DenseWaveform | None]) -> DenseWaveform:
        """Stack the arrays, with zeros for None."""
        first = _checked_parts(parts)[0]
        array = np.stack([np.zeros_like(first.array) if part is None else part.array for part in parts])
        array.flags.writeable = False
        return cls(array, first.dt)

    def charge(self) -> NDArray[np.float64]:
        """Return the absolute value times ms, summed over rows."""
        return np.abs(self.array).sum(axis=-2) * self.dt

    def _schedule(self, dt_ms: float) -> Schedule:
        stride = whole_steps("Stimulus dt", self.dt, dt_ms)
        array = self.array if self.array.ndim == 3 else self.array[None]
        zeros = np.zeros((len(array), 1, self.num_columns))
        before, after = np.concatenate([zeros, array], axis=1), np.concatenate([array, zeros], axis=1)
        culture, row, column = (index.astype(np.int64) for index in np.nonzero(before != after))
        return Schedule(culture, row * stride, column, after[culture, row, column])


class PulseWaveform(Waveform):
    """Rectangular phases.

    Args:
        pulses: Phases, whose columns, cultures and times must be within the following bounds; or a ``PulseTrain``,
            whose phases are computed when they are read.
        num_columns: Number of columns K.
        duration_ms: Length.
        num_cultures: Number of cultures B, or None if all cultures get the same values.
    """

    def __init__(
        self, pulses: Pulses | PulseTrain, num_columns: int, duration_ms: float, num_cultures: int | None
    ) -> None:
        super().__init__(num_columns, num_cultures, duration_ms)
        self._source = pulses
        self._pulses = pulses if isinstance(pulses, Pulses) else None

    @property
    def pulses(self) -> Pulses:
        """The phases."""
        if self._pulses is None:
            self._pulses = self._source.pulses() if isinstance(self._source, PulseTrain) else self._source
        return self._pulses

    @property
    def kind(self) -> tuple[Any, ...]:
        """Number of columns."""
        return "pulses", self.num_columns

    @property
    def values(self) -> NDArray[np.float64]:
        """Values of the phases."""
        return self.pulses.value

    def culture(self, b: int) -> PulseWaveform:
        """Return the phases of one culture."""
        self._check_culture(b)
        return PulseWaveform(self._source.of_culture(b), self.num_columns, self.duration_ms, None)

    @classmethod
    def batch(cls, parts: Sequence[PulseWaveform | None]) -> PulseWaveform:
        """Join the phases of all cultures; the duration is that of the longest waveform."""
        waveforms = _checked_parts(parts)
        pulses = [
            replace(part.pulses, culture=np.full_like(part.pulses.culture, b))
            for b, part in enumerate(parts)
            if part is not None
        ]
        longest = max(part.duration_ms for part in waveforms)
        return cls(Pulses.joined(pulses), waveforms[0].num_columns, longest, len(parts))

    def charge(self) -> NDArray[np.float64]:
        """Return the absolute value times width, summed over phases."""
        charge = self._source.charge() if isinstance(self._source, PulseTrain) else self._charge()
        return charge if self.num_cultures is not None else charge[0]

    def _charge(self) -> NDArray[np.float64]:
        p, shape = self.pulses, (self.num_cultures or 1, self.num_columns)
        charge = np.bincount(p.culture * shape[1] + p.column, np.abs(p.value) * p.width_ms, shape[0] * shape[1])
        return charge.astype(np.float64, copy=False).reshape(shape)  # it is of integers without phases

    def _schedule(self, dt_ms: float) -> Schedule:
        return self._source.schedule(dt_ms)
