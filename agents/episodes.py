"""Episodes of agents on environments: one agent an environment, all environments of a vector at once."""

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
    """What an agent got, and what the environment told about it.

    Attributes:
        seed: Of the environment's reset.
        rewards: ``[T]``.
        infos: Every entry of info that is a number, ``[T]`` each.
    """

    seed: int
    rewards: NDArray[np.float64]
    infos: Mapping[str, NDArray[np.float64]]

    @property
    def total_reward(self) -> float:
        """The return: sum of the rewards."""
        return float(self.rewards.sum())

    @property
    def charge_nC(self) -> float:
        """Absolute charge of all channels and steps, both phases counted, nC; NaN where the environment tells none."""
        return float(self.infos["charge_nC"].sum()) if "charge_nC" in self.infos else np.nan

    def mean(self, name: str) -> float:
        """Mean over the steps of an entry of info; NaN where the environment tells none of that name."""
        return float(self.infos[name].mean()) if name in self.infos else np.nan


def make_envs(env_id: str, count: int, autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP, **options: Any) -> Any:
    """A vector environment: of an id of this package as one batch, of any other as single ones in sequence."""
    if is_ours(spec_of(env_id)):
        return gym.make_vec(env_id, num_envs=count, autoreset_mode=autoreset_mode, **options)
    kwargs = {"autoreset_mode": autoreset_mode}
    return gym.make_vec(env_id, num_envs=count, vectorization_mode="sync", vector_kwargs=kwargs, **options)


def with_graphs(options: Mapping[str, Any], episodes: int, agents: int = 1) -> dict[str, Any]:
    """Options of a vector environment in which every agent gets the same graphs, episode by episode.

    Args:
        options: Of the environment. ``graph_seed`` may be a list, which is gone through again where it is shorter, or
            ``"per_env"`` for a graph of its own for every episode.
        episodes: Of each agent.
        agents: How many agents follow one another in the vector.
    """
    given = dict(options)
    graphs = given.get("graph_seed")
    if graphs == "per_env":
        graphs = list(range(episodes))
    if isinstance(graphs, Sequence) and not isinstance(graphs, str) and graphs:
        given["graph_seed"] = [graphs[k % len(graphs)] for k in range(episodes)] * agents
    return given


def run_episodes(
    envs: VectorEnv,
    agents: Sequence[Agent],
    seeds: Sequence[int],
    report: Callable[[int], None] | None = None,
) -> list[Episode]:
    """An episode in every environment, each with an agent of its own.

    Args:
        envs: B environments. Those that end earlier than others are stepped on, which changes nothing; in
            ``NEXT_STEP`` none is reset in vain when all end together.
        agents: ``[B]``.
        seeds: Of the resets, ``[B]``.
        report: Called after every step with its number.

    Raises:
        InvalidInput: There are not B agents and seeds, or the environments reset by hand.
    """
    count = envs.num_envs
    if not len(agents) == len(seeds) == count:
        raise InvalidInput(f"{count} environments need as many agents and seeds, got {len(agents)} and {len(seeds)}.")
    same_step = envs.metadata.get("autoreset_mode") is AutoresetMode.SAME_STEP
    if envs.metadata.get("autoreset_mode") is AutoresetMode.DISABLED:
        raise InvalidInput("Episodes need an environment that resets itself: autoreset_mode NextStep or SameStep.")
    given: Any = list(seeds)
    observations, info = envs.reset(seed=given)
    infos = [info_of(info, i) for i in range(count)]
    for agent, own in zip(agents, infos, strict=True):
        agent.reset(envs, own)
    rewards: list[list[float]] = [[] for _ in range(count)]
    told: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    running = np.ones(count, dtype=np.bool_)
    while running.any():
        actions = [agent.act(observations[i], infos[i]) for i, agent in enumerate(agents)]
        observations, reward, terminations, truncations, info = envs.step(np.stack(actions))
        ends = terminations | truncations
        infos = [info_of(info, i) for i in range(count)]
        for i in np.flatnonzero(running):
            rewards[i].append(float(reward[i]))
            told[i].append(infos[i]["final_info"] if same_step and ends[i] else infos[i])
        running &= ~ends
        if report is not None:
            report(max(map(len, rewards)))
    return [Episode(seeds[i], np.array(rewards[i]), _numbers(told[i])) for i in range(count)]


def info_of(info: Mapping[str, Any], i: int) -> dict[str, Any]:
    """What a vector environment's info says of environment i; a mask ``_name`` tells whether it says anything."""
    own = {}
    for name, values in info.items():
        if name.startswith("_") and name[1:] in info:
            continue
        mask = info.get(f"_{name}")
        if mask is None or mask[i]:
            own[name] = info_of(values, i) if isinstance(values, Mapping) else values[i]
    return own


def _numbers(steps: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[np.float64]]:
    names = [name for name, value in steps[-1].items() if np.isscalar(value) and not isinstance(value, str)]
    return {name: np.array([step.get(name, np.nan) for step in steps], dtype=np.float64) for name in names}
