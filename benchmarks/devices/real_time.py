"""Share of real time that a simulated device takes on one processor, by the length of the blocks in which it is read.

A culture of 1,000 cells (EI3) under a CL1's array: the culture, the voltages of 64 channels at 25 kHz, and the
detection of spikes on them. Everything runs on one thread of one processor; the time is that of the process on it, so
that other programs do not count. A share below 100 % keeps up with real time.

Run ``python benchmarks/devices/real_time.py [--seconds 20] [--system EI3]``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from arrays import culture

from livn_gym import device_profile
from livn_gym.signals import ElectrodeSignals, ThresholdDetector

sys.path.append(str(Path(__file__).parents[1] / "engine"))
from tables import machine, table  # noqa: E402 - from the folder of the engine's benchmarks

BLOCKS_MS = (0.2, 1.0, 10.0, 100.0)
SETTLE_MS = 1000.0


def shares(system: str, block_ms: float, seconds: float) -> tuple[float, float, float, float]:
    """Return the shares of real time of culture, voltages and detection, and the longest block on the clock in ms."""
    profile = device_profile.find("cl1")
    env = culture(system, profile, scaled=True, seed=1, dt=0.04, backend={"name": "native", "threads": 1})
    signals, detector = ElectrodeSignals(env, profile, 1), ThresholdDetector(profile)
    detector.detect(signals.frames(env.run(SETTLE_MS)))  # compiles the kernels
    spent, longest = [0.0, 0.0, 0.0], 0.0
    for _ in range(round(seconds * 1000.0 / block_ms)):
        clock, before = time.perf_counter(), time.process_time()
        recording = env.run(block_ms)
        after_run = time.process_time()
        frames = signals.frames(recording)
        after_frames = time.process_time()
        detector.detect(frames)
        after = time.process_time()
        for k, part in enumerate((after_run - before, after_frames - after_run, after - after_frames)):
            spent[k] += part
        longest = max(longest, time.perf_counter() - clock)
    env.close()
    run, frames_share, detection = (part / seconds for part in spent)
    return run, frames_share, detection, 1e3 * longest


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="simulated seconds per row")
    parser.add_argument("--system", default="EI3", help="name of the system")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{arguments.system}, cl1, {arguments.seconds:g} s per row, one thread. {machine()}.\n")
    rows = []
    for block_ms in BLOCKS_MS:
        *parts, longest = shares(arguments.system, block_ms, arguments.seconds)
        percent = [f"{100.0 * part:.1f}" for part in (*parts, sum(parts))]
        rows.append([f"{block_ms:g}", *percent, f"{longest:.2f}"])
    columns = (
        "culture (%)",
        "voltages (%)",
        "detection (%)",
        "total (%)",
        "longest block (ms)",
    )
    table(("block (ms)", *columns), rows)


if __name__ == "__main__":
    main()
