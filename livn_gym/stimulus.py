"""What is applied to a culture: dense arrays, or pulses that never become dense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.pulses import Pulses, PulseShape, Schedule, Shape, numbers
from livn_gym.units import finite, whole_steps

Mode = Literal["current", "current_density", "conductance", "extracellular", "electrode"]
"""What a value means.

``current``: nA into the soma. ``current_density``: uA/cm2 of the soma. ``conductance``: uS at the soma with
``reversal_mV``, never negative. ``extracellular``: mV, the potential at the dendrite minus that at the
soma, so that positive depolarises the soma. ``electrode``: uA, one column a channel, negative is cathodic.
"""

MODES: tuple[Mode, ...] = get_args(Mode)


@checked
class Stimulus:
    """A stimulus of one or several cultures; immutable.

    Args:
        array: Values held for ``dt`` each, ``[T, K]`` for every culture alike or ``[B, T, K]``. K is the
            number of neurons, or of channels in the ``"electrode"`` mode.
        dt: Time between rows, ms.
        mode: What a value means, see ``Mode``.
        reversal_mV: Reversal potential of the ``"conductance"`` mode.

    Raises:
        InvalidInput: NaN, wrong number of dimensions, a time step not above 0, or a negative conductance.
    """

    __iter__ = None  # stimulus[b] would else make it a sequence without an end

    def __init__(self, array: ArrayLike, dt: float, mode: Mode = "current", *, reversal_mV: float = 0.0) -> None:
        values = numbers("A stimulus", array)
        if values.ndim not in (2, 3) or 0 in values.shape:
            raise InvalidInput(f"A stimulus must be [T, K] or [B, T, K] and not empty, got {values.shape}.")
        if not np.isfinite(values).all():
            raise InvalidInput("A stimulus must be finite; the array holds NaN or infinity.")
        values.flags.writeable = False
        self._init(mode, reversal_mV, values)
        self.array: NDArray[np.float64] | None = values
        self.dt = finite("Stimulus dt (ms)", dt, above=0.0)
        self.duration_ms = values.shape[-2] * self.dt
        self.num_columns = values.shape[-1]
        self.num_cultures = values.shape[0] if values.ndim == 3 else None

    def _init(self, mode: Mode, reversal_mV: float, values: NDArray[np.float64]) -> None:
        if mode not in MODES:
            raise unknown_name("stimulus mode", mode, MODES)
        if mode == "conductance" and values.min(initial=0.0) < 0.0:
            raise InvalidInput(f"A conductance must be at least 0 uS, got {values.min():g}.")
        self.mode: Mode = mode
        self.reversal_mV = finite("reversal_mV", reversal_mV)
        self.array = None
        self.dt = 0.0
        self.pulses: Pulses | None = None
        self.gain: NDArray[np.float64] | None = None
        """``[N, K]``: what a unit of each column makes at each neuron; None where columns are neurons."""

    @classmethod
    def from_pulses(
        cls,
        pulses: Pulses,
        *,
        num_columns: int,
        duration_ms: float,
        num_cultures: int | None = None,
        mode: Mode = "electrode",
        reversal_mV: float = 0.0,
    ) -> Stimulus:
        """A stimulus from rectangular phases; ``num_cultures=None`` applies them to every culture alike.

        Raises:
            InvalidInput: A column or culture does not exist, a phase ends after the stimulus, or a
                conductance is negative.
        """
        self = cls.__new__(cls)
        self._init(mode, reversal_mV, pulses.value)
        self.pulses, self.num_columns, self.num_cultures = pulses, num_columns, num_cultures
        self.duration_ms = finite("Stimulus duration (ms)", duration_ms, above=0.0)
        for name, index, count in (
            ("column", pulses.column, num_columns),
            ("culture", pulses.culture, 1 if num_cultures is None else num_cultures),
        ):
            last = index.max(initial=0)
            if last >= count:
                raise InvalidInput(f"Pulse {name}s must lie in 0 ... {count - 1}, got {last}.")
        end = (pulses.onset_ms + pulses.offset_ms + pulses.width_ms).max(initial=0.0)
        if end > self.duration_ms + 1e-9:
            raise InvalidInput(f"A pulse ends at {end:g} ms, after the stimulus of {self.duration_ms:g} ms.")
        return self

    @classmethod
    def pulse_train(
        cls,
        amplitude: ArrayLike,
        *,
        duration_ms: float,
        rate_hz: ArrayLike = 20.0,
        phase_ms: float = 0.2,
        shape: Shape = "biphasic",
        recovery_ratio: float = 1.0,
        interphase_ms: float = 0.0,
        start_ms: float = 0.0,
        mode: Mode = "electrode",
        reversal_mV: float = 0.0,
    ) -> Stimulus:
        """Regular pulses, charge balanced when biphasic; as many as end within the stimulus.

        Args:
            amplitude: Size of the first phase, ``[K]`` or ``[B, K]``. Positive excites: it is cathodic (a
                current of ``-amplitude`` uA) in the electrode mode and ``+amplitude`` in the others.
            duration_ms: Length of the stimulus.
            rate_hz: Pulses a second, a scalar, ``[K]`` or ``[B, K]``; 0 gives none.
            phase_ms: Width of the first phase.
            shape: ``"biphasic"`` (a recovery phase of opposite sign and equal charge) or ``"monophasic"``.
            recovery_ratio: Width of the recovery phase in units of the first; its amplitude is divided by it.
            interphase_ms: Gap between the phases.
            start_ms: Onset of the first pulse.
            mode: What a value means.
            reversal_mV: Reversal potential of the ``"conductance"`` mode.

        Raises:
            InvalidInput: Shapes that do not fit, numbers out of range, or pulses that overlap.
        """
        form = PulseShape(phase_ms, shape, recovery_ratio, interphase_ms)
        sizes, rates = numbers("Pulse amplitudes", amplitude), numbers("rate_hz", rate_hz)
        if sizes.ndim not in (1, 2) or 0 in sizes.shape or not np.isfinite(sizes).all():
            raise InvalidInput(f"Pulse amplitudes must be finite, [K] or [B, K]; got the shape {sizes.shape}.")
        if not np.isfinite(rates).all() or rates.min(initial=0.0) < 0:
            raise InvalidInput("rate_hz must be finite and at least 0.")
        fits = rates.ndim <= 2 and rates.shape[-1:] in ((), sizes.shape[-1:])
        if not fits or (rates.ndim == sizes.ndim == 2 and len(rates) != len(sizes)):
            raise InvalidInput(f"rate_hz for amplitudes {sizes.shape} cannot have the shape {rates.shape}.")
        duration = finite("duration_ms", duration_ms, above=0.0)
        start = finite("start_ms", start_ms, minimum=0.0)
        sizes, rates = np.broadcast_arrays(sizes, rates)
        size = np.atleast_2d(-sizes if mode == "electrode" else sizes)
        culture, column, onset = form.train(np.atleast_2d(rates) * (size != 0), duration, start)
        return cls.from_pulses(
            form.pulses(culture, column, onset, size[culture, column]),
            num_columns=sizes.shape[-1],
            duration_ms=duration,
            num_cultures=len(sizes) if sizes.ndim == 2 else None,
            mode=mode,
            reversal_mV=reversal_mV,
        )

    @classmethod
    def sweep(
        cls,
        amplitudes: ArrayLike,
        *,
        channels: ArrayLike,
        num_channels: int,
        interval_ms: float,
        phase_ms: float = 0.2,
        shape: Shape = "biphasic",
        recovery_ratio: float = 1.0,
        interphase_ms: float = 0.0,
        start_ms: float = 0.0,
        mode: Mode = "electrode",
    ) -> Stimulus:
        """One pulse per amplitude, ``interval_ms`` apart, on all the given channels: for input-output curves.

        The stimulus lasts ``start_ms + len(amplitudes) * interval_ms``.

        Args:
            amplitudes: Size of the first phase of every pulse in turn, ``[P]``; positive excites.
            channels: One channel or several.
            num_channels: C.
            interval_ms: Time between the onsets of pulses.
            phase_ms: Width of the first phase.
            shape: ``"biphasic"`` or ``"monophasic"``.
            recovery_ratio: Width of the recovery phase in units of the first.
            interphase_ms: Gap between the phases.
            start_ms: Onset of the first pulse.
            mode: What a value means.

        Raises:
            InvalidInput: No amplitudes or not finite, channels that do not exist or repeat, or pulses that
                overlap.
        """
        form = PulseShape(phase_ms, shape, recovery_ratio, interphase_ms)
        sizes = np.atleast_1d(numbers("Sweep amplitudes", amplitudes))
        columns = np.atleast_1d(numbers("Sweep channels", channels))
        interval = finite("interval_ms", interval_ms, above=0.0)
        start = finite("start_ms", start_ms, minimum=0.0)
        if sizes.ndim != 1 or not len(sizes) or not np.isfinite(sizes).all():
            raise InvalidInput(f"Sweep amplitudes must be finite and [P], got the shape {sizes.shape}.")
        if columns.ndim != 1 or not len(columns) or len(np.unique(columns)) != len(columns):
            raise InvalidInput(f"A sweep needs one or more distinct channels, got {channels!r}.")
        if interval < form.length_ms * (1 - 1e-9):
            raise InvalidInput(f"Pulses of {form.length_ms:g} ms overlap at intervals of {interval:g} ms.")
        order, index = (a.ravel() for a in np.indices((len(sizes), len(columns))))
        size = (-sizes if mode == "electrode" else sizes)[order]
        return cls.from_pulses(
            form.pulses(np.zeros_like(order), columns[index], start + order * interval, size),
            num_columns=num_channels,
            duration_ms=start + len(sizes) * interval,
            mode=mode,
        )

    @classmethod
    def from_arg(cls, arg: Any, dt: float | None = None) -> Stimulus | None:
        """Make a stimulus from None, a Stimulus, an array, an ``(array, dt)`` pair or a mapping.

        Args:
            arg: What was given; a mapping holds arguments of ``Stimulus``.
            dt: Time between rows of a bare array, ms.

        Raises:
            InvalidInput: The argument is none of these, or an array comes without its time step.
        """
        if arg is None or isinstance(arg, Stimulus):
            return arg
        if isinstance(arg, Mapping):
            allowed = ("array", "dt", "mode", "reversal_mV")
            for key in arg:
                if key not in allowed:
                    raise unknown_name("stimulus argument", key, allowed)
            if "array" not in arg or "dt" not in arg:
                raise InvalidInput(f"A stimulus mapping needs 'array' and 'dt', got {sorted(arg)}.")
            return cls(**arg)
        if isinstance(arg, tuple) and len(arg) == 2:
            return cls(arg[0], arg[1])
        if not isinstance(arg, np.ndarray | list):
            raise InvalidInput(f"A stimulus must be a Stimulus, an array or (array, dt), got {arg!r}.")
        if dt is None:
            raise InvalidInput("A bare array needs its time step: give Stimulus(array, dt) or (array, dt).")
        return cls(arg, dt)

    @classmethod
    def batch(cls, parts: Sequence[Stimulus | None]) -> Stimulus | None:
        """One stimulus of B cultures from one of each; None is nothing, and the result if all are.

        Raises:
            InvalidInput: A part has a culture axis, or they differ in mode, columns, or in being dense or pulses.
        """
        given = [part for part in parts if part is not None]
        if not given:
            return None
        first = given[0]
        for part in given:
            if part.num_cultures is not None:
                raise InvalidInput("A batch is made of stimuli of one culture each: take stimulus[b] first.")
            if _kind(part) != _kind(first) or part.gain is not first.gain:
                raise InvalidInput(f"Stimuli of a batch must be of one kind, got {_kind(first)} and {_kind(part)}.")
        if first.array is not None:
            none = np.zeros_like(first.array)
            arrays = [none if part is None or part.array is None else part.array for part in parts]
            return first._derived(array=np.stack(arrays), num_cultures=len(parts))
        pulses = {b: part.pulses for b, part in enumerate(parts) if part is not None and part.pulses is not None}
        joined = Pulses.joined([replace(p, culture=np.full_like(p.culture, b)) for b, p in pulses.items()])
        longest = max(part.duration_ms for part in given)
        return first._derived(pulses=joined, num_cultures=len(parts), duration_ms=longest)

    def __getitem__(self, culture: int) -> Stimulus:
        """The stimulus of one culture, without a culture axis."""
        if self.num_cultures is None:
            return self
        if not 0 <= culture < self.num_cultures:
            raise InvalidInput(f"Stimulus has {self.num_cultures} cultures, got index {culture}.")
        if self.array is not None:
            return self._derived(array=self.array[culture], num_cultures=None)
        assert self.pulses is not None
        return self._derived(pulses=self.pulses.of_culture(culture), num_cultures=None)

    def with_gain(self, gain: NDArray[np.float64], mode: Mode) -> Stimulus:
        """The same time course seen by neurons: ``gain [N, K]`` maps columns to values of ``mode``.

        Raises:
            InvalidInput: The gain does not have a column for each of the stimulus.
        """
        if gain.ndim != 2 or gain.shape[1] != self.num_columns:
            raise InvalidInput(f"A gain must be [N, {self.num_columns}], got {gain.shape}.")
        if mode not in MODES:
            raise unknown_name("stimulus mode", mode, MODES)
        return self._derived(gain=gain, mode=mode)

    def _derived(self, **changes: Any) -> Stimulus:
        other = Stimulus.__new__(Stimulus)
        other.__dict__.update(self.__dict__, **changes)
        return other

    def charge_nC(self) -> NDArray[np.float64]:
        """Absolute charge per column, nC for values in uA, ``[K]`` or ``[B, K]``."""
        if self.array is not None:
            return np.abs(self.array).sum(axis=-2) * self.dt
        assert self.pulses is not None
        p, charge = self.pulses, np.zeros((self.num_cultures or 1, self.num_columns))
        np.add.at(charge, (p.culture, p.column), np.abs(p.value) * p.width_ms)
        return charge if self.num_cultures is not None else charge[0]

    def schedule(self, dt_ms: float) -> Schedule:
        """The stimulus of one culture as changes at whole simulation steps.

        Raises:
            InvalidInput: It has a culture axis, its time step is no multiple of ``dt_ms``, or pulses overlap.
        """
        if self.num_cultures is not None:
            raise InvalidInput("A schedule is one culture's: take stimulus[b] first.")
        if self.array is None:
            assert self.pulses is not None
            return self.pulses.schedule(finite("dt_ms", dt_ms, above=0.0))
        stride = whole_steps("Stimulus dt", self.dt, finite("dt_ms", dt_ms, above=0.0))
        before = np.vstack([np.zeros((1, self.num_columns)), self.array])
        after = np.vstack([self.array, np.zeros((1, self.num_columns))])
        row, column = np.nonzero(before != after)
        return Schedule(row.astype(np.int64) * stride, column.astype(np.int64), after[row, column])


def _kind(stimulus: Stimulus) -> tuple:
    shape = None if stimulus.array is None else stimulus.array.shape
    return (stimulus.mode, stimulus.num_columns, stimulus.reversal_mV, stimulus.dt, shape)
