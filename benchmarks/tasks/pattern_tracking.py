"""What PatternTracking pays for actions made by hand, the hidden command itself among them; prints a table.

Run: python benchmarks/tasks/pattern_tracking.py [--episodes 8] [--steps 30] [--graph-seed 101]
"""

from __future__ import annotations

import argparse
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import livn_gym  # noqa: F401  (registers the ids)

CONSTANTS = (0.3, 0.5, 0.7, 1.0)
"""Shares of the highest amplitude that all channels get alike."""


def correlations(name: str, episodes: int, steps: int, **options: Any) -> NDArray[np.float64]:
    """Return the mean correlation of every episode under the actions of that name, ``[episodes]``."""
    envs: Any = gym.make_vec("livn/EI3-PatternTracking-v0", num_envs=episodes, max_episode_steps=steps + 1, **options)
    observations, _ = envs.reset(seed=100)
    tasks = envs.unwrapped._batch.loops[0].tasks
    hidden = np.array([task.hidden for task in tasks])
    targets = observations[:, 2 * hidden.shape[1] :]
    highest = np.where(tasks[0].regions == targets.argmax(axis=1)[:, None], 1.0, -1.0)
    fixed = {"silent": np.full(hidden.shape, -1.0), "hidden command": hidden, "region of the highest target": highest}
    fixed |= {f"constant {share:g}": np.full(hidden.shape, 2.0 * share - 1.0) for share in CONSTANTS}
    rng, found = np.random.default_rng(0), []
    for _ in range(steps):
        actions = fixed[name] if name in fixed else rng.uniform(-1.0, 1.0, hidden.shape)
        *_, info = envs.step(actions.astype(np.float32))
        found.append(info["correlation"])
    envs.close()
    return np.mean(found, axis=0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--graph-seed", type=int, default=None)
    given = parser.parse_args()
    print("| action | partial correlation of a step, mean ± deviation of episodes |\n| --- | --- |")
    rows: list[tuple[str, str | None]] = [("silent", None), ("random", None)]
    rows += [(f"constant {share:g}", None) for share in CONSTANTS]
    rows += [("hidden command", None), ("region of the highest target", None)]
    rows += [(rows[-1][0], condition) for condition in ("synapses_cut", "shuffled_culture", "poisson_culture")]
    for name, condition in rows:
        options = {"graph_seed": given.graph_seed, "conditions": condition}
        found = correlations(name, given.episodes, given.steps, **options)
        print(f"| {name}{f', {condition}' if condition else ''} | {found.mean():.2f} ± {found.std():.2f} |", flush=True)


if __name__ == "__main__":
    main()
