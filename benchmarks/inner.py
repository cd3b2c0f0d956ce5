"""How long a culture balances the pole under gains made by hand, in silence, at random; prints a table.

Run: python benchmarks/inner.py [--episodes 16] [--system EI2]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import livn_gym  # noqa: F401  (registers the ids)

CONDITIONS = {
    "silent culture": "silent_culture",
    "cells shuffled every step": "shuffled_culture",
    "cells shuffled every episode": {"name": "shuffled_culture", "redraw": "episode"},
    "Poisson culture, rates of settling": "poisson_culture",
    "Poisson culture, spikes of the step": {"name": "poisson_culture", "match": "step"},
    "artefacts blanked for 3 ms": "artefact_blanking",
    "artefacts blanked for 8 ms": {"name": "artefact_blanking", "blank_ms": 8.0},
    "latency 10 ms": {"name": "latency", "latency_ms": 10.0},
    "latency 40 ms": {"name": "latency", "latency_ms": 40.0},
    "faults, 10 % dead": "electrode_faults",
    "drift, level 2": {"name": "excitability_drift", "level": 2},
}

Policy = Callable[[NDArray, np.random.Generator], NDArray]


def returns(env_id: str, policy: Policy, episodes: int, seed: int = 100, **options: object) -> NDArray[np.float64]:
    """Return of one episode of every culture; culture i starts from ``seed + i``."""
    env = gym.make_vec(env_id, num_envs=episodes, autoreset_mode="Disabled", **options)
    rng, total, alive = np.random.default_rng(0), np.zeros(episodes), np.ones(episodes, dtype=bool)
    observations, _ = env.reset(seed=seed)
    while alive.any():
        actions = np.stack([policy(row, rng) for row in observations]).astype(np.float32)
        observations, reward, terminated, truncated, _ = env.step(actions)
        total += reward * alive
        ended = terminated | truncated
        alive &= ~ended
        if alive.any() and ended.any():
            observations, _ = env.reset(options={"reset_mask": ended})
    env.close()
    return total


def gains(*shares: float) -> Policy:
    """Constant gains of 0 ... 1: the direct ones of every variable, then the crossed ones."""
    action = np.array(shares) * 2.0 - 1.0
    return lambda observation, rng: action


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--system", default="EI2")
    given = parser.parse_args()
    rows = {
        "silent": gains(*[0.0] * 8),
        "random": lambda observation, rng: rng.uniform(-1.0, 1.0, 8),
        "everything, both ways": gains(*[1.0] * 8),
        "every variable, direct": gains(*[1.0] * 4, *[0.0] * 4),
        "angle, direct": gains(0, 0, 1, 0, *[0.0] * 4),
        "angle and its speed, crossed": gains(*[0.0] * 4, 0, 0, 1, 1),
        "angle and its speed, direct": gains(0, 0, 1, 1, *[0.0] * 4),
    }
    env_id, best = f"livn/{given.system}-CartPole-v0", rows["angle and its speed, direct"]
    print(f"{env_id}, steps balanced (of 500), {given.episodes} episodes each\n")
    head("gains")
    for name, policy in rows.items():
        row(name, returns(env_id, policy, given.episodes))
    print()
    head("the last gains under")
    for name, condition in CONDITIONS.items():
        row(name, returns(env_id, best, given.episodes, conditions=condition))


def head(first: str) -> None:
    """Print the head of a table."""
    print(f"| {first} | mean | median | least | most |\n| --- | --- | --- | --- | --- |")


def row(name: str, got: NDArray[np.float64]) -> None:
    """Print a row of a table."""
    print(f"| {name} | {got.mean():.0f} | {np.median(got):.0f} | {got.min():.0f} | {got.max():.0f} |", flush=True)


if __name__ == "__main__":
    main()
