"""How well a fixed decoder tells two patterns apart under actions made by hand; prints a table.

Run: python benchmarks/tasks/discrimination.py [--cultures 8] [--trials 30] [--graph-seed 101]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from controls import CONTROLS
from numpy.typing import NDArray

import livn_gym  # noqa: F401  (registers the ids)
from livn_gym.agents.reference_agents import families_of

ENV_ID = "livn/EI3-Discrimination-v0"

Policy = Callable[[NDArray, np.random.Generator], NDArray]
"""Action for an observation."""


def trials(policy: Policy, cultures: int, steps: int, **options: Any) -> str:
    """Return a row of the table: reward, accuracy, spread of the decoder's output in Hz."""
    env: Any = gym.make_vec(ENV_ID, num_envs=cultures, max_episode_steps=steps + 1, **options)
    scale_hz = env.unwrapped._batch.loops[0].tasks[0].options.scale_hz
    rng, rewards, outputs = np.random.default_rng(0), [], []
    observations, _ = env.reset(seed=100)
    for _ in range(steps):
        actions = np.stack([policy(row, rng) for row in observations]).astype(np.float32)
        observations, reward, _, _, info = env.step(actions)
        rewards.append(reward)
        outputs.append(info["margin"] * info["cue"] * scale_hz)
    env.close()
    return f"{np.mean(rewards):.2f} | {100 * info['accuracy'].mean():.0f} % | {np.std(outputs):.0f}"


def by_weight(electrodes: int, strength: float) -> Policy:
    """Return the reference agent that stimulates some electrodes where the decoder reads the cue."""
    with gym.make(ENV_ID, settle_ms=0.0) as env:
        culture_env: Any = env.unwrapped
        _, info = env.reset(seed=0)
        agent = families_of("discrimination", culture_env, info)[1].make(electrodes=electrodes, strength=strength)
        agent.reset(env, info)
    return lambda observation, rng: agent.act(observation, {})


def constant(action: float) -> Policy:
    """Return the same action for every electrode."""
    return lambda observation, rng: np.full(len(observation) // 2, action)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cultures", type=int, default=8)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--graph-seed", type=int, default=None)
    given = parser.parse_args()
    size, graph = (given.cultures, given.trials), {"graph_seed": given.graph_seed}
    last = "four electrodes by weight, 10 uA"
    rows: dict[str, Policy] = {
        "silent": constant(-1.0),
        "random": lambda observation, rng: rng.uniform(-1.0, 1.0, len(observation) // 2),
        "uniform, 10 uA": constant(1.0),
        "all electrodes by weight, 10 uA": by_weight(16, 1.0),
        "four electrodes by weight, 7 uA": by_weight(4, 0.7),
        last: by_weight(4, 1.0),
    }
    print(f"{ENV_ID}, {given.cultures} cultures of {given.trials} trials\n")
    print("| action | reward | accuracy | spread of the output, Hz |\n| --- | --- | --- | --- |")
    for name, policy in rows.items():
        print(f"| {name} | {trials(policy, *size, **graph)} |", flush=True)
    for name, options in CONTROLS.items():
        print(f"| the last, {name} | {trials(rows[last], *size, **graph, **options)} |", flush=True)


if __name__ == "__main__":
    main()
