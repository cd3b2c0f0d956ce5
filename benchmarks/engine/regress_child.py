"""Workload of one of the two versions that ``regress.py`` compares: ``regress_child.py NAME``.

The version is the livn_gym that is found on the path. Only what every version offers is used: ``livn_gym.make``,
``Env.run``, ``gym.make`` and ``gym.make_vec``.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle
from typing import Any

from children import Times, serve, take_output, timed

SETTLE_MS = 200.0
COLD = "import livn_gym; env = livn_gym.make('EI2', seed=1, profile='fast').record_spikes(); env.run(100.0)"

Call = Callable[[], float]
"""A unit of work; returns its number of spikes or its reward, which must not depend on the version's speed."""


def culture(system: str, cultures: int, profile: str, duration_ms: float, **options: Any) -> Call:
    """Return a run of cultures, after a time in which they settle."""
    import livn_gym

    env = livn_gym.make(system, seed=1, profile=profile, num_cultures=cultures, **options).record_spikes()
    env.run(SETTLE_MS)
    return lambda: len(env.run(duration_ms).spike_t)


def environment(cultures: int) -> Call:
    """Return a step of livn/EI2-v0, of one environment (0) or a vector of environments, with actions drawn before."""
    import gymnasium as gym
    import numpy as np

    import livn_gym  # noqa: F401 (registers the environments)

    options: dict[str, Any] = {"max_episode_steps": 1_000_000}
    env: Any = gym.make_vec("livn/EI2-v0", cultures, **options) if cultures else gym.make("livn/EI2-v0", **options)
    env.action_space.seed(0)
    env.reset(seed=1)
    actions = cycle([env.action_space.sample() for _ in range(32)])
    return lambda: float(np.sum(env.step(next(actions))[1]))


def process(code: str) -> Callable[[], tuple[Times, float]]:
    """Return the run of a statement in a new process with an empty cache, with its times."""

    def run() -> tuple[Times, float]:
        with tempfile.TemporaryDirectory() as folder:
            command, variables = [sys.executable, "-P", "-c", code], os.environ | {"LIVN_GYM_CACHE": folder}
            before = os.times()
            wall_s = timed(lambda: subprocess.run(command, env=variables, check=True)).wall_s
            after = os.times()
        before_s, after_s = (t.children_user + t.children_system for t in (before, after))
        return Times(wall_s, after_s - before_s), 0.0

    return run


def workload(name: str) -> Callable[[], tuple[Times, float]]:
    """Return a workload by its name, see ``regress.WORKLOAD``."""
    if name in ("import", "cold"):
        return process("import livn_gym" if name == "import" else COLD)
    kind, *numbers = name.split("-")
    if kind == "step":
        call = environment(int(numbers[0]) if numbers else 0)
    elif kind == "neuron":
        call = culture("EI2", 1, "exact", 100.0, backend="neuron")
    else:
        cultures, profile, *duration = numbers
        call = culture(kind, int(cultures), profile, float(duration[0]) if duration else 100.0)

    def run() -> tuple[Times, float]:
        outcome: list[float] = []
        times = timed(lambda: outcome.append(call()))
        return times, outcome[0]

    return run


def main() -> None:
    """Make the workload and repeat it as often as asked; answers are medians per repetition and summed outcomes."""
    answers, name = take_output(), sys.argv[1]
    run = workload(name)
    run()  # compiles, and writes byte code

    def answer(repetitions: int) -> dict[str, float]:
        times, outcomes = zip(*(run() for _ in range(repetitions)), strict=True)
        medians = Times(*(statistics.median(column) for column in zip(*times, strict=True)))
        return medians._asdict() | {"outcome": sum(outcomes)}

    import livn_gym

    serve(answers, {"package": livn_gym.__file__}, answer)


if __name__ == "__main__":
    main()
