"""Maps of single electrodes with and without the trials into which a network burst fell.

    python benchmarks/culture_maps.py [--system EI4] [--graphs own 201] [--electrodes 8] [--trials 16] [--above 1.15]

One culture of every graph, seed 5000, each in a process of its own. A trial counts as one with a burst where the
population fires more than ``above`` times the median trial's spikes.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from livn_gym.env import Env
from livn_gym.parameters import tuned
from livn_gym.system import make
from livn_gym.tuning.measurement import cell_rates_hz, identified
from livn_gym.tuning.protocol import Protocol, observe

SEED = 5000


def maps(system: str, graph: int | None, electrodes: int, trials: int, above: float) -> tuple[int, int, float, float]:
    """Trials in all and with a burst; share of maps told apart, with all trials and without those."""
    protocol = Protocol(
        rest_ms=5000.0,
        stimulated_ms=500.0,
        levels_uA=(0.0, 15.0),
        level_ms=200.0,
        pause_ms=200.0,
        map_electrodes=electrodes,
        map_trials=trials,
    )
    built = make(system, graph)
    with Env(built, seed=SEED, profile="fast") as env:
        env.init()
        env.set_params(tuned(built, None))
        observation = observe(env, protocol)
    assert observation.evoked is not None
    evoked = observation.evoked[0]
    rest = cell_rates_hz(observation.rest[0], built.num_neurons) * protocol.map_ms * 1e-3
    population = evoked.sum(axis=2)
    quiet = population <= above * np.median(population)
    shares = [_told_apart(evoked - rest, kept) for kept in (np.ones_like(quiet), quiet)]
    return quiet.size, int((~quiet).sum()), shares[0], shares[1]


def _told_apart(evoked: np.ndarray, kept: np.ndarray) -> float:
    """Share of electrodes found again, maps of even against maps of odd trials, of those ``kept``."""
    halves = []
    for start in (0, 1):
        chosen = kept[start::2]
        if not chosen.any(axis=0).all():
            raise SystemExit("An electrode has no trial left in one half: take more trials.")
        halves.append((evoked[start::2] * chosen[..., None]).sum(axis=0) / chosen.sum(axis=0)[:, None])
    return identified(*halves)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="EI4")
    parser.add_argument("--graphs", nargs="+", default=["own", "201"])
    parser.add_argument("--electrodes", type=int, default=8)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--above", type=float, default=1.15)
    a = parser.parse_args()
    graphs = [None if graph == "own" else int(graph) for graph in a.graphs]
    print(
        "| graph | trials | with a burst | told apart, all trials | without bursts |\n| --- | --- | --- | --- | --- |"
    )
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        started = [pool.submit(maps, a.system, graph, a.electrodes, a.trials, a.above) for graph in graphs]
        for graph, future in zip(a.graphs, started, strict=True):
            trials, bursts, every, quiet = future.result()
            print(f"| {graph} | {trials} | {bursts} | {every:.3g} | {quiet:.3g} |", flush=True)


if __name__ == "__main__":
    main()
