"""The parameters of all cultures as the kernels take them: equal ones share a row, and differences go to the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec, Parameters
from livn_gym.backends.native.driver import Network
from livn_gym.backends.native.layout import Layout, W
from livn_gym.backends.native.plasticity import Rules
from livn_gym.backends.native.synapses import Synapses
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
    """

    parameters: tuple[Parameters, ...]
    network: Network
    rules: Rules
    row: NDArray[np.int64]
    numbers: tuple[NDArray[np.float64], ...]
    noise_row: NDArray[np.int64]


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
        return Settings(tuple(parameters), network, rules, row, numbers, noise_row)

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
        if (rows == rows[0]).all():
            return (), common
        lanes = tuple(
            _lanes(numbers[rows, -len(self._noise_names) :], layout.count, dtype)
            for layout, numbers in zip(self._layouts, settings.numbers, strict=True)
        )
        return (self._noise_names,) * len(self._layouts), (*common, *lanes)

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


def _lanes(values: NDArray[np.float64], cells: int, dtype: np.dtype) -> NDArray:
    """Values ``[cultures, names]`` for all cells of a population, ``[block][name][lane]`` in one piece."""
    each = np.repeat(values, cells, axis=0)
    blocks = -(-len(each) // W)
    lanes = np.empty((blocks * W, values.shape[1]), dtype=dtype)
    lanes[: len(each)] = each
    lanes[len(each) :] = values[0]  # lanes without a cell
    return np.ascontiguousarray(lanes.reshape(blocks, W, values.shape[1]).transpose(0, 2, 1)).ravel()
