"""What BurstSuppression pays for the same amplitude on all electrodes: bursts against charge, in a table.

Run: python benchmarks/tasks/burst_suppression.py [--episodes 16] [--levels 0 0.05 0.1 ...]
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from livn_gym.agents import evaluate
from livn_gym.agents.baselines import Constant, Random
from livn_gym.agents.report import markdown

ENV_ID = "livn/EI2-BurstSuppression-v0"

LEVELS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1.0)
"""Shares of the highest amplitude, 15 uA."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--levels", type=float, nargs="*", default=LEVELS)
    given = parser.parse_args()
    makers = {f"constant {level:g}": partial(Constant, level) for level in given.levels} | {
        "random": partial(Random, 0)
    }
    rows = []
    for name, played in evaluate.play(makers, ENV_ID, episodes=given.episodes, seed=3_000_000).items():
        returns = [episode.total_reward for episode in played]
        shares = [100.0 * episode.infos["burst_share"].mean() for episode in played]
        first = np.mean([episode.infos["bursts"][episode.infos["time_ms"] <= 1e3].sum() for episode in played])
        bursts = [episode.infos["bursts"].sum() for episode in played]
        charge = [1e-3 * episode.charge_nC for episode in played]
        result = f"{np.mean(returns):.1f} ± {np.std(returns, ddof=1):.1f}"
        counts = f"{np.mean(bursts):.1f} ({first:.1f})"
        rows.append((name, result, f"{np.mean(shares):.2f}", counts, f"{np.mean(charge):.1f}"))
    headings = (
        "action",
        "return, mean ± deviation",
        "in bursts (% of time)",
        "bursts (in the first second)",
        "charge (uC)",
    )
    print(markdown(rows, headings))


if __name__ == "__main__":
    main()
