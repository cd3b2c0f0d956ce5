"""How well an episode's return tells agents apart: a table of all tasks, and one for the choice of a step.

Agents that do not learn play the same number of episodes. The signal is the variance of their mean returns, the noise
the mean variance of a return between episodes of one agent; both of all steps together, so that averaging counts.

Run: python benchmarks/task_signal.py [--tasks IDS] [--episodes 16] [--steps-ms 50 100 200 500]
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np

from livn_gym.agents import evaluate
from livn_gym.agents.baselines import NAMES, Constant, NoTarget
from livn_gym.agents.benchmark import standard_tasks
from livn_gym.agents.episodes import Episode
from livn_gym.agents.report import markdown

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Constant strengths that stand for what an agent might do."""


def played(env_id: str, episodes: int, **options: Any) -> dict[str, list[Episode]]:
    """Episodes by agent: constants, chance, and the controllers where there is a target."""
    makers: dict[str, Any] = {f"constant {level:g}": partial(Constant, level) for level in LEVELS}
    for name in NAMES:
        if name not in ("silent", "best-constant"):
            makers[name] = evaluate.baseline(name, env_id)
    try:
        return evaluate.play(makers, env_id, episodes=episodes, seed=3_000_000, **options)
    except NoTarget:
        free = {name: make for name, make in makers.items() if name not in ("on-off", "proportional-integral")}
        return evaluate.play(free, env_id, episodes=episodes, seed=3_000_000, **options)


def ratio(returns: list[list[float]]) -> float:
    """Standard deviation of agents' means by that of a return between episodes."""
    means = [np.mean(own) for own in returns]
    return float(np.std(means, ddof=1) / np.sqrt(np.mean([np.var(own, ddof=1) for own in returns])))


def lengths(found: dict[str, list[Episode]]) -> float:
    """Mean length of an episode, steps."""
    return float(np.mean([len(episode.rewards) for own in found.values() for episode in own]))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="*")
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--steps-ms", type=float, nargs="*", default=[50.0, 100.0, 200.0, 500.0])
    arguments = parser.parse_args()
    rows = []
    for env_id in arguments.tasks or standard_tasks():
        found = played(env_id, arguments.episodes)
        returns = {name: [episode.total_reward for episode in own] for name, own in found.items()}
        best, worst = max(returns, key=lambda n: np.mean(returns[n])), min(returns, key=lambda n: np.mean(returns[n]))
        cells = (
            f"{name}: {np.mean(returns[name]):.1f} ± {np.std(returns[name], ddof=1):.1f}" for name in (best, worst)
        )
        rows.append((f"`{env_id}`", *cells, f"{lengths(found):.0f}", f"{ratio(list(returns.values())):.1f}"))
        print(f"{env_id} done", flush=True)
    print("\n" + markdown(rows, ("task", "best of these", "worst", "steps", "signal / noise of a return")))
    env_id, rows = "livn/EI2-v0", []
    for step_ms in arguments.steps_ms if arguments.tasks is None or env_id in arguments.tasks else ():
        steps = round(20_000 / step_ms)
        found = played(env_id, arguments.episodes, step_ms=step_ms, max_episode_steps=steps)
        scores = {"reward": [[episode.total_reward for episode in own] for own in found.values()]}
        for name in ("error_hz", "error_step_hz"):  # the two halves of the reward
            scores[name] = [[float(np.mean(episode.infos[name])) for episode in own] for own in found.values()]
        one = [[float(reward) for episode in own for reward in episode.rewards[5:]] for own in found.values()]
        rows.append(
            (f"{step_ms:g}", str(steps), f"{ratio(one):.2f}", *(f"{ratio(own):.1f}" for own in scores.values()))
        )
    if rows:
        headings = ("step (ms)", "steps", "of one reward", "of a return", "of its second's half", "of its step's half")
        print(f"{env_id}, episodes of 20 s: signal / noise\n\n{markdown(rows, headings)}")


if __name__ == "__main__":
    main()
