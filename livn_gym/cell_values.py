"""Constants of single cells: keys, checks, and cells with these constants."""

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
    """Values of a constant in all cells of a population; objects with equal values are equal and have equal hashes.

    Args:
        values: Values in the order of gids, float64 ``[n]``.
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
    """Return the names of the constants that can differ between the cells of a population.

    They are the constants of the model and the capacitance. Geometry, coupling and initial voltage cannot differ.
    """
    shared = {field.name for field in fields(Cell)} - {"C"}
    return [field.name for field in fields(cell) if field.name not in shared]


def checked_cells(
    system: System, model: Model, values: Mapping[str, ArrayLike], count: int
) -> dict[str, list[CellValues]]:
    """Check the constants of single cells in n cultures and return them per culture.

    Args:
        system: System of the cells.
        model: Model of the cells.
        values: Values by key ``<population>-<constant>``: a number, one number per cell ``[n_cells]``, or one per
            culture and cell ``[n, n_cells]``.
        count: Number of cultures n.

    Returns:
        Values of each culture by key.

    Raises:
        UnknownName: There is no such population or constant.
        InvalidInput: Values have the wrong shape, are not finite, or are not possible for the cell.
    """
    if not values:
        return {}
    allowed = [f"{name}-{constant}" for name in system.population_names for constant in constants(model.cell(name))]
    result: dict[str, list[CellValues]] = {}
    for key, value in values.items():
        if key not in allowed:
            raise unknown_name("constant of cells", key, allowed)
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
        result[key] = [CellValues(row) for row in np.broadcast_to(array, (count, size))]
    return result


def heterogeneous_cells(system: System, model: Model) -> dict[str, CellValues]:
    """Return the constants of cells from the heterogeneity of a system: its factors times the constants of the model.

    Raises:
        UnknownName: The model's cells have no such constant.
        InvalidInput: A cell cannot have such constants.
    """
    values = {}
    for key, factors in system.heterogeneity.items():
        population, _, constant = key.partition("-")
        cell = model.cell(population)
        values[key] = getattr(cell, constant) * factors if constant in constants(cell) else factors
    cells = {key: per_cell for key, (per_cell,) in checked_cells(system, model, values, 1).items()}
    for item in system.populations if cells else ():
        cells_of(model.cell(item.name), item.name, cells, range(item.count))
    return cells


def cells_of(
    cell: Cell, population: str, values: Mapping[str, CellValues], indices: Iterable[int]
) -> list[Cell] | None:
    """Return cells of a population with their constants; None if no constant of the population differs between cells.

    Args:
        cell: Cell of the population.
        population: Name of the population.
        values: Values by key, as from ``checked_cells``.
        indices: Indices of the cells, counted from the first cell of the population.

    Raises:
        InvalidInput: A cell cannot have such constants.
    """
    arrays = {key.partition("-")[2]: item.values for key, item in values.items() if key.partition("-")[0] == population}
    if not arrays:
        return None
    cells = []
    for i in indices:
        changed: dict[str, Any] = {name: float(array[i]) for name, array in arrays.items()}
        cells.append(replace(cell, **changed))
    return cells
