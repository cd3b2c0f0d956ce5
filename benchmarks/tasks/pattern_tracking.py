"""What PatternTracking pays for actions made by hand, the hidden command itself among them; prints a table.

Run: python benchmarks/tasks/pattern_tracking.py [--system EI2] [--episodes 12] [--steps 100]
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import numpy as np

import livn_gym  # noqa: F401  (registers the ids)

CONSTANTS = (0.1, 0.2, 0.3, 0.5, 1.0)
"""Shares of the highest amplitude that all channels get alike."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="EI2")
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    names = ["silent", "random", "hidden command", "its mean on all", *(f"constant {share:g}" for share in CONSTANTS)]
    envs = gym.make_vec(
        f"livn/{given.system}-PatternTracking-v0",
        num_envs=len(names) * given.episodes,
        max_episode_steps=given.steps + 1,
    )
    envs.reset(seed=[100 + k for _ in names for k in range(given.episodes)])
    hidden = np.array([task.hidden for task in envs.unwrapped._batch.loops[0].tasks[: given.episodes]])
    actions = np.full((len(names), *hidden.shape), -1.0, dtype=np.float32)
    actions[2], actions[3] = hidden, hidden.mean(axis=1, keepdims=True)
    actions[4:] = 2.0 * np.array(CONSTANTS)[:, None, None] - 1.0
    rng, rewards, errors = np.random.default_rng(0), [], []
    for _ in range(given.steps):
        actions[1] = rng.uniform(-1.0, 1.0, hidden.shape)
        _, reward, _, _, info = envs.step(actions.reshape(envs.action_space.shape))
        rewards.append(reward)
        errors.append(info["error"])
    envs.close()
    returns = np.sum(rewards, axis=0).reshape(len(names), -1)
    error = np.mean(errors[5:], axis=0).reshape(len(names), -1).mean(axis=1)
    print("| action | return, mean ± deviation | error of a second |\n| --- | --- | --- |")
    for k, name in enumerate(names):
        print(f"| {name} | {returns[k].mean():.1f} ± {returns[k].std():.1f} | {error[k]:.2f} |")


if __name__ == "__main__":
    main()
