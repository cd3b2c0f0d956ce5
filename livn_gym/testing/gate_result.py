"""Result of the gate: arms with their returns, criteria with their bounds, and a verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from livn_gym.atomic import replacing
from livn_gym.errors import CorruptData, NonConforming
from livn_gym.reading import read_json
from livn_gym.testing.gate_statistics import Interval, mean_interval

FORMAT = 1
"""Version of the files."""

HEADINGS = ("task", "blanking (ms)", "R", "S", "R, cut", "S, cut", "Poisson", "shuffled", "network's share", "verdict")
"""Headings of a table of results."""


@dataclass(frozen=True)
class Arm:
    """Episodes of one agent on one kind of culture.

    Attributes:
        agent: What acts: the family of agents with its parameters, or ``"silence"``.
        culture: ``"intact"``, or the condition under which the culture is recorded.
        returns: Return of every episode, in the order of the seeds.
        bursts: Number of bursts of every episode, for tasks that suppress them; otherwise empty.
    """

    agent: str
    culture: str
    returns: tuple[float, ...]
    bursts: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(np.mean(self.returns))

    @property
    def deviation(self) -> float:
        """Standard deviation of the return across episodes; 0 for a single one."""
        return float(np.std(self.returns, ddof=1)) if len(self.returns) > 1 else 0.0

    @property
    def interval(self) -> Interval:
        """Mean return with its 95 % bootstrap interval."""
        return mean_interval(self.returns)


@dataclass(frozen=True)
class Criterion:
    """One condition of the gate.

    Attributes:
        name: What is compared.
        value: The value that must not cross the limit: a mean, or a bound of an interval.
        limit: The limit.
        at_least: Whether the value must exceed the limit; otherwise it may at most equal it.
    """

    name: str
    value: float
    limit: float
    at_least: bool

    @property
    def passed(self) -> bool:
        """Whether the criterion is met."""
        return self.value > self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        """Return the criterion with its numbers as a sentence."""
        relation = "above" if self.at_least else "at most"
        return f"{self.name} is {self.value:.3g}, must be {relation} {self.limit:.3g}"


@dataclass(frozen=True)
class Panel:
    """The gate with one blanking.

    Attributes:
        blank_ms: Blanking after a pulse at stimulated and other electrodes, ms.
        arms: Arms by name: ``S``, ``R``, ``S_cut``, ``X1``, ``X2``, ``S_poisson``, ``poisson``, for spatial tasks
            ``S_shuffled`` and ``shuffled``, for tasks that suppress bursts ``random_times``.
        criteria: The criteria.
        share: Share of the gain over silence that the network earns, with a 95 % interval, from 0 to 1.
    """

    blank_ms: tuple[float, float]
    arms: Mapping[str, Arm]
    criteria: tuple[Criterion, ...]
    share: Interval

    @property
    def passed(self) -> bool:
        """Whether all criteria are met."""
        return all(criterion.passed for criterion in self.criteria)

    @property
    def best_cut(self) -> str:
        """Name of the better of the arms ``X1`` and ``X2``."""
        return max(("X1", "X2"), key=lambda name: self.arms[name].mean)


@dataclass(frozen=True)
class GateResult:
    """Result of ``network_gate``.

    Attributes:
        name: Id of the environment, or a description of the task.
        provenance: Name and hash of the parameters, version and hash of the task, version of the package.
        protocol: Number of episodes, budget of the tuning, seeds, options of the environment.
        panels: One panel per blanking.
        exempt: Reason for which the task is exempt, or an empty string.
        wall_s: Time that the measurement took, s.
    """

    name: str
    provenance: Mapping[str, str]
    protocol: Mapping[str, Any]
    panels: tuple[Panel, ...]
    exempt: str = ""
    wall_s: float = field(default=0.0, compare=False)

    @property
    def passed(self) -> bool:
        """Whether every criterion is met with every blanking."""
        return all(panel.passed for panel in self.panels)

    @property
    def reasons(self) -> list[str]:
        """The criteria that are not met, as sentences."""
        return [
            f"blanked {_blanking(panel)} ms: {criterion}"
            for panel in self.panels
            for criterion in panel.criteria
            if not criterion.passed
        ]

    @property
    def share(self) -> Interval:
        """Share of the score that the network earns, with its interval: the smallest of all blankings."""
        return min((panel.share for panel in self.panels), key=lambda share: share.value)

    @property
    def verdict(self) -> str:
        """The verdict in a word: ``passed``, ``FAILED`` or ``exempt``."""
        return "passed" if self.passed else "exempt" if self.exempt else "FAILED"

    def check(self) -> Self:
        """Return the result if it passed or the task is exempt.

        Raises:
            NonConforming: A criterion is not met. It is an ``AssertionError``, which pytest reports as a failure.
        """
        if self.verdict == "FAILED":
            raise NonConforming(f"{self.name} does not need the network: {'; '.join(self.reasons)}.")
        return self

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per blanking, with the columns of ``HEADINGS``."""
        rows: list[tuple[str, ...]] = []
        for panel in self.panels:
            arms = {name: arm.interval.text() for name, arm in panel.arms.items()}
            cut = arms[panel.best_cut]
            cells = (arms["R"], arms["S"], cut, arms["S_cut"], arms["poisson"], arms.get("shuffled", "-"))
            verdict = "passed" if panel.passed else self.verdict
            rows.append((self.name, _blanking(panel), *cells, panel.share.text(percent=True), verdict))
        return rows

    def markdown(self) -> str:
        """Return the table and, below it, the agents and every criterion, as Markdown."""
        lines = [table([self]), f"R: {self.panels[0].arms['R'].agent}."]
        for panel in self.panels:
            arm = panel.arms[panel.best_cut]
            lines.append(f"Best agent on the cut culture, blanked {_blanking(panel)} ms: {arm.agent}.")
            lines += [f"- {'met' if c.passed else 'NOT MET'}: {c}" for c in panel.criteria]
        if self.exempt:
            lines.append(f"Exempt: {self.exempt}")
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {"format": FORMAT, "verdict": self.verdict, **_plain(asdict(self))}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make the result from the values of ``as_dict``.

        Raises:
            CorruptData: They are no result of this version.
        """
        try:
            if content["format"] != FORMAT:
                raise CorruptData(f"A result of the gate of format {content['format']}, this version reads {FORMAT}.")
            panels = tuple(
                Panel(
                    (float(panel["blank_ms"][0]), float(panel["blank_ms"][1])),
                    {name: _arm(arm) for name, arm in panel["arms"].items()},
                    tuple(_criterion(criterion) for criterion in panel["criteria"]),
                    Interval(**panel["share"]),
                )
                for panel in content["panels"]
            )
            names = ("name", "provenance", "protocol")
            values = {name: content[name] for name in names}
            return cls(**values, panels=panels, exempt=content["exempt"], wall_s=content["wall_s"])
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            raise CorruptData(f"This is no result of the gate: {type(error).__name__}: {error}.") from error

    def save(self, path: str | Path) -> None:
        """Write the result to a JSON file, which appears when it is complete."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the result from a JSON file.

        Raises:
            InvalidInput: There is no such file.
            CorruptData: It is no result of this version.
        """
        return cls.from_dict(read_json(Path(path), "holds no result of the gate"))


def table(results: Sequence[GateResult]) -> str:
    """Return the table of several results as Markdown."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(row for result in results for row in result.rows())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it.

    Tuples become lists, an infinite bound None, and an object without a JSON form the qualified name of its class.
    """
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return None if math.isinf(value) else value
    if value is None or isinstance(value, str | int):
        return value
    definition = value if hasattr(value, "__qualname__") else type(value)
    return f"{definition.__module__}.{definition.__qualname__}"


def _criterion(content: Mapping[str, Any]) -> Criterion:
    numbers = {name: math.inf if content[name] is None else float(content[name]) for name in ("value", "limit")}
    return Criterion(content["name"], numbers["value"], numbers["limit"], bool(content["at_least"]))


def _arm(content: Mapping[str, Any]) -> Arm:
    returns, bursts = (tuple(float(value) for value in content[name]) for name in ("returns", "bursts"))
    return Arm(content["agent"], content["culture"], returns, bursts)


def _blanking(panel: Panel) -> str:
    return ", ".join(f"{time:g}" for time in panel.blank_ms)
