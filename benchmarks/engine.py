"""Wall time of a culture on both engines, measured in one run: ms of wall time per 100 ms of each culture.

Ratios and medians are the point; the machine, its SIMD width and the number of processors are printed with them.
"""

from __future__ import annotations

import os
import platform
import statistics
import time

import numpy as np

from livn_gym.backends import CultureSpec, create
from livn_gym.backends.native import NativeBackend
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.recording import RecordingRequest
from livn_gym.system import make

RUNS = 5


def wall_ms(
    backend, name: str, cultures: int, dt_ms: float, scheme: str, duration_ms: float, runs: int = RUNS
) -> float:
    """Median wall time of 100 ms of one of B cultures, ms, after a second of settling."""
    system = make(name)
    parameters = ParameterSet(system).updated(tuned(system)).frozen()
    backend.build(
        CultureSpec(system, ReducedCalciumSomaDendrite(), dt_ms, scheme, cultures), parameters, list(range(cultures))
    )
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


def main() -> None:
    """Print the table."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    print(f"{platform.machine()}, {os.cpu_count()} processors, SIMD {simd}, one thread unless said")
    euler, second = "backward_euler", "second_order"
    rows = [
        ("NEURON, EI2, 0.025 ms", wall_ms(create("neuron"), "EI2", 1, 0.025, euler, 500.0)),
        ("NEURON, EI2, 0.05 ms second order", wall_ms(create("neuron"), "EI2", 1, 0.05, second, 500.0)),
        ("native, EI2, 0.025 ms", wall_ms(NativeBackend(1), "EI2", 1, 0.025, euler, 1000.0)),
        ("native, EI2, 0.025 ms, 8 cultures", wall_ms(NativeBackend(1), "EI2", 8, 0.025, euler, 200.0)),
        ("native, EI2, 0.025 ms, 8 cultures, 2 threads", wall_ms(NativeBackend(2), "EI2", 8, 0.025, euler, 200.0)),
        ("native, EI2, 0.05 ms second order", wall_ms(NativeBackend(1), "EI2", 1, 0.05, second, 1000.0)),
        ("native, EI3, 0.025 ms", wall_ms(NativeBackend(1), "EI3", 1, 0.025, euler, 200.0)),
        ("native, EI4, 0.025 ms", wall_ms(NativeBackend(1), "EI4", 1, 0.025, euler, 100.0, 2)),
    ]
    neuron = rows[0][1]
    for label, milliseconds in rows:
        print(f"{label:46s} {milliseconds:8.1f} ms   {neuron / milliseconds:6.2f} x NEURON")
    one, two = rows[3][1], rows[4][1]
    print(f"two threads against one: {one / two:.2f} x")
    print(f"EI3 / EI2: {rows[6][1] / rows[2][1]:.1f} x; EI4 / EI2: {rows[7][1] / rows[2][1]:.0f} x")


if __name__ == "__main__":
    main()
