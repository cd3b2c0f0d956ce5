"""Time that an environment spends outside the compiled engine: steps, short runs and resets, as Markdown tables.

The time inside is that during which at least one thread is in the compiled function ``run`` of the native backend. What
remains of a step is everything else: encoding, stimulus, checkpoint, recording, decoding, reward, info and Gymnasium's
wrappers. Both are medians over the same steps.

``--only NAMES`` prints some of the tables: steps, ids, runs, resets; ``--quick`` takes fewer steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from tables import table

import livn_gym
from livn_gym.backends.native import backend

SETTLE_MS = 2000.0
_PROGRAM = backend.program


class Times(NamedTuple):
    """Median times of a call, ms: in all, with a thread inside the compiled engine, and of all threads inside it."""

    whole_ms: float
    inside_ms: float
    threads_ms: float

    @property
    def outside_ms(self) -> float:
        """Time outside the engine."""
        return self.whole_ms - self.inside_ms

    @property
    def row(self) -> tuple[str, ...]:
        """Cells of a table: whole, inside, outside, and its share of the time and of that of all threads."""
        shares = (self.outside_ms / (self.outside_ms + inside) for inside in (self.inside_ms, self.threads_ms))
        numbers = (f"{value:.3f}" for value in (self.whole_ms, self.inside_ms, self.outside_ms))
        return (*numbers, *(f"{100 * share:.1f} %" for share in shares))


HEADER = ("ms", "ms inside", "ms outside", "share", "share of the time of all threads")


class Engine:
    """Records when the compiled engine runs; made before the environments whose engine it records."""

    def __init__(self) -> None:
        self.intervals: list[tuple[float, float]] = []
        backend.program = lambda *arguments: self._recorded(_PROGRAM(*arguments))

    def _recorded(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*arguments: Any) -> Any:
            started = time.perf_counter()
            try:
                return run(*arguments)
            finally:
                self.intervals.append((started, time.perf_counter()))

        return recorded

    @property
    def busy_s(self) -> float:
        """Time in which at least one thread was in the engine, s."""
        total, last = 0.0, 0.0
        for start, stop in sorted(self.intervals):
            total += max(0.0, stop - max(start, last))
            last = max(last, stop)
        return total

    @property
    def threads_s(self) -> float:
        """Time that threads spent in the engine, added up, s."""
        return sum(stop - start for start, stop in self.intervals)

    def times(self, call: Callable[[], object], repeats: int) -> Times:
        """Return the median times of a call."""
        found = []
        for _ in range(repeats):
            self.intervals.clear()
            started = time.perf_counter()
            call()
            whole = time.perf_counter() - started
            found.append((whole, self.busy_s, self.threads_s))
        return Times(*(1e3 * statistics.median(column) for column in zip(*found, strict=True)))


ENVIRONMENTS = 5
"""Number of environments whose median counts, since each lies elsewhere in memory."""


def median_times(name: str, cultures: int, steps: int) -> Times:
    """Return the medians over environments, of which each takes some steps."""
    found = [step_times(name, cultures, steps) for _ in range(ENVIRONMENTS)]
    return Times(*(statistics.median(column) for column in zip(*found, strict=True)))


def step_times(name: str, cultures: int, steps: int) -> Times:
    """Return the times of a step of an id, as a single environment (B = 1) or as a vector environment."""
    engine = Engine()
    env: Any = gym.make(name) if cultures == 1 else gym.make_vec(name, num_envs=cultures)
    env.action_space.seed(0)
    env.reset(seed=0)
    actions = iter([env.action_space.sample() for _ in range(steps + 2)])
    for _ in range(2):
        env.step(next(actions))
    times = engine.times(lambda: env.step(next(actions)), steps)
    env.close()
    return times


def steps(scale: int) -> None:
    """A step of livn/EI2-v0."""
    counts = {1: 20, 8: 12, 64: 8}
    rows = [(str(B), *median_times("livn/EI2-v0", B, scale * n).row) for B, n in counts.items()]
    print("A step of livn/EI2-v0\n")
    table(("B", *HEADER), rows)


def ids(scale: int) -> None:
    """A step of every id on EI2."""
    names = sorted(name for name in gym.registry if name.startswith("livn/EI2-"))
    rows = [(name, str(B), *step_times(name, B, scale * n).row) for B, n in {1: 10, 64: 4}.items() for name in names]
    print("A step of every id on EI2\n")
    table(("id", "B", *HEADER), rows)


def runs(scale: int) -> None:
    """Short runs of one culture of EI2."""
    rows = []
    for duration_ms in (5.0, 1.0):
        engine = Engine()
        env = livn_gym.make("EI2", seed=1, profile="fast").record_spikes()
        env.run(500.0)
        rows.append((f"{duration_ms:g}", *engine.times(lambda: env.run(duration_ms), 100 * scale).row))  # noqa: B023
        env.close()
    print("Env.run of EI2, one culture\n")
    table(("duration, ms", *HEADER), rows)


def resets(scale: int) -> None:
    """A reset of some of 64 environments, against their share of a run of all."""
    cultures = 64
    env: Any = gym.make_vec("livn/EI2-v0", num_envs=cultures)
    env.reset(seed=0)
    culture = env.unwrapped._batch.loops[0].env

    def measured(call: Callable[[], object]) -> float:
        times = []
        for _ in range(scale):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        return 1e3 * statistics.median(times)

    def reset(count: int) -> None:
        mask = np.arange(cultures) < count
        env.reset(options={"reset_mask": mask})

    found = {count: measured(lambda: reset(count)) for count in (1, 2, 8, 32, 64)}  # noqa: B023
    full_ms = measured(lambda: culture.run(SETTLE_MS))
    rows = [
        (str(count), f"{ms:.1f}", f"{full_ms * count / cultures:.1f}", f"{ms / (full_ms * count / cultures):.2f}")
        for count, ms in found.items()
    ]
    env.close()
    print(
        f"Reset of some of {cultures} environments of livn/EI2-v0; their share of a run of all for {SETTLE_MS:g} ms\n"
    )
    table(("environments", "ms", "ms of their share", "times the share"), rows)


TABLES: dict[str, Callable[[int], None]] = {"steps": steps, "ids": ids, "runs": runs, "resets": resets}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), metavar="NAME")
    arguments = parser.parse_args()
    for name in arguments.only:
        TABLES[name](1 if arguments.quick else 3)


if __name__ == "__main__":
    main()
