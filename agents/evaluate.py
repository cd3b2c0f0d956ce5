"""Score agents on the same test episodes: baselines by name, trained agents by their run folder."""

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
from livn_gym.envs import tasks
from livn_gym.envs.registration import is_ours, spec_of
from livn_gym.errors import InvalidInput, unknown_name

TEST_SEED = 2_000_000
"""Seed of the first test episode; the next ones count up. No training, search or evaluation during training uses
these seeds."""


@dataclass(frozen=True)
class Score:
    """Result of an agent, as means over episodes.

    Attributes:
        episodes: Number of episodes.
        total_reward: Mean return.
        deviation: Standard deviation of the return across episodes; NaN for a single one.
        effect: Mean of the task's measure, see ``measure_of``; NaN if the task has none.
        charge_nC: Mean absolute charge over all channels and both phases.
    """

    episodes: int
    total_reward: float
    deviation: float
    effect: float
    charge_nC: float


def baseline(name: str, env_id: str, *, seed: int = 0, strengths: int = 9, **options: Any) -> Callable[[], Agent]:
    """Return a factory of baseline agents. The best constant is searched for first, in this call.

    Args:
        name: One of ``NAMES``.
        env_id: Id of the environment, in which the best constant is searched for.
        seed: Seed of random actions.
        strengths: Number of grid points in the search for the best constant.
        **options: Options of the environment.

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
    factories: Mapping[str, Callable[[], Agent]],
    env_id: str,
    *,
    episodes: int = 10,
    seed: int = TEST_SEED,
    report: Callable[[int], None] | None = None,
    **options: Any,
) -> dict[str, list[Episode]]:
    """Run the same episodes for every agent, all in one vector environment.

    Args:
        factories: Factories of the agents, by name; every episode gets a new agent.
        env_id: Id of the environment.
        episodes: Number of episodes per agent.
        seed: Seed of the first episode; the next ones count up.
        report: Called after every step with its number.
        **options: Options of the environment.

    Returns:
        Episodes by the agent's name, in the order of their seeds.
    """
    seeds = [seed + k for k in range(episodes)]
    envs = make_envs(env_id, len(factories) * episodes, **with_graphs(options, episodes, len(factories)))
    try:
        agents = [make() for make in factories.values() for _ in seeds]
        played = run_episodes(envs, agents, seeds * len(factories), report)
    finally:
        envs.close()
    return {name: played[i * episodes : (i + 1) * episodes] for i, name in enumerate(factories)}


def with_condition(env_id: str, options: Mapping[str, Any], condition: str) -> dict[str, Any]:
    """Return options of an environment with one more condition, after those of the options or, without any, of the id.

    Raises:
        UnknownName: There is no such environment.
    """
    given = options.get("conditions", spec_of(env_id).kwargs.get("conditions"))
    several = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    return {**options, "conditions": [*several, condition]}


def measure_of(env_id: str, options: Mapping[str, Any] | None = None) -> str:
    """Return the name in info of a task's measure of effect, from the task's config or, if it has none, its class.

    Args:
        env_id: Id of the environment.
        options: Options of the environment; ``task`` overrides the task of the id.

    Returns:
        The name; ``""`` for a task without such a measure and for environments of other packages.
    """
    spec = spec_of(env_id)
    task = ({"task": "rate_tracking"} | dict(spec.kwargs) | dict(options or {}))["task"]
    if not is_ours(spec):
        return ""
    task = task["name"] if isinstance(task, Mapping) else task
    if task not in config.names("tasks"):
        return tasks.find(task).measure
    return str(config.load("tasks", task).get("benchmark", {}).get("measure", ""))


def score(episodes: Sequence[Episode], measure: str = "") -> Score:
    """Average episodes to a score.

    Args:
        episodes: At least one episode.
        measure: Entry of info whose mean over the steps is the effect, see ``measure_of``; empty for no effect.
    """
    returns = [episode.total_reward for episode in episodes]
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else np.nan
    effects = [episode.mean(measure) for episode in episodes]
    charge = [episode.charge_nC for episode in episodes]
    means = [float(np.mean(values)) for values in (effects, charge)]
    return Score(len(episodes), float(np.mean(returns)), deviation, *means)


def _same(agent: Agent) -> Agent:
    return agent


def agent_factories(
    names: Sequence[str], env_id: str, *, seed: int = 0, **options: Any
) -> dict[str, Callable[[], Agent]]:
    """Return factories of agents, by name.

    Args:
        names: Names of baselines and run folders of trained agents.
        env_id: Id of the environment, in which the best constant is searched for.
        seed: Seed of random actions.
        **options: Options of the environment.

    Raises:
        InvalidInput: A name is neither that of a baseline nor a folder.
    """
    factories: dict[str, Callable[[], Agent]] = {}
    for name in names:
        if name in NAMES:
            factories[name] = baseline(name, env_id, seed=seed, **options)
        elif Path(name).is_dir():
            from livn_gym.agents import learned  # imports PyTorch, which baselines do not need

            factories[f"{learned.config(name)['agent']} ({name})"] = partial(_same, learned.load(name))
        else:
            raise InvalidInput(f"{name!r} is neither a run folder nor one of the baselines {', '.join(NAMES)}.")
    return factories
