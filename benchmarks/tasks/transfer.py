"""Agents on graphs they were trained on and on others; prints a table.

A learner is trained three times with every seed: on the predefined graph, on a graph of its own for every environment,
and on such graphs with weights and noise drawn anew for every episode (domain randomisation). All are played on the
predefined graph, on the training graphs and on graphs that none has seen, these also with weights and noise drawn.
Medians are printed besides means, since a few of the cultures drawn respond so strongly that they decide on the mean.

Run: python benchmarks/tasks/transfer.py [--agent sac] [--env livn/EI2-v0] [--seeds 3] [--steps 10000] [--out DIR]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym.agents import evaluate, hyperparameters, learned
from livn_gym.agents.baselines import NAMES, Agent
from livn_gym.agents.report import markdown
from livn_gym.agents.train import train

HELD_OUT = [201, 202, 203, 204]
VARIED = {"weight-*": [0.9, 1.1], "noise-*-std_*": [0.95, 1.05]}
"""Domain randomisation. EI2 still lives and responds at the ends of these; chosen before any agent was trained."""
TRAINED_ON: dict[str, dict[str, Any]] = {
    "the predefined graph": {},
    "a graph for every environment": {"graph_seed": "per_env"},
    "such graphs, weights and noise drawn": {"graph_seed": "per_env", "randomize": VARIED},
}


def main() -> None:
    """Train, play and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", default="sac")
    parser.add_argument("--env", default="livn/EI2-v0")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--episodes", type=int, default=24)
    parser.add_argument("--out", type=Path, help="folder of the runs, which then continue; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        compare(arguments, arguments.out or Path(scratch))


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    """Train what the folder does not hold yet, play everything, print."""
    env_id, agent = arguments.env, arguments.agent
    envs = hyperparameters.load(agent, env_id).num_envs
    played_on: dict[str, dict[str, Any]] = {
        "predefined": {},
        f"training graphs 0 ... {envs - 1}": {"graph_seed": list(range(envs))},
        f"held-out graphs {HELD_OUT[0]} ... {HELD_OUT[-1]}": {"graph_seed": HELD_OUT},
        "held-out graphs, weights and noise drawn": {"graph_seed": HELD_OUT, "randomize": VARIED},
    }
    rows: dict[str, list[Callable[[], Agent]]] = {}
    for name, options in TRAINED_ON.items():
        for seed in range(arguments.seeds):
            run = folder / f"{agent}-{name.replace(' ', '-')}-{seed}"
            # Evaluated as often as the benchmark does, so that its runs can be put into the folder.
            train(
                *(agent, env_id, run),
                steps=arguments.steps,
                seed=seed,
                resume=True,
                evaluations=4,
                eval_episodes=4,
                options=options,
            )
            trained = learned.load(run)
            rows.setdefault(f"{agent}, {name}", []).append(lambda trained=trained: trained)
    for name in NAMES:
        rows[name] = [evaluate.baseline(name, env_id)]  # the best constant is searched on the predefined graph
    header = ("agent, trained on", "runs", *played_on)
    statistics = {"mean": np.mean, "median": np.median}
    lines: dict[str, list[tuple[str, ...]]] = {of: [] for of in statistics}
    for name, makers in rows.items():
        cells: dict[str, list[str]] = {of: [] for of in statistics}
        for options in played_on.values():
            played = evaluate.play(dict(enumerate(makers)), env_id, episodes=arguments.episodes, **options)
            for of, statistic in statistics.items():
                runs = [float(statistic([episode.total_reward for episode in found])) for found in played.values()]
                interval = f" ({min(runs):.1f} ... {max(runs):.1f})" if len(runs) > 1 else ""
                cells[of].append(f"{np.mean(runs):.1f}{interval}")
        for of in statistics:
            lines[of].append((name, str(len(makers)), *cells[of]))
    for of in statistics:
        print(f"{env_id}: {of} return of {arguments.episodes} episodes; mean over runs (lowest ... highest run)\n")
        print(markdown(lines[of], header))


if __name__ == "__main__":
    main()
