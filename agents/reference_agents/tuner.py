"""Tuning of reference agents: the best candidate of several families, with a fixed number of episodes.

The search is the cross-entropy method on the unit cube of each family's parameters. It is deterministic: candidates
depend on the families and the budget alone, and all are played on the same episodes.

Reference:
    Rubinstein, Methodol Comput Appl Probab 1:127 (1999): the cross-entropy method.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.agents.baselines import Agent
from livn_gym.agents.episodes import make_envs, run_episodes, with_graphs
from livn_gym.agents.reference_agents.family import AgentFamily
from livn_gym.errors import InvalidInput
from livn_gym.units import whole_number

TUNING_SEED = 700_000
"""Seed of the first tuning episode; the next ones count up. No scoring uses these seeds."""

MIN_SPREAD = 0.05
"""Smallest standard deviation of later candidates, as a share of a parameter's range."""


@dataclass(frozen=True)
class Budget:
    """Size of a search, the same for every family and on every culture.

    Attributes:
        candidates: Number of candidates per family and round.
        rounds: Number of rounds; those after the first draw candidates around the best quarter so far.
        episodes: Number of episodes per candidate.

    Raises:
        InvalidInput: A number is not a positive integer.
    """

    candidates: int = 8
    rounds: int = 2
    episodes: int = 4

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("candidates", "rounds", "episodes"):
            whole_number(name, getattr(self, name))


@dataclass(frozen=True)
class Tuned:
    """The best candidate of a search.

    Attributes:
        family: Its family.
        parameters: Its parameters.
        mean_return: Its mean return over the tuning episodes.
        played: Number of episodes that the search played, over all families.
    """

    family: AgentFamily
    parameters: Mapping[str, float]
    mean_return: float
    played: int

    def make(self) -> Agent:
        """Make a new agent with these parameters."""
        return self.family.make(**self.parameters)

    def __str__(self) -> str:
        """Return the name of the family and the parameters."""
        values = ", ".join(f"{name} {value:.3g}" for name, value in self.parameters.items())
        return f"{self.family.name} ({values})" if values else self.family.name


def tune(
    families: Sequence[AgentFamily],
    env_id: str,
    budget: Budget | None = None,
    *,
    seed: int = TUNING_SEED,
    report: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Tuned:
    """Return the best agent of some families on an environment.

    Args:
        families: The families; each gets the whole budget.
        env_id: Id of the environment.
        budget: Size of the search. Default: ``Budget()``.
        seed: Seed of the first episode; the next ones count up.
        report: Called after every step with the steps done and the number of the round.
        **options: Options of the environment.

    Raises:
        InvalidInput: There is no family, or two have the same name.
    """
    budget = budget or Budget()
    if not families or len({family.name for family in families}) < len(families):
        raise InvalidInput("Tuning needs at least one family of agents, with different names.")
    seeds = [seed + k for k in range(budget.episodes)]
    points: dict[str, NDArray[np.float64]] = {family.name: np.zeros((0, len(family.box))) for family in families}
    means: dict[str, NDArray[np.float64]] = {family.name: np.zeros(0) for family in families}
    played = 0
    for number in range(budget.rounds):
        drawn = {}
        for family in families:
            new = _candidates(family, budget, number, points[family.name], means[family.name])
            if len(new):
                drawn[family.name] = new
        chosen = [(family, point) for family in families for point in drawn.get(family.name, ())]
        if not chosen:
            break
        envs = make_envs(env_id, len(chosen) * len(seeds), **with_graphs(options, len(seeds), len(chosen)))
        try:
            agents = [family.make(**family.parameters(point)) for family, point in chosen for _ in seeds]
            progress = None if report is None else lambda step, number=number: report(step, number)
            episodes = run_episodes(envs, agents, seeds * len(chosen), progress)
        finally:
            envs.close()
        played += len(episodes)
        returns = np.reshape([episode.total_reward for episode in episodes], (len(chosen), len(seeds))).mean(axis=1)
        first = 0
        for name, new in drawn.items():
            points[name] = np.concatenate([points[name], new])
            means[name] = np.concatenate([means[name], returns[first : first + len(new)]])
            first += len(new)
    best = max(families, key=lambda family: means[family.name].max())  # of equal ones the first
    index = int(means[best.name].argmax())
    return Tuned(best, best.parameters(points[best.name][index]), float(means[best.name][index]), played)


def _candidates(
    family: AgentFamily, budget: Budget, number: int, points: NDArray[np.float64], means: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the candidates of a round as points of the unit cube, ``[n, D]``."""
    dimensions = len(family.box)
    if number == 0:
        count = budget.candidates if dimensions else 1
        return np.concatenate([family.first_point()[None], _spread(count - 1, dimensions)])
    if not dimensions:
        return np.zeros((0, 0))
    elite = points[np.argsort(-means, kind="stable")[: max(2, len(points) // 4)]]
    rng = np.random.default_rng([zlib.crc32(family.name.encode()), number, budget.candidates])
    spread = np.maximum(elite.std(axis=0), MIN_SPREAD)
    return np.clip(rng.normal(elite.mean(axis=0), spread, (budget.candidates, dimensions)), 0.0, 1.0)


def _spread(count: int, dimensions: int) -> NDArray[np.float64]:
    """Return evenly spread points of the unit cube, ``[count, dimensions]``.

    A lattice of Roberts (2018): multiples of the powers of 1 / phi, where phi is the generalised golden ratio, whose
    power ``dimensions + 1`` is ``phi + 1``.
    """
    phi = 2.0
    for _ in range(64):
        phi = (1.0 + phi) ** (1.0 / (dimensions + 1))
    steps = phi ** -np.arange(1.0, dimensions + 1.0)
    return (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0
