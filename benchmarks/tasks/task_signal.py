"""How well an episode's return tells agents apart: a table of all tasks, and one for the choice of a step.

Agents that do not learn play the same number of episodes. The signal is the variance of their mean returns, the noise
the mean variance of a return between episodes of one agent; both of all steps together, so that averaging counts.

The agents are constants, chance, and controllers where there is a target. On StimulusTiming, whose action is a yes or
no, they are fixed waits. The tables of steps give every length of a step the same seconds of culture.

Run: python benchmarks/tasks/task_signal.py [--tasks IDS] [--steps-of IDS] [--episodes 16] [--steps-ms 50 100 200 500]
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.agents import evaluate
from livn_gym.agents.baselines import NAMES, Constant, NoTarget
from livn_gym.agents.episodes import Episode
from livn_gym.agents.report import markdown
from livn_gym.envs.registration import standard_ids

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Constant strengths that stand for what an agent might do."""

WAITS_S = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Times since the last burst or pulse that stand for it where the task is timing."""

TIMING = "livn/EI2-StimulusTiming-v0"

SECONDS = {"livn/EI2-v0": 20.0, "livn/EI2-BurstSuppression-v0": 30.0, TIMING: 150.0}
"""Length of an episode of the tasks whose step is varied, s."""


class Wait:
    """Gives a pulse when the last burst or pulse was so long ago, s; for StimulusTiming."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s

    def reset(self, env: Any, info: Any) -> None:
        """Nothing is remembered."""

    def act(self, observation: NDArray[np.float32], info: Any) -> NDArray[np.float32]:
        """The action ``[1]``; the third last entry of an observation is the time since the last burst or pulse."""
        return np.array([1.0 if observation[-3] >= self.wait_s - 1e-6 else -1.0], dtype=np.float32)


def played(env_id: str, episodes: int, **options: Any) -> dict[str, list[Episode]]:
    """Episodes by agent: constants, chance, and the controllers where there is a target; or fixed waits."""
    if env_id == TIMING:
        waits = {f"wait {wait:g} s": partial(Wait, wait) for wait in WAITS_S}
        return evaluate.play(waits, env_id, episodes=episodes, seed=3_000_000, **options)
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


def by_step(env_id: str, steps_ms: list[float], episodes: int) -> str:
    """A table of signal to noise by the length of a step, for one task."""
    halves = ("error_hz", "error_step_hz") if env_id == "livn/EI2-v0" else ()  # the two halves of the reward
    rows = []
    for step_ms in steps_ms:
        steps = round(SECONDS[env_id] * 1e3 / step_ms)
        options: dict[str, Any] = {"step_ms": step_ms, "max_episode_steps": steps}
        if env_id == TIMING:  # one pulse a step
            options["encoding"] = {"name": "pulse_amplitude", "rate_hz": 1e3 / step_ms}
        found = played(env_id, episodes, **options)
        scores = [[[episode.total_reward for episode in own] for own in found.values()]]
        for name in halves:
            scores.append([[float(np.mean(episode.infos[name])) for episode in own] for own in found.values()])
        one = [[float(reward) for episode in own for reward in episode.rewards[5:]] for own in found.values()]
        means = {name: float(np.mean([episode.total_reward for episode in own])) for name, own in found.items()}
        best = max(means, key=lambda name: means[name])
        ratios = (f"{ratio(one):.2f}", *(f"{ratio(own):.1f}" for own in scores))
        rows.append((f"{step_ms:g}", str(steps), *ratios, f"{best}: {means[best]:.1f}"))
    headings = ["step (ms)", "steps", "of one reward", "of a return"]
    headings += ["of its second's half", "of its step's half"] if halves else []
    return markdown(rows, (*headings, "best of these"))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="*")
    parser.add_argument("--steps-of", nargs="*", choices=list(SECONDS), default=list(SECONDS))
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--steps-ms", type=float, nargs="*", default=[50.0, 100.0, 200.0, 500.0])
    arguments = parser.parse_args()
    rows = []
    for env_id in standard_ids() if arguments.tasks is None else arguments.tasks:
        found = played(env_id, arguments.episodes)
        returns = {name: [episode.total_reward for episode in own] for name, own in found.items()}
        best, worst = max(returns, key=lambda n: np.mean(returns[n])), min(returns, key=lambda n: np.mean(returns[n]))
        cells = (
            f"{name}: {np.mean(returns[name]):.1f} ± {np.std(returns[name], ddof=1):.1f}" for name in (best, worst)
        )
        rows.append((f"`{env_id}`", *cells, f"{lengths(found):.0f}", f"{ratio(list(returns.values())):.1f}"))
        print(f"{env_id} done", flush=True)
    if rows:
        print("\n" + markdown(rows, ("task", "best of these", "worst", "steps", "signal / noise of a return")))
    for env_id in arguments.steps_of:
        table = by_step(env_id, arguments.steps_ms, arguments.episodes)
        print(f"{env_id}, episodes of {SECONDS[env_id]:g} s: signal / noise\n\n{table}", flush=True)


if __name__ == "__main__":
    main()
