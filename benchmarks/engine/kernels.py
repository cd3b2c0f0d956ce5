"""What two lines of the kernels bring: no subnormal numbers in synapses, and SIMD registers of full width.

    python benchmarks/engine/kernels.py [--system EI2] [--ms 4000] [--rounds 5] [--quick]

Two cultures with the shipped parameters, two threads, profiles fast and exact; kernels with and without each line in
turns, medians over the rounds. The spikes of all must be equal. What comes out is the processor's matter: subnormal
numbers cost a lot on Intel's, and LLVM takes half of the register's width on those with AVX-512.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

import llvmlite.binding
import numpy as np

from livn_gym.backends.native import generate, lines
from livn_gym.env import Env
from livn_gym.parameters import tuned
from livn_gym.system import make

SEEDS = [5000, 5001]


@contextmanager
def kernels(subnormal: bool, narrow: bool) -> Iterator[None]:
    """Kernels generated meanwhile lack the lines."""
    least, kernel = lines.MIN_CONDUCTANCE_US, generate.KERNEL
    lines.MIN_CONDUCTANCE_US = 0.0 if subnormal else least
    generate.KERNEL = kernel.replace("    whole_registers()\n", "") if narrow else kernel
    try:
        yield
    finally:
        lines.MIN_CONDUCTANCE_US, generate.KERNEL = least, kernel


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--ms", type=float, default=4000.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of 200 ms")
    a = parser.parse_args()
    if a.quick:
        a.ms, a.rounds = 200.0, 1
    system = make(a.system)
    print(f"{a.system}, {llvmlite.binding.get_host_cpu_name()}\n")
    print("| profile | subnormal numbers | registers | ms for 100 ms of a culture | times faster |")
    print("| --- | --- | --- | --- | --- |")
    for profile in ("fast", "exact"):
        envs = {}
        for subnormal, narrow in ((True, True), (False, True), (True, False), (False, False)):
            with kernels(subnormal, narrow):
                env = Env(system, seed=SEEDS, num_cultures=len(SEEDS), profile=profile).init()
                env.set_params(tuned(system, None))
                env.clear(SEEDS)
                env.record_spikes()
                env.run(a.ms)  # compiles; and from silence on there are no subnormal numbers yet
                envs[subnormal, narrow] = env
        seconds: dict[tuple[bool, bool], list[float]] = {which: [] for which in envs}
        for _ in range(a.rounds):
            runs = []
            for which, env in envs.items():
                started = time.perf_counter()
                runs.append(env.run(a.ms))
                seconds[which].append(time.perf_counter() - started)
            for run in runs[1:]:
                if not all(map(np.array_equal, runs[0].spikes, run.spikes)):
                    raise SystemExit("The kernels' spikes differ.")
        slowest = float(np.median(seconds[True, True]))
        for (subnormal, narrow), each in seconds.items():
            median = float(np.median(each))
            cells = ("kept" if subnormal else "0", "LLVM's choice" if narrow else "full")
            ms = median / len(SEEDS) / a.ms * 100.0 * 1e3
            print(f"| {profile} | {cells[0]} | {cells[1]} | {ms:.3g} | {slowest / median:.2f} |", flush=True)
        for env in envs.values():
            env.close()


if __name__ == "__main__":
    main()
