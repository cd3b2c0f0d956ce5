"""One run of ``ranks.py culture``, on every rank: a culture's run, timed on the first, printed as JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from mpi4py import MPI

from livn_gym.env import Env
from livn_gym.system import predefined

WARM_UP_MS = 2.0


class Timed:
    """Counts the exchanges of the native engine, and their time after a barrier, which is waiting."""

    def __init__(self, ranks: Any) -> None:
        self._exchange, self._comm = ranks.all_spikes, ranks.comm
        self.count, self.communicating, self.waiting = 0, 0.0, 0.0
        ranks.all_spikes = self

    def __call__(self, cell: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Exchange spikes."""
        start = time.perf_counter()
        self._comm.Barrier()
        ready = time.perf_counter()
        result = self._exchange(cell, step)
        self.count += 1
        self.waiting += ready - start
        self.communicating += time.perf_counter() - ready
        return result


def main(backend: str, name: str, span_ms: float, timed: bool) -> None:
    """Print the seconds of building and of a run; if ``timed``, what of the run is waiting and communication."""
    world = MPI.COMM_WORLD
    system = predefined(name)
    start = time.perf_counter()
    with Env(system, comm=world, backend=backend, seed=1).init() as env:
        env.apply_model_defaults().record_spikes()
        env.run(WARM_UP_MS)
        figures: dict[str, float] = {"build": time.perf_counter() - start}
        shared = timed and world.size > 1 and backend == "native"
        clock = Timed(env._ranks) if shared else None
        world.Barrier()
        start = time.perf_counter()
        recording = env.run(span_ms)
        world.Barrier()
        figures["run"] = time.perf_counter() - start
        figures["spikes"] = sum(env.gather(len(recording.spikes[0]), None))
        if clock is not None:
            figures |= {"exchanges": clock.count, "communicating": clock.communicating, "waiting": clock.waiting}
        if world.rank == 0:
            print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "timed")
