"""One culture in NEURON. A process can hold only one at a time, since it has one NEURON simulation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import MAX_VOLTAGE_MV, CultureSpec, Parameters
from livn_gym.backends.neuron.mechanisms import compartments, set_constants
from livn_gym.backends.neuron.nmodl import OPSIN, POINTERS
from livn_gym.backends.neuron.opsin import Opsins
from livn_gym.backends.neuron.simulator import Mechanisms, load
from livn_gym.backends.neuron.synapses import Synapses
from livn_gym.cell_values import CellValues, cells_of
from livn_gym.errors import SimulationDiverged
from livn_gym.models import Cell
from livn_gym.models.base import Compartment
from livn_gym.numerics import NoiseStream
from livn_gym.recording import CURRENTS, Recording
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Schedule, Stimulus
from livn_gym.units import NS_TO_US

_MAX_EXCHANGE_MS = 10.0
"""Longest time between two exchanges of spikes; the shortest delay may reduce it."""

_CHECK_STEPS = 1024
"""Number of steps between two checks of all voltages, as in the native engine."""

_SOLVE_STEPS = 1000
"""Number of time steps per call of NEURON if MPI ranks share the culture."""


class Culture:
    """Cells, synapses and noise of one culture, or of the cells of it on an MPI rank.

    Arrays ``[n]`` have one row per cell in this process, in the order of ``gids``.

    Args:
        spec: Specification of the culture; ``num_cultures`` is ignored.
        compiled: Compiled mechanisms of cells, synapses and noise.
    """

    _conductance: NDArray[np.float64]
    _reversal_mV: NDArray[np.float64]

    def __init__(self, spec: CultureSpec, compiled: Mechanisms) -> None:
        h = self.h = load(compiled)
        self._compiled = compiled
        self.spec = spec
        self.pc = h.ParallelContext()
        h.dt = spec.dt_ms
        h.secondorder = 2 if spec.scheme == "second_order" else 0
        self._since_check = 0
        self._cells: Mapping[str, CellValues] = {}
        self._build_cells()
        self.synapses = Synapses(self.pc, spec, self._site, getattr(h, compiled.name("DualExponential")))
        opsin = None if spec.opsin is None else getattr(h, compiled.name(OPSIN))
        self._opsins = Opsins(h, spec, lambda gid: self._site(gid, "soma"), opsin)
        self._spike_t, self._spike_gid = h.Vector(), h.Vector()
        self.pc.spike_record(-1, self._spike_t, self._spike_gid)
        self._meet("cells")
        if spec.ranks is not None:
            self.pc.set_maxstep(_MAX_EXCHANGE_MS)

    def _meet(self, purpose: str) -> None:
        """Synchronise the ranks before NEURON waits for them, which it would do forever if one had failed."""
        if self.spec.ranks is not None:
            self.spec.ranks.meet(purpose)

    # Building

    def _build_cells(self) -> None:
        h, n = self.h, len(self.spec.gids)
        self._somata: list[Any] = []
        self._dendrites: list[Any] = []
        self._noise: list[tuple[str, str, Any]] = []
        self._thresholds: list[Any] = []
        self._inputs: list[Any] = []
        self._coupling_uS, self._soma_nA = np.zeros(n), np.zeros(n)
        self._v_init = np.zeros(n)
        self._pointers = {
            name: h.PtrVector(n) for name in ("v_soma", "v_dendrite", "amp_soma", "amp_dendrite", "g", "e")
        }
        self._row = {int(gid): row for row, gid in enumerate(self.spec.gids)}
        for population, bounds in self.spec.ranges.items():
            cell = self.spec.model.cell(population)
            for gid in range(*bounds):
                self._build_cell(gid, population, cell)
        self._zero_stimulus()

    def _build_cell(self, gid: int, population: str, cell: Cell) -> None:
        h, model, row = self.h, self.spec.model, self._row[gid]
        mechanisms, compiled = compartments(cell, self.spec.dt_ms), self._compiled
        soma_name, dendrite_name = compiled.name(mechanisms.soma), compiled.name(mechanisms.dendrite)
        noise_mechanism, input_mechanism = (getattr(h, compiled.name(name)) for name in ("OUConductance", "CellInput"))
        soma, dendrite = h.Section(name=f"soma[{gid}]"), h.Section(name=f"dendrite[{gid}]")
        for section, share, name, values in (
            (soma, cell.p, soma_name, mechanisms.soma_values),
            (dendrite, 1.0 - cell.p, dendrite_name, mechanisms.dendrite_values),
        ):
            section.nseg, section.L, section.diam, section.cm = (
                1,
                cell.length_um * share,
                cell.diameter_um,
                cell.C,
            )
            section.insert(name)
            set_constants(section, name, values)
        if mechanisms.source is not None:
            held_current = getattr(dendrite(0.5), dendrite_name)
            targets = (soma(0.5)._ref_v, dendrite(0.5)._ref_v, held_current._ref_G, held_current._ref_J)
            for pointer, target in zip(POINTERS, targets, strict=True):
                h.setpointer(target, pointer, getattr(soma(0.5), soma_name))
        # Half of the dendrite is between the centres of soma and dendrite: its resistance is the coupling.
        dendrite.connect(soma(0.5), 0)
        half_um_per_um2 = dendrite.L / 2 / (math.pi * dendrite.diam**2 / 4)
        dendrite.Ra = 1.0 / cell.coupling_uS / (1e-2 * half_um_per_um2)
        sites = {"soma": soma, "dendrite": dendrite}
        signs: tuple[Literal["e", "i"], ...] = ("e", "i")
        for receptor, sign in enumerate(signs):
            noise = noise_mechanism(sites[model.noise_site(population, sign)](0.5))
            noise.cell, noise.receptor = gid, receptor
            self._noise.append((population, sign, noise))
        at_soma, at_dendrite = input_mechanism(soma(0.5)), input_mechanism(dendrite(0.5))
        for name, reference in (
            ("v_soma", soma(0.5)._ref_v),
            ("v_dendrite", dendrite(0.5)._ref_v),
            ("amp_soma", at_soma._ref_amp),
            ("amp_dendrite", at_dendrite._ref_amp),
            ("g", at_soma._ref_g),
            ("e", at_soma._ref_e),
        ):
            self._pointers[name].pset(row, reference)
        threshold = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
        threshold.threshold = model.spike_threshold_mV
        self.pc.set_gid2node(gid, self.pc.id())
        self.pc.cell(gid, threshold)
        self._thresholds.append(threshold)
        self._somata.append(soma)
        self._dendrites.append(dendrite)
        self._inputs += [at_soma, at_dendrite]
        self._coupling_uS[row] = cell.coupling_uS
        self._soma_nA[row] = cell.density_to_nA(1.0)
        self._v_init[row] = cell.v_init

    def _site(self, gid: int, compartment: Compartment) -> Any:
        """Return the centre segment of a compartment."""
        return (self._somata if compartment == "soma" else self._dendrites)[self._row[gid]](0.5)

    # Parameters and time

    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise, depression and plasticity."""
        self.synapses.set_parameters(parameters)
        self._set_cells(parameters.cells)
        for population, sign, noise in self._noise:
            values = parameters.noise[population]
            noise.g0 = getattr(values, f"g_{sign}0") * NS_TO_US
            noise.std = getattr(values, f"std_{sign}") * NS_TO_US
            noise.tau = getattr(values, f"tau_{sign}")
            noise.e = getattr(values, f"E_{sign}")

    def _set_cells(self, values: Mapping[str, CellValues]) -> None:
        """Set the parameters of single cells, and those of the model in all others."""
        if values == self._cells:
            return
        self._cells = values
        for population in self.spec.system.populations:
            start, stop = self.spec.ranges[population.name]
            cell = self.spec.model.cell(population.name)
            indices = range(start - population.start, stop - population.start)
            cells = cells_of(cell, population.name, values, indices) or [cell] * len(indices)
            for gid, parameters in zip(range(start, stop), cells, strict=True):
                mechanisms, row = compartments(parameters, self.spec.dt_ms), self._row[gid]
                for section, name, constants in (
                    (self._somata[row], mechanisms.soma, mechanisms.soma_values),
                    (self._dendrites[row], mechanisms.dendrite, mechanisms.dendrite_values),
                ):
                    section.cm = parameters.C
                    set_constants(section, self._compiled.name(name), constants)

    def reset(self, stream: NoiseStream) -> None:
        """Reset to time 0 with a noise stream; the state equals that of a newly built culture."""
        for _, _, noise in self._noise:
            noise.seed_low, noise.seed_high, noise.trial = stream.words
        for soma, dendrite, v in zip(self._somata, self._dendrites, self._v_init, strict=True):
            soma.v = dendrite.v = v
        self.synapses.reset()
        self._zero_stimulus()
        self._write_stimulus()
        self._spike_t.resize(0)
        self._spike_gid.resize(0)
        self._meet("reset")
        self.h.finitialize()
        self._run_t = 0.0
        self._since_check = 0

    def weights(self) -> dict[str, NDArray[np.float64]]:
        """Return the peak conductance of every synapse, nS."""
        return self.synapses.weights()

    def set_weights(self, weights: dict[str, NDArray[np.float64]]) -> None:
        """Set the peak conductance of every synapse, nS."""
        self.synapses.set_weights(weights)

    def run(self, num_steps: int, stimulus: Stimulus | None, request: RecordingRequest) -> Recording:
        """Advance by whole steps; see ``Backend.run``."""
        dt = self.spec.dt_ms
        stimulus, light = (None, None) if stimulus is None else stimulus.parts
        schedule = None if stimulus is None else stimulus.schedule(dt)
        changes = {0, *self._opsins.begin(light), *(() if schedule is None else schedule.step)}
        bounds = sorted(int(step) for step in changes if step < num_steps)
        columns = np.zeros(0 if stimulus is None else stimulus.num_columns)
        traces = _Traces(num_steps, request)
        applied = 0
        for start, stop in zip(bounds, [*bounds[1:], num_steps], strict=True):
            # The sample at a change is the state reached under the previous input.
            traces.take(start, self)
            self._opsins.apply(start)
            if schedule is not None and stimulus is not None:
                applied = _apply(schedule, start, applied, columns)
                self._set_stimulus(stimulus, columns)
            else:
                self._zero_stimulus()
                self._write_stimulus()
            step = start
            while step < stop:
                if step > start:
                    traces.take(step, self)
                following = stop if not traces.every else min(stop, step + traces.every - step % traces.every)
                self._advance(following - step)
                step = following
        self._check_voltages()
        culture, gid, t = self._spikes(num_steps, request)
        self._run_t = self.h.t
        return Recording(
            0.0, num_steps * dt, dt, request.sample_steps * dt, 1,
            spike_culture=culture, spike_gid=gid, spike_t=t, **request.trace_fields, **traces.arrays(),
            weight_dt_ms=request.weight_steps * dt if request.weight_keys else 0.0,
        )  # fmt: skip

    def close(self) -> None:
        """Delete the culture from NEURON, so that another can be built in this process."""
        self.pc.gid_clear()
        self.synapses.clear()
        self._opsins.clear()
        for objects in (self._thresholds, self._noise, self._inputs, self._somata, self._dendrites):
            objects.clear()
        self._pointers.clear()

    # Inside a run

    def _advance(self, steps: int) -> None:
        if self.spec.ranks is None:
            for _ in range(steps):
                self.h.fadvance()
                self._since_check += 1
                if self._since_check >= _CHECK_STEPS:
                    self._check_voltages()
        else:  # Ctrl-C takes effect between two calls
            for first in range(0, steps, _SOLVE_STEPS):
                count = min(_SOLVE_STEPS, steps - first)  # half a step more, since NEURON rounds down to whole steps
                self.pc.psolve(self.h.t + (count + 0.5) * self.spec.dt_ms)

    def _check_voltages(self) -> None:
        """Check that all voltages are within the bound; with MPI ranks only at the end, since others wait."""
        self._since_check = 0
        for name in ("v_soma", "v_dendrite"):
            inside = np.abs(self.voltages(name)) <= MAX_VOLTAGE_MV  # false for NaN
            if not inside.all():
                raise SimulationDiverged(
                    f"the membrane voltage of cell {self.spec.gids[np.argmin(inside)]} left +-{MAX_VOLTAGE_MV:g} mV or "
                    "was no number at all: a stimulus, the noise or a weight is too strong."
                )

    def _set_stimulus(self, stimulus: Stimulus, columns: NDArray[np.float64]) -> None:
        self._zero_stimulus()
        # Unlike a matrix product, a sum over a row does not depend on the number of rows.
        gids = self.spec.gids
        values = columns[gids] if stimulus.gain is None else (stimulus.gain[gids] * columns).sum(axis=1)
        if stimulus.mode == "conductance":
            self._conductance = values
            self._reversal_mV[:] = stimulus.reversal_mV
        elif stimulus.mode == "extracellular":
            # A field acts as an additional coupling current between the compartments.
            self._field = self._coupling_uS * values
        else:
            self._injected = values * self._soma_nA if stimulus.mode == "current_density" else values
        self._write_stimulus()

    def _zero_stimulus(self) -> None:
        n = len(self._v_init)
        self._injected, self._field = np.zeros(n), np.zeros(n)
        self._conductance, self._reversal_mV = np.zeros(n), np.zeros(n)

    def _write_stimulus(self) -> None:
        self._write("amp_soma", self._injected + self._field)
        self._write("amp_dendrite", -self._field)
        self._write("g", self._conductance)
        self._write("e", self._reversal_mV)

    def _write(self, name: str, values: NDArray[np.float64]) -> None:
        self._pointers[name].scatter(self.h.Vector(values))

    def voltages(self, name: str) -> NDArray[np.float64]:
        """Return the voltage of all somata (``"v_soma"``) or dendrites (``"v_dendrite"``), mV ``[N]``."""
        vector = self.h.Vector(len(self._v_init))
        self._pointers[name].gather(vector)
        return vector.as_numpy().copy()

    def membrane_currents(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the outward membrane currents of soma and dendrite, nA ``[N]`` each.

        By Kirchhoff's law, they equal the currents from the other compartment and from the stimulus.
        """
        v = self.voltages("v_soma")
        axial = self._coupling_uS * (self.voltages("v_dendrite") - v) + self._field
        return axial + self._injected + self._conductance * (self._reversal_mV - v), -axial

    def _spikes(self, num_steps: int, request: RecordingRequest) -> tuple[Any, Any, Any]:
        """Return the spikes of the run; those at its end belong to the next run and are retained.

        NEURON sums up time steps, and the rounding error reaches a whole step after some hours. Steps are therefore
        counted from the start of the run, with the clock of NEURON.
        """
        gid = np.array(self._spike_gid, dtype=np.int64)
        dt_ms = (self.h.t - self._run_t) / num_steps
        step = np.rint((np.array(self._spike_t) - self._run_t) / dt_ms).astype(np.int64)
        later = step >= num_steps
        later_t, later_gid = np.array(self._spike_t)[later], gid[later]
        self._spike_t.resize(0)
        self._spike_gid.resize(0)
        self._spike_t.append(self.h.Vector(later_t))
        self._spike_gid.append(self.h.Vector(later_gid.astype(np.float64)))
        if request.spike_gids is None:
            return None, None, None
        selected = ~later & np.isin(gid, request.spike_gids)
        gid, step = gid[selected], step[selected]
        order = np.lexsort((gid, step))
        return np.zeros(len(gid), dtype=np.int64), gid[order], step[order] * self.spec.dt_ms


class _Traces:
    """Samples of voltages, currents and weights during a run."""

    def __init__(self, num_steps: int, request: RecordingRequest) -> None:
        self.request = request
        self.every = 0
        """Sampling interval in steps, the same on all ranks; 0 for none."""
        traced = request.traced_gids
        if traced:
            self.every = request.sample_steps
        if request.weight_keys:
            self.every = math.gcd(self.every, request.weight_steps)
        count = -(-num_steps // request.sample_steps)
        self.traces = {name: np.empty((1, len(gids), count)) for name, gids in traced.items()}
        self.weights: list[dict[str, NDArray[np.float64]]] = []

    def take(self, step: int, culture: Culture) -> None:
        """Sample the state before ``step`` if the request asks for a sample there."""
        if self.request.weight_keys and step % self.request.weight_steps == 0:
            self.weights.append(culture.synapses.weights())
        column, remainder = divmod(step, self.request.sample_steps)
        if remainder:
            return
        if self.request.voltage_gids is not None:
            rows = self._rows(culture, self.request.voltage_gids)
            for compartment in self.request.voltage_compartments:
                self.traces[f"voltage_{compartment}"][0, :, column] = culture.voltages(f"v_{compartment}")[rows]
        if self.request.current_gids is not None:
            rows = self._rows(culture, self.request.current_gids)
            for name, current in zip(CURRENTS, culture.membrane_currents(), strict=True):
                self.traces[name][0, :, column] = current[rows]

    @staticmethod
    def _rows(culture: Culture, gids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(culture.spec.gids, gids)

    def arrays(self) -> dict[str, Any]:
        """Return the fields of the recording with traces."""
        return {
            **self.traces,
            "weights": {
                key: np.stack([each[key] for each in self.weights], axis=-1)[None] for key in self.request.weight_keys
            },
        }


def _apply(schedule: Schedule, step: int, first: int, columns: NDArray[np.float64]) -> int:
    """Apply all changes up to ``step`` to ``columns``; return the index of the next change."""
    last = int(np.searchsorted(schedule.step, step, side="right"))
    columns[schedule.column[first:last]] = schedule.value[first:last]
    return last
