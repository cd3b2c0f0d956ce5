"""Probability that the network responds to an electrode's pulses, by amplitude: the range of ResponseClamp's targets.

Constant actions play short episodes, whose electrodes are drawn; responses are averaged by electrode and graph.

Run: python benchmarks/tasks/response_clamp.py [--episodes 96] [--graphs 3] [--levels 0 0.2 ...]
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from livn_gym.agents import evaluate
from livn_gym.agents.baselines import Constant
from livn_gym.agents.report import markdown

ENV_ID = "livn/EI2-ResponseClamp-v0"
LEVELS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Shares of the highest amplitude, 15 uA."""

STEPS = 40


def main() -> None:
    """Print the table, and the number of electrodes that reach the highest target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=96)
    parser.add_argument("--graphs", type=int, default=3)
    parser.add_argument("--levels", type=float, nargs="*", default=LEVELS)
    given = parser.parse_args()
    graphs = list(range(given.graphs))
    played = evaluate.play(
        {f"{level:g}": partial(Constant, level) for level in given.levels},
        ENV_ID,
        episodes=given.episodes,
        seed=3_000_000,
        graph_seed=graphs,
        max_episode_steps=STEPS,
    )
    rows = []
    for name, episodes in played.items():
        found: dict[tuple[int, int], list[float]] = {}
        for k, episode in enumerate(episodes):
            place = (graphs[k % len(graphs)], int(episode.infos["electrode"][0]))
            found.setdefault(place, []).append(episode.mean("response"))
        means = np.array([np.mean(responses) for responses in found.values()])
        low, middle, high = np.quantile(means, (0.1, 0.5, 0.9))
        reached = f"{np.sum(means >= 0.5)} of {len(means)}"
        rows.append((name, f"{15.0 * float(name):g}", f"{middle:.2f} ({low:.2f} to {high:.2f})", reached))
    headings = (
        "share of 15 uA",
        "uA",
        "probability: median electrode (tenth to nine tenths)",
        "electrodes from 0.5 on",
    )
    print(markdown(rows, headings))


if __name__ == "__main__":
    main()
