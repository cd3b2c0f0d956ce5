"""Speed of one culture on several threads, as Markdown tables: measured, and by a model for more processors.

Measured: wall time with 1 and 2 threads (with more processors also 4, 8 and 16), in turns, medians of pairs.
The spikes of all must be equal. The cost of a barrier is that of two threads that do nothing else.

Model for n threads: parallel part / n x imbalance + serial part + windows x barrier. The parallel and the serial part
are those with which the model gives the times that were measured with 1 and 2 threads. The imbalance is the largest
number of blocks of a thread over the mean. A barrier of n threads is assumed to cost n / 2 times that of 2, and every
thread to have a whole processor of the speed that it has beside one other.

``--systems NAMES`` measures some systems; ``--quick`` takes fewer rounds.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from typing import NamedTuple

import numpy as np
from contestants import Native
from numba import njit
from tables import table

from livn_gym import processors
from livn_gym.backends import PROFILES
from livn_gym.backends.native.group import aligned
from livn_gym.backends.native.group_run import block_bounds
from livn_gym.backends.native.layout import LANES
from livn_gym.backends.native.team import LINE, meet
from livn_gym.backends.native.team_size import TeamChoice, group_size

COUNTS = {"EI2": (80, 20), "EI3": (800, 200), "EI4": (8000, 2000)}
MS = {"EI2": 500.0, "EI3": 100.0, "EI4": 50.0}
MODEL_THREADS = (4, 8, 16)


@njit(nogil=True)
def _meet_often(progress, thread, count, control, number):
    for k in range(number):
        meet(progress, thread, k, count, control)


def barrier_us(number: int = 100_000) -> float:
    """Return the time of a barrier of two threads, us."""
    control, count = np.zeros(5, np.int64), np.zeros(3, np.int64)

    def run(number: int) -> float:
        progress = aligned(2 * LINE, np.int64).reshape(2, LINE)
        threads = [
            threading.Thread(target=_meet_often, args=(progress, thread, count, control, number)) for thread in (0, 1)
        ]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (time.perf_counter() - started) / number * 1e6

    run(10)
    return statistics.median(run(number) for _ in range(5))


class Measured(NamedTuple):
    """Times of a run by number of threads, ms, and the number of its windows."""

    ms: dict[int, float]
    speedup: dict[int, float]
    windows: int


def measure(name: str, profile: str, cultures: int, threads: list[int], rounds: int) -> Measured:
    """Measure cultures on different numbers of threads, in turns.

    Raises:
        SystemExit: The spikes differ.
    """
    setting, duration_ms = PROFILES[profile], MS[name]
    engines = {number: Native(name, cultures, setting, number) for number in threads}
    seconds: dict[int, list[float]] = {number: [] for number in threads}
    steps = round(duration_ms / setting.dt_ms)
    for _ in range(rounds):
        spikes = []
        for number, engine in engines.items():
            started = time.perf_counter()
            recording = engine.backend.run(steps, None, engine.request)
            seconds[number].append(time.perf_counter() - started)
            spikes.append((recording.spike_culture, recording.spike_gid, recording.spike_t))
        if not all(np.array_equal(a, b) for other in spikes[1:] for a, b in zip(spikes[0], other, strict=True)):
            raise SystemExit("The spikes of different numbers of threads differ.")
    windows = -(-steps // engines[1].backend._synapses.window)
    for engine in engines.values():
        engine.close()
    ms = {number: statistics.median(values) * 1e3 for number, values in seconds.items()}
    ratios = {
        number: statistics.median(one / many for one, many in zip(seconds[1], values, strict=True))
        for number, values in seconds.items()
    }
    return Measured(ms, ratios, windows)


def modelled(
    measured: Measured, counts: tuple[int, ...], precision: str, threads: int, barrier_ms: float
) -> tuple[int, float]:
    """Return the size of the team among some threads, and the speedup by the model."""
    blocks = np.array([-(-count // LANES[precision]) for count in counts])

    def imbalance(team: int) -> float:
        return float(np.diff(block_bounds(blocks, team), axis=0).sum(axis=1).max() * team / blocks.sum())

    one, two = measured.ms[1], measured.ms[1] / measured.speedup[2]
    parallel = (one - two + measured.windows * barrier_ms) / (1.0 - imbalance(2) / 2.0)
    serial = one - parallel
    _, team = group_size(1, counts, threads, precision)
    time_ms = (
        one if team == 1 else parallel / team * imbalance(team) + serial + measured.windows * barrier_ms * team / 2
    )
    return team, one / time_ms


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", choices=list(COUNTS), default=list(COUNTS))
    parser.add_argument("--quick", action="store_true")
    a = parser.parse_args()
    usable = len(processors.usable())
    if usable < 2:
        raise SystemExit("This process may use a single processor.")
    TeamChoice.note = lambda *_, **__: None  # type: ignore[method-assign]  # teams also beside other programs
    threads = [1, *(number for number in (2, *MODEL_THREADS) if number <= usable)]
    barrier = barrier_us()
    print(f"A barrier of two threads: {barrier:.2f} us\n")
    rows, model = [], []
    for name in a.systems:
        for profile in ("fast", "exact"):
            for cultures in (1, 3):
                rounds = 3 if a.quick else 15 if name == "EI4" else 40
                found = measure(name, profile, cultures, threads, rounds)
                scale = 100.0 / MS[name]
                times = (f"{ms * scale:.2f}" for ms in found.ms.values())
                rows.append((name, profile, cultures, *times, *(f"{found.speedup[n]:.2f}" for n in threads[1:])))
                precision = PROFILES[profile].precision
                if cultures == 1 and group_size(1, COUNTS[name], 2, precision)[1] > 1:
                    each = (
                        modelled(found, COUNTS[name], precision, number, barrier * 1e-3) for number in MODEL_THREADS
                    )
                    model.append((name, profile, *(f"{speedup:.1f} ({team})" for team, speedup in each)))
    print("ms for 100 ms of all cultures, and times faster than one thread\n")
    table(
        (
            "system",
            "profile",
            "B",
            *(f"{n} thread{'s' * (n > 1)}" for n in threads),
            *(f"x {n} threads" for n in threads[1:]),
        ),
        rows,
    )
    print("Model of one culture: times faster than one thread (threads in the team)\n")
    table(("system", "profile", *(f"{n} processors" for n in MODEL_THREADS)), model)


if __name__ == "__main__":
    main()
