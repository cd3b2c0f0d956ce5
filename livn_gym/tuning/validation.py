"""Validation of parameters: value, spread and verdict of every measure on several sets of cultures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym import processors
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.measures import require_mrestimator
from livn_gym.parameters import tuned
from livn_gym.system import System, predefined_names
from livn_gym.tuning.bench import Bench, CultureSet, Values, graph
from livn_gym.tuning.measurement import MEASURES
from livn_gym.tuning.protocol import Progress, Protocol
from livn_gym.tuning.stages import Observation
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
        value: Mean over cultures, or the minimum or maximum for some measures; NaN if no culture has a value.
        sd: Standard deviation over cultures.
        low: Lowest mean of a graph.
        high: Highest mean of a graph.
        count: Number of cultures that have a value.
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
        targets: Targets of the comparison.
        simulation: Backend, time step (ms), scheme and precision of the simulation.
        sets: Sets of cultures that were measured.
        values: Measures of every culture of every set.
    """

    title: str
    targets: Targets
    simulation: dict[str, str | float]
    sets: tuple[CultureSet, ...]
    values: tuple[list[Values], ...]

    @property
    def measures(self) -> list[str]:
        """Measures for which any culture has a value or there is a target."""
        measured = {
            name for values in self.values for culture in values for name, x in culture.items() if math.isfinite(x)
        }
        return [name for name in MEASURES if name in measured or name in self.targets.targets]

    def spread(self, measure: str, index: int) -> Spread:
        """Return the spread of a measure over the cultures of set ``index``."""
        return spread(measure, self.values[index])

    def verdict(self, measure: str) -> Verdict | None:
        """Return the verdict over all sets; None if the measure has no target."""
        target = self.targets.targets.get(measure)
        if target is None:
            return None
        verdicts = [target.verdict(self.spread(measure, k).value) for k in range(len(self.sets))]
        return next((verdict for verdict in verdicts if verdict != "ok"), "ok")

    @property
    def missed(self) -> list[str]:
        """Measures whose gating target is missed by any set."""
        return [name for name in self.targets.targets if self.verdict(name) == "MISSED"]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Give the rows of the table, with the columns of ``headings``."""
        for name in self.measures:
            measure, target = MEASURES[name], self.targets.targets.get(name)
            label = f"{measure.label} ({measure.unit})" if measure.unit else measure.label
            cells = [_cell(self.spread(name, k), len(s.graphs) > 1) for k, s in enumerate(self.sets)]
            yield label, _band(target), *cells, self.verdict(name) or ""

    @property
    def headings(self) -> list[str]:
        """Headings of the table."""
        counts = [f"{s.name} ({len(s.graphs)} x {len(s.seeds)})" for s in self.sets]
        return ["measure", "target", *counts, "verdict"]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = ["| " + " | ".join(self.headings) + " |", "| --- " * len(self.headings) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows()]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON, with None for NaN."""
        return {
            "title": self.title,
            "targets": self.targets.name,
            "setting": self.simulation,
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


def validation_sets(
    system: System, seeds: int = 20, stimulated: int = 5, graphs: int = len(HELD_OUT_GRAPHS)
) -> tuple[CultureSet, ...]:
    """Return the sets of ``seeds`` cultures on which a system is validated.

    The sets are the graph of the system with the noise seeds of the search, the same graph with held-out seeds, and,
    for predefined systems, the first of ``HELD_OUT_GRAPHS``.

    Args:
        system: System that is validated.
        seeds: Number of cultures in a set; those of held-out graphs are divided among the graphs.
        stimulated: Number of cultures per graph that run the whole protocol.
        graphs: Number of held-out graphs, at most four.

    Raises:
        InvalidInput: There are not so many held-out graphs.
    """
    if not 1 <= graphs <= len(HELD_OUT_GRAPHS):
        raise InvalidInput(f"graphs must be from 1 to {len(HELD_OUT_GRAPHS)} held-out graphs, got {graphs}.")
    held_out_graphs = HELD_OUT_GRAPHS[:graphs]
    graph_of_system = (None,)
    stimulated = min(stimulated, seeds)
    sets = [
        CultureSet(name, graph_of_system, tuple(range(first, first + seeds)), stimulated)
        for name, first in (("training seeds", TRAINING_SEED), ("held-out seeds", HELD_OUT_SEED))
    ]
    if system.name in predefined_names():
        per_graph = max(1, seeds // len(held_out_graphs))
        held_out = tuple(range(HELD_OUT_SEED, HELD_OUT_SEED + per_graph))
        sets.append(CultureSet("held-out graphs", held_out_graphs, held_out, min(stimulated, per_graph)))
    return tuple(sets)


def validate(
    system: System | str,
    variant: str | None = None,
    *,
    params: Mapping[str, float] | None = None,
    targets: Targets | None = None,
    sets: Sequence[CultureSet] | None = None,
    protocol: Protocol | None = None,
    progress: Progress | None = None,
    on_observation: Callable[[Observation], object] | None = None,
    folder: str | Path | None = None,
    **options: Any,
) -> Report:
    """Measure cultures with a protocol and compare each measure with its target.

    Args:
        system: System, or the name of a predefined one.
        variant: Variant of the shipped parameters and targets.
        params: Complete parameters. Default: the shipped parameters.
        targets: Targets. Default: those shipped for the system and variant.
        sets: Sets of cultures. Default: ``validation_sets``.
        protocol: Protocol. Default: that of the targets.
        progress: Called with the simulated time since the last call, ms.
        on_observation: Called with the observation of every stimulated graph that is simulated.
        folder: Folder of a ``ValidationCache``: measures are stored there, and cultures that it has are not run again.
        **options: Further arguments of ``Env``; by default the profile ``"fast"``.

    Raises:
        UnknownName: There is no such system or variant.
        InvalidInput: The parameters do not match the system, or the folder holds measures of another validation.
        CorruptData: A file in the folder cannot be read.
        BackendUnavailable: mrestimator or the backend is not installed.
    """
    require_mrestimator()
    culture = graph(system, None)
    targets = targets if targets is not None else load("", culture.name, variant)
    parameters = dict(params) if params is not None else tuned(culture, variant)
    options = {"profile": "fast"} | options
    sets = tuple(sets if sets is not None else validation_sets(culture))
    protocol = protocol or targets.protocol
    cache, max_cultures = None, max(len(cultures.seeds) for cultures in sets)
    if folder is not None:
        Env(culture, **options).close()  # refuses wrong options before the folder is made
        plain = {name: value for name, value in options.items() if value is not None}
        about = {"system": culture.name, "params": parameters, "protocol": asdict(protocol), "options": plain}
        cache = ValidationCache(folder, about)
        max_cultures = max(PART_CELLS // culture.num_neurons, len(processors.usable()))
    values: list[list[Values]] = []
    simulation: dict[str, str | float] = {}
    for cultures in sets:
        values.append([])
        for batch in cultures.parts(max_cultures):
            result = None if cache is None else cache.read(batch)
            if result is None:
                with Bench(system, batch, protocol, **options) as bench:
                    measured = bench.measure(parameters, progress=progress, on_observation=on_observation)
                    result = measured, bench.simulation
                if cache is not None:
                    cache.write(batch, *result)
            elif progress is not None:
                progress(batch.duration_ms(protocol, culture.num_channels))
            values[-1] += result[0]
            simulation = result[1]
    title = culture.name if variant is None else f"{culture.name}, {variant}"
    return Report(title, targets, simulation, sets, tuple(values))


def spread(measure: str, cultures: list[Values]) -> Spread:
    """Return the spread of a measure over cultures."""
    values = [(v["graph"], v[measure]) for v in cultures if math.isfinite(v.get(measure, math.nan))]
    if not values:
        return Spread(math.nan, math.nan, math.nan, math.nan, 0)
    x = np.array([value for _, value in values])
    by_graph: dict[str, list[float]] = {}
    for graph_seed, value in values:
        by_graph.setdefault(str(graph_seed), []).append(value)
    means = [float(np.mean(graph_values)) for graph_values in by_graph.values()]
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
