"""Functions that the readers of foreign files share: they number channels, sort events and find the length."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.reading import damage
from livn_gym.units import finite, rounding

MAX_CHANNELS = 2**20
MAX_TIME_MS = 1e12
"""Exclusive upper bound of times, 32 years: larger numbers are no times."""
"""Maximum number of channels of a foreign file."""

ROUND_UP_MS = 1000.0
"""A file that does not state its length is taken to end at a whole second after its last event, ms."""

UNITS_MS = {"s": 1000.0, "ms": 1.0, "us": 1e-3}
"""Units of time, and their length in ms. ``"frames"`` needs a sampling rate."""


@dataclass(frozen=True)
class ReadOptions:
    """Properties of a file that it does not state itself, as given by the caller.

    Attributes:
        unit: Unit of times in a table, of ``UNITS_MS`` or ``"frames"``.
        sampling_hz: Frames per second.
        duration_ms: Length of the recording.
        rows: What the rows of a table without a column ``event`` are.
    """

    unit: str | None = None
    sampling_hz: float | None = None
    duration_ms: float | None = None
    rows: Literal["spikes", "stimuli"] = "spikes"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.unit is not None and self.unit not in (*UNITS_MS, "frames"):
            raise InvalidInput(f"unit must be one of {', '.join(UNITS_MS)} or frames, got {self.unit!r}.")
        for name in ("sampling_hz", "duration_ms"):
            if getattr(self, name) is not None:
                finite(name, getattr(self, name), above=0.0)
        if (self.unit == "frames") != (self.sampling_hz is not None):
            raise InvalidInput(
                "Times in frames need sampling_hz, and sampling_hz is for times in frames: unit='frames'."
            )

    def unit_ms(self, unit: str) -> float:
        """Return the length of a unit of time, ms."""
        if unit != "frames":
            return UNITS_MS[unit]
        if self.sampling_hz is None:
            raise InvalidInput("Times in frames need their number per second: give unit='frames' and sampling_hz.")
        return 1000.0 / self.sampling_hz


@dataclass
class Events:
    """Spikes and stimuli of a file, in any order, with times in ms.

    Attributes:
        t_ms: Times of spikes, ``[S]``.
        channel: Channel of each, ``[S]``.
        names: Names of all channels, ``[C]``.
        coordinates_um: Positions, um ``[C, 3]``, or None.
        stim_t_ms: Times of pulses, ``[P]``.
        stim_channel: Channel of each, ``[P]``.
        stim_amplitude_uA: Amplitude of each, ``[P]``, or None.
        start_ms: Time at which the recording starts.
        duration_ms: Length, if the file states it.
        metadata: Further values.
    """

    t_ms: NDArray[np.float64]
    channel: NDArray[np.int64]
    names: Sequence[str]
    coordinates_um: NDArray[np.float64] | None = None
    stim_t_ms: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    stim_channel: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    stim_amplitude_uA: NDArray[np.float64] | None = None
    start_ms: float = 0.0
    duration_ms: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def assemble(path: Path, kind: str, events: Events, options: ReadOptions) -> ChannelSpikes:
    """Sort the events of a file, and find its length.

    Args:
        path: Path of the file.
        kind: Name of the format.
        events: Content of the file.
        options: ``duration_ms`` is the length; otherwise it is the file's, or the next whole second after its last
            event.

    Raises:
        InvalidInput: The given length ends before the last event, or none can be found.
        CorruptData: Events do not fit together.
    """
    if not 0 < len(events.names) <= MAX_CHANNELS:
        raise InvalidInput(f"{path} has {len(events.names):,} channels; from 1 to {MAX_CHANNELS:,} can be read.")
    with damage(path, "is damaged", invalid_is_damage=True):
        t_ms, stim_t_ms = events.t_ms - events.start_ms, events.stim_t_ms - events.start_ms
        for times, channels in ((t_ms, events.channel), (stim_t_ms, events.stim_channel)):
            if times.ndim != 1 or times.shape != channels.shape:
                raise ValueError(
                    f"there are times of the shape {times.shape} and channels of the shape {channels.shape}"
                )
            if not (np.abs(times) < MAX_TIME_MS).all():
                raise ValueError(f"times are not finite numbers below {MAX_TIME_MS:g} ms")
        last_ms = float(max(t_ms.max(initial=0.0), stim_t_ms.max(initial=0.0)))
    duration_ms = _duration(path, events, last_ms, options)
    order, stim_order = np.lexsort((events.channel, t_ms)), np.lexsort((events.stim_channel, stim_t_ms))
    amplitude_uA = events.stim_amplitude_uA
    with damage(path, "is damaged", invalid_is_damage=True):
        return ChannelSpikes(
            t_ms=_from_zero(t_ms[order]),
            channel=events.channel[order],
            duration_ms=duration_ms,
            num_channels=len(events.names),
            names=distinct(events.names),
            coordinates_um=events.coordinates_um,
            stim_t_ms=_from_zero(stim_t_ms[stim_order]),
            stim_channel=events.stim_channel[stim_order],
            stim_amplitude_uA=None if amplitude_uA is None else np.abs(amplitude_uA[stim_order]),
            source=f"{path.name}, {kind}",
            metadata=events.metadata,
        )


def _from_zero(t_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo the rounding of a difference that may put a first time just before 0."""
    return np.where(np.abs(t_ms) < 1e-6, np.maximum(t_ms, 0.0), t_ms)


def _duration(path: Path, events: Events, last_ms: float, options: ReadOptions) -> float:
    given = options.duration_ms
    if given is not None and given + rounding(given) < last_ms:
        raise InvalidInput(f"duration_ms is {given:g}, but {path} has an event at {last_ms:g} ms.")
    known = given if given is not None else events.duration_ms
    if known is not None:
        if not math.isfinite(known) or known <= 0.0 or known * (1 + 1e-6) + 1.0 < last_ms:
            raise CorruptData(f"{path} is damaged: it lasts {known:g} ms and has an event at {last_ms:g} ms.")
        return max(known, last_ms)
    if not len(events.t_ms) and not len(events.stim_t_ms):
        raise InvalidInput(f"{path} has no spikes and does not state its length: give duration_ms.")
    return max(math.ceil(last_ms / ROUND_UP_MS) * ROUND_UP_MS, ROUND_UP_MS)


def distinct(names: Iterable[object]) -> tuple[str, ...]:
    """Return names as texts; a name that occurs again gets a number."""
    seen: dict[str, int] = {}
    result = []
    for name in map(str, names):
        count = seen.get(name, 0)
        while count and f"{name} ({count + 1})" in seen:
            count += 1
        seen[name] = count + 1
        result.append(name if not count else f"{name} ({count + 1})")
        seen.setdefault(result[-1], 1)
    return tuple(result)


def numbered(labels: Sequence[Hashable]) -> tuple[NDArray[np.int64], list[str]]:
    """Number labels of channels in their natural order, in which E3 is before E10; return numbers and names."""
    known = set(labels)
    ordered: list[Any] = sorted(known, key=_natural)
    number = {label: k for k, label in enumerate(ordered)}
    return np.array([number[label] for label in labels], dtype=np.int64), [str(label) for label in ordered]


def _natural(label: Hashable) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d{1,18})", str(label))
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part]


def trains(times: Iterable[NDArray[np.float64]], channels: Sequence[int]) -> tuple[NDArray, NDArray]:
    """Join spike trains; return times and channels."""
    parts = [np.asarray(part, dtype=np.float64).ravel() for part in times]
    number = [len(part) for part in parts]
    t = np.concatenate(parts) if parts else np.zeros(0)
    return t, np.repeat(np.asarray(channels, dtype=np.int64), number)
