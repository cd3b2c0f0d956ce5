"""Measure by the gate which tasks a device can drive: the network must answer pulses within the device's limits.

Results are in benchmarks/devices/results/<device>, one file per id; those that hold for the present parameters, task
and device are not measured again, so that an interrupted run continues. A task that fails is refused with it: the
reason belongs in the table ``[refused_devices]`` of the task's config, and this script measures it all the same.

Run: python benchmarks/devices/tasks.py [--device cl1] [--ids IDS] [--short] [--only-print]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from livn_gym.device_profile import ALL_TASKS
from livn_gym.testing import gate_files

RESULTS = Path(__file__).resolve().parent / "results"
IDS = (
    "livn/EI3-v0",
    "livn/EI3-PatternTracking-v0",
    "livn/EI3-ResponseClamp-v0",
    "livn/EI3-Discrimination-v0",
    "livn/EI3-CartPole-v0",
    "livn/EI3-Pong-v0",
)
"""Ids on the system whose array has the shape of the device's, without those that need light."""


def measure(device: str, ids: list[str], short: bool) -> None:
    """Measure what is missing, and print the time that each id took."""
    for env_id in ids:
        started = time.perf_counter()
        for result in gate_files.measure(
            [env_id], RESULTS / device, short=short, device={"name": device, ALL_TASKS: True}
        ):
            print(f"{env_id}: {result.verdict}, {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    """Measure what is missing and print the table of all results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cl1", help="profile of the device")
    parser.add_argument("--ids", nargs="*", default=list(IDS), help="ids to measure")
    parser.add_argument("--short", action="store_true", help="short form: 4 episodes and a small search")
    parser.add_argument("--only-print", action="store_true", help="print what is there")
    given = parser.parse_args()
    if not given.only_print:
        measure(given.device, given.ids, given.short)
    results = gate_files.read(RESULTS / given.device)
    print(gate_files.page_table(results))
    for result in results:
        for reason in result.reasons:
            print(f"{result.name} ({result.verdict}): {reason}")


if __name__ == "__main__":
    main()
