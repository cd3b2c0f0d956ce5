"""Targets of a culture and the parameters that a search may change, read from TOML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from livn_gym import config
from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.reading import read_toml
from livn_gym.tuning.measurement import MEASURES
from livn_gym.tuning.protocol import Protocol
from livn_gym.units import finite

Verdict = Literal["ok", "MISSED", "off"]

WORST_MISS = 5.0
"""Largest miss of a measure, also used for undefined measures: larger distances carry no information."""


@checked_types
@dataclass(frozen=True)
class Target:
    """Target of a measure.

    Attributes:
        group: Targets of one group are one objective of the search.
        low: Lower end of the band; None leaves it open.
        high: Upper end; None leaves it open.
        goal: Best value. Default: the middle of the band, or all values beyond its only end.
        gating: Whether a culture outside the band fails validation; otherwise the target is advisory.
    """

    group: str
    low: float | None = None
    high: float | None = None
    goal: float | None = None
    gating: bool = True

    def __post_init__(self) -> None:
        """Check the band, and that the goal is in it."""
        ends = [finite("A target's end", end) for end in (self.low, self.high) if end is not None]
        if not ends or ends != sorted(set(ends)):
            raise InvalidInput(f"A target needs low, high or both, in this order; got {self.low} ... {self.high}.")
        if self.goal is not None and not self.holds(finite("A target's goal", self.goal)):
            raise InvalidInput(f"A target's goal must be in its band {self.band}, got {self.goal:g}.")

    @property
    def band(self) -> str:
        """Band as text."""
        if self.low is None:
            return f"<= {self.high:g}"
        return f">= {self.low:g}" if self.high is None else f"{self.low:g} ... {self.high:g}"

    def holds(self, value: float) -> bool:
        """Return whether a value is in the closed band; NaN is not."""
        if any(end is not None and math.isclose(value, end) for end in (self.low, self.high)):
            return True  # tolerates rounding of a mean
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high) and not math.isnan(value)

    def verdict(self, value: float) -> Verdict:
        """Return ``"ok"``, or outside the band ``"MISSED"`` for a gating target and ``"off"`` for an advisory one."""
        return "ok" if self.holds(value) else "MISSED" if self.gating else "off"

    def miss(self, value: float) -> float:
        """Return the distance of a value from the goal: 0 at the goal, 1 at the end of the band, at most 5."""
        if math.isnan(value):
            return WORST_MISS
        goal = self.goal
        if goal is None and self.low is not None and self.high is not None:
            goal = (self.low + self.high) / 2.0
        end = self.low if self.high is None or (goal is not None and value < goal) else self.high
        if end is None:  # on the open side of the goal
            return 0.0
        if goal is None or goal == end:
            return 0.0 if self.holds(value) else min(1.0 + abs(value - end) / max(abs(end), 1e-9), WORST_MISS)
        off = (value - goal) / (end - goal)
        return min(max(off, 0.0), 1.0 if self.holds(value) else WORST_MISS)


@dataclass(frozen=True)
class Targets:
    """All targets of a type of culture.

    Attributes:
        name: Name of the file.
        targets: Targets by measure.
        search: Lowest and highest value of each parameter that the search varies.
        protocol: Protocol of the measurement.
    """

    name: str
    targets: Mapping[str, Target]
    search: Mapping[str, tuple[float, float]]
    protocol: Protocol

    @property
    def groups(self) -> list[str]:
        """Names of the objectives of the search."""
        return list(dict.fromkeys(target.group for target in self.targets.values()))

    def objectives(self, cultures: list[dict[str, float]]) -> dict[str, float]:
        """Return the cost of each group, summed over its measures and averaged over cultures.

        A gating target costs the square of its miss, an advisory one a quarter of its miss, so that
        it does not outweigh a gating one.
        """
        result = dict.fromkeys(self.groups, 0.0)
        for name, target in self.targets.items():
            misses = [target.miss(values.get(name, math.nan)) for values in cultures]
            costs = [miss * miss if target.gating else miss / 4.0 for miss in misses]
            result[target.group] += sum(costs) / len(costs)
        return result

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], name: str) -> Self:
        """Read a mapping in the layout of the files in ``configs/targets``.

        With the key ``extends``, it modifies the shipped targets of that name.

        Raises:
            UnknownName: A key or measure does not exist.
            InvalidInput: A value is out of range.
        """
        _check_keys("table of targets", mapping, ("extends", "targets", "search", "protocol"))
        mapping = _extended(mapping)
        targets = {}
        for measure, table in mapping.get("targets", {}).items():
            _check_keys("measure", {measure: table}, MEASURES)
            _check_keys(f"key of the target {measure}", table, [item.name for item in fields(Target)])
            targets[measure] = Target(**({"group": "rest"} | table))
        if not targets:
            raise InvalidInput(f"The targets {name!r} are empty: there must be tables [targets.<measure>].")
        search = {}
        for key, bounds in mapping.get("search", {}).items():
            if not isinstance(bounds, list) or len(bounds) != 2:
                raise InvalidInput(f"[search] {key} must be a list of two numbers, got {bounds!r}.")
            low = finite(f"[search] {key}", bounds[0])
            search[key] = (low, finite(f"[search] {key}", bounds[1], above=low))
        options = mapping.get("protocol", {})
        _check_keys("key of [protocol]", options, [item.name for item in fields(Protocol)])
        return cls(name, targets, search, Protocol(**options))


@checked_types
def load(source: str | Path, system: str = "", variant: str | None = None) -> Targets:
    """Load targets from a file, or the shipped targets.

    Args:
        source: Path of a TOML file; empty for the shipped targets.
        system: Name of the system, for shipped targets.
        variant: Name of the variant, for shipped targets.

    Raises:
        InvalidInput: The file cannot be read.
        UnknownName: No targets are shipped for the variant.
    """
    if str(source):
        return Targets.from_mapping(read_toml(source), Path(source).stem)
    shipped = config.names("targets")
    names = [f"{system}-{variant}", variant] if variant else [system, "culture"]
    name = next((name for name in names if name in shipped), None)
    if name is None:
        raise unknown_name("variant with targets", variant, shipped)
    return Targets.from_mapping(config.load("targets", name), name)


def _extended(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge the tables of a mapping with those of the mapping that it extends."""
    if "extends" not in mapping:
        return mapping
    base = _extended(config.load("targets", mapping["extends"]))
    return {name: base.get(name, {}) | mapping.get(name, {}) for name in ("targets", "search", "protocol")}


def _check_keys(kind: str, table: Mapping[str, Any], allowed: Any) -> None:
    for key in table:
        if key not in allowed:
            raise unknown_name(kind, key, allowed)
