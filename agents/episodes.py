"""Run episodes of a vector environment, with one agent per environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from livn_gym.envs.registration import is_ours, spec_of
from livn_gym.errors import InvalidInput

if TYPE_CHECKING:
    from livn_gym.agents.baselines import Agent


@dataclass(frozen=True, eq=False)
class Episode:
    """Rewards and infos of one episode.

    Attributes:
        seed: Seed passed to the environment's reset.
        rewards: Reward of every step, ``[T]``.
        infos: Every numeric entry of info, ``[T]`` each.
    """

    seed: int
    rewards: NDArray[np.float64]
    infos: Mapping[str, NDArray[np.float64]]

    @property
    def total_reward(self) -> float:
        """Return of the episode: the sum of its rewards."""
        return float(self.rewards.sum())

    @property
    def charge_nC(self) -> float:
        """Absolute charge over all channels, steps and both phases, nC; NaN if info has no ``charge_nC``."""
        return float(self.infos["charge_nC"].sum()) if "charge_nC" in self.infos else np.nan

    def mean(self, name: str) -> float:
        """Mean of an entry of info over the steps; NaN if info has no such entry."""
        return float(self.infos[name].mean()) if name in self.infos else np.nan


def make_envs(env_id: str, count: int, autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP, **options: Any) -> Any:
    """Make a vector environment: one batch for an id of this package, a ``SyncVectorEnv`` for any other id."""
    if is_ours(spec_of(env_id)):
        return gym.make_vec(env_id, num_envs=count, autoreset_mode=autoreset_mode, **options)
    kwargs = {"autoreset_mode": autoreset_mode}
    return gym.make_vec(env_id, num_envs=count, vectorization_mode="sync", vector_kwargs=kwargs, **options)


def with_graphs(options: Mapping[str, Any], episodes: int, agents: int = 1) -> dict[str, Any]:
    """Return options of a vector environment in which episode k has the same network graph for every agent.

    Args:
        options: Options of the environment. ``graph_seed`` may be a list, which is repeated if it is shorter than the
            number of episodes, or ``"per_env"`` for a different graph in every episode.
        episodes: Number of episodes per agent.
        agents: Number of agents, whose episodes follow one another in the vector.
    """
    vector_options = dict(options)
    graphs = vector_options.get("graph_seed")
    if graphs == "per_env":
        graphs = list(range(episodes))
    if isinstance(graphs, Sequence) and not isinstance(graphs, str) and graphs:
        vector_options["graph_seed"] = [graphs[k % len(graphs)] for k in range(episodes)] * agents
    return vector_options


def run_episodes(
    envs: VectorEnv,
    agents: Sequence[Agent],
    seeds: Sequence[int],
    report: Callable[[int], None] | None = None,
) -> list[Episode]:
    """Run one episode in every environment, each with its own agent.

    Args:
        envs: Vector environment of B environments. Those whose episode ends early continue to be stepped, and these
            steps are discarded. ``NEXT_STEP`` avoids a needless reset when all episodes end together.
        agents: Agents, ``[B]``.
        seeds: Seeds of the resets, ``[B]``.
        report: Called after every step with its number.

    Raises:
        InvalidInput: The number of agents or seeds is not B, or autoreset is disabled.
    """
    count = envs.num_envs
    if not len(agents) == len(seeds) == count:
        raise InvalidInput(f"{count} environments need as many agents and seeds, got {len(agents)} and {len(seeds)}.")
    same_step = envs.metadata.get("autoreset_mode") is AutoresetMode.SAME_STEP
    if envs.metadata.get("autoreset_mode") is AutoresetMode.DISABLED:
        raise InvalidInput("Episodes need autoreset_mode NextStep or SameStep, this environment has Disabled.")
    reset_seeds: Any = list(seeds)
    observations, info = envs.reset(seed=reset_seeds)
    infos = [info_of(info, i) for i in range(count)]
    for agent, env_info in zip(agents, infos, strict=True):
        agent.reset(envs, env_info)
    rewards: list[list[float]] = [[] for _ in range(count)]
    step_infos: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    running = np.ones(count, dtype=np.bool_)
    while running.any():
        actions = [agent.act(observations[i], infos[i]) for i, agent in enumerate(agents)]
        observations, reward, terminations, truncations, info = envs.step(np.stack(actions))
        ends = terminations | truncations
        infos = [info_of(info, i) for i in range(count)]
        for i in np.flatnonzero(running):
            rewards[i].append(float(reward[i]))
            step_infos[i].append(infos[i]["final_info"] if same_step and ends[i] else infos[i])
        running &= ~ends
        if report is not None:
            report(max(map(len, rewards)))
    return [Episode(seeds[i], np.array(rewards[i]), _numbers(step_infos[i])) for i in range(count)]


def info_of(info: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Return the info of environment i from that of a vector environment; masks ``_name`` say which have an entry."""
    env_info = {}
    for name, values in info.items():
        if name.startswith("_") and name[1:] in info:
            continue
        mask = info.get(f"_{name}")
        if mask is None or mask[i]:
            env_info[name] = info_of(values, i) if isinstance(values, Mapping) else values[i]
    return env_info


def _numbers(steps: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[np.float64]]:
    names = [name for name, value in steps[-1].items() if np.isscalar(value) and not isinstance(value, str)]
    return {name: np.array([step.get(name, np.nan) for step in steps], dtype=np.float64) for name in names}
