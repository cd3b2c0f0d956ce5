"""Recording of a run: spikes, traces and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import joined_recordings
from livn_gym.blanked_times import Blanking
from livn_gym.checks import checked_methods
from livn_gym.copies import altered
from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.models.base import Compartment
from livn_gym.selection import selected_gids
from livn_gym.six_arrays import SixArrays
from livn_gym.system import Population
from livn_gym.units import finite, rounding

VOLTAGES = "voltage_soma", "voltage_dendrite"
CURRENTS = "current_soma", "current_dendrite"
TRACES = *VOLTAGES, *CURRENTS
"""Fields of a recording that hold a sample of every recorded cell, ``[B, n, T]``."""
RECORDABLE = "spikes", *TRACES, "weights"
"""Names of the quantities that can be recorded: attributes of a recording."""


@checked_methods
@dataclass(frozen=True, eq=False)
class Recording(SixArrays):
    """Spikes and traces of B cultures over one run.

    The recording of a single culture is a sequence of six arrays: ``it, t, iv, v, im, mp = recording``,
    ``recording[1]``, ``recording[:2]``, ``len(recording) == 6``. Of several cultures, ``recording.culture(b)`` is one.
    Quantities that were not recorded are None. Spikes are sorted by (culture, time, gid). Two recordings are equal only
    if they are the same object.

    Attributes:
        t0_ms: Start of the run since the last ``clear``; of several cultures, that of the first.
        duration_ms: Length of the run.
        dt_ms: Simulation time step.
        sample_dt_ms: Time between columns of traces; column k is the state at ``k * sample_dt_ms``.
        num_cultures: Number of cultures B.
        spike_culture: Culture of every spike, int64 ``[S]``.
        spike_gid: Cell of every spike, int64 ``[S]``.
        spike_t: Time of every spike since the run's start, ms in ``[0, duration_ms)``, float64 ``[S]``.
        voltage_gid: Cells with voltage, ascending, int64 ``[n]``.
        voltage_soma: Voltage of the soma, mV, float64 ``[B, n, T]``.
        voltage_dendrite: Voltage of the dendrite, mV, float64 ``[B, n, T]``.
        voltage_compartment: Compartment of ``voltage`` and the array ``v``.
        current_gid: Cells with membrane current, ascending, int64 ``[m]``.
        current_soma: Membrane current of the soma, nA, outward positive, capacitive included, applied current
            excluded, float64 ``[B, m, T]``.
        current_dendrite: Membrane current of the dendrite, likewise.
        current_compartment: Compartment of ``current`` and the array ``mp``.
        weights: Weights of plastic synapses, nS, by weight key, float64 ``[B, E, K]`` with E in the projection's order;
            column k is at ``k * weight_dt_ms``.
        weight_dt_ms: Time between columns of weights; 0 if none were recorded.
        populations: Populations of the recorded system; empty if unknown.
        blanking: Times in which channels did not record (``livn_gym.blanking``); None if nothing was blanked.
        culture_t0_ms: Start of the run of each culture, ``[B]``; None if all are ``t0_ms``.
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
    voltage_soma: NDArray[np.float64] | None = None
    voltage_dendrite: NDArray[np.float64] | None = None
    voltage_compartment: Compartment = "soma"
    current_gid: NDArray[np.int64] | None = None
    current_soma: NDArray[np.float64] | None = None
    current_dendrite: NDArray[np.float64] | None = None
    current_compartment: Compartment = "soma"
    weights: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    weight_dt_ms: float = 0.0
    populations: tuple[Population, ...] = ()
    blanking: Blanking | None = None
    culture_t0_ms: NDArray[np.float64] | None = None

    def culture(self, b: int) -> Recording:
        """Return the recording of one culture.

        Args:
            b: Index of the culture, 0 ... B - 1.

        Raises:
            InvalidInput: There is no such culture.
        """
        if not 0 <= b < self.num_cultures:
            raise InvalidInput(f"Culture index must lie in 0 ... {self.num_cultures - 1}, got {b}.")
        return self._singles(b, b + 1)[0]

    @property
    def cultures(self) -> tuple[Recording, ...]:
        """Recordings of the single cultures, ``[B]``."""
        return self._singles(0, self.num_cultures)

    @property
    def starts_ms(self) -> NDArray[np.float64]:
        """Start of the run of each culture since its last ``clear``, ms ``[B]``."""
        return np.full(self.num_cultures, self.t0_ms) if self.culture_t0_ms is None else self.culture_t0_ms

    @property
    def voltage(self) -> NDArray[np.float64] | None:
        """Voltage of ``voltage_compartment``, mV ``[B, n, T]``, or None."""
        return self.voltage_soma if self.voltage_compartment == "soma" else self.voltage_dendrite

    @property
    def current(self) -> NDArray[np.float64] | None:
        """Membrane current of ``current_compartment``, nA ``[B, m, T]``, or None."""
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

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names of the recorded quantities, of ``"spikes"``, ``"voltage_soma"``, ... ``"weights"``."""
        arrays = {name: getattr(self, name) for name in TRACES}
        arrays |= {"spikes": self.spike_gid, "weights": self.weights or None}
        return tuple(name for name in RECORDABLE if arrays[name] is not None)

    def listening_ms(self, gids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the time for which each of n cells was recorded, by which counts are divided for rates, ms ``[B, n]``.

        It is the length of the run, less the times in which the cell's electrode was blanked.

        Raises:
            InvalidInput: There is no such cell.
        """
        self._check_cells(np.asarray(gids))
        if self.blanking is None:
            return np.full((self.num_cultures, len(gids)), self.duration_ms)
        return self.blanking.of_cells(self.blanking.listening_ms, self.duration_ms)[:, gids]

    def spike_trains(
        self, gids: Sequence[int] | NDArray[np.int64] | None = None, *, populations: str | Sequence[str] | None = None
    ) -> dict[int, NDArray[np.float64]]:
        """Return the spike times of single cells of one culture.

        Args:
            gids: Cells; cells without spikes have empty arrays. If neither these nor populations are given, all cells
                that spiked.
            populations: Name or names of populations whose cells are selected; with ``gids``, the cells in both.

        Returns:
            Spike times, ms ``[S]``, by gid in ascending order.

        Raises:
            InvalidInput: There are several cultures, or the recording does not know its populations.
            UnknownName: There is no such population.
            NotRecorded: Spikes were not recorded.
        """
        self._require_single("spike trains")
        _, gid, t = self.spikes
        selected = selected_gids(self.populations, gids, populations)
        cells = np.unique(gid if selected is None else selected)
        order = np.argsort(gid, kind="stable")  # keeps the spikes of a cell in the order of time
        first, last = (np.searchsorted(gid[order], cells, side=side) for side in ("left", "right"))
        return {int(cell): t[order[a:b]] for cell, a, b in zip(cells, first, last, strict=True)}

    def select(
        self,
        gids: Sequence[int] | NDArray[np.int64] | None = None,
        *,
        populations: str | Sequence[str] | None = None,
        cultures: Sequence[int] | None = None,
    ) -> Recording:
        """Return a recording of some cells and cultures, those that meet all arguments.

        Cells are selected in spikes, voltages and membrane currents. Weights are selected by culture only.

        Args:
            gids: Cells. To select the cells of channels: ``recording.select(env.electrodes.gids(channels))``.
            populations: Name or names of populations.
            cultures: Indices of cultures, ascending.

        Raises:
            InvalidInput: Cultures do not exist or do not ascend, or the recording does not know its populations.
            UnknownName: There is no such population.
        """
        selected = self if cultures is None else self._select_cultures(cultures)
        cells = selected_gids(self.populations, gids, populations)
        return selected if cells is None else selected._select_cells(cells)

    def where(self, keep: NDArray[np.bool_]) -> Recording:
        """Return a recording with the spikes that a mask ``[S]`` selects; traces do not change.

        Raises:
            InvalidInput: The mask has another length.
        """
        culture, gid, t = self.spikes
        if keep.shape != t.shape:
            raise InvalidInput(f"The mask must have one entry for each of {len(t)} spikes, got {list(keep.shape)}.")
        return altered(self, spike_culture=culture[keep], spike_gid=gid[keep], spike_t=t[keep])

    def with_spikes(
        self, gid: NDArray[np.int64], t: NDArray[np.float64], culture: NDArray[np.int64] | None = None
    ) -> Recording:
        """Return the same run with other spikes, ``[S]``, which are sorted here; one culture needs no ``culture``.

        Raises:
            InvalidInput: There are several cultures and none are given, or a spike is of no cell or outside the run.
        """
        self._check_cells(gid)
        if culture is None:
            self._require_single("new spikes without their cultures")
            culture = np.zeros(len(gid), dtype=np.int64)
        bounds = ((culture, self.num_cultures), (t, self.duration_ms))
        if not gid.shape == t.shape == culture.shape or any(((x < 0) | (x >= end)).any() for x, end in bounds):
            raise InvalidInput(f"Spikes need gids and times of one length, times within 0 ... {self.duration_ms:g} ms.")
        order = np.lexsort((gid, t, culture))
        return altered(self, spike_culture=culture[order], spike_gid=gid[order].astype(np.int64), spike_t=t[order])

    def without_traces(self) -> Recording:
        """Return the same run without voltages, membrane currents and weights: the spikes only."""
        none: dict[str, Any] = dict.fromkeys(("voltage_gid", "current_gid", *TRACES))
        return altered(self, **none).without_weights()

    def without_weights(self) -> Recording:
        """Return the same run without the weights of synapses."""
        return altered(self, weights={}, weight_dt_ms=0.0)

    def without_data(self) -> Recording:
        """Return the same run with nothing recorded."""
        none: dict[str, Any] = dict.fromkeys(("spike_culture", "spike_gid", "spike_t"))
        return altered(self.without_traces(), **none)

    def slice(self, start_ms: float, stop_ms: float) -> Recording:
        """Return the recording of ``[start_ms, stop_ms)``, with times relative to ``start_ms``.

        Raises:
            InvalidInput: The bounds are not within the run, or traces have no sample at the start.
        """
        start, stop = finite("start_ms", start_ms, minimum=0.0), finite("stop_ms", stop_ms)
        room = float(rounding(self.duration_ms))
        if not start < stop <= self.duration_ms + room:
            raise InvalidInput(f"A slice must lie within 0 ... {self.duration_ms:g} ms, got {start:g} ... {stop:g}.")
        sliced = self
        if self.spike_t is not None:
            inside = self.spike_t >= start - room
            if stop < self.duration_ms - room:
                inside &= self.spike_t < stop - room
            sliced = self.where(inside)
            sliced = altered(sliced, spike_t=self._shifted(sliced.spikes[2], -start))
        if any(getattr(self, name) is not None for name in TRACES):
            first, last = round(start / self.sample_dt_ms), round(stop / self.sample_dt_ms)
            if abs(first * self.sample_dt_ms - start) > 1e-6 or abs(last * self.sample_dt_ms - stop) > 1e-6:
                raise InvalidInput(f"Traces can only be cut at multiples of {self.sample_dt_ms:g} ms.")
            sliced = altered(sliced, **sliced._cut_traces(np.s_[..., first:last]))
        if self.weights:
            first, last = round(start / self.weight_dt_ms), round(stop / self.weight_dt_ms)
            if abs(first * self.weight_dt_ms - start) > 1e-6 or abs(last * self.weight_dt_ms - stop) > 1e-6:
                raise InvalidInput(f"Weights can only be cut at multiples of {self.weight_dt_ms:g} ms.")
            sliced = altered(sliced, weights={key: weight[..., first:last] for key, weight in self.weights.items()})
        blanking = None if self.blanking is None else self.blanking.slice(start, min(stop, self.duration_ms))
        starts = None if self.culture_t0_ms is None else self.culture_t0_ms + start
        times: dict[str, Any] = {"t0_ms": self.t0_ms + start, "culture_t0_ms": starts, "duration_ms": stop - start}
        return altered(sliced, **times, blanking=blanking)

    @staticmethod
    def batch(parts: Sequence[Recording], t0_ms: float) -> Recording:
        """Join recordings of different cultures over the same run into one, in order.

        Args:
            parts: Recordings of one or more cultures each.
            t0_ms: Start of the run.

        Raises:
            InvalidInput: There are none.
        """
        return joined_recordings.batch(parts, t0_ms)

    @staticmethod
    def concat(recordings: Sequence[Recording]) -> Recording:
        """Join recordings of consecutive runs of the same cultures into one.

        Raises:
            InvalidInput: There are none, they do not follow one another, or they recorded different things.
        """
        return joined_recordings.concat(recordings)

    def _six(self) -> tuple[NDArray | None, ...]:
        self._require_single("the six arrays")
        voltage, current = self.voltage, self.current
        return (
            self.spike_gid,
            self.spike_t,
            self.voltage_gid,
            None if voltage is None else voltage[0],
            self.current_gid,
            None if current is None else current[0],
        )

    def _require_single(self, quantity: str) -> None:
        if self.num_cultures != 1:
            raise InvalidInput(
                f"This recording has {self.num_cultures} cultures, {quantity} are of one: "
                "take recording.culture(b), or recording.cultures."
            )

    def _check_cells(self, gids: NDArray) -> None:
        """Raise ``InvalidInput`` if a cell does not exist; without populations, only negative numbers are none."""
        if gids.ndim != 1:
            raise InvalidInput(f"Cells must be a sequence, got an array of the shape {gids.shape}.")
        count = self.populations[-1].stop if self.populations else np.inf
        if gids.size and not (gids.min() >= 0 and gids.max() < count):
            raise InvalidInput(f"Cells must be 0 ... {count - 1:g}, got {gids.min()} ... {gids.max()}.")

    def _select_cells(self, cells: NDArray[np.int64]) -> Recording:
        changed: dict[str, Any] = {}
        for gid, traces in (("voltage_gid", VOLTAGES), ("current_gid", CURRENTS)):
            recorded = getattr(self, gid)
            if recorded is not None:
                rows = np.isin(recorded, cells)
                changed[gid] = recorded[rows]
                for name in traces:
                    trace = getattr(self, name)
                    changed[name] = None if trace is None else trace[:, rows]
        selected = altered(self, **changed)
        return selected if self.spike_gid is None else selected.where(np.isin(self.spike_gid, cells))

    def _select_cultures(self, cultures: Sequence[int]) -> Recording:
        indices = np.asarray(cultures, dtype=np.int64)
        if not len(indices) or indices.min() < 0 or indices.max() >= self.num_cultures or (np.diff(indices) <= 0).any():
            raise InvalidInput(
                f"cultures must be distinct indices 0 ... {self.num_cultures - 1}, ascending, got {list(cultures)}."
            )
        weights = {key: weight[indices] for key, weight in self.weights.items()}
        traces = self._cut_traces(indices)
        blanking = None if self.blanking is None else self.blanking.select(indices)
        starts = self.starts_ms[indices]
        times: dict[str, Any] = {"t0_ms": float(starts[0]), "culture_t0_ms": joined_recordings.own_starts(starts)}
        selected = altered(self, **traces, **times, num_cultures=len(indices), weights=weights, blanking=blanking)
        if self.spike_culture is None:
            return selected
        selected = selected.where(np.isin(self.spike_culture, indices))
        return altered(selected, spike_culture=np.searchsorted(indices, selected.spikes[0]))

    def _kind(self) -> tuple:
        cells = (None if gids is None else tuple(gids) for gids in (self.voltage_gid, self.current_gid))
        compartments = (self.voltage_compartment, self.current_compartment)
        numbers = (self.num_cultures, self.dt_ms, self.sample_dt_ms, self.weight_dt_ms)
        return (*numbers, *compartments, self.recorded, *self.weights, *cells)

    def _shifted(self, t: NDArray[np.float64], by_ms: float) -> NDArray[np.float64]:
        """Return times shifted by a duration; times at whole steps remain exactly at whole steps."""
        dt_ms = self.dt_ms
        step, by = np.rint(t / dt_ms), round(by_ms / dt_ms)
        whole = (np.abs(step * dt_ms - t) <= rounding(t)) & (abs(by * dt_ms - by_ms) <= rounding(by_ms))
        return np.where(whole, (step + by) * dt_ms, np.maximum(t + by_ms, 0.0))

    def _cut_traces(self, index: Any) -> dict[str, NDArray]:
        """Return ``trace[index]`` of every trace, by field."""
        return {name: trace[index] for name in TRACES if (trace := getattr(self, name)) is not None}

    def _singles(self, first: int, last: int) -> tuple[Recording, ...]:
        """Return the recordings of the cultures from ``first`` to ``last - 1``."""
        if self.num_cultures == 1:
            return (self,)
        culture, gid, t = self.spike_culture, self.spike_gid, self.spike_t
        bounds = [] if culture is None else np.searchsorted(culture, np.arange(first, last + 1)).tolist()
        zeros = np.zeros(max((stop - start for start, stop in pairwise(bounds)), default=0), dtype=np.int64)
        every, blanking = last - first == self.num_cultures, self.blanking
        blanked = repeat(None) if blanking is None else blanking.singles if every else blanking.cultures(first, last)
        singles = []
        for b, blanking in zip(range(first, last), blanked, strict=False):
            parts: dict[str, Any] = self._cut_traces(np.s_[b : b + 1])
            if self.weights:
                parts["weights"] = {key: weight[b : b + 1] for key, weight in self.weights.items()}
            if gid is not None and t is not None:
                start, stop = bounds[b - first : b - first + 2]
                parts |= {"spike_culture": zeros[: stop - start], "spike_gid": gid[start:stop]}
                parts["spike_t"] = t[start:stop]
            if self.culture_t0_ms is not None:
                parts |= {"t0_ms": float(self.culture_t0_ms[b]), "culture_t0_ms": None}
            singles.append(altered(self, num_cultures=1, blanking=blanking, **parts))
        return tuple(singles)
