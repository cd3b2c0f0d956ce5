"""One run of ``ranks.py``: steps of vector environments, or a fault in the middle of them."""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np

import livn_gym  # noqa: F401 (registers the environments)
from livn_gym import mpi_job
from livn_gym.encoding import PulseAmplitude
from livn_gym.mpi import run_on_rank_0

WARM_UP = 5


class Faulty(PulseAmplitude):
    """Encoding that fails on the last rank at its fourth command."""

    commands = 0

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __call__(self, *args, **kwargs):  # noqa: ANN002, ANN003, ANN204
        """Encode, or fail."""
        last = int(os.environ["OMPI_COMM_WORLD_SIZE"]) - 1
        if int(os.environ["OMPI_COMM_WORLD_RANK"]) == last:
            self.commands += 1
            if self.commands == 4:
                if self.kind == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise ArithmeticError("a deliberate fault")
        return super().__call__(*args, **kwargs)


class TimedComm:
    """A communicator that measures the three collectives of a step.

    A barrier before the results are collected separates waiting, the price of unequal cultures, from communication.

    Args:
        comm: The ranks; all of them use a ``TimedComm``.
        seconds: Where to add up the times of this rank.
    """

    def __init__(self, comm: Any, seconds: dict[str, float] | None = None) -> None:
        self._comm = comm
        self.seconds = {"communicating": 0.0, "waiting": 0.0} if seconds is None else seconds

    def __getattr__(self, name: str) -> Any:
        """Whatever is not measured."""
        return getattr(self._comm, name)

    def Dup(self) -> TimedComm:
        """Duplicate; times are added up in the same place."""
        return TimedComm(self._comm.Dup(), self.seconds)

    def Bcast(self, *buffers: Any) -> None:
        """Send the header to all ranks."""
        self._measured("communicating", partial(self._comm.Bcast, *buffers))

    def Scatterv(self, *buffers: Any) -> None:
        """Send each rank its rows of actions."""
        self._measured("communicating", partial(self._comm.Scatterv, *buffers))

    def Gatherv(self, *buffers: Any) -> None:
        """Wait for all ranks, and collect their rows of results."""
        self._measured("waiting", self._comm.Barrier)
        self._measured("communicating", partial(self._comm.Gatherv, *buffers))

    def _measured(self, kind: str, call: Callable[[], None]) -> None:
        start = time.perf_counter()
        call()
        self.seconds[kind] += time.perf_counter() - start


def steps(counts: list[int], number: int, seconds: dict[str, float]) -> None:
    """Print medians of the steps of each count of environments, as JSON."""
    figures = {}
    for count in counts:
        env = gym.make_vec("livn/EI2-v0", num_envs=count, max_episode_steps=None)
        env.reset(seed=0)
        actions = np.random.default_rng(0).uniform(-1, 1, (WARM_UP + number, *env.action_space.shape))
        rows = []
        for action in actions.astype(np.float32):
            before = dict(seconds)
            start = time.perf_counter()
            env.step(action)
            rows.append([time.perf_counter() - start, *(seconds[name] - before[name] for name in before)])
        whole, communicating, waiting = (statistics.median(column) for column in zip(*rows[WARM_UP:], strict=True))
        figures[count] = {"step": whole, "communicating": communicating, "waiting": waiting}
        env.close()
    print(json.dumps(figures))


def fault(kind: str) -> None:
    """Step environments of which the last rank fails."""
    from mpi_child import Faulty  # by its module's name, as the other ranks find it

    on_failure = "truncate" if kind == "kill" else "raise"
    env = gym.make_vec(
        "livn/EI1-v0",
        num_envs=4,
        settle_ms=200.0,
        max_episode_steps=4,
        target_hz=(8.0, 10.0),  # no calibration, so that the fault is in a step
        encoding=Faulty(kind),
        on_worker_failure=on_failure,
    )
    env.reset(seed=0)
    failed = 0
    for _ in range(10):
        info = env.step(np.zeros((4, 1), np.float32))[4]
        failed += int(info.get("worker_failed", np.zeros(4)).sum())
    env.close()
    print(json.dumps({"failed": failed}))


if __name__ == "__main__":
    if sys.argv[1] == "steps":
        timed = TimedComm(mpi_job.communicator())
        run_on_rank_0(partial(steps, json.loads(sys.argv[2]), int(sys.argv[3]), timed.seconds), timed)
    else:
        fault(sys.argv[2])
