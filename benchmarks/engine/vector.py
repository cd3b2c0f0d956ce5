"""Steps per second of make_vec against Gymnasium's vectors of single environments, in one run; prints a table.

Run: python benchmarks/engine/vector.py [--env livn/EI1-v0 livn/EI2-v0] [--sizes 1 8 64 256] [--repeats 5] [--quick]

The three take turns, so that what else the machine does hits all of them; the median of the repeats is shown. A vector
of processes needs some 150 MB for each environment, hence its own limit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import product

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv

from livn_gym import processors

SETTLE_MS = 200.0
"""Resets are not what is measured."""


def single(env_id: str) -> gym.Env:
    """One environment; imported here, since processes begin with nothing."""
    import livn_gym  # noqa: F401  (registers the ids)

    return gym.make(env_id, settle_ms=SETTLE_MS, max_episode_steps=1_000_000)


def many(env_id: str, count: int) -> VectorEnv:
    """Our vector environment."""
    import livn_gym  # noqa: F401

    return gym.make_vec(env_id, num_envs=count, settle_ms=SETTLE_MS, max_episode_steps=1_000_000)


def speed(env: VectorEnv, steps: int, rng: np.random.Generator) -> float:
    """Environment steps per second."""
    low, high = env.action_space.low, env.action_space.high
    actions = [rng.uniform(low, high).astype(np.float32) for _ in range(steps)]
    start = time.perf_counter()
    for action in actions:
        env.step(action)
    return steps * env.num_envs / (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", nargs="+", default=["livn/EI1-v0", "livn/EI2-v0"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--async-max", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="sizes 1 and 8, once")
    given = parser.parse_args()
    if given.quick:
        given.sizes, given.repeats, given.async_max = [1, 8], 1, 1
    print(f"Environment steps per second, {len(processors.usable())} processors, median of {given.repeats}\n")
    print("| id | environments | make_vec | SyncVectorEnv | AsyncVectorEnv | make_vec / Sync | make_vec / Async |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for env_id, size in product(given.env, given.sizes):
        makers: dict[str, Callable[[], VectorEnv]] = {
            "make_vec": partial(many, env_id, size),
            "sync": partial(SyncVectorEnv, [partial(single, env_id)] * size),
        }
        if size <= given.async_max:
            makers["async"] = partial(AsyncVectorEnv, [partial(single, env_id)] * size, context="spawn")
        envs = {name: make() for name, make in makers.items()}
        rates: dict[str, list[float]] = {name: [] for name in envs}
        steps = max(2, 128 // size)
        for env in envs.values():
            env.reset(seed=0)
            speed(env, 2, np.random.default_rng(0))
        for repeat in range(given.repeats):
            for name, env in envs.items():
                rates[name].append(speed(env, steps, np.random.default_rng(repeat)))
        for env in envs.values():
            env.close()
        median = {name: float(np.median(values)) for name, values in rates.items()}
        cells = [f"{median[name]:.0f}" if name in median else "not run" for name in ("make_vec", "sync", "async")]
        cells += [f"{median['make_vec'] / median[name]:.1f}" if name in median else "" for name in ("sync", "async")]
        print(f"| `{env_id}` | {size} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
