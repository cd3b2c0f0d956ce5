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

FINALISTS = 3
"""Number of candidates that play new episodes at the end: the best of many means over few episodes is partly luck."""

MIN_SPREAD = 0.05
"""Smallest standard deviation of later candidates, as a share of a parameter's range."""


_Candidate = tuple[AgentFamily, NDArray[np.float64]]


@dataclass(frozen=True)
class Budget:
    """Size of a search, the same for every family and on every culture.

    Attributes:
        candidates: Number of candidates per family and round.
        rounds: Number of rounds; those after the first draw candidates around the best quarter so far.
        episodes: Number of episodes per candidate. At the end the best ``FINALISTS`` play twice as many new ones.

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
        mean_return: Its mean return over the episodes that decided.
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
    points: dict[str, NDArray[np.float64]] = {family.name: np.zeros((0, len(family.box))) for family in families}
    means: dict[str, NDArray[np.float64]] = {family.name: np.zeros(0) for family in families}
    played = 0

    def play(candidates: Sequence[_Candidate], first_seed: int, episodes: int, number: int) -> NDArray[np.float64]:
        """Return the mean returns of candidates over the same episodes."""
        nonlocal played
        seeds = [first_seed + k for k in range(episodes)]
        count = len(candidates)
        envs = make_envs(env_id, count * episodes, **with_graphs(options, episodes, count))
        try:
            agents = [family.make(**family.parameters(point)) for family, point in candidates for _ in seeds]
            progress = None if report is None else lambda step: report(step, number)
            finished = run_episodes(envs, agents, seeds * count, progress)
        finally:
            envs.close()
        played += len(finished)
        return np.reshape([episode.total_reward for episode in finished], (count, episodes)).mean(axis=1)

    for number in range(budget.rounds):
        drawn = {f.name: _candidates(f, budget, number, points[f.name], means[f.name]) for f in families}
        candidates = [(family, point) for family in families for point in drawn[family.name]]
        if not candidates:
            break
        returns = play(candidates, seed, budget.episodes, number)
        first = 0
        for name, new in drawn.items():
            points[name] = np.concatenate([points[name], new])
            means[name] = np.concatenate([means[name], returns[first : first + len(new)]])
            first += len(new)
    ranked = sorted(
        (
            (family, point, float(mean))
            for family in families
            for point, mean in zip(points[family.name], means[family.name], strict=True)
        ),
        key=lambda candidate: -candidate[2],  # of equal ones the first
    )[:FINALISTS]
    if len(ranked) > 1:
        finalists = [(family, point) for family, point, _ in ranked]
        last = play(finalists, seed + budget.episodes, 2 * budget.episodes, budget.rounds)
        ranked = [(family, point, float(mean)) for (family, point), mean in zip(finalists, last, strict=True)]
    family, point, mean = max(ranked, key=lambda candidate: candidate[2])
    return Tuned(family, family.parameters(point), mean, played)


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
