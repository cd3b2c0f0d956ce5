"""The parameters of all cultures as the kernels take them: equal ones share a row, and differences go to the lanes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec, Parameters
from livn_gym.backends.native.driver import Network
from livn_gym.backends.native.layout import Layout, W
from livn_gym.backends.native.plasticity import Rules
from livn_gym.backends.native.synapses import Synapses
from livn_gym.cell_values import CellValues, cells_of
from livn_gym.models import Noise

Varied = tuple[tuple[str, ...], ...]
"""Names of the parameters of every population's kernel that are read per lane, since they differ between cells."""


@dataclass(frozen=True)
class Settings:
    """The parameters of B cultures.

    Attributes:
        parameters: Of every culture, ``[B]``.
        network: The synapses, with K rows of weights and depression.
        rules: Their rules, with as many rows of numbers.
        row: Every culture's row in these, ``[B]``.
        numbers: What the kernels take, in rows: float64 ``[rows, names]`` per population.
        noise_row: Every culture's row in these, ``[B]``.
        cells: Tables of cells with constants of their own, of every culture per population, ``[B]``.
    """

    parameters: tuple[Parameters, ...]
    network: Network
    rules: Rules
    row: NDArray[np.int64]
    numbers: tuple[NDArray[np.float64], ...]
    noise_row: NDArray[np.int64]
    cells: tuple[tuple[CellTable | None, ...], ...]

    def first_states(self, culture: int) -> tuple[NDArray[np.float64] | None, ...]:
        """The states, beyond voltages, with which a culture's cells begin, per population; see ``CellTable``."""
        return tuple(None if table is None else table.first for table in self.cells[culture])


@dataclass(frozen=True)
class CellTable:
    """Cells of a population with constants of their own.

    Attributes:
        names: The parameters of the population's kernel that differ from the population's.
        numbers: Their values, float64 ``[cells, names]``.
        first: The states beyond voltages at the start of a trial, float64 ``[states, cells]``.
    """

    names: tuple[str, ...]
    numbers: NDArray[np.float64]
    first: NDArray[np.float64]


class SettingsMaker:
    """Makes the settings of a spec's cultures; what does not change is computed once.

    Args:
        spec: What is simulated.
        layouts: Its populations.
        synapses: Its synapses.
    """

    def __init__(self, spec: CultureSpec, layouts: Sequence[Layout], synapses: Synapses) -> None:
        self._spec, self._layouts, self._synapses = spec, layouts, synapses
        self._fixed = [layout.fixed(spec) for layout in layouts]
        self._noise_names = tuple(layouts[0].background(Noise(), spec.dt_ms))
        self.names = [[*fixed, *self._noise_names] for fixed in self._fixed]
        """Names of the parameters that every population's kernel takes, in order."""
        self._tables: dict[Hashable, tuple[CellTable | None, ...]] = {}

    def make(self, parameters: Sequence[Parameters], before: Settings | None) -> Settings:
        """The settings of all cultures; tables of ``before`` that stay as they are are taken over."""
        firsts, row = _rows([(tuple(p.weights.items()), tuple(p.depression.items())) for p in parameters])
        tables = [parameters[b] for b in firsts]
        if before is not None and _same_tables(tables, before, firsts, row):
            network, rules = before.network, before.rules
        else:
            network, rules = self._synapses.network(tables), self._synapses.rules(tables)
        noise_firsts, noise_row = _rows([tuple(p.noise.items()) for p in parameters])
        numbers = tuple(
            np.array(
                [
                    [*fixed.values(), *self._background(layout, parameters[b].noise.get(layout.name, Noise()))]
                    for b in noise_firsts
                ]
            )
            for layout, fixed in zip(self._layouts, self._fixed, strict=True)
        )
        keys = [tuple(p.cells.items()) for p in parameters]
        self._tables = {key: self._tables.get(key) or self._cell_tables(dict(key)) for key in set(keys)}
        cells = tuple(self._tables[key] for key in keys)
        return Settings(tuple(parameters), network, rules, row, numbers, noise_row, cells)

    def _cell_tables(self, values: Mapping[str, CellValues]) -> tuple[CellTable | None, ...]:
        starts = {population.name: population.start for population in self._spec.system.populations}
        tables: list[CellTable | None] = []
        for layout, fixed in zip(self._layouts, self._fixed, strict=True):
            first = layout.start - starts.get(layout.name, layout.start)
            cells = cells_of(layout.cell, layout.name, values, range(first, first + layout.count))
            if not cells:
                tables.append(None)
                continue
            numbers = np.array([list(replace(layout, cell=cell).fixed(self._spec).values()) for cell in cells])
            differs = np.flatnonzero((numbers != np.array(list(fixed.values()))).any(axis=0))
            states = np.array([layout.native.initial(cell) for cell in cells], dtype=np.float64)
            tables.append(CellTable(tuple(list(fixed)[k] for k in differs), numbers[:, differs], states.T))
        return tuple(tables)

    def arguments(
        self, settings: Settings, cultures: Sequence[int], dtype: np.dtype
    ) -> tuple[Varied, tuple[NDArray, ...]]:
        """What the kernels of a group of cultures take.

        Args:
            settings: Of all cultures.
            cultures: Those of the group.
            dtype: Of the cells' variables.

        Returns:
            Which parameters are read per lane, and the arrays: a population's parameters ``[names]`` each, then, where
            there are lanes, their values, which lie as in the blocks, ``[block][name][lane]``.
        """
        rows = settings.noise_row[list(cultures)]
        common = tuple(numbers[rows[0]] for numbers in settings.numbers)
        noisy = not (rows == rows[0]).all()
        if not noisy and not any(table for b in cultures for table in settings.cells[b]):
            return (), common
        varied, lanes = [], []
        for k, (layout, names) in enumerate(zip(self._layouts, self.names, strict=True)):
            tables = [settings.cells[b][k] for b in cultures]
            own = {name for table in tables if table is not None for name in table.names}
            own |= set(self._noise_names) if noisy else set()
            varied.append(tuple(name for name in names if name in own))
            values = np.repeat(settings.numbers[k][rows][:, None], layout.count, axis=1)
            for c, table in enumerate(tables):
                if table is not None:
                    values[c][:, [names.index(name) for name in table.names]] = table.numbers
            columns = [names.index(name) for name in varied[-1]]
            lanes.append(_lanes(values[:, :, columns].reshape(len(tables) * layout.count, len(columns)), dtype))
        return tuple(varied) if any(varied) else (), (*common, *lanes) if any(varied) else common

    def _background(self, layout: Layout, noise: Noise) -> list[float]:
        return list(layout.background(noise, self._spec.dt_ms).values())


def _rows(keys: Sequence[object]) -> tuple[list[int], NDArray[np.int64]]:
    """The first place of every distinct key, and for each key which of them it is."""
    firsts: dict[object, int] = {}
    order: dict[object, int] = {}
    row = np.empty(len(keys), dtype=np.int64)
    for k, key in enumerate(keys):
        firsts.setdefault(key, k)
        row[k] = order.setdefault(key, len(order))
    return list(firsts.values()), row


def _same_tables(tables: Sequence[Parameters], before: Settings, firsts: list[int], row: NDArray[np.int64]) -> bool:
    """Whether weights, depression and rules are those of the settings before, in the same rows."""
    if not np.array_equal(row, before.row):
        return False
    return all(
        (now.weights, now.depression, now.plasticity) == (old.weights, old.depression, old.plasticity)
        for now, old in zip(tables, (before.parameters[b] for b in firsts), strict=True)
    )


def _lanes(values: NDArray[np.float64], dtype: np.dtype) -> NDArray:
    """Values ``[cells, names]`` of a group's cells of a population, ``[block][name][lane]`` in one piece."""
    blocks = -(-len(values) // W)
    lanes = np.empty((blocks * W, values.shape[1]), dtype=dtype)
    lanes[: len(values)] = values
    lanes[len(values) :] = values[:1]  # lanes without a cell
    return np.ascontiguousarray(lanes.reshape(blocks, W, values.shape[1]).transpose(0, 2, 1)).ravel()
