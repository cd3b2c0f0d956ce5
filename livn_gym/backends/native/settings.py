"""Parameters of all cultures in the form of the kernels: equal ones share a row, differing ones are read per lane."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec, Parameters
from livn_gym.backends.native.delivery import Network
from livn_gym.backends.native.layout import Layout
from livn_gym.backends.native.plasticity import Rules
from livn_gym.backends.native.synapses import Synapses
from livn_gym.cell_values import CellValues, cells_of
from livn_gym.models import Noise

Varied = tuple[tuple[str, ...], ...]
"""Names of the parameters of each population's kernel that differ between cells and are read per lane."""


@dataclass(frozen=True)
class Settings:
    """Parameters of B cultures.

    Attributes:
        parameters: Parameters of every culture, ``[B]``.
        network: Synapses, with K rows of weights and depression.
        rules: Plasticity rules, with K rows of numbers.
        row: Row of every culture in ``network`` and ``rules``, ``[B]``.
        numbers: Parameters of the kernels in rows, float64 ``[rows, names]`` per population.
        noise_row: Row of every culture in ``numbers``, ``[B]``.
        cells: Tables of cells with constants of their own, per culture and population, ``[B]``.
    """

    parameters: tuple[Parameters, ...]
    network: Network
    rules: Rules
    row: NDArray[np.int64]
    numbers: tuple[NDArray[np.float64], ...]
    noise_row: NDArray[np.int64]
    cells: tuple[tuple[CellTable | None, ...], ...]

    def first_states(self, culture: int) -> tuple[NDArray[np.float64] | None, ...]:
        """Return the initial states of a culture's cells other than voltages, per population; see ``CellTable``."""
        return tuple(None if table is None else table.first for table in self.cells[culture])


@dataclass(frozen=True)
class CellTable:
    """Cells of a population with constants of their own.

    Attributes:
        names: Names of the kernel parameters that differ from those of the population.
        numbers: Values of these parameters, float64 ``[cells, names]``.
        first: States other than voltages at the start of a trial, float64 ``[states, cells]``.
    """

    names: tuple[str, ...]
    numbers: NDArray[np.float64]
    first: NDArray[np.float64]


class SettingsMaker:
    """Maker of the settings of cultures, which computes constant values once.

    Args:
        spec: Specification of the cultures.
        layouts: Layouts of the populations.
        synapses: Synapses of the cultures.
    """

    def __init__(self, spec: CultureSpec, layouts: Sequence[Layout], synapses: Synapses) -> None:
        self._spec, self._layouts, self._synapses = spec, layouts, synapses
        self._fixed = [layout.fixed(spec) for layout in layouts]
        self._noise_names = tuple(layouts[0].background(Noise(), spec.dt_ms))
        self.names = [[*fixed, *self._noise_names] for fixed in self._fixed]
        """Names of the parameters of each population's kernel, in order."""
        self._tables: dict[Hashable, tuple[CellTable | None, ...]] = {}

    def make(self, parameters: Sequence[Parameters], before: Settings | None) -> Settings:
        """Make the settings of all cultures, reusing unchanged tables of the previous settings."""
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
        """Return the arguments of the kernels of a group of cultures.

        Args:
            settings: Settings of all cultures.
            cultures: Indices of the cultures of the group.
            dtype: Data type of the variables of cells.

        Returns:
            The names of the parameters that are read per lane, and the arrays: the parameters of each population
            ``[names]``, then, if there are any, the values per lane in the order ``[block][name][lane]``.
        """
        rows = settings.noise_row[list(cultures)]
        common = tuple(numbers[rows[0]] for numbers in settings.numbers)
        noisy = not (rows == rows[0]).all()
        if not noisy and not any(table for b in cultures for table in settings.cells[b]):
            return (), common
        varied, lanes = [], []
        for k, (layout, names) in enumerate(zip(self._layouts, self.names, strict=True)):
            tables = [settings.cells[b][k] for b in cultures]
            differing = {name for table in tables if table is not None for name in table.names}
            differing |= set(self._noise_names) if noisy else set()
            varied.append(tuple(name for name in names if name in differing))
            values = np.repeat(settings.numbers[k][rows][:, None], layout.count, axis=1)
            for c, table in enumerate(tables):
                if table is not None:
                    values[c][:, [names.index(name) for name in table.names]] = table.numbers
            columns = [names.index(name) for name in varied[-1]]
            lanes.append(
                _lanes(values[:, :, columns].reshape(len(tables) * layout.count, len(columns)), layout.lanes, dtype)
            )
        return tuple(varied) if any(varied) else (), (*common, *lanes) if any(varied) else common

    def _background(self, layout: Layout, noise: Noise) -> list[float]:
        return list(layout.background(noise, self._spec.dt_ms).values())


def _rows(keys: Sequence[object]) -> tuple[list[int], NDArray[np.int64]]:
    """Return the first index of every distinct key, and for each key the number of its distinct key."""
    firsts: dict[object, int] = {}
    order: dict[object, int] = {}
    row = np.empty(len(keys), dtype=np.int64)
    for k, key in enumerate(keys):
        firsts.setdefault(key, k)
        row[k] = order.setdefault(key, len(order))
    return list(firsts.values()), row


def _same_tables(tables: Sequence[Parameters], before: Settings, firsts: list[int], row: NDArray[np.int64]) -> bool:
    """Return whether weights, depression and rules equal those of the previous settings, in the same rows."""
    if not np.array_equal(row, before.row):
        return False
    return all(
        (new.weights, new.depression, new.plasticity) == (old.weights, old.depression, old.plasticity)
        for new, old in zip(tables, (before.parameters[b] for b in firsts), strict=True)
    )


def _lanes(values: NDArray[np.float64], width: int, dtype: np.dtype) -> NDArray:
    """Arrange values ``[cells, names]`` of a group's cells of a population as contiguous ``[block][name][lane]``."""
    blocks = -(-len(values) // width)
    lanes = np.empty((blocks * width, values.shape[1]), dtype=dtype)
    lanes[: len(values)] = values
    lanes[len(values) :] = values[:1]  # lanes without a cell
    return np.ascontiguousarray(lanes.reshape(blocks, width, values.shape[1]).transpose(0, 2, 1)).ravel()
