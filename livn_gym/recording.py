"""What a run recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_methods
from livn_gym.errors import InvalidInput, NotRecorded, OutOfRange
from livn_gym.units import finite, rounding

_TRACES = ("voltage", "current_soma", "current_dendrite")
_Part = NDArray | slice
_Slice = slice  # inside the class, the name is a method's
_SIX = "it", "t", "iv", "v", "im", "mp"


@checked_methods
@dataclass(frozen=True)
class RecordingRequest:
    """What a run shall record; None where nothing is wanted.

    Attributes:
        spikes: gids whose spikes are kept.
        voltage: gids whose somatic voltage is kept.
        current: gids whose membrane current is kept.
        weights: Weight keys whose synapses' weights are kept; where there are some, every ``weight_steps``-th step.
        weight_steps: See ``weights``.
        compartment: Whose membrane current the six arrays show; both are kept, potentials need both.
        sample_steps: Traces take every ``sample_steps``-th step.
    """

    spikes: NDArray[np.int64] | None = None
    voltage: NDArray[np.int64] | None = None
    current: NDArray[np.int64] | None = None
    sample_steps: int = 1
    compartment: Literal["soma", "dendrite"] = "soma"
    weights: tuple[str, ...] = ()
    weight_steps: int = 0

    def of(self, gids: NDArray[np.int64]) -> RecordingRequest:
        """What of it concerns some cells."""
        part: dict[str, Any] = {
            name: wanted[np.isin(wanted, gids)]
            for name in ("spikes", "voltage", "current")
            if (wanted := getattr(self, name)) is not None
        }
        return replace(self, **part)


@checked_methods
@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes and traces of B cultures over one run.

    The recording of a single culture is a sequence of six arrays: ``it, t, iv, v, im, mp = recording``,
    ``recording[1]``, ``recording[:2]``, ``len(recording) == 6``. Of several cultures, ``recording.culture(b)`` is one.
    What was not recorded is None. Spikes are sorted by (culture, time, gid). Two recordings are equal only if they are
    the same object.

    Attributes:
        t0_ms: Start of the run since the last ``clear``.
        duration_ms: Length of the run.
        dt_ms: Simulation time step.
        sample_dt_ms: Time between columns of traces; column k is the state at ``k * sample_dt_ms``.
        num_cultures: B.
        spike_culture: Culture of every spike, int64 ``[S]``.
        spike_gid: Cell of every spike, int64 ``[S]``.
        spike_t: Time of every spike since the run's start, ms in ``[0, duration_ms)``, float64 ``[S]``.
        voltage_gid: Cells with voltage, int64 ``[n]``.
        voltage: Somatic voltage, mV, float64 ``[B, n, T]``.
        current_gid: Cells with membrane current, int64 ``[m]``.
        current_soma: Membrane current of the soma, nA, outward positive, capacitive included, applied current
            excluded, float64 ``[B, m, T]``.
        current_dendrite: The dendrite's.
        current_compartment: Which compartment ``mp`` shows.
        weights: Weights of plastic synapses, nS, by weight key, float64 ``[B, E, K]`` with E in the projection's order;
            column k is at ``k * weight_dt_ms``.
        weight_dt_ms: Time between columns of weights; 0 where none were recorded.
    """

    t0_ms: float
    duration_ms: float
    dt_ms: float
    sample_dt_ms: float
    num_cultures: int
    spike_culture: NDArray[np.int64] | None = None
    spike_gid: NDArray[np.int64] | None = None
    spike_t: NDArray[np.float64] | None = None
    voltage_gid: NDArray[np.int64] | None = None
    voltage: NDArray[np.float64] | None = None
    current_gid: NDArray[np.int64] | None = None
    current_soma: NDArray[np.float64] | None = None
    current_dendrite: NDArray[np.float64] | None = None
    current_compartment: Literal["soma", "dendrite"] = "soma"
    weights: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    weight_dt_ms: float = 0.0

    def __len__(self) -> int:
        """Return 6, the number of arrays.

        Raises:
            InvalidInput: There are several cultures.
        """
        return len(self._six())

    def __iter__(self) -> Iterator[NDArray | None]:
        """Iterate over the six arrays it, t, iv, v, im, mp of a single culture.

        Raises:
            InvalidInput: There are several cultures.
        """
        return iter(self._six())

    @overload
    def __getitem__(self, index: int) -> NDArray | None: ...

    @overload
    def __getitem__(self, index: _Slice) -> tuple[NDArray | None, ...]: ...

    def __getitem__(self, index: int | _Slice) -> NDArray | None | tuple[NDArray | None, ...]:
        """Return one of the six arrays of a single culture, or a tuple of several.

        Raises:
            InvalidInput: There are several cultures.
            OutOfRange: The index is not in -6 ... 5.
        """
        six = self._six()
        if not isinstance(index, _Slice) and not -len(_SIX) <= index < len(_SIX):
            raise OutOfRange(f"A recording has six arrays ({', '.join(_SIX)}): the index is -6 ... 5, got {index}.")
        return six[index]

    def __bool__(self) -> bool:
        """Return True, whatever was recorded."""
        return True

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        """Return the six arrays as an array of six objects, for ``dtype=object`` only.

        Raises:
            InvalidInput: The dtype is another one, or there are several cultures.
        """
        if np.dtype(dtype).kind != "O":
            raise InvalidInput("A recording is six arrays of different shapes: convert one, as in recording[1].")
        result = np.empty(len(_SIX), dtype=object)
        result[:] = self._six()
        return result

    def culture(self, b: int) -> Recording:
        """Return the recording of one culture.

        Args:
            b: Index of the culture, 0 ... B - 1.

        Raises:
            InvalidInput: There is no such culture.
        """
        if not 0 <= b < self.num_cultures:
            raise InvalidInput(f"Culture index must lie in 0 ... {self.num_cultures - 1}, got {b}.")
        weights = {key: weight[b : b + 1] for key, weight in self.weights.items()}
        part = replace(self._traces(lambda trace: trace[b : b + 1]), num_cultures=1, weights=weights)
        if self.spike_culture is None:
            return part
        return part._where(slice(*np.searchsorted(self.spike_culture, (b, b + 1))), culture=0)

    @property
    def cultures(self) -> tuple[Recording, ...]:
        """The recordings of the single cultures, ``[B]``."""
        return tuple(self.culture(b) for b in range(self.num_cultures))

    @property
    def current(self) -> NDArray[np.float64] | None:
        """Membrane current of the chosen compartment, nA ``[B, m, T]``, or None."""
        return self.current_soma if self.current_compartment == "soma" else self.current_dendrite

    @property
    def spikes(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Culture, gid and time (ms) of every spike.

        Raises:
            NotRecorded: Spikes were not recorded.
        """
        if self.spike_culture is None or self.spike_gid is None or self.spike_t is None:
            raise NotRecorded("Spikes were not recorded: call record_spikes() before the run.")
        return self.spike_culture, self.spike_gid, self.spike_t

    def select(self, gids: Sequence[int] | NDArray) -> Recording:
        """Only the given cells, in spikes and traces."""
        wanted = np.asarray(gids, dtype=np.int64)
        part = self if self.spike_gid is None else self._where(np.isin(self.spike_gid, wanted))
        if self.voltage_gid is not None and self.voltage is not None:
            rows = np.isin(self.voltage_gid, wanted)
            part = replace(part, voltage_gid=self.voltage_gid[rows], voltage=self.voltage[:, rows])
        if self.current_gid is not None:
            rows = np.isin(self.current_gid, wanted)
            soma, dendrite = (
                None if trace is None else trace[:, rows] for trace in (self.current_soma, self.current_dendrite)
            )
            part = replace(part, current_gid=self.current_gid[rows], current_soma=soma, current_dendrite=dendrite)
        return part

    def where(self, keep: NDArray[np.bool_]) -> Recording:
        """Only the spikes that a mask ``[S]`` keeps; traces stay."""
        return self._where(keep)

    def with_spikes(self, gid: NDArray[np.int64], t: NDArray[np.float64]) -> Recording:
        """The same run of a single culture with other spikes, ``[S]``, which are sorted here.

        Raises:
            InvalidInput: There are several cultures, or a spike lies outside the run.
        """
        if self.num_cultures != 1:
            raise InvalidInput(f"Spikes are set in one culture's recording, this one has {self.num_cultures}.")
        if gid.shape != t.shape or (len(t) and not 0.0 <= t.min() <= t.max() < self.duration_ms):
            raise InvalidInput(f"Spikes need gids and times of one length, times within 0 ... {self.duration_ms:g} ms.")
        order = np.lexsort((gid, t))
        return replace(
            self,
            spike_culture=np.zeros(len(gid), dtype=np.int64),
            spike_gid=gid[order].astype(np.int64),
            spike_t=t[order],
        )

    def slice(self, start_ms: float, stop_ms: float) -> Recording:
        """The part in ``[start_ms, stop_ms)``, with times relative to ``start_ms``.

        Raises:
            InvalidInput: The bounds are not within the run, or traces have no sample at the start.
        """
        start, stop = finite("start_ms", start_ms, minimum=0.0), finite("stop_ms", stop_ms)
        room = float(rounding(self.duration_ms))
        if not start < stop <= self.duration_ms + room:
            raise InvalidInput(f"A slice must lie within 0 ... {self.duration_ms:g} ms, got {start:g} ... {stop:g}.")
        part = self
        if self.spike_t is not None:
            inside = self.spike_t >= start - room
            if stop < self.duration_ms - room:
                inside &= self.spike_t < stop - room
            part = part._where(inside)
            assert part.spike_t is not None
            part = replace(part, spike_t=self._shifted(part.spike_t, -start))
        if self.voltage is not None or self.current_soma is not None:
            first, last = round(start / self.sample_dt_ms), round(stop / self.sample_dt_ms)
            if abs(first * self.sample_dt_ms - start) > 1e-6 or abs(last * self.sample_dt_ms - stop) > 1e-6:
                raise InvalidInput(f"Traces can only be cut at multiples of {self.sample_dt_ms:g} ms.")
            part = part._traces(lambda trace: trace[..., first:last])
        if self.weights:
            first, last = round(start / self.weight_dt_ms), round(stop / self.weight_dt_ms)
            if abs(first * self.weight_dt_ms - start) > 1e-6 or abs(last * self.weight_dt_ms - stop) > 1e-6:
                raise InvalidInput(f"Weights can only be cut at multiples of {self.weight_dt_ms:g} ms.")
            part = replace(part, weights={key: weight[..., first:last] for key, weight in self.weights.items()})
        return replace(part, t0_ms=self.t0_ms + start, duration_ms=stop - start)

    def nothing(self) -> Recording:
        """The same run with nothing recorded."""
        none = dict.fromkeys(("spike_culture", "spike_gid", "spike_t", "voltage_gid", "current_gid", *_TRACES))
        changed: dict[str, Any] = none | {"weights": {}, "weight_dt_ms": 0.0}
        return replace(self, **changed)

    @staticmethod
    def batch(parts: Sequence[Recording], t0_ms: float) -> Recording:
        """One recording of B cultures from recordings of some of them each, in order, over the same run."""
        if not parts:
            raise InvalidInput("A batch needs at least one recording.")
        counts = [part.num_cultures for part in parts]
        first = replace(parts[0], t0_ms=t0_ms, num_cultures=sum(counts))
        if len(parts) == 1:
            return first
        if first.spike_gid is not None:
            culture, gid, t = (np.concatenate(arrays) for arrays in zip(*(p.spikes for p in parts), strict=True))
            culture += np.repeat(np.cumsum([0, *counts[:-1]]), [len(p.spikes[0]) for p in parts])
            first = replace(first, spike_culture=culture, spike_gid=gid, spike_t=t)
        traces: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in _TRACES
            if getattr(first, name) is not None
        }
        weights = {key: np.concatenate([part.weights[key] for part in parts]) for key in first.weights}
        return replace(first, weights=weights, **traces)

    @staticmethod
    def concat(recordings: Sequence[Recording]) -> Recording:
        """Join recordings of consecutive runs of the same cultures into one.

        Raises:
            InvalidInput: There are none, they do not follow one another, or they recorded different things.
        """
        if not recordings:
            raise InvalidInput("concat needs at least one recording.")
        first = recordings[0]
        end = first.t0_ms + first.duration_ms
        for following in recordings[1:]:
            if abs(following.t0_ms - end) > 1e-6 + rounding(end):
                raise InvalidInput(
                    "Recordings must follow one another: "
                    f"one ends at {end:g} ms, the next starts at {following.t0_ms:g}."
                )
            if following._kind() != first._kind():
                raise InvalidInput("Only recordings of the same cultures, cells and time step can be joined.")
            end = following.t0_ms + following.duration_ms
        joined = replace(first, duration_ms=end - first.t0_ms)
        if first.spike_t is not None:
            culture = np.concatenate([r.spikes[0] for r in recordings])
            gid = np.concatenate([r.spikes[1] for r in recordings])
            t = np.concatenate([first._shifted(r.spikes[2], r.t0_ms - first.t0_ms) for r in recordings])
            order = np.lexsort((gid, t, culture))
            joined = replace(joined, spike_culture=culture[order], spike_gid=gid[order], spike_t=t[order])
        traces: dict[str, Any] = {
            name: np.concatenate([getattr(r, name) for r in recordings], axis=-1)
            for name in _TRACES
            if getattr(first, name) is not None
        }
        weights = {key: np.concatenate([r.weights[key] for r in recordings], axis=-1) for key in first.weights}
        return replace(joined, weights=weights, **traces)

    def _six(self) -> tuple[NDArray | None, ...]:
        if self.num_cultures != 1:
            raise InvalidInput(
                f"This recording has {self.num_cultures} cultures, the six arrays are of one: "
                "take recording.culture(b), or recording.cultures."
            )
        current = self.current
        return (
            self.spike_gid,
            self.spike_t,
            self.voltage_gid,
            None if self.voltage is None else self.voltage[0],
            self.current_gid,
            None if current is None else current[0],
        )

    def _kind(self) -> tuple:
        cells = (None if gids is None else tuple(gids) for gids in (self.voltage_gid, self.current_gid))
        shared = (self.num_cultures, self.dt_ms, self.sample_dt_ms, self.current_compartment)
        return (*shared, *self.weights, self.weight_dt_ms, self.spike_t is None, *cells)

    def _shifted(self, t: NDArray[np.float64], by_ms: float) -> NDArray[np.float64]:
        """Times moved by a duration; those of whole steps are again whole steps, without what rounding adds."""
        dt_ms = self.dt_ms
        step, by = np.rint(t / dt_ms), round(by_ms / dt_ms)
        whole = (np.abs(step * dt_ms - t) <= rounding(t)) & (abs(by * dt_ms - by_ms) <= rounding(by_ms))
        return np.where(whole, (step + by) * dt_ms, np.maximum(t + by_ms, 0.0))

    def _traces(self, cut: Callable[[NDArray], NDArray]) -> Recording:
        """The recording with ``cut`` applied to every trace there is."""
        traces = ((name, getattr(self, name)) for name in _TRACES)
        changed: dict[str, Any] = {name: cut(trace) for name, trace in traces if trace is not None}
        return replace(self, **changed)

    def _where(self, keep: _Part, culture: int | None = None) -> Recording:
        cultures, gids, times = self.spikes
        kept = cultures[keep]
        return replace(
            self,
            spike_culture=kept if culture is None else np.full_like(kept, culture),
            spike_gid=gids[keep],
            spike_t=times[keep],
        )
