"""Wall time of 100 ms of EI2 on NEURON, as an RL step would ask for: median of several runs."""

from __future__ import annotations

import platform
import statistics
import time

from livn_gym import make

RUNS = 10


def main() -> None:
    """Print build time and the median, least and greatest time of a run."""
    started = time.perf_counter()
    with make("EI2", backend="neuron") as env:
        built = time.perf_counter() - started
        env.record_spikes()
        env.run(1000)
        times, spikes = [], 0
        for _ in range(RUNS):
            started = time.perf_counter()
            recording = env.run(100)
            times.append(1000 * (time.perf_counter() - started))
            spikes += len(recording.spikes[0])
        rate = spikes / env.system.num_neurons / (0.1 * RUNS)
    print(f"machine        {platform.machine()}, Python {platform.python_version()}")
    print(f"make('EI2')    {built:.2f} s")
    print(f"100 ms of EI2  {statistics.median(times):.0f} ms [{min(times):.0f}-{max(times):.0f}], {RUNS} runs")
    print(f"mean rate      {rate:.1f} Hz")


if __name__ == "__main__":
    main()
