"""Time courses of a stimulus: rows of a dense array, or pulses that never become dense."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses, Schedule
from livn_gym.units import whole_steps


class Waveform(ABC):
    """Values of K columns over time; immutable. ``Stimulus`` checks what it makes one of.

    Attributes:
        num_columns: K.
        num_cultures: B, or None if all cultures get the same.
        duration_ms: Length.
    """

    def __init__(self, num_columns: int, num_cultures: int | None, duration_ms: float) -> None:
        self.num_columns = num_columns
        self.num_cultures = num_cultures
        self.duration_ms = duration_ms
        self._known: tuple[float, Schedule] | None = None

    @property
    @abstractmethod
    def kind(self) -> tuple[Any, ...]:
        """What the parts of a batch have in common."""

    @property
    @abstractmethod
    def values(self) -> NDArray[np.float64]:
        """All values that are applied at some time, in no particular order."""

    @abstractmethod
    def culture(self, b: int) -> Self:
        """The waveform of one of B cultures, without a culture axis.

        Raises:
            InvalidInput: There is no such culture.
        """

    @classmethod
    @abstractmethod
    def batch(cls, parts: Sequence[Self | None]) -> Self:
        """One waveform of B cultures from one of each; None applies nothing.

        Raises:
            InvalidInput: The parts are not of one kind, have a culture axis, or are all None.
        """

    @abstractmethod
    def charge(self) -> NDArray[np.float64]:
        """Absolute value times ms, summed over time, ``[K]`` or ``[B, K]``."""

    def schedule(self, dt_ms: float) -> Schedule:
        """The waveform as changes at whole simulation steps; the last schedule is kept, since a run asks twice.

        Raises:
            InvalidInput: Its times are no multiples of ``dt_ms``, or pulses overlap.
        """
        known = self._known
        if known is None or known[0] != dt_ms:
            known = self._known = dt_ms, self._schedule(dt_ms)
        return known[1]

    def _check_culture(self, b: int) -> None:
        if self.num_cultures is None or not 0 <= b < self.num_cultures:
            raise InvalidInput(f"Stimulus has {self.num_cultures} cultures, got index {b}.")

    @abstractmethod
    def _schedule(self, dt_ms: float) -> Schedule:
        """Make the schedule."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the schedule, which is made again where it is needed."""
        return vars(self) | {"_known": None}


_W = TypeVar("_W", bound=Waveform)


def _given(parts: Sequence[_W | None]) -> list[_W]:
    """The parts of a batch that are not None, after checks."""
    given = [part for part in parts if part is not None]
    if not given:
        raise InvalidInput("A batch of waveforms needs at least one.")
    for part in given:
        if part.num_cultures is not None:
            raise InvalidInput("A batch is made of stimuli of one culture each: take stimulus[b] first.")
        if part.kind != given[0].kind:
            raise InvalidInput(f"Stimuli of a batch must be of one kind, got {given[0].kind} and {part.kind}.")
    return given


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
        """Time between rows and shape."""
        return "dense", self.dt, self.array.shape

    @property
    def values(self) -> NDArray[np.float64]:
        """The array."""
        return self.array

    def culture(self, b: int) -> DenseWaveform:
        """The rows of one culture, a view."""
        self._check_culture(b)
        return DenseWaveform(self.array[b], self.dt)

    @classmethod
    def batch(cls, parts: Sequence[DenseWaveform | None]) -> DenseWaveform:
        """The arrays as one; zeros for None."""
        first = _given(parts)[0]
        array = np.stack([np.zeros_like(first.array) if part is None else part.array for part in parts])
        array.flags.writeable = False
        return cls(array, first.dt)

    def charge(self) -> NDArray[np.float64]:
        """Absolute value times ms, summed over rows."""
        return np.abs(self.array).sum(axis=-2) * self.dt

    def _schedule(self, dt_ms: float) -> Schedule:
        stride = whole_steps("Stimulus dt", self.dt, dt_ms)
        array = self.array if self.array.ndim == 3 else self.array[None]
        nothing = np.zeros((len(array), 1, self.num_columns))
        before, after = np.concatenate([nothing, array], axis=1), np.concatenate([array, nothing], axis=1)
        culture, row, column = (index.astype(np.int64) for index in np.nonzero(before != after))
        return Schedule(culture, row * stride, column, after[culture, row, column])


class PulseWaveform(Waveform):
    """Rectangular phases.

    Args:
        pulses: The phases, within the bounds that follow.
        num_columns: K.
        duration_ms: Length.
        num_cultures: B, or None if all cultures get the same.
    """

    def __init__(self, pulses: Pulses, num_columns: int, duration_ms: float, num_cultures: int | None) -> None:
        super().__init__(num_columns, num_cultures, duration_ms)
        self.pulses = pulses

    @property
    def kind(self) -> tuple[Any, ...]:
        """Number of columns."""
        return "pulses", self.num_columns

    @property
    def values(self) -> NDArray[np.float64]:
        """The phases' values."""
        return self.pulses.value

    def culture(self, b: int) -> PulseWaveform:
        """The phases of one culture."""
        self._check_culture(b)
        return PulseWaveform(self.pulses.of_culture(b), self.num_columns, self.duration_ms, None)

    @classmethod
    def batch(cls, parts: Sequence[PulseWaveform | None]) -> PulseWaveform:
        """The phases of all cultures; as long as the longest part."""
        given = _given(parts)
        moved = [
            replace(part.pulses, culture=np.full_like(part.pulses.culture, b))
            for b, part in enumerate(parts)
            if part is not None
        ]
        longest = max(part.duration_ms for part in given)
        return cls(Pulses.joined(moved), given[0].num_columns, longest, len(parts))

    def charge(self) -> NDArray[np.float64]:
        """Absolute value times width, summed over phases."""
        p, charge = self.pulses, np.zeros((self.num_cultures or 1, self.num_columns))
        np.add.at(charge, (p.culture, p.column), np.abs(p.value) * p.width_ms)
        return charge if self.num_cultures is not None else charge[0]

    def _schedule(self, dt_ms: float) -> Schedule:
        return self.pulses.schedule(dt_ms)
