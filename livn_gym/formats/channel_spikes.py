"""Spikes on the channels of an array, from a simulated or a living culture, with the stimuli and no cells.

A ``Session`` knows the cells of a simulated culture. A recording of a laboratory knows channels only, so that whatever
is computed for both (``livn_gym.tuning.measure_channels``) is computed from ``ChannelSpikes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.formats.session import Session
from livn_gym.io import BoundElectrodes
from livn_gym.io.base import detections
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, rounding, whole_number

PULSE_MS = 2.0
"""Phases of a channel's stimulus that begin within this time after a pulse began belong to the pulse, ms."""

RECOVERY_MS = 1000.0
"""Time after a stimulus at which activity counts as spontaneous again, ms."""


@checked
@dataclass(frozen=True, eq=False)
class ChannelSpikes:
    """Spikes and stimuli on the C channels of one recording; times count from its start.

    Attributes:
        t_ms: Time of every spike, ms, ascending, float64 ``[S]``.
        channel: Channel of every spike, 0 ... C - 1, int64 ``[S]``.
        duration_ms: Length of the recording.
        num_channels: C, silent channels included.
        names: Names of the channels, ``[C]``. Default: their numbers.
        coordinates_um: Positions of the electrodes, um ``[C, 3]``; None if unknown.
        stim_t_ms: Time at which each pulse begins, ms, ascending, float64 ``[P]``.
        stim_channel: Channel of each pulse, int64 ``[P]``.
        stim_amplitude_uA: Largest current of each pulse, uA, at least 0, float64 ``[P]``; None if unknown.
        source: Description of the origin of the spikes, for titles and provenance.
        metadata: Further values of the file.

    Raises:
        InvalidInput: Shapes, indices or times do not fit together.
    """

    t_ms: NDArray[np.float64]
    channel: NDArray[np.int64]
    duration_ms: float
    num_channels: int
    names: tuple[str, ...] = ()
    coordinates_um: NDArray[np.float64] | None = None
    stim_t_ms: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    stim_channel: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    stim_amplitude_uA: NDArray[np.float64] | None = None
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Convert the arrays, and check that they fit together."""
        finite("duration_ms", self.duration_ms, above=0.0)
        channels = whole_number("num_channels", self.num_channels)
        self._set("names", tuple(self.names) or tuple(str(k) for k in range(channels)))
        if len(self.names) != channels or len(set(self.names)) != channels:
            raise InvalidInput(f"names must be {channels} distinct texts, got {len(self.names)}: {self.names!r:.80}.")
        for what, times, numbers in (("spike", "t_ms", "channel"), ("pulse", "stim_t_ms", "stim_channel")):
            t, channel = self._array(times, "fiu", np.float64), self._array(numbers, "iu", np.int64)
            if len(t) != len(channel):
                raise InvalidInput(f"{times} and {numbers} must have the same length, got {len(t)} and {len(channel)}.")
            if len(t) and not (np.diff(t) >= 0.0).all():
                raise InvalidInput(f"{times} must be ascending.")
            if len(t) and not 0.0 <= t[0] <= t[-1] <= self.duration_ms + rounding(self.duration_ms):
                raise InvalidInput(
                    f"Every {what} must lie within the recording, 0 to {self.duration_ms:g} ms, got {t[0]:g} to "
                    f"{t[-1]:g} ms."
                )
            if len(channel) and not 0 <= channel.min() <= channel.max() < channels:
                raise InvalidInput(
                    f"{numbers} must be from 0 to {channels - 1}, got {channel.min()} to {channel.max()}."
                )
        if self.stim_amplitude_uA is not None:
            amplitudes = self._array("stim_amplitude_uA", "fiu", np.float64)
            if len(amplitudes) != len(self.stim_t_ms) or amplitudes.min(initial=0.0) < 0.0:
                raise InvalidInput(f"stim_amplitude_uA must be {len(self.stim_t_ms)} currents of at least 0 uA.")
        if self.coordinates_um is not None:
            coordinates = np.asarray(self.coordinates_um)
            if coordinates.shape != (channels, 3) or not np.isfinite(coordinates).all():
                raise InvalidInput(f"coordinates_um must be finite, [{channels}, 3], got {list(coordinates.shape)}.")
            self._set("coordinates_um", coordinates.astype(np.float64))

    def _array(self, name: str, kinds: str, dtype: type) -> NDArray[Any]:
        array = np.asarray(getattr(self, name))
        if array.ndim != 1 or (len(array) and array.dtype.kind not in kinds):
            what = "whole numbers" if kinds == "iu" else "numbers"
            raise InvalidInput(f"{name} must be {what} in one dimension, got {array.dtype} {list(array.shape)}.")
        array = array.astype(dtype)
        if not np.isfinite(array).all():
            raise InvalidInput(f"{name} must be finite; it holds NaN or infinity.")
        array.flags.writeable = False
        self._set(name, array)
        return array

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    def of_recording(
        cls,
        recording: Recording,
        electrodes: BoundElectrodes,
        stimulus: Stimulus | None = None,
        *,
        source: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Assign the spikes of a simulated culture to the electrodes that record them.

        Args:
            recording: Recording of one culture; of several, give ``recording.culture(b)``.
            electrodes: Electrodes of the culture (``env.electrodes``), at least one.
            stimulus: Stimulus of one culture during the recording. Only currents at electrodes are kept.
            source: Description of the origin.
            metadata: Further values.

        Raises:
            InvalidInput: There are several cultures, or no electrodes.
            NotRecorded: Spikes were not recorded.
        """
        if recording.num_cultures != 1:
            raise InvalidInput(
                f"Give the recording of one culture, recording.culture(b), got {recording.num_cultures}."
            )
        _, gid, t = recording.spikes
        channel, t_ms = electrodes.channel_recording(gid, t)
        order = np.argsort(t_ms, kind="stable")
        stim_t_ms, stim_channel, amplitude_uA = _pulses(stimulus, recording.dt_ms)
        inside = stim_t_ms < recording.duration_ms
        return cls(
            t_ms=t_ms[order],
            channel=channel[order],
            duration_ms=recording.duration_ms,
            num_channels=electrodes.num_channels,
            names=electrodes.channel_names,
            coordinates_um=electrodes.coordinates_um,
            stim_t_ms=stim_t_ms[inside],
            stim_channel=stim_channel[inside],
            stim_amplitude_uA=amplitude_uA[inside],
            source=source,
            metadata=metadata or {},
        )

    @classmethod
    def of_session(cls, session: Session) -> Self:
        """Assign the spikes of a session to the electrodes that record them, with its stimulus.

        Raises:
            InvalidInput: The session has no electrodes.
        """
        channels = len(session.electrodes_um)
        if not channels:
            raise InvalidInput(f"The session of {session.system} has no electrodes, so no channels.")
        pairs = session.channel_cells[np.lexsort(session.channel_cells.T)]
        _, gid, t = session.recording.spikes
        spike, channel = detections(gid, pairs[:, 1], pairs[:, 0], session.num_neurons)
        stim_t_ms, stim_channel, amplitude_uA = _pulses(session.stimulus, session.recording.dt_ms)
        inside = (stim_t_ms < session.recording.duration_ms) & (stim_channel < channels)
        return cls(
            t_ms=t[spike],
            channel=channel,
            duration_ms=session.recording.duration_ms,
            num_channels=channels,
            coordinates_um=session.electrodes_um,
            stim_t_ms=stim_t_ms[inside],
            stim_channel=stim_channel[inside],
            stim_amplitude_uA=amplitude_uA[inside],
            source=f"{session.system}, simulated by livn_gym {session.version}, seed {session.seed}",
            metadata=session.metadata(traces=False),
        )

    @property
    def rates_hz(self) -> NDArray[np.float64]:
        """Mean rate of every channel, Hz ``[C]``."""
        return np.bincount(self.channel, minlength=self.num_channels) / self.duration_ms * 1e3

    def slice(self, start_ms: float, stop_ms: float) -> Self:
        """Return the spikes and stimuli in ``[start_ms, stop_ms)``, with times relative to ``start_ms``.

        Raises:
            InvalidInput: The interval is empty or exceeds the recording.
        """
        end_ms = self.duration_ms + rounding(self.duration_ms)
        if not 0.0 <= start_ms < stop_ms <= end_ms:
            raise InvalidInput(f"A part must lie within 0 to {self.duration_ms:g} ms, got {start_ms:g} to {stop_ms:g}.")
        # a spike at the very end belongs to the last part
        last: Literal["left", "right"] = "right" if stop_ms >= self.duration_ms else "left"
        a, b = np.searchsorted(self.t_ms, start_ms), np.searchsorted(self.t_ms, stop_ms, side=last)
        p, q = np.searchsorted(self.stim_t_ms, start_ms), np.searchsorted(self.stim_t_ms, stop_ms, side=last)
        duration_ms = stop_ms - start_ms
        return replace(
            self,
            t_ms=np.minimum(self.t_ms[a:b] - start_ms, duration_ms),
            channel=self.channel[a:b],
            duration_ms=duration_ms,
            stim_t_ms=np.minimum(self.stim_t_ms[p:q] - start_ms, duration_ms),
            stim_channel=self.stim_channel[p:q],
            stim_amplitude_uA=None if self.stim_amplitude_uA is None else self.stim_amplitude_uA[p:q],
        )

    def spontaneous(self, recovery_ms: float = RECOVERY_MS) -> Self | None:
        """Return the longest part without stimulation.

        Args:
            recovery_ms: Time after a pulse that is left out.

        Returns:
            The part; the whole recording if nothing was stimulated; None if there is no time without stimulation.
        """
        if not len(self.stim_t_ms):
            return self
        recovery = finite("recovery_ms", recovery_ms, minimum=0.0)
        starts = np.concatenate([[0.0], self.stim_t_ms + recovery])
        stops = np.concatenate([self.stim_t_ms, [self.duration_ms]])
        longest = int((stops - starts).argmax())
        if stops[longest] - starts[longest] <= 0.0:
            return None
        return self.slice(float(starts[longest]), float(stops[longest]))


def _pulses(stimulus: Stimulus | None, dt_ms: float) -> tuple[NDArray, NDArray, NDArray]:
    """Return onset (ms), electrode and largest current (uA) of every pulse of electrodes, in temporal order."""
    none = np.zeros(0), np.zeros(0, np.int64), np.zeros(0)
    if stimulus is None:
        return none
    if (stimulus.num_cultures or 1) != 1:
        raise InvalidInput(f"Give the stimulus of one culture, stimulus[b], got that of {stimulus.num_cultures}.")
    if stimulus.mode != "electrode":
        return none
    changes = stimulus.schedule(dt_ms)
    order = np.lexsort((changes.step, changes.column))
    step, column, value = changes.step[order], changes.column[order], changes.value[order]
    before = np.where(np.diff(column, prepend=-1) != 0, 0.0, np.concatenate([[0.0], value[:-1]]))
    t_ms, opens = step * dt_ms, (before == 0.0) & (value != 0.0)
    # an opening within PULSE_MS of its pulse's is the next phase, after a gap between the phases
    start, last_column, last_ms = np.zeros(len(step), dtype=np.bool_), -1, 0.0
    for k in np.flatnonzero(opens).tolist():
        if column[k] != last_column or t_ms[k] - last_ms > PULSE_MS:
            start[k], last_column, last_ms = True, column[k], t_ms[k]
    first = np.flatnonzero(start)
    if not len(first):
        return none
    largest = np.maximum.reduceat(np.abs(value), first)
    in_time = np.lexsort((column[first], t_ms[first]))
    return t_ms[first][in_time], column[first][in_time], largest[in_time]
