"""How well a fixed decoder tells two patterns apart under actions made by hand; prints a table.

Run: python benchmarks/tasks/discrimination.py [--cultures 8] [--trials 30] [--system EI3]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import livn_gym  # noqa: F401  (registers the ids)

OPTIONS = {
    "synapses cut": {"conditions": "synapses_cut"},
    "cells shuffled every step": {"conditions": "shuffled_culture"},
    "Poisson culture, rates of settling": {"conditions": "poisson_culture"},
    "all electrodes blanked for 5 ms": {"blank_ms": 5.0},
    "faults, 10 % dead": {"conditions": "electrode_faults"},
}


def trials(env_id: str, policy: Callable[..., NDArray], cultures: int, steps: int, **options: object) -> str:
    """A row of the table: reward, accuracy, spread of the decoder's output in Hz."""
    env = gym.make_vec(env_id, num_envs=cultures, max_episode_steps=steps + 1, **options)
    task = env.unwrapped._batch.loops[0].tasks[0]
    rng, rewards, outputs = np.random.default_rng(0), [], []
    env.reset(seed=100)
    for _ in range(steps):
        action = policy(task.weights, task.pattern, rng, (cultures, len(task.weights)))
        _, reward, _, _, info = env.step(np.broadcast_to(action, env.action_space.shape).astype(np.float32))
        rewards.append(reward)
        outputs.append(info["margin"] * info["cue"] * task.options.scale_hz)
    env.close()
    return f"{np.mean(rewards):.2f} | {100 * info['accuracy'].mean():.0f} % | {np.std(outputs):.0f}"


def chosen(strength: float) -> Callable[..., NDArray]:
    """One action on the electrodes that the decoder reads as their own pattern's, silence on the others."""
    return lambda weights, pattern, rng, shape: np.where(weights == pattern, strength, -1.0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cultures", type=int, default=8)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--system", default="EI3")
    given = parser.parse_args()
    env_id = f"livn/{given.system}-Discrimination-v0"
    rows: dict[str, Callable[..., NDArray]] = {
        "silent": lambda weights, pattern, rng, shape: np.full(shape, -1.0),
        "random": lambda weights, pattern, rng, shape: rng.uniform(-1.0, 1.0, shape),
        "uniform, 5 uA": lambda weights, pattern, rng, shape: np.zeros(shape),
        "uniform, 10 uA": lambda weights, pattern, rng, shape: np.ones(shape),
        "chosen electrodes, 4 uA": chosen(-0.2),
        "chosen electrodes, 7 uA": chosen(0.4),
        "chosen electrodes, 10 uA": chosen(1.0),
    }
    print(f"{env_id}, {given.cultures} cultures of {given.trials} trials\n")
    print("| action | reward | accuracy | spread of the output, Hz |\n| --- | --- | --- | --- |")
    for name, policy in rows.items():
        print(f"| {name} | {trials(env_id, policy, given.cultures, given.trials)} |", flush=True)
    for name, options in OPTIONS.items():
        row = trials(env_id, chosen(1.0), given.cultures, given.trials, **options)
        print(f"| the last, {name} | {row} |", flush=True)


if __name__ == "__main__":
    main()
