"""What plasticity costs: a culture never plastic, switched off again, and learning, in turns; prints a table.

    python benchmarks/engine/plasticity.py [--system EI2] [--cultures 1 8] [--runs 45] [--profile fast] [--quick]

The three stand ready side by side and take turns in changing order, so that what else the machine does hits all of
them; medians are shown, and their ratios. Learning is STDP on EXC_EXC and InhibitorySTDP on INH_EXC with rates of zero,
so that all bookkeeping is done while the spikes stay the same; that they do is checked.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from livn_gym import make
from livn_gym.env import Env
from livn_gym.plasticity import STDP, InhibitorySTDP

STILL = {"EXC_EXC": STDP(0.0, 0.0), "INH_EXC": InhibitorySTDP(eta=0.0)}


def cultures(system: str, count: int, profile: str) -> dict[str, Env]:
    """The same cultures three times."""
    envs = {
        name: make(system, profile=profile, num_cultures=count, seed=list(range(count))).record_spikes()
        for name in ("never", "switched off", "learning")
    }
    for name in ("switched off", "learning"):
        envs[name].enable_plasticity(STILL)
    envs["switched off"].disable_plasticity()
    return envs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--cultures", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--runs", type=int, default=45)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--quick", action="store_true", help="one culture, three turns")
    given = parser.parse_args()
    if given.quick:
        given.cultures, given.runs = [1], 3
    print(f"{given.system}, profile {given.profile}, 100 ms, median of {given.runs} turns\n")
    print("| cultures | never (ms) | switched off (ms) | learning (ms) | off / never | learning / never |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in given.cultures:
        envs = cultures(given.system, count, given.profile)
        for env in envs.values():
            env.run(200.0)
        times: dict[str, list[float]] = {name: [] for name in envs}
        for turn in range(given.runs):
            spikes = []
            for k in range(len(envs)):
                name = list(envs)[(turn + k) % len(envs)]
                started = time.perf_counter()
                recording = envs[name].run(100.0)
                times[name].append((time.perf_counter() - started) * 1e3)
                spikes.append(recording.spike_t)
            if not all(np.array_equal(spikes[0], own) for own in spikes):
                raise SystemExit("The three did not fire alike.")
        for env in envs.values():
            env.close()
        never, off, learning = (float(np.median(own)) for own in times.values())
        ratios = f"{off / never:.2f} | {learning / never:.2f}"
        print(f"| {count} | {never:.1f} | {off:.1f} | {learning:.1f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
