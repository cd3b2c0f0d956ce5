"""The agents that a live view offers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym

from livn_gym.agents.baselines import Agent, Constant, OnOff, ProportionalIntegral, Random, Silent
from livn_gym.errors import InvalidInput, unknown_name

BASELINES = ("silent", "random", "constant", "on-off", "proportional-integral")


class Shelf:
    """Agents by the names that the page shows: baselines, and trained ones from folders given beforehand.

    A browser chooses among names; it can never name a folder.

    Args:
        folders: Of runs of ``livn-gym train``, by the name that is shown.
        seed: Of random actions.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None, *, seed: int = 0) -> None:
        self.folders = dict(folders or {})
        self.seed = seed

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that ``make`` takes."""
        return (*BASELINES, *self.folders)

    def make(self, name: str, strength: float, env: gym.Env) -> Agent:
        """An agent for an environment.

        Args:
            name: Among ``names``.
            strength: The constant one's, 0 ... 1.
            env: Where it will act.

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
        made: dict[str, type[Any]] = {
            "silent": Silent,
            "on-off": OnOff,
            "proportional-integral": ProportionalIntegral,
        }
        return made[name]()

    def _trained(self, name: str, env: gym.Env) -> Agent:
        from livn_gym.agents import learned  # PyTorch only where it is needed

        agent = learned.load(self.folders[name])
        agent.reset(env, {})
        return agent


def shelf(agent: str, seed: int = 0) -> tuple[Shelf, str]:
    """The shelf for an agent of the command line, and the name under which it stands there.

    Args:
        agent: A baseline's name, or the folder of a run.
        seed: Of random actions.

    Raises:
        InvalidInput: It is neither.
    """
    if agent in BASELINES:
        return Shelf(seed=seed), agent
    path = Path(agent)
    if not path.is_dir():
        raise InvalidInput(f"{agent!r} is no folder of a run and none of the agents {', '.join(BASELINES)}.")
    from livn_gym.agents import learned

    name = f"{learned.config(path)['agent']} ({path.resolve().name})"
    return Shelf({name: path}, seed=seed), name
