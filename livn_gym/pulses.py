"""Rectangular pulses as lists of phases, and the schedule of changes that simulators apply."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, fields
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym import memory
from livn_gym.checks import checked, checked_methods, number_array
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite, rounding

Shape = Literal["biphasic", "monophasic"]
SHAPES: tuple[Shape, ...] = ("biphasic", "monophasic")


@dataclass(frozen=True, eq=False)
class Schedule:
    """Stimulus in whole steps: ``column[e]`` of ``culture[e]`` has ``value[e]`` from ``step[e]`` on.

    The changes are sorted by (culture, step, column), each triple occurs at most once, and every column starts at 0.
    All four arrays are ``[E]`` and read-only. If all cultures receive the same stimulus, it is that of culture 0.
    """

    culture: NDArray[np.int64]
    step: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for name in self.__dataclass_fields__:
            getattr(self, name).flags.writeable = False


@checked_methods
@dataclass(frozen=True, eq=False)
class Pulses:
    """Rectangular phases of pulses, ``[P]`` each; phases of one column must not overlap.

    Of every phase: culture, column, onset, offset and width (ms), and value in the unit of the stimulus. A phase starts
    at ``onset_ms + offset_ms``. The onset is rounded to a step; offset and width must be whole steps, so that the
    phases keep their widths, and thereby the charge balance, at every dt.

    Args:
        verified: Whether the arrays are parts of checked ones, which are not checked again, for speed in the closed
            loop.

    Raises:
        InvalidInput: The arrays differ in length, hold NaN or infinity, or an index or time is out of range.
    """

    culture: NDArray[np.int64]
    column: NDArray[np.int64]
    onset_ms: NDArray[np.float64]
    offset_ms: NDArray[np.float64]
    width_ms: NDArray[np.float64]
    value: NDArray[np.float64]
    verified: InitVar[bool] = field(default=False, kw_only=True)

    def __post_init__(self, verified: bool) -> None:
        """Check the arrays and make them read-only."""
        if verified is not True:
            self._verify()
        for name in PULSE_ARRAYS:
            getattr(self, name).flags.writeable = False

    def _verify(self) -> None:
        for name in PULSE_ARRAYS:
            array = numbers(f"The pulses' {name}", getattr(self, name))
            if array.ndim != 1 or len(array) != len(self.culture):
                raise InvalidInput(f"Pulses need six arrays of the same length; {name} is {list(array.shape)}.")
            if not np.isfinite(array).all():
                raise InvalidInput(f"The pulses' {name} must be finite; it holds NaN or infinity.")
            if name != "value" and array.min(initial=0.0) < 0:
                raise InvalidInput(f"The pulses' {name} must be at least 0, got {array.min():g}.")
            if name in ("culture", "column"):
                if (array != np.rint(array)).any():
                    raise InvalidInput(f"The pulses' {name} must hold whole numbers.")
                array = array.astype(np.int64)
            object.__setattr__(self, name, array)
        if self.width_ms.min(initial=1.0) == 0:
            raise InvalidInput("The pulses' width_ms must be greater than 0.")

    @classmethod
    def joined(cls, parts: Sequence[Pulses]) -> Pulses:
        """Return the phases of all parts together; an empty list gives no phases."""
        empty = [np.zeros(0)]
        return cls(*(np.concatenate([getattr(p, name) for p in parts] or empty) for name in PULSE_ARRAYS))

    def select(self, mask: NDArray) -> Pulses:
        """Return the phases selected by a boolean mask or by indices."""
        if not len(mask):
            mask = np.zeros(0, dtype=np.int64)
        return Pulses(*(getattr(self, name)[mask] for name in PULSE_ARRAYS), verified=True)

    def of_culture(self, culture: int) -> Pulses:
        """Return the phases of one culture, as culture 0."""
        indices = np.flatnonzero(self.culture == culture)
        arrays = (getattr(self, name)[indices] for name in PULSE_ARRAYS[1:])
        return Pulses(np.zeros_like(indices), *arrays, verified=True)

    def schedule(self, dt_ms: float) -> Schedule:
        """Convert the phases to changes at whole steps.

        Raises:
            InvalidInput: A width or offset is not a multiple of ``dt_ms``, or phases of one column overlap.
        """
        width, offset = _steps("widths", self.width_ms, dt_ms), _steps("offsets", self.offset_ms, dt_ms)
        if width.min(initial=1) < 1:
            raise InvalidInput(f"Pulse widths must be at least the time step {dt_ms:g} ms.")
        start = np.floor(self.onset_ms / dt_ms + 0.5).astype(np.int64) + offset
        order = _order(self.culture, self.column, start)
        start, width, value = start[order], width[order], self.value[order]
        culture, column = self.culture[order], self.column[order]
        stop = start + width
        same = (column[1:] == column[:-1]) & (culture[1:] == culture[:-1])
        if (same & (start[1:] < stop[:-1])).any():
            raise InvalidInput("Pulses of one channel overlap.")
        ends = ~np.append(same & (start[1:] == stop[:-1]), False)[: len(stop)]
        cultures, columns = np.concatenate([culture, culture[ends]]), np.concatenate([column, column[ends]])
        step = np.concatenate([start, stop[ends]])
        values = np.concatenate([value, np.zeros(ends.sum())])
        order = _order(cultures, step, columns)
        return Schedule(cultures[order], step[order], columns[order], values[order])


PULSE_ARRAYS = tuple(each.name for each in fields(Pulses))
"""Names of the arrays of ``Pulses``, in the order of its arguments."""


@checked
@dataclass(frozen=True)
class PulseShape:
    """Phases of one pulse. The two phases of a biphasic pulse have opposite, equal charges.

    Attributes:
        phase_ms: Width of the first phase.
        shape: ``"biphasic"`` (with a recovery phase of opposite sign and equal charge) or ``"monophasic"``.
        recovery_ratio: Width of the recovery phase relative to the first; its amplitude is divided by this ratio.
        interphase_ms: Gap between the phases.
    """

    phase_ms: float = 0.2
    shape: Shape = "biphasic"
    recovery_ratio: float = 1.0
    interphase_ms: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        finite("phase_ms", self.phase_ms, above=0.0)
        finite("recovery_ratio", self.recovery_ratio, above=0.0)
        finite("interphase_ms", self.interphase_ms, minimum=0.0)
        if self.shape not in SHAPES:
            raise unknown_name("pulse shape", self.shape, SHAPES)

    @property
    def phases(self) -> list[tuple[float, float, float]]:
        """Offset (ms), width (ms) and value of every phase of a pulse of size 1, in time order."""
        first = (0.0, self.phase_ms, 1.0)
        if self.shape == "monophasic":
            return [first]
        gap_ends = self.phase_ms + self.interphase_ms
        return [first, (gap_ends, self.phase_ms * self.recovery_ratio, -1.0 / self.recovery_ratio)]

    @property
    def length_ms(self) -> float:
        """Duration from the start of the first phase to the end of the last."""
        offset, width, _ = self.phases[-1]
        return offset + width

    def pulses(self, culture: NDArray, column: NDArray, onset_ms: NDArray, size: NDArray) -> Pulses:
        """Return all phases of pulses of this shape, as arrays ``[P]``, without pulses of size 0."""
        if not culture.shape == column.shape == onset_ms.shape == size.shape or size.ndim != 1:
            raise InvalidInput("Pulses need culture, column, onset and size of the same length [P].")
        nonzero = np.nonzero(size)[0]
        offset, width, value = (np.repeat(values, len(nonzero)) for values in zip(*self.phases, strict=True))
        pulse = np.tile(nonzero, len(self.phases))
        return Pulses(culture[pulse], column[pulse], onset_ms[pulse], offset, width, size[pulse] * value)

    def train(self, rates_hz: NDArray, duration_ms: float, starts_ms: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Return culture, column and onset (ms) of all pulses at the rates ``[B, K]`` that end within the duration.

        The first pulse of a column is at ``starts_ms [K]``.

        Raises:
            InvalidInput: Pulses overlap.
        """
        if rates_hz.ndim != 2:
            raise InvalidInput(f"rates_hz must be [B, K], got shape {rates_hz.shape}.")
        culture, column = np.nonzero(rates_hz > 0)
        rate, start_ms = rates_hz[culture, column], starts_ms[column]
        if 1000.0 < rate.max(initial=0.0) * self.length_ms * (1 - 1e-9):
            raise InvalidInput(f"Pulses of {self.length_ms:g} ms overlap at {rate.max():g} Hz.")
        available_ms = duration_ms - start_ms - self.length_ms
        fits = available_ms * rate / 1000.0
        fits = np.floor(fits + rounding(fits)) + 1
        memory.require("A pulse train", 200.0 * np.sum(np.maximum(fits, 0.0)))
        count = np.where(available_ms >= -rounding(duration_ms), fits, 0).astype(np.int64)
        index = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        onset = np.repeat(start_ms, count) + index * 1000.0 / np.repeat(rate, count)
        return np.repeat(culture, count), np.repeat(column, count), onset


def numbers(what: str, values: ArrayLike) -> NDArray[np.float64]:
    """Convert values to a new float array.

    Raises:
        InvalidInput: The values are not numbers, or the rows differ in length.
    """
    return np.array(number_array(what, values, only_finite=False), dtype=np.float64)


def _order(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices that sort entries by keys, integers from 0 on of which the first counts most."""
    sizes = [int(key.max(initial=0)) + 1 for key in keys]
    if math.prod(sizes) >= 2**63:
        return np.lexsort(keys[::-1])
    joint = keys[0]  # one key for all is sorted several times faster
    for key, size in zip(keys[1:], sizes[1:], strict=True):
        joint = joint * size + key
    return np.argsort(joint, kind="stable")


def _steps(name: str, times_ms: NDArray, dt_ms: float) -> NDArray[np.int64]:
    whole = np.rint(times_ms / dt_ms)
    if np.abs(whole * dt_ms - times_ms).max(initial=0.0) > 1e-6 * dt_ms:
        raise InvalidInput(f"Pulse {name} must be multiples of the time step {dt_ms:g} ms.")
    return whole.astype(np.int64)


@checked
def train_starts(start_ms: ArrayLike, shape: tuple[int, ...]) -> tuple[float, ...]:
    """Return the onset of the first pulse of every column, ``[K]``, of amplitudes of a shape ``[..., K]``.

    Raises:
        InvalidInput: An onset is no number of at least 0, or the shapes do not match.
    """
    starts = numbers("start_ms", start_ms)
    if starts.ndim == 0 and shape:
        return (finite("start_ms", float(starts), minimum=0.0),) * shape[-1]
    if not shape or starts.shape != shape[-1:]:
        raise InvalidInput(f"start_ms for amplitudes {shape} cannot have the shape {starts.shape}.")
    if starts.min(initial=0.0) >= 0.0 and starts.max(initial=0.0) < np.inf:  # both false for NaN
        return tuple(starts.tolist())
    return tuple(finite("start_ms", start, minimum=0.0) for start in starts.tolist())
