"""Error of the interspike interval against a time step of 0.001 ms, by time step and scheme, on single cells.

A culture cell gets a constant current at its soma for 1.5 s; the mean interval is compared with that of the same
cell at 0.001 ms. Near its threshold the INH cell fires in groups, whose mean interval no single figure describes,
so its currents lie above.
"""

from __future__ import annotations

import sys

import numpy as np

from livn_gym import backends
from livn_gym.backends import CultureSpec
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.parameters import ParameterSet
from livn_gym.recording import RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import Population, System

DURATION_MS = 1500.0
REFERENCE = (0.001, "backward_euler")
SETTINGS = [(dt, scheme) for dt in (0.025, 0.05, 0.1) for scheme in ("backward_euler", "second_order")]
CURRENTS_NA = {"EXC": (0.06, 0.1, 0.2), "INH": (0.03, 0.06, 0.1)}


def mean_interval_ms(backend_name: str, population: str, current_nA: float, dt_ms: float, scheme: str) -> float:
    """Mean interspike interval of one cell, ms; NaN with fewer than three spikes."""
    cell = System(
        "single cell",
        (Population(population, 0, 1),),
        np.zeros((1, 3)),
        np.array([[1.0, 0.0]]),
        (),
        np.zeros((1, 3)),
        np.array([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]),
    )
    backend = backends.create(backend_name)
    spec = CultureSpec(cell, ReducedCalciumSomaDendrite(), dt_ms, scheme, 1)  # type: ignore[arg-type]
    try:
        backend.build(spec, ParameterSet(cell).frozen(), [0])
        request = RecordingRequest(spikes=cell.gids())
        stimulus = Stimulus(np.full((1, 1), current_nA), DURATION_MS)
        times = backend.run(round(DURATION_MS / dt_ms), [stimulus], request)[0].spikes[2]
    finally:
        backend.close()
    return float(np.diff(times).mean()) if len(times) > 2 else float("nan")


def main() -> None:
    """Print the table for a backend, NEURON unless another is named."""
    name = sys.argv[1] if len(sys.argv) > 1 else "neuron"
    print(f"{name}: error of the mean interspike interval, %")
    print("cell  nA     interval ms  " + "  ".join(f"{dt:g} {scheme:14s}" for dt, scheme in SETTINGS))
    errors = []
    for population, currents in CURRENTS_NA.items():
        for current in currents:
            reference = mean_interval_ms(name, population, current, *REFERENCE)
            row = [100 * (mean_interval_ms(name, population, current, *s) / reference - 1) for s in SETTINGS]
            errors.append(row)
            print(f"{population}   {current:<6g} {reference:<12.2f} " + "  ".join(f"{e:+18.2f}" for e in row))
    mean = np.abs(errors).mean(axis=0)
    print("mean absolute error      " + "  ".join(f"{e:18.2f}" for e in mean))


if __name__ == "__main__":
    main()
