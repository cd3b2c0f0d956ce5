"""Wall time of a culture on both engines, measured in one run: ms of wall time per 100 ms of each culture.

Ratios and medians are the point; the machine, its SIMD width and the number of processors are printed with them.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from dataclasses import replace

import gymnasium as gym
import numpy as np

import livn_gym  # noqa: F401 (registers the environments)
from livn_gym.backends import PROFILES, Backend, CultureSpec, Profile, create
from livn_gym.backends.native import NativeBackend
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.recording import RecordingRequest
from livn_gym.system import make

RUNS = 5
DEFAULT = PROFILES["exact"]
FAST = PROFILES["fast"]


def wall_ms(
    backend: Backend, name: str, cultures: int, setting: Profile, duration_ms: float, runs: int = RUNS
) -> float:
    """Median wall time of 100 ms of one of B cultures, ms, after as long a time of settling."""
    dt_ms = setting.dt_ms
    system = make(name)
    parameters = ParameterSet(system).updated(tuned(system)).frozen()
    spec = CultureSpec(system, ReducedCalciumSomaDendrite(), dt_ms, setting.scheme, cultures, setting.precision)
    backend.build(spec, parameters, list(range(cultures)))
    request, nothing = RecordingRequest(spikes=system.gids()), [None] * cultures
    times = []
    try:
        backend.run(round(duration_ms / dt_ms), nothing, request)
        for _ in range(runs):
            started = time.perf_counter()
            backend.run(round(duration_ms / dt_ms), nothing, request)
            times.append((time.perf_counter() - started) * 1e3 / duration_ms * 100 / cultures)
    finally:
        backend.close()
    return statistics.median(times)


def step_overhead(steps: int = 50) -> tuple[float, float]:
    """Median wall time of a step of livn/EI2-v0 and of what of it is spent outside the engine, ms."""
    env = gym.make("livn/EI2-v0")
    env.reset(seed=0)
    backend = env.unwrapped._loop.env._backend
    inside = [0.0]
    run = backend.run

    def timed(*arguments):
        started = time.perf_counter()
        result = run(*arguments)
        inside[0] = time.perf_counter() - started
        return result

    backend.run = timed
    whole, outside = [], []
    for _ in range(steps):
        action = env.action_space.sample()
        started = time.perf_counter()
        env.step(action)
        whole.append(time.perf_counter() - started)
        outside.append(whole[-1] - inside[0])
    env.close()
    return statistics.median(whole) * 1e3, statistics.median(outside) * 1e3


def memory_MB(cultures: int = 256) -> float:
    """Rise of the greatest resident size by building and running cultures of EI2, MB; to be measured first."""
    wall_ms(NativeBackend(1), "EI2", 1, DEFAULT, 50.0, 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall_ms(NativeBackend(1), "EI2", cultures, DEFAULT, 50.0, 1)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """Print the table."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    memory = memory_MB()
    print(f"{platform.machine()}, {os.cpu_count()} processors, SIMD {simd}, one thread unless said")

    def native(threads: int = 1) -> NativeBackend:
        return NativeBackend(threads)

    single, fast64 = replace(DEFAULT, precision="float32"), replace(FAST, precision="float64")

    rows = {
        "NEURON": wall_ms(create("neuron"), "EI2", 1, DEFAULT, 500.0),
        "NEURON, fast setting": wall_ms(create("neuron"), "EI2", 1, fast64, 500.0),
        "float64": wall_ms(native(), "EI2", 1, DEFAULT, 1000.0),
        "float64, 8 cultures": wall_ms(native(), "EI2", 8, DEFAULT, 200.0),
        "float64, 16 cultures": wall_ms(native(), "EI2", 16, DEFAULT, 200.0),
        "float64, 16 cultures, 2 threads": wall_ms(native(threads=2), "EI2", 16, DEFAULT, 200.0),
        "float64, fast setting, 8 cultures": wall_ms(native(), "EI2", 8, fast64, 200.0),
        "float32, 8 cultures": wall_ms(native(), "EI2", 8, single, 200.0),
        "float32, fast setting": wall_ms(native(), "EI2", 1, FAST, 1000.0),
        "float32, fast setting, 8 cultures": wall_ms(native(), "EI2", 8, FAST, 200.0),
        "EI3, float64": wall_ms(native(), "EI3", 1, DEFAULT, 200.0),
        "EI4, float64": wall_ms(native(), "EI4", 1, DEFAULT, 100.0, 2),
        "EI4, float32, fast setting": wall_ms(native(), "EI4", 1, FAST, 100.0, 2),
    }
    print(f"EI2 unless said; {DEFAULT.dt_ms} ms {DEFAULT.scheme}, fast: {FAST.dt_ms} ms {FAST.scheme}")
    for label, milliseconds in rows.items():
        print(f"{label:36s} {milliseconds:8.1f} ms   {rows['NEURON'] / milliseconds:6.2f} x NEURON")
    one, two = rows["float64, 16 cultures"], rows["float64, 16 cultures, 2 threads"]
    print(f"two threads against one: {one / two:.2f} x")
    small = rows["float64"]
    print(f"EI3 / EI2: {rows['EI3, float64'] / small:.1f} x; EI4 / EI2: {rows['EI4, float64'] / small:.0f} x")
    step, outside = step_overhead()
    print(f"a step of livn/EI2-v0: {step:.1f} ms, of which {outside:.2f} ms outside the engine")
    print(f"256 cultures of EI2: {memory:.0f} MB more")


if __name__ == "__main__":
    main()
