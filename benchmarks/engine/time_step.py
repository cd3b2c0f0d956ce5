"""Error of the interspike interval against a time step of 0.001 ms, by time step and scheme, on single cells.

A culture cell gets a constant current at its soma for 1.5 s; the mean interval is compared with that of the same
cell at 0.001 ms. Near its threshold the INH cell fires in groups, whose mean interval no single figure describes,
so its currents lie above.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from livn_gym.backends import Backend, CultureSpec, Precision
from livn_gym.backends.native import NativeBackend
from livn_gym.backends.neuron import NeuronBackend
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.numerics import NoiseStream
from livn_gym.parameters import ParameterSet
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import Population, System

DURATION_MS = 1500.0
REFERENCE = (0.001, "backward_euler")
SETTINGS = [(dt, scheme) for dt in (0.025, 0.05, 0.1) for scheme in ("backward_euler", "second_order")]
CURRENTS_NA = {"EXC": (0.06, 0.1, 0.2), "INH": (0.03, 0.06, 0.1)}


ENGINES: dict[str, tuple[Callable[[], Backend], Precision]] = {
    "neuron": (NeuronBackend, "float64"),
    "native": (NativeBackend, "float64"),
    "native-float32": (NativeBackend, "float32"),
}


def mean_interval_ms(engine: str, population: str, current_nA: float, dt_ms: float, scheme: str) -> float:
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
    make_backend, precision = ENGINES[engine]
    backend = make_backend()
    spec = CultureSpec(cell, ReducedCalciumSomaDendrite(), dt_ms, scheme, 1, precision)  # type: ignore[arg-type]
    try:
        backend.build(spec, ParameterSet(cell).frozen(), [NoiseStream(0)])
        request = RecordingRequest(spike_gids=cell.gids())
        stimulus = Stimulus(np.full((1, 1), current_nA), DURATION_MS)
        times = backend.run(round(DURATION_MS / dt_ms), stimulus, request).spikes[2]
    finally:
        backend.close()
    return float(np.diff(times).mean()) if len(times) > 2 else float("nan")


def main() -> None:
    """Print the table for the engines named (default native in both precisions), against the native reference."""
    engines = sys.argv[1:] or ["native", "native-float32"]
    columns = [(engine, *setting) for engine in engines for setting in SETTINGS]
    errors = []
    for population, currents in CURRENTS_NA.items():
        for current in currents:
            reference = mean_interval_ms("native", population, current, *REFERENCE)
            row = [100 * (mean_interval_ms(e, population, current, dt, s) / reference - 1) for e, dt, s in columns]
            errors.append([population, current, reference, row])
    print("error of the mean interspike interval against dt 0.001 ms, %")
    print(f"{'':38s}" + "".join(f"{f'{population} {current:g} nA':>14s}" for population, current, _, _ in errors))
    print(f"{'reference interval, ms':38s}" + "".join(f"{reference:14.2f}" for _, _, reference, _ in errors))
    for k, (engine, dt, scheme) in enumerate(columns):
        row = [error[3][k] for error in errors]
        cells = "".join(f"{value:+14.2f}" for value in row)
        print(f"{f'{engine} {dt:g} {scheme}':38s}{cells}   mean |error| {np.abs(row).mean():.2f}")


if __name__ == "__main__":
    main()
