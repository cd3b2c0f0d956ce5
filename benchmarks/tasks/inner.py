"""How well a culture plays CartPole or Pong under gains made by hand, in silence, at random; prints two tables.

Run: python benchmarks/tasks/inner.py [--task CartPole | Pong] [--episodes 16] [--system EI3]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import gymnasium as gym
import numpy as np
from controls import CONTROLS
from numpy.typing import NDArray

import livn_gym  # noqa: F401  (registers the ids)

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


def policies(task: str, groups: int) -> dict[str, Policy]:
    """What is compared, the best one last; ``groups`` direct gains come before as many crossed ones."""
    none, every = [0.0] * groups, [1.0] * groups
    rows: dict[str, Policy] = {
        "silent": gains(*none, *none),
        "random": lambda observation, rng: rng.uniform(-1.0, 1.0, 2 * groups),
        "everything, both ways": gains(*every, *every),
    }
    if task == "Pong":
        return rows | {"every place, crossed": gains(*none, *every), "every place, direct": gains(*every, *none)}
    return rows | {
        "every variable, direct": gains(*every, *none),
        "angle, direct": gains(0, 0, 1, 0, *none),
        "angle and its speed, crossed": gains(*none, 0, 0, 1, 1),
        "angle and its speed, direct": gains(0, 0, 1, 1, *none),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=("CartPole", "Pong"), default="CartPole")
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--system", default="EI3")
    given = parser.parse_args()
    env_id = f"livn/{given.system}-{given.task}-v0"
    with gym.make(env_id) as env:
        rows = policies(given.task, env.action_space.shape[0] // 2)
        limit = env.spec.max_episode_steps
    print(f"{env_id}, return of episodes of at most {limit} steps, {given.episodes} episodes each\n")
    head("gains")
    for name, policy in rows.items():
        row(name, returns(env_id, policy, given.episodes))
    print()
    head("the last gains under")
    for name, options in CONTROLS.items():
        row(name, returns(env_id, list(rows.values())[-1], given.episodes, **options))


def head(first: str) -> None:
    """Print the head of a table."""
    print(f"| {first} | mean | median | least | most |\n| --- | --- | --- | --- | --- |")


def row(name: str, got: NDArray[np.float64]) -> None:
    """Print a row of a table."""
    print(f"| {name} | {got.mean():.1f} | {np.median(got):.0f} | {got.min():.0f} | {got.max():.0f} |", flush=True)


if __name__ == "__main__":
    main()
