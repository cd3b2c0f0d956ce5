"""From a stimulus of electrodes and lights to one of cells."""

from __future__ import annotations

from livn_gym.checks import checked
from livn_gym.copies import altered
from livn_gym.errors import InvalidInput
from livn_gym.io import BoundElectrodes, BoundLights
from livn_gym.stimulus import Stimulus


@checked
def applied_stimulus(
    stimulus: Stimulus | None,
    duration_ms: float,
    count: int,
    dt_ms: float,
    electrodes: BoundElectrodes,
    lights: BoundLights | None,
) -> Stimulus | None:
    """Check a stimulus, and return it as a stimulus of the cells.

    Args:
        stimulus: Stimulus of electrodes, lights or cells; None for none.
        duration_ms: Length of the run.
        count: Number of cultures that run.
        dt_ms: Time step.
        electrodes: Electrodes of the cultures.
        lights: Lights of the cultures; None if their cells have no opsin.

    Raises:
        InvalidInput: A stimulus is longer than the run, is of other cultures or columns, exceeds a limit of the lights,
            has times that are not whole steps, or is light on cells without an opsin.
    """
    if stimulus is None:
        return None
    electrical, light = stimulus.parts
    if electrical is not None:
        _check(electrical, duration_ms, count)
        electrical = electrodes.cell_stimulus(electrical) if electrical.mode == "electrode" else electrical
    if light is not None:
        _check(light, duration_ms, count)
        if lights is None:
            raise InvalidInput("Light acts on cells with an opsin: give the Env opsin=, such as 'williams_2013'.")
        light = lights.cell_stimulus(light) if light.mode == "light" else light
    cells = len(electrodes.geometry.soma_um)
    for part in (electrical, light):
        if part is not None:
            _check_cells(part, cells, dt_ms)
    if electrical is None or light is None:
        return light if electrical is None else electrical
    return altered(electrical, light=light)


def _check(stimulus: Stimulus, duration_ms: float, count: int) -> None:
    if stimulus.duration_ms > duration_ms * (1 + 1e-9):
        raise InvalidInput(
            f"The stimulus lasts {stimulus.duration_ms:g} ms, longer than the run of {duration_ms:g} ms."
        )
    if stimulus.num_cultures not in (None, count):
        raise InvalidInput(f"The stimulus is for {stimulus.num_cultures} cultures, {count} are to run.")


def _check_cells(stimulus: Stimulus, cells: int, dt_ms: float) -> None:
    width = stimulus.num_columns if stimulus.gain is None else len(stimulus.gain)
    if width != cells:
        raise InvalidInput(f"A stimulus per neuron needs {cells} columns, one for each cell, got {width}.")
    stimulus.schedule(dt_ms)  # raises for overlapping pulses and times that are not whole steps
