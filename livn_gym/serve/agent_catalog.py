"""Agents that the live view offers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym

from livn_gym.agents.baselines import Agent, Constant, OnOff, ProportionalIntegral, Random, Silent
from livn_gym.errors import InvalidInput, unknown_name

BASELINES = ("silent", "random", "constant", "on-off", "proportional-integral")


class AgentCatalog:
    """Agents by name: baselines, and trained agents from folders of the command line.

    A browser can select a name only, not a folder.

    Args:
        folders: Folders of runs of ``livn-gym train``, by the name on the page.
        seed: Seed of random actions.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None, *, seed: int = 0) -> None:
        self.folders = dict(folders or {})
        self.seed = seed

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all agents."""
        return (*BASELINES, *self.folders)

    def make(self, name: str, strength: float, env: gym.Env) -> Agent:
        """Make an agent for an environment.

        Args:
            name: One of ``names``.
            strength: Action of the constant agent, 0 ... 1.
            env: Environment of the agent.

        Raises:
            UnknownName: There is no such agent.
            InvalidInput: A trained agent was trained on other observations or actions.
        """
        if name in self.folders:
            return self._trained(name, env)
        if name == "constant":
            return Constant(strength)
        if name == "random":
            return Random(self.seed)
        if name not in BASELINES:
            raise unknown_name("agent", name, self.names)
        classes: dict[str, type[Any]] = {
            "silent": Silent,
            "on-off": OnOff,
            "proportional-integral": ProportionalIntegral,
        }
        return classes[name]()

    def _trained(self, name: str, env: gym.Env) -> Agent:
        from livn_gym.agents import learned  # needs PyTorch

        agent = learned.load(self.folders[name])
        agent.reset(env, {})
        return agent


def catalog_for(agent: str, seed: int = 0) -> tuple[AgentCatalog, str]:
    """Return the catalog with an agent of the command line, and the agent's name in it.

    Args:
        agent: A baseline's name, or the folder of a run.
        seed: Seed of random actions.

    Raises:
        InvalidInput: ``agent`` is neither.
    """
    if agent in BASELINES:
        return AgentCatalog(seed=seed), agent
    path = Path(agent)
    if not path.is_dir():
        raise InvalidInput(f"{agent!r} is no folder of a run and none of the agents {', '.join(BASELINES)}.")
    from livn_gym.agents import learned

    name = f"{learned.config(path)['agent']} ({path.resolve().name})"
    return AgentCatalog({name: path}, seed=seed), name
