"""Synapses of a system, in the order in which the kernels process them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec, Parameters
from livn_gym.backends.native.delivery import Network
from livn_gym.backends.native.layout import Layout
from livn_gym.backends.native.plasticity import Rules, rules
from livn_gym.units import NS_TO_US

MAX_WINDOW_STEPS = 64
"""Longest window between two collections of spikes, which limits their memory."""


class Synapses:
    """Synapses of a system, shared by all its cultures.

    Args:
        spec: Specification of the cultures.
        layouts: Layouts of the populations, in which increments are collected.
    """

    def __init__(self, spec: CultureSpec, layouts: list[Layout]) -> None:
        self.spec = spec
        slots = {layout.name: layout.slots for layout in layouts}
        keys: list[str] = []
        units: list[float] = []
        columns: list[tuple[NDArray, ...]] = []
        for projection in spec.projections:
            steps = spec.delay_steps(projection).astype(np.int32)
            for receptor, key in zip(projection.receptors, projection.weight_names, strict=True):
                _, unit_nS = spec.model.synapse(spec.system, projection, receptor)
                offset = np.full(
                    len(projection), slots[projection.post][receptor].arrived * layouts[0].lanes, dtype=np.int32
                )
                index = np.full(len(projection), len(keys), dtype=np.int32)
                scale_uS = projection.scale * (unit_nS * NS_TO_US)
                units.append(unit_nS * NS_TO_US)
                columns.append((projection.pre_gid, steps, projection.post_gid, offset, scale_uS, index))
                keys.append(key)
        if not columns:
            columns.append((np.zeros(0, np.int64),) * 4 + (np.zeros(0), np.zeros(0, np.int32)))
        pre, steps, post, offset, scale, index = (np.concatenate(arrays) for arrays in zip(*columns, strict=True))
        # The order is independent of the order of the edges in the system.
        order = np.lexsort((scale, offset, post, steps, pre))
        self._keys, self._key, self._scale_uS = keys, index[order], scale[order]
        self._units = [float(u) for u in units]
        self._rows = np.split(np.argsort(order), np.cumsum(np.bincount(index, minlength=len(keys)))[:-1])
        self._start = np.searchsorted(pre[order], np.arange(spec.system.num_neurons + 1)).astype(np.int64)
        self._post = post[order].astype(np.int32)
        # A delivery reads all three, which therefore are neighbours in memory.
        self._link = np.stack([steps[order], self._post, offset[order]], axis=1).astype(np.int32)
        # A spike at the end of the first step of a window arrives after the window.
        self.window = min(MAX_WINDOW_STEPS, (spec.least_delay_steps or MAX_WINDOW_STEPS) + 1)

    def indices(self, key: str) -> NDArray[np.int64]:
        """Return the indices of the synapses of a weight key, in the order of their projection, ``[E]``."""
        return self._rows[self._keys.index(key)]

    @property
    def keys(self) -> list[str]:
        """Weight keys."""
        return self._keys

    def rules(self, rows: Sequence[Parameters]) -> Rules:
        """Return the plasticity rules of the synapses; all rows have the same plasticity."""
        weights_uS = [
            [unit * parameters.weights[key] for unit, key in zip(self._units, self._keys, strict=True)]
            for parameters in rows
        ]
        cells, dt_ms = self.spec.system.num_neurons, self.spec.dt_ms
        return rules(self._keys, rows[0].plasticity, weights_uS, self._key, self._post, cells, dt_ms)

    def network(self, rows: Sequence[Parameters]) -> Network:
        """Return the synapses with weights and depression in K rows, one for each set of parameters."""
        counts = [population.count for population in self.spec.system.populations]
        names = self.spec.system.population_names
        weights = np.array([[row.weights[key] for key in self._keys] or [0.0] for row in rows], dtype=np.float64)
        U, tau_rec = (
            np.repeat(
                np.array([[getattr(row.depression[population], name) for population in names] for row in rows]),
                counts,
                axis=1,
            ).astype(np.float64)
            for name in ("U", "tau_rec")
        )
        weight = self._scale_uS * weights[:, self._key]
        return Network(self._start, self._link, weight, U, tau_rec)
