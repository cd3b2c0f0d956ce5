"""A culture in livn's native backend, for ``children.Child``: ``livn_child.py GRAPH.npz DT``.

Runs in livn's own environment, so it imports nothing of livn_gym. The graph's cells and edges go in through livn's
System protocol; synapses, cells and noise are livn's defaults.
"""

from __future__ import annotations

import sys

import numpy as np
from children import serve, take_output, timed
from livn.env import Env
from livn.models.rcsd import ReducedCalciumSomaDendrite
from livn.system import ParallelSystem

VELOCITY_UM_PER_MS = 250.0
SETTLE_MS = 100.0
SOMA, DENDRITE = 1, 4
EXCITATORY = {
    "AMPA": {"e": 0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0, "weight": 1.0},
    "NMDA": {"e": 0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 80.0, "weight": 1.0},
}
INHIBITORY = {"GABA_A": {"e": -60, "g_unit": 0.001, "tau_rise": 0.3, "tau_decay": 6.0, "weight": 1.0}}


class Graph(ParallelSystem):
    """Cells and edges from a file: a system of livn's that is not read from its own folders."""

    def __init__(self, path: str) -> None:
        with np.load(path) as file:
            columns = dict(file)
        counts = {key.split()[1]: int(columns[key]) for key in columns if key.startswith("count")}
        super().__init__(counts, coordinates=columns["positions"], name="EI2")
        self.connections_config = {"synapses": {post: {pre: _synapse(pre) for pre in counts} for post in counts}}
        self._edges: dict[tuple[str, str], list] = {}
        self._sites: dict[int, list[int]] = {}  # a cell's synapses, as numbers of the section that each is on
        for key in (key for key in columns if key.startswith("edges")):
            _, pre, post = key.split()
            source, target, delay_ms = columns[key]
            rows = self._edges[pre, post] = []
            for gid in np.unique(target).astype(int):
                mine = target == gid
                sites = self._sites.setdefault(int(gid), [])
                identity = len(sites) + np.arange(mine.sum())
                sites += [DENDRITE if pre == "EXC" else SOMA] * int(mine.sum())
                place = {
                    "Synapses": {"syn_id": identity},
                    "Connections": {"distance": delay_ms[mine] * VELOCITY_UM_PER_MS},
                }
                rows.append((int(gid), (source[mine].astype(int), place)))

    def projection_array(self, pre: str, post: str, all: bool = True) -> list:
        """Edges of a projection by postsynaptic cell."""
        return self._edges.get((pre, post), [])

    def synapses(self, population: str, node_allocation: set[int] | None = None):
        """Where the synapses of a population's cells are."""
        start, count = self.population_ranges[population]
        for gid in range(start, start + count):
            sites = self._sites.get(gid, [])
            number = len(sites)
            yield (
                gid,
                {
                    "syn_ids": np.arange(number),
                    "swc_types": np.array(sites, dtype=int),
                    "syn_locs": np.full(number, 0.5),
                },
            )


def _synapse(pre: str) -> dict:
    excitatory = pre == "EXC"
    return {
        "type": "excitatory" if excitatory else "inhibitory",
        "sections": ["dend" if excitatory else "soma"],
        "mechanisms": {"default": EXCITATORY if excitatory else INHIBITORY},
    }


def main() -> None:
    """Build the culture, say its size, and run as asked."""
    answers, dt_ms = take_output(), float(sys.argv[2])
    env = Env(Graph(sys.argv[1]), ReducedCalciumSomaDendrite()).init()
    env.apply_model_defaults()
    env.record_spikes()
    env.run(SETTLE_MS, dt=dt_ms)
    spikes = env.run(100.0, dt=dt_ms).spikes
    facts = {"cells": env.system.num_neurons, "connections": env.conn.size, "spikes": len(spikes.times)}
    serve(answers, facts, lambda duration_ms: timed(lambda: env.run(duration_ms, dt=dt_ms))._asdict())


if __name__ == "__main__":
    main()
