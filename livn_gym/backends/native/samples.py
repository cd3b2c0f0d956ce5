"""Samples of a run: arrays that the kernels fill, and their conversion to a recording."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec
from livn_gym.backends.native.driver import Probe
from livn_gym.backends.native.plasticity import Spikes
from livn_gym.backends.native.synapses import Synapses
from livn_gym.recording import CURRENTS, Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.units import NS_TO_US


class Samples:
    """Samples of B cultures over one run, which groups of cultures fill.

    Args:
        spec: Specification of the cultures.
        synapses: Synapses of the cultures.
        coupling_uS: Coupling between the compartments of every cell, ``[N]``.
        cultures: Number of cultures B.
        num_steps: Length of the run in steps.
        request: What to record.
        learns: Whether every culture has its own synaptic weights.
    """

    def __init__(
        self,
        spec: CultureSpec,
        synapses: Synapses,
        coupling_uS: NDArray[np.float64],
        cultures: int,
        num_steps: int,
        request: RecordingRequest,
        *,
        learns: bool,
    ) -> None:
        self._spec, self._request, self._num_steps, self._cultures = spec, request, num_steps, cultures
        empty: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        voltage_row, current_gid = empty, empty if request.current_gids is None else request.current_gids
        if request.voltage_gids is not None:
            first = {"soma": 0, "dendrite": spec.system.num_neurons}
            voltage_row = np.concatenate([request.voltage_gids + first[name] for name in request.voltage_compartments])
        every = request.sample_steps if request.traced_gids else 0
        count = -(-num_steps // every) if every else 0
        voltage = np.empty((cultures, len(voltage_row), count))
        soma, dendrite = (np.empty((cultures, len(current_gid), count)) for _ in range(2))
        traces = (every, voltage_row, current_gid, coupling_uS, voltage, soma, dendrite)
        indices = [synapses.indices(key) for key in request.weight_keys]
        self._weight_ends = list(accumulate(map(len, indices)))[:-1]
        recorded = np.concatenate(indices) if indices else empty
        weight_every = request.weight_steps if request.weight_keys and learns else 0
        weight_count = -(-num_steps // weight_every) if weight_every else 0
        weight = np.empty((cultures, len(recorded), weight_count))
        self.probe = Probe(*traces, weight_every, recorded, weight)

    def of(self, start: int, stop: int) -> Probe:
        """Return the arrays for the samples of the cultures from ``start`` to ``stop - 1``."""
        if (start, stop) == (0, self._cultures):
            return self.probe
        names = ("voltage", *CURRENTS, "weight")
        return self.probe._replace(**{name: getattr(self.probe, name)[start:stop] for name in names})

    def recording(self, spikes: Sequence[Spikes], first: Sequence[int]) -> Recording:
        """Return the recording of all cultures.

        Args:
            spikes: Spikes of every group, in the order (step, cell).
            first: Index of the first culture of every group, followed by B.
        """
        request, probe = self._request, self.probe
        dt = self._spec.dt_ms
        fields: dict[str, Any] = request.trace_fields
        if request.spike_gids is not None:
            fields |= self._spikes(spikes, first, request.spike_gids)
        if request.voltage_gids is not None:
            voltages = np.split(probe.voltage, len(request.voltage_compartments), axis=1)
            fields |= {f"voltage_{name}": v for name, v in zip(request.voltage_compartments, voltages, strict=True)}
        if request.current_gids is not None:
            fields |= {name: getattr(probe, name) for name in CURRENTS}
        if request.weight_keys:
            nS = np.divide(probe.weight, NS_TO_US, out=probe.weight)  # in place: recordings are large
            weights = np.split(nS, self._weight_ends, axis=1)
            fields["weights"] = dict(zip(request.weight_keys, weights, strict=True))
            fields["weight_dt_ms"] = request.weight_steps * dt
        times = (0.0, self._num_steps * dt, dt, request.sample_steps * dt)
        return Recording(*times, first[-1], **fields)

    def _spikes(
        self, spikes: Sequence[Spikes], first: Sequence[int], recorded: NDArray[np.int64]
    ) -> dict[str, NDArray]:
        """Return culture, gid and time of every spike of the recorded cells, sorted by culture, time and gid."""
        dt, size = self._spec.dt_ms, self._spec.system.num_neurons
        if first[-1] == 1:
            culture, gid, step = np.zeros(len(spikes[0].cell), dtype=np.int64), spikes[0].cell, spikes[0].step
        else:
            cell = np.concatenate([group.cell + b * size for b, group in zip(first[:-1], spikes, strict=True)])
            step = np.concatenate([group.step for group in spikes])
            culture = cell // size
            gid = cell - culture * size
            # NumPy sorts 16 bit integers by radix. The spikes of a culture are in the order (step, gid).
            order = np.argsort(culture.astype(np.uint16) if first[-1] < 2**16 else culture, kind="stable")
            culture, gid, step = culture[order], gid[order], step[order]
        if len(recorded) < size:
            among = np.isin(gid, recorded)
            culture, gid, step = culture[among], gid[among], step[among]
        return {"spike_culture": culture, "spike_gid": gid, "spike_t": step * dt}
