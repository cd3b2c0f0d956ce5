"""Score agents: baselines by name, trained ones by the folder of their run, on the same episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym import config
from livn_gym.agents.baselines import (
    NAMES,
    Agent,
    BestConstant,
    OnOff,
    ProportionalIntegral,
    Random,
    Silent,
)
from livn_gym.agents.episodes import Episode, make_envs, run_episodes, with_graphs
from livn_gym.envs.registration import spec_of
from livn_gym.errors import InvalidInput, unknown_name

TEST_SEED = 2_000_000
"""Of the first episode that results are scored on; the others count up. No training, search or evaluation on the
way takes them."""


@dataclass(frozen=True)
class Score:
    """Means over episodes.

    Attributes:
        episodes: How many.
        total_reward: Return.
        deviation: Standard deviation of the return between episodes; NaN for one.
        effect: The task's measure, see ``measure_of``; NaN where it has none.
        charge_nC: Absolute charge of all channels, both phases counted.
    """

    episodes: int
    total_reward: float
    deviation: float
    effect: float
    charge_nC: float


def baseline(name: str, env_id: str, *, seed: int = 0, strengths: int = 9, **options: Any) -> Callable[[], Agent]:
    """A maker of baseline agents; of the best constant it is searched first.

    Args:
        name: One of ``NAMES``.
        env_id: Id of the environment, for the search.
        seed: Of random actions.
        strengths: Of the search for the best constant.
        **options: Of the environment.

    Raises:
        UnknownName: There is no such baseline.
    """
    if name not in NAMES:
        raise unknown_name("baseline", name, NAMES)
    if name == "best-constant":
        strength = BestConstant.search(env_id, strengths=strengths, **options).strength
        return lambda: BestConstant(strength)
    if name == "random":
        streams = iter(np.random.SeedSequence(seed).generate_state(10_000))
        return lambda: Random(int(next(streams)))
    return {"silent": Silent, "on-off": OnOff, "proportional-integral": ProportionalIntegral}[name]


def play(
    makers: Mapping[str, Callable[[], Agent]],
    env_id: str,
    *,
    episodes: int = 10,
    seed: int = TEST_SEED,
    report: Callable[[int], None] | None = None,
    **options: Any,
) -> dict[str, list[Episode]]:
    """The same episodes for every agent, all at once.

    Args:
        makers: Agents by name; each episode gets one of its own.
        env_id: Id of the environment.
        episodes: For each agent.
        seed: Of the first episode, the others count up.
        report: Called after every step with its number.
        **options: Of the environment.
    """
    seeds = [seed + k for k in range(episodes)]
    envs = make_envs(env_id, len(makers) * episodes, **with_graphs(options, episodes, len(makers)))
    try:
        agents = [make() for make in makers.values() for _ in seeds]
        played = run_episodes(envs, agents, seeds * len(makers), report)
    finally:
        envs.close()
    return {name: played[i * episodes : (i + 1) * episodes] for i, name in enumerate(makers)}


def measure_of(env_id: str, options: Mapping[str, Any] | None = None) -> str:
    """Name in info of the measure of effect of an environment's task, from the task's config.

    Args:
        env_id: Id of the environment.
        options: Of the environment, of which ``task`` takes the place of the id's own.

    Returns:
        The name; ``""`` for a task without one, as one that is not shipped.
    """
    task = (dict(spec_of(env_id).kwargs) | dict(options or {})).get("task")
    if task not in config.names("tasks"):
        return ""
    return str(config.load("tasks", task).get("benchmark", {}).get("measure", ""))


def score(episodes: Sequence[Episode], measure: str = "") -> Score:
    """Means over episodes.

    Args:
        episodes: At least one.
        measure: Name in info whose mean over the steps is the effect, see ``measure_of``; without it there is none.
    """
    returns = [episode.total_reward for episode in episodes]
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else np.nan
    effects = [episode.mean(measure) for episode in episodes]
    charge = [episode.charge_nC for episode in episodes]
    means = [float(np.mean(values)) for values in (effects, charge)]
    return Score(len(episodes), float(np.mean(returns)), deviation, *means)


def _same(agent: Agent) -> Agent:
    return agent


def find(names: Sequence[str], env_id: str, *, seed: int = 0, **options: Any) -> dict[str, Callable[[], Agent]]:
    """Makers of agents: baselines by name, trained ones by the folder of their run.

    Raises:
        InvalidInput: It is neither.
    """
    makers: dict[str, Callable[[], Agent]] = {}
    for name in names:
        if name in NAMES:
            makers[name] = baseline(name, env_id, seed=seed, **options)
        elif Path(name).is_dir():
            from livn_gym.agents import learned  # PyTorch only where it is needed

            makers[f"{learned.config(name)['agent']} ({name})"] = partial(_same, learned.load(name))
        else:
            raise InvalidInput(f"{name!r} is no folder of a run and none of the baselines {', '.join(NAMES)}.")
    return makers
