"""Validation of parameters: value, spread and verdict of every measure on several sets of cultures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym import processors
from livn_gym.measures import require_mrestimator
from livn_gym.parameters import tuned
from livn_gym.system import System, predefined_names
from livn_gym.tuning.bench import Bench, Cultures, Values, graph
from livn_gym.tuning.measurement import MEASURES
from livn_gym.tuning.protocol import Observation, Progress, Protocol
from livn_gym.tuning.targets import Target, Targets, Verdict, load
from livn_gym.tuning.validation_cache import ValidationCache

TRAINING_SEED, HELD_OUT_SEED = 1000, 5000
"""First seeds of noise: the search uses the former only."""

PART_CELLS = 20_000
"""With a cache of measures, the number of cells in the cultures that are run and stored at a time."""

HELD_OUT_GRAPHS = (201, 202, 203, 204)
"""Seeds of graphs that no search uses."""


@dataclass(frozen=True)
class Spread:
    """A measure over one set of cultures.

    Attributes:
        value: Mean over cultures, or the worst of them where the measure says so; NaN where none has it.
        sd: Standard deviation over cultures.
        low: Lowest mean of a graph.
        high: Highest mean of a graph.
        count: Cultures that have a value.
    """

    value: float
    sd: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Report:
    """Result of a validation.

    Attributes:
        title: System and variant.
        targets: The targets to compare with.
        setting: Settings of the simulation: backend, dt (ms), scheme, precision.
        sets: The cultures that were measured.
        values: Measures of every culture of every set.
    """

    title: str
    targets: Targets
    setting: dict[str, str | float]
    sets: tuple[Cultures, ...]
    values: tuple[list[Values], ...]

    @property
    def measures(self) -> list[str]:
        """Measures of which any culture has a value, or for which there is a target."""
        known = {
            name for values in self.values for culture in values for name, x in culture.items() if math.isfinite(x)
        }
        return [name for name in MEASURES if name in known or name in self.targets.targets]

    def spread(self, measure: str, index: int) -> Spread:
        """A measure over the cultures of set number ``index``."""
        return spread(measure, self.values[index])

    def verdict(self, measure: str) -> Verdict | None:
        """Whether all sets lie in the band; None without a target."""
        target = self.targets.targets.get(measure)
        if target is None:
            return None
        verdicts = [target.verdict(self.spread(measure, k).value) for k in range(len(self.sets))]
        return next((verdict for verdict in verdicts if verdict != "ok"), "ok")

    @property
    def missed(self) -> list[str]:
        """Gating targets that some set misses."""
        return [name for name in self.targets.targets if self.verdict(name) == "MISSED"]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Cells of the table, after ``headings``."""
        for name in self.measures:
            measure, target = MEASURES[name], self.targets.targets.get(name)
            label = f"{measure.label} ({measure.unit})" if measure.unit else measure.label
            cells = [_cell(self.spread(name, k), len(s.graphs) > 1) for k, s in enumerate(self.sets)]
            yield label, _band(target), *cells, self.verdict(name) or ""

    @property
    def headings(self) -> list[str]:
        """The table's columns."""
        counts = [f"{s.name} ({len(s.graphs)} x {len(s.seeds)})" for s in self.sets]
        return ["measure", "target", *counts, "verdict"]

    def markdown(self) -> str:
        """The table for a page of documentation."""
        lines = ["| " + " | ".join(self.headings) + " |", "| --- " * len(self.headings) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows()]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON; NaN is None."""
        return {
            "title": self.title,
            "targets": self.targets.name,
            "setting": self.setting,
            "missed": self.missed,
            "sets": [
                {
                    "name": s.name,
                    "graphs": list(s.graphs),
                    "seeds": list(s.seeds),
                    "cultures": [{k: x if math.isfinite(x) else None for k, x in v.items()} for v in values],
                }
                for s, values in zip(self.sets, self.values, strict=True)
            ],
        }


def validation_sets(system: System, seeds: int = 20, stimulated: int = 5) -> tuple[Cultures, ...]:
    """The sets on which a shipped culture is validated, each of ``seeds`` cultures.

    The system's own graph with seeds that the search has seen and with others, and, of predefined systems, four
    graphs that it has not. ``stimulated`` cultures of every graph go through the whole protocol.
    """
    own = (None,)
    stimulated = min(stimulated, seeds)
    sets = [
        Cultures(name, own, tuple(range(first, first + seeds)), stimulated)
        for name, first in (("training seeds", TRAINING_SEED), ("held-out seeds", HELD_OUT_SEED))
    ]
    if system.name in predefined_names():
        each = max(1, seeds // len(HELD_OUT_GRAPHS))
        held_out = tuple(range(HELD_OUT_SEED, HELD_OUT_SEED + each))
        sets.append(Cultures("held-out graphs", HELD_OUT_GRAPHS, held_out, min(stimulated, each)))
    return tuple(sets)


def validate(
    system: System | str,
    variant: str | None = None,
    *,
    params: Mapping[str, float] | None = None,
    targets: Targets | None = None,
    sets: Sequence[Cultures] | None = None,
    protocol: Protocol | None = None,
    progress: Progress | None = None,
    keep: Callable[[Observation], object] | None = None,
    folder: str | Path | None = None,
    **options: Any,
) -> Report:
    """Run the protocol and compare each measure with its target.

    Args:
        system: A system, or the name of a predefined one.
        variant: A named variant of its parameters and targets.
        params: Complete parameters; default those shipped.
        targets: Default those shipped for the system and variant.
        sets: Cultures to look at; default ``validation_sets``.
        protocol: Default the targets' own.
        progress: Called with the simulated time since the last call, ms.
        keep: Called with the observation of every stimulated graph that is run.
        folder: Folder of a ``ValidationCache``: measures are stored there, and cultures that it has are not run again.
        **options: Further arguments of ``Env``; by default the profile ``"fast"``.

    Raises:
        UnknownName: No such system or variant.
        InvalidInput: The parameters are not the system's, or the folder holds measures of something else.
        CorruptData: A file in the folder cannot be read.
        BackendUnavailable: mrestimator is not installed, or the backend is not.
    """
    require_mrestimator()
    own = graph(system, None)
    targets = targets if targets is not None else load("", own.name, variant)
    chosen = dict(params) if params is not None else tuned(own, variant)
    options = {"profile": "fast"} | options
    sets = tuple(sets if sets is not None else validation_sets(own))
    protocol = protocol or targets.protocol
    cache, most = None, max(len(cultures.seeds) for cultures in sets)
    if folder is not None:
        plain = {name: value for name, value in options.items() if value is not None}
        about = {"system": own.name, "params": chosen, "protocol": asdict(protocol), "options": plain}
        cache = ValidationCache(folder, about)
        most = max(PART_CELLS // own.num_neurons, len(processors.usable()))
    values: list[list[Values]] = []
    setting: dict[str, str | float] = {}
    for cultures in sets:
        values.append([])
        for part in cultures.parts(most):
            known = None if cache is None else cache.read(part)
            if known is None:
                with Bench(system, part, protocol, **options) as bench:
                    known = bench.measure(chosen, progress=progress, keep=keep), bench.setting
                if cache is not None:
                    cache.write(part, *known)
            elif progress is not None:
                progress(part.duration_ms(protocol, own.num_channels))
            values[-1] += known[0]
            setting = known[1]
    title = own.name if variant is None else f"{own.name}, {variant}"
    return Report(title, targets, setting, sets, tuple(values))


def spread(measure: str, cultures: list[Values]) -> Spread:
    """One measure over some cultures."""
    known = [(v["graph"], v[measure]) for v in cultures if math.isfinite(v.get(measure, math.nan))]
    if not known:
        return Spread(math.nan, math.nan, math.nan, math.nan, 0)
    x = np.array([value for _, value in known])
    by_graph: dict[str, list[float]] = {}
    for place, value in known:
        by_graph.setdefault(str(place), []).append(value)
    means = [float(np.mean(own)) for own in by_graph.values()]
    pooled = {"mean": x.mean(), "max": x.max(), "min": x.min()}[MEASURES[measure].pool]
    return Spread(float(pooled), float(x.std()), min(means), max(means), len(x))


def _cell(spread: Spread, several: bool) -> str:
    if not spread.count:
        return "-"
    text = f"{spread.value:.3g} ± {spread.sd:.2g}"
    return f"{text} [{spread.low:.3g}, {spread.high:.3g}]" if several else text


def _band(target: Target | None) -> str:
    if target is None:
        return ""
    return target.band if target.gating else f"({target.band})"
