"""Stimuli of cultures: a time course per column, and the mode that gives its values a meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked
from livn_gym.copies import altered
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.pulse_trains import PulseTrain
from livn_gym.pulses import Pulses, PulseShape, Schedule, Shape, numbers, train_starts
from livn_gym.units import finite, rounding
from livn_gym.waveforms import DenseWaveform, PulseWaveform, Waveform

Mode = Literal["current", "current_density", "conductance", "extracellular", "electrode", "irradiance", "light"]
"""Meaning and unit of a stimulus's values.

``current``: nA into the soma. ``current_density``: uA/cm2 of the soma. ``conductance``: uS at the soma with
``reversal_mV``, never negative. ``extracellular``: mV, the potential at the dendrite minus that at the
soma, so that positive depolarises the soma. ``electrode``: uA, one column per channel, negative is cathodic.
``irradiance``: mW/mm2 at each cell, never negative. ``light``: mW/mm2 at the centre of each light of a ``LightArray``.
"""

LIGHT_MODES = ("irradiance", "light")
"""Modes of light, which acts on cells with an opsin."""

MODES: tuple[Mode, ...] = get_args(Mode)


@checked
class Stimulus:
    """A stimulus of one or several cultures; immutable.

    Args:
        array: Values, each held for ``dt``, ``[T, K]`` for all cultures or ``[B, T, K]``. K is the number of neurons,
            or of channels in the ``"electrode"`` mode. Or a ``Waveform``.
        dt: Time between rows of an array, ms.
        mode: Meaning of the values, see ``Mode``.
        reversal_mV: Reversal potential of the ``"conductance"`` mode.

    Attributes:
        waveform: Time course, a ``DenseWaveform`` or a ``PulseWaveform``.
        gain: Effect of a unit of each column on each neuron, ``[N, K]``; None if columns are neurons.
        light: Light that is applied at the same time, see ``with_light``; None for none.

    Raises:
        InvalidInput: A value is not finite, the number of dimensions is wrong, the time step is not positive, or a
            conductance or an irradiance is negative.
    """

    __iter__ = None  # otherwise stimulus[b] would make it an endless sequence

    def __init__(
        self, array: ArrayLike | Waveform, dt: float | None = None, mode: Mode = "current", *, reversal_mV: float = 0.0
    ) -> None:
        self.waveform: Waveform = array if isinstance(array, Waveform) else _dense(array, dt)
        if mode not in MODES:
            raise unknown_name("stimulus mode", mode, MODES)
        if mode in ("conductance", *LIGHT_MODES) and (lowest := self.waveform.values.min(initial=0.0)) < 0.0:
            what, unit = ("A conductance", "uS") if mode == "conductance" else ("Light", "mW/mm2")
            raise InvalidInput(f"{what} must be at least 0 {unit}, got {lowest:g}.")
        self.mode: Mode = mode
        self.reversal_mV = finite("reversal_mV", reversal_mV)
        self.gain: NDArray[np.float64] | None = None
        self.light: Stimulus | None = None

    @property
    def num_columns(self) -> int:
        """Number of columns K."""
        return self.waveform.num_columns

    @property
    def num_cultures(self) -> int | None:
        """Number of cultures B, or None if all cultures get the same stimulus."""
        return self.waveform.num_cultures

    @property
    def duration_ms(self) -> float:
        """Length, ms."""
        return self.waveform.duration_ms

    @property
    def array(self) -> NDArray[np.float64] | None:
        """Rows of a dense stimulus, ``[T, K]`` or ``[B, T, K]``; None for pulses."""
        return self.waveform.array if isinstance(self.waveform, DenseWaveform) else None

    @property
    def dt(self) -> float:
        """Time between the rows of a dense stimulus, ms; 0 for pulses."""
        return self.waveform.dt if isinstance(self.waveform, DenseWaveform) else 0.0

    @property
    def pulses(self) -> Pulses | None:
        """Phases of a stimulus of pulses; None for a dense one."""
        return self.waveform.pulses if isinstance(self.waveform, PulseWaveform) else None

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
        """Make a stimulus from rectangular phases.

        Args:
            pulses: The phases.
            num_columns: Number of columns K.
            duration_ms: Length of the stimulus.
            num_cultures: Number of cultures B; None applies the phases to all cultures.
            mode: Meaning of the values.
            reversal_mV: Reversal potential of the ``"conductance"`` mode.

        Raises:
            InvalidInput: A column or culture does not exist, a phase ends after the stimulus, or a
                conductance is negative.
        """
        duration = finite("Stimulus duration (ms)", duration_ms, above=0.0)
        for name, index, count in (
            ("column", pulses.column, num_columns),
            ("culture", pulses.culture, 1 if num_cultures is None else num_cultures),
        ):
            last = index.max(initial=0)
            if last >= count:
                raise InvalidInput(f"Pulse {name}s must lie in 0 ... {count - 1}, got {last}.")
        end = (pulses.onset_ms + pulses.offset_ms + pulses.width_ms).max(initial=0.0)
        if end > duration + rounding(duration):
            raise InvalidInput(f"A pulse ends at {end:g} ms, after the stimulus of {duration:g} ms.")
        waveform = PulseWaveform(pulses, num_columns, duration, num_cultures)
        return cls(waveform, mode=mode, reversal_mV=reversal_mV)

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
        start_ms: ArrayLike = 0.0,
        mode: Mode = "electrode",
        reversal_mV: float = 0.0,
    ) -> Stimulus:
        """Make regular pulses, all that end within the stimulus; biphasic pulses are charge balanced.

        Args:
            amplitude: Size of the first phase, ``[K]`` or ``[B, K]``. Positive excites: it is cathodic (a
                current of ``-amplitude`` uA) in the electrode mode and ``+amplitude`` in the others.
            duration_ms: Length of the stimulus.
            rate_hz: Pulses per second, a scalar, ``[K]`` or ``[B, K]``; 0 for no pulses.
            phase_ms: Width of the first phase.
            shape: ``"biphasic"`` (a recovery phase of opposite sign and equal charge) or ``"monophasic"``.
            recovery_ratio: Width of the recovery phase in units of the first; its amplitude is divided by it.
            interphase_ms: Gap between the phases.
            start_ms: Onset of the first pulse, a scalar or ``[K]``.
            mode: Meaning of the values.
            reversal_mV: Reversal potential of the ``"conductance"`` mode.

        Raises:
            InvalidInput: Shapes do not match, a number is out of range, or pulses overlap.
        """
        form = _pulse_shape(phase_ms, shape, recovery_ratio, interphase_ms)
        sizes, rates = numbers("Pulse amplitudes", amplitude), numbers("rate_hz", rate_hz)
        if sizes.ndim not in (1, 2) or 0 in sizes.shape or not np.isfinite(sizes).all():
            raise InvalidInput(f"Pulse amplitudes must be finite, [K] or [B, K]; got the shape {sizes.shape}.")
        if not np.isfinite(rates).all() or rates.min(initial=0.0) < 0:
            raise InvalidInput("rate_hz must be finite and at least 0.")
        fits = rates.ndim <= 2 and rates.shape[-1:] in ((), sizes.shape[-1:])
        if not fits or (rates.ndim == sizes.ndim == 2 and len(rates) != len(sizes)):
            raise InvalidInput(f"rate_hz for amplitudes {sizes.shape} cannot have the shape {rates.shape}.")
        duration = finite("duration_ms", duration_ms, above=0.0)
        starts = train_starts(start_ms, sizes.shape)
        if rates.ndim == 0 and rates > 0 and sizes.any():
            size = np.atleast_2d(-sizes if mode == "electrode" else sizes)
            train = PulseTrain(form, size, float(rates), duration, starts)
            waveform = PulseWaveform(train, sizes.shape[-1], duration, len(sizes) if sizes.ndim == 2 else None)
            return cls(waveform, mode=mode, reversal_mV=reversal_mV)
        sizes, rates = np.broadcast_arrays(sizes, rates)
        size = np.atleast_2d(-sizes if mode == "electrode" else sizes)
        culture, column, onset = form.train(np.atleast_2d(rates) * (size != 0), duration, np.array(starts))
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
        """Make one pulse per amplitude, ``interval_ms`` apart, on all selected channels: for input-output curves.

        The stimulus lasts ``start_ms + len(amplitudes) * interval_ms``.

        Args:
            amplitudes: Size of the first phase of each pulse in order, ``[P]``; positive excites.
            channels: One or more channels.
            num_channels: Number of channels C.
            interval_ms: Time between the onsets of pulses.
            phase_ms: Width of the first phase.
            shape: ``"biphasic"`` or ``"monophasic"``.
            recovery_ratio: Width of the recovery phase in units of the first.
            interphase_ms: Gap between the phases.
            start_ms: Onset of the first pulse.
            mode: Meaning of the values.

        Raises:
            InvalidInput: There are no amplitudes or they are not finite, channels do not exist or are repeated, or
                pulses overlap.
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
            arg: The argument; a mapping has the arguments of ``Stimulus`` as keys.
            dt: Time between rows of a bare array, ms.

        Raises:
            InvalidInput: The argument is none of these, or an array has no time step.
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
        return cls(arg, dt)

    @classmethod
    def batch(cls, parts: Sequence[Stimulus | None]) -> Stimulus | None:
        """Join the stimuli of single cultures into one of B cultures.

        Args:
            parts: Stimulus of each culture; None for no stimulus.

        Returns:
            The stimulus of B cultures, or None if all are None.

        Raises:
            InvalidInput: A stimulus has a culture axis, or they differ in mode, columns or type of waveform.
        """
        stimuli = [part for part in parts if part is not None]
        if not stimuli:
            return None
        first = stimuli[0]
        for part in stimuli:
            same = (part.mode, part.reversal_mV) == (first.mode, first.reversal_mV) and part.gain is first.gain
            if not same or type(part.waveform) is not type(first.waveform):
                raise InvalidInput(
                    "Stimuli of a batch must be of one kind (mode, reversal, gain, dense or pulses), "
                    f"got {_described(first)} and {_described(part)}."
                )
        waveforms = [None if part is None else part.waveform for part in parts]
        light = cls.batch([None if part is None else part.light for part in parts])
        return altered(first, waveform=type(first.waveform).batch(waveforms), light=light)

    def __getitem__(self, culture: int) -> Stimulus:
        """Return the stimulus of one culture, without a culture axis."""
        light = None if self.light is None else self.light[culture]
        if self.num_cultures is None:
            return self if light is self.light else altered(self, light=light)
        return altered(self, waveform=self.waveform.culture(culture), light=light)

    def with_gain(self, gain: NDArray[np.float64], mode: Mode) -> Stimulus:
        """Return a stimulus of neurons with the same time course: ``gain [N, K]`` maps columns to values of ``mode``.

        Raises:
            InvalidInput: The gain does not have K columns.
            UnknownName: There is no such mode.
        """
        if gain.ndim != 2 or gain.shape[1] != self.num_columns:
            raise InvalidInput(f"A gain must be [N, {self.num_columns}], got {gain.shape}.")
        if mode not in MODES:
            raise unknown_name("stimulus mode", mode, MODES)
        return altered(self, gain=gain, mode=mode)

    def with_light(self, light: Stimulus) -> Stimulus:
        """Return this electrical stimulus together with light, which are applied in the same run.

        Args:
            light: Stimulus in the mode ``"light"`` or ``"irradiance"``, of as many cultures or of all.

        Raises:
            InvalidInput: This is light itself, the other is not, or they are of different numbers of cultures.
        """
        if self.mode in LIGHT_MODES or light.mode not in LIGHT_MODES:
            raise InvalidInput(f"Light is added to an electrical stimulus, got {self.mode!r} and {light.mode!r}.")
        counts = {self.num_cultures, light.num_cultures} - {None}
        if len(counts) > 1:
            raise InvalidInput(
                f"Stimulus and light must be of as many cultures, got {self.num_cultures} and {light.num_cultures}."
            )
        return altered(self, light=light)

    @property
    def parts(self) -> tuple[Stimulus | None, Stimulus | None]:
        """The electrical stimulus and the light; None for what there is not."""
        if self.mode in LIGHT_MODES:
            return None, self
        return (self if self.light is None else altered(self, light=None)), self.light

    def charge_nC(self) -> NDArray[np.float64]:
        """Return the absolute charge per column, nC for values in uA, ``[K]`` or ``[B, K]``."""
        return self.waveform.charge()

    def dose_mJ_mm2(self) -> NDArray[np.float64]:
        """Return the dose of light per column, mJ/mm2 ``[K]`` or ``[B, K]``.

        Raises:
            InvalidInput: This is no stimulus of light; take the second of ``parts``.
        """
        if self.mode not in LIGHT_MODES:
            raise InvalidInput(f"Light has a dose, a stimulus in the mode {self.mode!r} has none.")
        return self.waveform.charge() * 1e-3

    def schedule(self, dt_ms: float) -> Schedule:
        """Return the changes of all cultures' values at whole simulation steps.

        Raises:
            InvalidInput: The time step of the stimulus is not a multiple of ``dt_ms``, or pulses overlap.
        """
        return self.waveform.schedule(finite("dt_ms", dt_ms, above=0.0))


_pulse_shape = lru_cache(maxsize=64)(PulseShape)


def _dense(array: ArrayLike, dt: float | None) -> DenseWaveform:
    values = numbers("A stimulus", array)
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InvalidInput(f"A stimulus must be [T, K] or [B, T, K] and not empty, got {values.shape}.")
    if not np.isfinite(values).all():
        raise InvalidInput("A stimulus must be finite; the array holds NaN or infinity.")
    if dt is None:
        raise InvalidInput("A bare array needs its time step: give Stimulus(array, dt) or (array, dt).")
    values.flags.writeable = False
    return DenseWaveform(values, finite("Stimulus dt (ms)", dt, above=0.0))


def _described(stimulus: Stimulus) -> str:
    gain = "" if stimulus.gain is None else ", with a gain"
    return f"{stimulus.mode} ({stimulus.reversal_mV:g} mV, {stimulus.waveform.kind[0]}{gain})"
