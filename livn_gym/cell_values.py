"""Constants of single cells: their keys, and a cell with values of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.models import Cell, Model
from livn_gym.system import System
from livn_gym.values import number_array


class CellValues:
    """A constant's values in all cells of a population; equal and hashed by them.

    Args:
        values: In the order of gids, float64 ``[n]``.
    """

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = np.array(values, dtype=np.float64)
        self.values.flags.writeable = False
        self._hash = hash(self.values.tobytes())

    def __eq__(self, other: object) -> bool:
        """Return whether all values are equal."""
        return isinstance(other, CellValues) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        """Return a hash of the values."""
        return self._hash


def constants(cell: Cell) -> list[str]:
    """Names of the constants that cells of a population can have values of their own of.

    They are the model's own and the capacitance. Geometry, coupling and initial voltage are the same in all cells.
    """
    shared = {field.name for field in fields(Cell)} - {"C"}
    return [field.name for field in fields(cell) if field.name not in shared]


def checked_cells(
    system: System, model: Model, given: Mapping[str, ArrayLike], count: int
) -> dict[str, list[CellValues]]:
    """Values of cells for n cultures, after checks.

    Args:
        system: The cells.
        model: Their dynamics.
        given: By key ``<population>-<constant>``: a number, one number per cell ``[n_cells]``, or one per culture and
            cell ``[n, n_cells]``.
        count: n.

    Returns:
        By key, the values of every culture.

    Raises:
        UnknownName: There is no such population or constant.
        InvalidInput: Values have the wrong shape, are not finite, or are none that the cell can have.
    """
    if not given:
        return {}
    known = [f"{name}-{constant}" for name in system.population_names for constant in constants(model.cell(name))]
    result: dict[str, list[CellValues]] = {}
    for key, value in given.items():
        if key not in known:
            raise unknown_name("constant of cells", key, known)
        population, _, constant = key.partition("-")
        size = next(p.count for p in system.populations if p.name == population)
        array = number_array(key, value)
        if array.shape not in ((), (size,), (count, size)):
            raise InvalidInput(
                f"{key} needs a number, [{size}] values (one per cell) or [{count}, {size}] (per culture and cell), "
                f"got an array of shape {list(array.shape)}."
            )
        if constant.startswith("g_") and array.min() < 0.0:
            raise InvalidInput(f"{key} is a conductance and must be at least 0, got {array.min():g}.")
        result[key] = [CellValues(own) for own in np.broadcast_to(array, (count, size))]
    return result


def heterogeneous_cells(system: System, model: Model) -> dict[str, CellValues]:
    """Constants of cells by the heterogeneity of a system: its factors times those of the model.

    Raises:
        UnknownName: The model's cells have no such constant.
        InvalidInput: A cell cannot have such constants.
    """
    values = {}
    for key, factors in system.heterogeneity.items():
        population, _, constant = key.partition("-")
        cell = model.cell(population)
        values[key] = getattr(cell, constant) * factors if constant in constants(cell) else factors
    cells = {key: own for key, (own,) in checked_cells(system, model, values, 1).items()}
    for each in system.populations if cells else ():
        cells_of(model.cell(each.name), each.name, cells, range(each.count))
    return cells


def cells_of(
    cell: Cell, population: str, values: Mapping[str, CellValues], indices: Iterable[int]
) -> list[Cell] | None:
    """Some cells of a population with their own constants; None if all have the population's.

    Args:
        cell: The population's cell.
        population: Its name.
        values: By key, as in ``checked_cells``.
        indices: The cells, counted from the population's first.

    Raises:
        InvalidInput: A cell cannot have such constants.
    """
    own = {key.partition("-")[2]: given.values for key, given in values.items() if key.partition("-")[0] == population}
    if not own:
        return None
    cells = []
    for i in indices:
        changed: dict[str, Any] = {name: float(each[i]) for name, each in own.items()}
        cells.append(replace(cell, **changed))
    return cells
