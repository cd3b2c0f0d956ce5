"""Single cells under frozen drives: the same cells, currents, conductances and synapses for every engine.

The cells of an experiment are uncoupled and without noise, 16 at every level of the drive. An engine is given by
arguments of ``Env``, such as ``profile="fast"`` or ``dt=0.05, scheme="second_order", precision="float32"``.

Drives: ``constant`` currents; a ``current`` that fluctuates (Ornstein-Uhlenbeck, 5 ms); a ``conductance`` of
Poisson events in the form of AMPA; ``synapses`` of cells that strong pulses make fire at Poisson times, with AMPA, NMDA
and GABA_A at the shipped weights of EI2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.parameters import tuned
from livn_gym.stimulus import Stimulus
from livn_gym.system import Population, Projection, System, make

Trains = list[NDArray[np.float64]]
"""Spike times of every cell, ms."""

MODELS = {"culture": ("culture", "culture"), "published": ("published_1997", "published_1994")}
"""Parameter sets of EXC and INH cells."""

DRIVES = ("constant", "current", "conductance", "synapses")

DURATION_MS = 3000.0
REALISATIONS = 16
"""Cells at a level of a fluctuating drive, with drives of their own."""

DRIVE_STEP_MS, DRIVE_TAU_MS, AMPA_MS = 0.5, 5.0, (0.5, 3.0)
EVENT_US = {"EXC": 2e-4, "INH": 1e-4}

# nA from the threshold of repetitive firing to more than 100 Hz, or to where a culture's cell never goes. Below, INH
# cells fire in groups, and the published ones chaotically, so that no time step gives the intervals of another.
CONSTANT_NA: dict[str, dict[str, Sequence[float]]] = {
    "culture": {
        "EXC": (0.038, 0.039, 0.041, 0.042, 0.045, 0.05, 0.055, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.14, 0.17, 0.2),
        "INH": (0.011, 0.012, 0.014, 0.016, 0.018, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1),
    },
    "published": {
        "EXC": (0.01, 0.0105, 0.011, 0.012, 0.014, 0.016, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1),
        "INH": (0.045, 0.05, 0.055, 0.06, 0.065, 0.07, 0.075, 0.08, 0.085, 0.09, 0.095, 0.1, 0.11, 0.12, 0.13, 0.15),
    },
}

# Mean and standard deviation, nA.
FLUCTUATING_NA: dict[str, dict[str, Sequence[tuple[float, float]]]] = {
    "culture": {
        "EXC": ((0.01, 0.02), (0.02, 0.02), (0.035, 0.02), (0.06, 0.03)),
        "INH": ((0.0, 0.015), (0.008, 0.015), (0.02, 0.015), (0.05, 0.02)),
    },
    "published": {
        "EXC": ((0.004, 0.01), (0.01, 0.01), (0.018, 0.01), (0.04, 0.015)),
        "INH": ((0.02, 0.02), (0.035, 0.02), (0.05, 0.02), (0.08, 0.02)),
    },
}
DRIVING_MV = {"EXC": 50.0, "INH": 50.0}
"""From a current to the conductance with about its effect near the threshold."""

STRENGTHS: dict[str, Sequence[float]] = {"EXC": (1.0, 1.25, 1.5, 2.0), "INH": (0.5, 0.8, 1.2, 1.8)}
"""Levels of the drive by synapses: factors of the weights."""

SOURCES, SOURCE_HZ, SOURCE_GAP_MS = {"EXC": 96, "INH": 32}, 5.0, 30.0
PULSE_NA, PULSE_MS = {"EXC": 0.8, "INH": 0.8}, 1.0
INPUTS = {"EXC": 24, "INH": 6}
"""Sources of every cell in the drive by synapses."""


@dataclass(frozen=True)
class Level:
    """Cells of one type at one level of a drive."""

    cell: str
    name: str
    gids: range


@dataclass(frozen=True)
class Experiment:
    """Uncoupled cells under one drive.

    Attributes:
        drive: Name of the drive.
        model: Key of ``MODELS``.
        system: The cells.
        stimulus: What they get.
        levels: Cells by type and level.
        params: Parameters of the synapses.
    """

    drive: str
    model: str
    system: System
    stimulus: Stimulus
    levels: tuple[Level, ...]
    params: Mapping[str, float] = field(default_factory=dict)

    @property
    def duration_ms(self) -> float:
        """Simulated time."""
        return self.stimulus.duration_ms

    def spikes(self, **engine: Any) -> Trains:
        """Return the spikes of every cell of the levels in an engine; default the profile ``exact``, natively."""
        exc, inh = MODELS[self.model]
        engine = {"backend": {"name": "native", "threads": 1}} | engine
        with Env(self.system, ReducedCalciumSomaDendrite(exc, inh), **engine).init() as env:
            env.set_params(dict(self.params)).record_spikes()
            _, gid, t = env.run(self.duration_ms, self.stimulus).spikes
        return [t[gid == cell] for cell in range(self.system.num_neurons)]


@cache
def experiments(drive: str) -> tuple[Experiment, ...]:
    """Make the experiments of a drive, one for each model that it is defined for."""
    if drive == "synapses":
        return (_synapses(),)
    make_experiment = {"constant": _constant, "current": _current, "conductance": _conductance}[drive]
    return tuple(make_experiment(model) for model in MODELS)


def cells(counts: Mapping[str, int], projections: tuple[Projection, ...] = ()) -> System:
    """Return a system of EXC and INH cells without electrodes of use."""
    n, populations = 0, []
    for name, count in counts.items():
        populations.append(Population(name, n, count))
        n += count
    box = np.array([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]])
    dendrites = np.tile([1.0, 0.0], (n, 1))
    return System("cells", tuple(populations), np.zeros((n, 3)), dendrites, projections, np.zeros((1, 3)), box)


def _levels(model: str, names: Mapping[str, Sequence[str]], count: int, first: Mapping[str, int]) -> tuple[Level, ...]:
    return tuple(
        Level(f"{population} {model}", name, range(first[population] + k * count, first[population] + (k + 1) * count))
        for population, labels in names.items()
        for k, name in enumerate(labels)
    )


def _constant(model: str) -> Experiment:
    currents = CONSTANT_NA[model]
    values = np.concatenate([currents["EXC"], currents["INH"]])
    names = {population: [f"{nA:g} nA" for nA in row] for population, row in currents.items()}
    first = {"EXC": 0, "INH": len(currents["EXC"])}
    system = cells({population: len(row) for population, row in currents.items()})
    return Experiment("constant", model, system, Stimulus(values[None], DURATION_MS), _levels(model, names, 1, first))


def _fluctuating(model: str) -> tuple[NDArray, System, tuple[Level, ...]]:
    """Return mean and standard deviation for every cell, ``[2, N]``, nA."""
    rows = FLUCTUATING_NA[model]
    values = np.repeat(np.concatenate([rows["EXC"], rows["INH"]]), REALISATIONS, axis=0).T
    names = {population: [f"{m:g} +- {sd:g} nA" for m, sd in row] for population, row in rows.items()}
    counts = {population: len(row) * REALISATIONS for population, row in rows.items()}
    return values, cells(counts), _levels(model, names, REALISATIONS, {"EXC": 0, "INH": counts["EXC"]})


def _current(model: str) -> Experiment:
    (mean, sd), system, levels = _fluctuating(model)
    draws = np.random.default_rng(1).standard_normal((round(DURATION_MS / DRIVE_STEP_MS), system.num_neurons))
    keep = np.exp(-DRIVE_STEP_MS / DRIVE_TAU_MS)
    y = draws[0]
    rows = np.empty_like(draws)
    for k, draw in enumerate(draws):
        rows[k] = y = keep * y + np.sqrt(1.0 - keep * keep) * draw
    return Experiment("current", model, system, Stimulus(mean + sd * rows, DRIVE_STEP_MS), levels)


def _conductance(model: str) -> Experiment:
    """Poisson events of one size; their rate gives the mean current of a level at the driving potential."""
    (mean, sd), system, levels = _fluctuating(model)
    driving = np.concatenate([np.full(p.count, DRIVING_MV[p.name]) for p in system.populations])
    event = np.concatenate([np.full(p.count, EVENT_US[p.name]) for p in system.populations])
    rise, decay = AMPA_MS
    t = np.arange(0.0, 30.0, DRIVE_STEP_MS)
    kernel = np.exp(-t / decay) - np.exp(-t / rise)
    kernel /= kernel.max()
    wanted = (mean + 0.5 * sd) / driving / event / (kernel.sum() * DRIVE_STEP_MS)  # events per ms
    rng = np.random.default_rng(2)
    events = rng.poisson(wanted * DRIVE_STEP_MS, (round(DURATION_MS / DRIVE_STEP_MS), system.num_neurons))
    rows = np.apply_along_axis(lambda column: np.convolve(column, kernel)[: len(column)], 0, events.astype(float))
    return Experiment("conductance", model, system, Stimulus(rows * event, DRIVE_STEP_MS, "conductance"), levels)


def _synapses() -> Experiment:
    """Sources, which get pulses, come before the cells that are examined in each population."""
    rng = np.random.default_rng(3)
    count = {population: len(row) * REALISATIONS for population, row in STRENGTHS.items()}
    total = {population: SOURCES[population] + count[population] for population in count}
    start = {"EXC": 0, "INH": total["EXC"]}
    first = {population: start[population] + SOURCES[population] for population in count}
    projections = []
    for pre in ("EXC", "INH"):
        for post in ("EXC", "INH"):
            targets = np.arange(count[post])
            chosen = [np.sort(rng.choice(SOURCES[pre], INPUTS[pre], replace=False)) for _ in targets]
            sources = start[pre] + np.concatenate(chosen)
            posts = np.repeat(first[post] + targets, INPUTS[pre])
            scale = np.repeat(np.repeat(STRENGTHS[post], REALISATIONS), INPUTS[pre]) if pre == "EXC" else None
            receptors = ("AMPA", "NMDA") if pre == "EXC" else ("GABA_A",)
            section = "hillock" if pre == "EXC" else "soma"
            ones = np.ones(len(posts))
            fixed = (sources, posts, 100.0 * ones, 2.0 * ones, ones if scale is None else np.round(scale, 3))
            projections.append(Projection(pre, post, section, receptors, *fixed))
    system = cells(total, tuple(projections))
    rows = np.zeros((round(DURATION_MS / DRIVE_STEP_MS), system.num_neurons))
    for population, sources in SOURCES.items():
        for gid in range(start[population], start[population] + sources):
            gaps = SOURCE_GAP_MS + rng.exponential(1e3 / SOURCE_HZ - SOURCE_GAP_MS, round(DURATION_MS / 50.0))
            onsets = np.cumsum(gaps)
            for k in (onsets[onsets < DURATION_MS - PULSE_MS] / DRIVE_STEP_MS).astype(int):
                rows[k : k + round(PULSE_MS / DRIVE_STEP_MS), gid] = PULSE_NA[population]
    shipped = tuned(make("EI2"))
    params = {f"weight-{key}": shipped[f"weight-{key}"] for key in system.weight_names}
    names = {population: [f"weights x {factor:g}" for factor in row] for population, row in STRENGTHS.items()}
    levels = _levels("culture", names, REALISATIONS, first)
    return Experiment("synapses", "culture", system, Stimulus(rows, DRIVE_STEP_MS), levels, params)
