"""The native backend: cultures as arrays, advanced by compiled kernels on several threads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import Backend, Capabilities, CultureSpec, Parameters
from livn_gym.backends.native import kernel
from livn_gym.backends.native.cache import announce
from livn_gym.backends.native.culture import Culture, Shared
from livn_gym.recording import Recording, RecordingRequest
from livn_gym.stimulus import Stimulus

CURRENT, CONDUCTANCE, FIELD = range(3)
MODES = {"current": CURRENT, "current_density": CURRENT, "conductance": CONDUCTANCE, "extracellular": FIELD}
CHUNK = 200
"""Steps between two looks at the found spikes; bounds the memory that they need."""


class NativeBackend(Backend):
    """Runs B cultures, each on one thread at a time; none sees the others, so B and threads change no result.

    Args:
        threads: How many threads; default one a processor.
    """

    capabilities = Capabilities(name="native", snapshots=False, mpi=False)

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None
        self._cultures: list[Culture] = []

    @property
    def num_cultures(self) -> int:
        """B."""
        return len(self._cultures)

    def build(self, spec: CultureSpec, parameters: Parameters, keys: Sequence[int]) -> None:
        """Lay out the arrays; the kernel is compiled or loaded at the first run."""
        self._shared = Shared(spec)
        self.set_parameters(parameters)
        self._cultures = [Culture.new(self._shared, key) for key in keys]
        if min(self._threads, len(keys)) > 1:
            self._pool = ThreadPoolExecutor(min(self._threads, len(keys)), thread_name_prefix="livn_gym")

    def run(self, num_steps: int, stimuli: Sequence[Stimulus | None], request: RecordingRequest) -> list[Recording]:
        """Advance every culture."""
        if not kernel.run.signatures:  # type: ignore[attr-defined]
            announce()
        if self._pool is None:
            pairs = zip(self._cultures, stimuli, strict=True)
            return [self._run(culture, num_steps, stimulus, request) for culture, stimulus in pairs]
        count = len(self._cultures)
        return list(self._pool.map(self._run, self._cultures, [num_steps] * count, stimuli, [request] * count))

    def reset(self, keys: Mapping[int, int]) -> None:
        """Put some cultures back to time 0."""
        for b, key in keys.items():
            self._cultures[b] = Culture.new(self._shared, key)

    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise and depression."""
        self._shared.set_parameters(parameters)

    def close(self) -> None:
        """Free the cultures and the threads."""
        self._cultures.clear()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _run(self, culture: Culture, num_steps: int, stimulus: Stimulus | None, request: RecordingRequest) -> Recording:
        shared, dt = self._shared, self._shared.spec.dt_ms
        changes, column, value, columns, gain, scale, mode, reversal_mV = self._stimulus(stimulus)
        count = -(-num_steps // request.sample_steps)
        voltage_lanes, current_lanes = (
            shared.lanes[np.zeros(0, np.int64) if gids is None else gids] for gids in (request.voltage, request.current)
        )
        coupling = shared.coupling_uS[np.zeros(0, np.int64) if request.current is None else request.current]
        voltage = np.empty((len(voltage_lanes), count))
        current_soma, current_dendrite = (np.empty((len(current_lanes), count)) for _ in range(2))
        every = request.sample_steps if len(voltage_lanes) or len(current_lanes) else 0
        most = len(shared.lanes) * (min(CHUNK, num_steps) // 2 + 1)
        spike_step, spike_gid = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
        steps, gids = [culture.late[0]], [culture.late[1]]
        for begin in range(0, num_steps, CHUNK):
            found, culture.num_flying = kernel.run(
                culture.state, culture.step, begin, min(begin + CHUNK, num_steps), culture.key,
                float(shared.spec.model.spike_threshold_mV), dt,
                shared.kinds, shared.first_gids, shared.counts, shared.populations,
                shared.cell_parameters, shared.membrane_parameters,
                shared.edge_start, shared.edge_delay, shared.edge_target, shared.edge_weight,
                shared.U, shared.tau_rec, culture.resources, culture.last_spike, *culture.flying, culture.num_flying,
                changes, column, value, columns, gain, scale, mode, reversal_mV, shared.lanes,
                every, coupling, voltage_lanes, voltage, current_lanes, current_soma, current_dendrite,
                spike_step, spike_gid,
            )  # fmt: skip
            steps.append(spike_step[:found].copy())
            gids.append(spike_gid[:found].copy())
        step, gid = np.concatenate(steps), np.concatenate(gids)
        end = culture.step + num_steps
        late = step >= end
        culture.late = (step[late], gid[late])
        step -= culture.step
        culture.step = end
        spikes: dict[str, Any] = {}
        if request.spikes is not None:
            keep = ~late & np.isin(gid, request.spikes)
            order = np.lexsort((gid[keep], step[keep]))
            spikes["spike_gid"] = gid[keep][order]
            spikes["spike_t"] = step[keep][order] * dt
            spikes["spike_culture"] = np.zeros(len(order), dtype=np.int64)
        return Recording(
            0.0, num_steps * dt, dt, request.sample_steps * dt, 1,
            voltage_gid=request.voltage,
            voltage=None if request.voltage is None else voltage[None],
            current_gid=request.current,
            current_soma=None if request.current is None else current_soma[None],
            current_dendrite=None if request.current is None else current_dendrite[None],
            current_compartment=request.compartment,
            **spikes,
        )  # fmt: skip

    def _stimulus(self, stimulus: Stimulus | None) -> tuple:
        """A stimulus as the kernel takes it: changes, columns, gain, what a value is worth, mode, reversal."""
        shared = self._shared
        none = np.zeros(0, dtype=np.int64)
        no_gain = np.zeros((0, 0))
        if stimulus is None:
            return none, none, np.zeros(0), np.zeros(0), no_gain, np.ones(len(shared.lanes)), CURRENT, 0.0
        schedule = stimulus.schedule(shared.spec.dt_ms)
        scale: NDArray[np.float64] = np.ones(len(shared.lanes))
        if stimulus.mode == "current_density":
            scale = shared.soma_nA
        elif stimulus.mode == "extracellular":
            scale = shared.coupling_uS  # a field is the current that it drives through the coupling
        gain = no_gain if stimulus.gain is None else np.array(stimulus.gain)
        columns = np.zeros(stimulus.num_columns)
        mode = MODES[stimulus.mode]
        return schedule.step, schedule.column, schedule.value, columns, gain, scale, mode, stimulus.reversal_mV
