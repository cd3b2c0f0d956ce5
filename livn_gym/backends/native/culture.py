"""The arrays of a system that all cultures share, and those of one culture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec, Parameters
from livn_gym.backends.native.kernel import CELLS
from livn_gym.backends.native.layout import (
    ABOVE,
    ARRIVED,
    CELL,
    OPEN,
    RECEPTOR,
    RECEPTORS,
    SIZE,
    V_D,
    V_OLD,
    V_S,
    W,
)
from livn_gym.backends.native.membrane import NUM_PARAMETERS, set_noise, set_receptors, unblocked
from livn_gym.errors import UnsupportedModel
from livn_gym.models import Cell
from livn_gym.units import NS_TO_US


def kind_of(cell: Cell) -> int:
    """A cell's place in ``kernel.CELLS``.

    Raises:
        UnsupportedModel: It has none.
    """
    for kind, module in enumerate(CELLS):
        if type(cell) is module.CELL_TYPE:
            return kind
    known = ", ".join(module.CELL_TYPE.__name__ for module in CELLS)
    raise UnsupportedModel(f"The native backend has no kernel for {type(cell).__name__}; it knows {known}.")


class Shared:
    """Blocks, edges and parameters of a system's cells; the same for every culture.

    Cells of a population fill blocks of 16 in gid order; unused lanes of its last block are computed and ignored.
    ``lanes[gid]`` is a cell's place in the state: its block's start plus its lane.
    """

    def __init__(self, spec: CultureSpec) -> None:
        self.spec = spec
        system, model, dt = spec.system, spec.model, spec.dt_ms
        cells = [model.cell(population.name) for population in system.populations]
        kinds: list[int] = []
        first_gids: list[int] = []
        counts: list[int] = []
        populations: list[int] = []
        self.lanes = np.zeros(system.num_neurons, dtype=np.int64)
        for index, (population, cell) in enumerate(zip(system.populations, cells, strict=True)):
            for first in range(population.start, population.stop, W):
                count = min(W, population.stop - first)
                self.lanes[first : first + count] = len(kinds) * SIZE + np.arange(count)
                kinds.append(kind_of(cell))
                first_gids.append(first)
                counts.append(count)
                populations.append(index)
        self.kinds, self.first_gids, self.counts, self.populations = (
            np.array(values, dtype=np.int64) for values in (kinds, first_gids, counts, populations)
        )
        sizes = [population.count for population in system.populations]
        self.population_of = np.repeat(np.arange(len(sizes)), sizes)
        self.coupling_uS = np.array([cell.coupling_uS for cell in cells])[self.population_of]
        self.soma_nA = np.array([cell.density_to_nA(1.0) for cell in cells])[self.population_of]
        half = spec.scheme == "second_order"
        needed = [CELLS[kind_of(cell)].parameters(cell, dt, half) for cell in cells]
        self.cell_parameters = np.zeros((len(cells), max(len(values) for values in needed)))
        self.membrane_parameters = np.zeros((len(cells), NUM_PARAMETERS))
        for index, (population, values) in enumerate(zip(system.populations, needed, strict=True)):
            self.cell_parameters[index, : len(values)] = values
            receptors = {
                name: model.synapse(system, projection, name)[0]
                for projection in system.projections
                if projection.post == population.name
                for name in projection.receptors
            }
            for name in receptors:
                if name not in RECEPTORS:
                    raise UnsupportedModel(f"The native backend has no receptor {name}; it knows {RECEPTORS}.")
            set_receptors(self.membrane_parameters[index], model, population.name, receptors, dt)
        self.initial = self._initial(cells)
        self._build_edges()

    def _initial(self, cells: list[Cell]) -> NDArray[np.float64]:
        state = np.zeros((len(self.kinds), SIZE // W, W))
        for b, index in enumerate(self.populations):
            cell = cells[index]
            own = CELLS[self.kinds[b]].start(cell)
            state[b, [V_S, V_D, V_OLD]] = cell.v_init
            state[b, ABOVE] = float(cell.v_init > self.spec.model.spike_threshold_mV)
            state[b, OPEN] = unblocked(cell.v_init, self.membrane_parameters[index])
            state[b, CELL : CELL + len(own)] = np.array(own)[:, None]
        return state.ravel()

    def _build_edges(self) -> None:
        """Connections by presynaptic cell and delay, a row for each receptor."""
        system, model = self.spec.system, self.spec.model
        self._keys = list(system.weight_names)
        rows: list[tuple[NDArray, ...]] = []
        for projection in system.projections:
            steps: NDArray[np.int64] = np.maximum(1, np.floor(projection.delay_ms / self.spec.dt_ms + 0.5)).astype(
                np.int64
            )
            for receptor, key in zip(projection.receptors, projection.weight_names, strict=True):
                _, unit_nS = model.synapse(system, projection, receptor)
                variable = RECEPTOR + 3 * RECEPTORS.index(receptor) + ARRIVED
                target = self.lanes[projection.post_gid] + variable * W
                key_index = np.full(len(projection), self._keys.index(key))
                rows.append((projection.pre_gid, steps, target, projection.scale * (unit_nS * NS_TO_US), key_index))
        if not rows:
            rows.append(tuple(np.zeros(0, dtype=kind) for kind in (int, int, int, float, int)))
        pre, delay, target, unit, which = (np.concatenate(column) for column in zip(*rows, strict=True))
        order = np.lexsort((delay, pre))
        self.edge_start = np.searchsorted(pre[order], np.arange(system.num_neurons + 1))
        self.edge_delay, self.edge_target = delay[order], target[order]
        self._edge_unit, self._edge_key = unit[order], which[order]
        self.max_delay = int(delay.max(initial=0))

    def set_parameters(self, parameters: Parameters) -> None:
        """Replace weights, noise and depression."""
        names = self.spec.system.population_names
        weights = np.array([parameters.weights[key] for key in self._keys], dtype=np.float64)
        self.edge_weight = self._edge_unit * weights[self._edge_key] if len(weights) else np.zeros(0)
        for index, name in enumerate(names):
            set_noise(self.membrane_parameters[index], parameters.noise[name], self.spec.dt_ms)
        self.U = np.array([parameters.depression[name].U for name in names])[self.population_of]
        self.tau_rec = np.array([parameters.depression[name].tau_rec for name in names])[self.population_of]


@dataclass
class Culture:
    """One culture's state; it knows of no other.

    Attributes:
        state: Blocks, ``[blocks * SIZE]``.
        key: Philox key of the noise.
        step: Steps since the reset.
        resources: Of Tsodyks & Markram, by presynaptic cell ``[N]``.
        last_spike: Step of each cell's last spike, ``[N]``.
        flying: Spikes on their way: cell, step, next edge, strength; the first ``num_flying`` count.
        late: Steps and gids of spikes found at the very end of a run, which belong to the next.
    """

    state: NDArray[np.float64]
    key: int
    resources: NDArray[np.float64]
    last_spike: NDArray[np.int64]
    flying: tuple[NDArray, NDArray, NDArray, NDArray]
    step: int = 0
    num_flying: int = 0
    late: tuple[NDArray[np.int64], NDArray[np.int64]] = field(
        default_factory=lambda: (np.zeros(0, np.int64), np.zeros(0, np.int64))
    )

    @classmethod
    def new(cls, shared: Shared, key: int) -> Culture:
        """A culture at time 0."""
        n = len(shared.lanes)
        most = n * (shared.max_delay // 2 + 2)  # a cell spikes in every second step at most
        cell, since, edge = (np.zeros(most, dtype=np.int64) for _ in range(3))
        flying = (cell, since, edge, np.zeros(most))
        return cls(shared.initial.copy(), key, np.ones(n), np.zeros(n, dtype=np.int64), flying)
