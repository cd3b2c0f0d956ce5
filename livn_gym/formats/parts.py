"""Parts of a session: names and units of traces, checks, and conversions used when a file is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.models.base import Compartment
from livn_gym.numerics import checked_seed
from livn_gym.pulses import Pulses
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, whole_number


class Trace(NamedTuple):
    """Trace of a voltage or current: the fields of a recording for its values and its cells, and its unit."""

    field: str
    gids: str
    unit: str


TRACES = {
    "voltage": Trace("voltage_soma", "voltage_gid", "mV"),
    "voltage_dendrite": Trace("voltage_dendrite", "voltage_gid", "mV"),
    "current_soma": Trace("current_soma", "current_gid", "nA"),
    "current_dendrite": Trace("current_dendrite", "current_gid", "nA"),
}
"""Traces of a recording, by their name in files."""

FIELDS = {gids: gids for gids in ("voltage_gid", "current_gid")} | {name: trace.field for name, trace in TRACES.items()}
"""Fields of a recording, by the name of their array in files."""


@checked
def units(dendrites: bool) -> dict[str, str]:
    """Return the units of the values in a file, with or without dendritic voltages."""
    traces = {name: trace.unit for name, trace in TRACES.items() if dendrites or name != "voltage_dendrite"}
    return {"time": "ms", "position": "um", **traces, "potential": "mV", "weight": "nS"}


@checked
def compartment_of(name: object) -> Compartment:
    """Convert a name that was read from a file to a compartment.

    Raises:
        InvalidInput: There is no such compartment.
    """
    for compartment in get_args(Compartment):
        if isinstance(name, str) and name == compartment:
            return compartment
    raise InvalidInput(f"A compartment must be one of {get_args(Compartment)}, got {name!r}.")


@checked
def check_origin(seed: object, trial: object, created: object, parameters: Mapping[str, object]) -> None:
    """Check the seed, the trial, the time of creation and the parameters of a session.

    Raises:
        InvalidInput: One of them is invalid.
    """
    checked_seed(seed)
    whole_number("trial", trial, minimum=0)
    for key, value in parameters.items():
        finite(key, value)
    try:
        zone = datetime.fromisoformat(created).tzinfo  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"created must be a time in ISO 8601, got {created!r}.") from error
    if zone is None:
        raise InvalidInput(f"created must be a time with a time zone, got {created!r}.")


@checked
def check_traces(recording: Recording, potential: NDArray | None, neurons: int, channels: int) -> None:
    """Check that every trace has one row per cell or channel, and that all have the same number of samples.

    Raises:
        InvalidInput: A shape or a gid is not valid.
    """
    samples = set()
    for name, (field, cells, _) in TRACES.items():
        trace, gids = getattr(recording, field), getattr(recording, cells)
        if trace is None:
            continue
        if gids is None or gids.ndim != 1 or gids.dtype.kind not in "iu":
            raise InvalidInput(f"{name} needs the gids of its rows, whole numbers [n].")
        if trace.ndim != 3 or trace.shape[:2] != (1, len(gids)):
            raise InvalidInput(f"{name} must be [1, {len(gids)}, T], got {list(trace.shape)}.")
        if len(gids) and not 0 <= gids.min() <= gids.max() < neurons:
            raise InvalidInput(f"{name} must be of cells from 0 to {neurons - 1}, got {gids.max()}.")
        samples.add(trace.shape[2])
    if potential is not None:
        if potential.ndim != 2 or len(potential) != channels:
            raise InvalidInput(f"potential must be [{channels}, T], got {list(potential.shape)}.")
        samples.add(potential.shape[1])
    if len(samples) > 1:
        raise InvalidInput(f"Traces must have the same number of samples, got {sorted(samples)}.")


@checked
def at_steps(t_ms: NDArray[np.float64], dt_ms: float) -> NDArray[np.float64]:
    """Undo the rounding of times that were converted to seconds and back: spikes occur at whole steps."""
    on_step = np.rint(t_ms / dt_ms) * dt_ms
    return np.where(np.abs(on_step - t_ms) <= 1e-12 * np.maximum(on_step, 1.0), on_step, t_ms)


@checked
def stimulus_of(
    description: Mapping[str, Any] | None, arrays: Mapping[str, NDArray], dt_ms: float, max_columns: int
) -> Stimulus | None:
    """Rebuild a stimulus from its changes: every non-zero value is a phase until the next change of the column."""
    if description is None:
        return None
    if not 0 < whole_number("columns", description["columns"]) <= max_columns:
        raise ValueError(f"a stimulus of {description['columns']} columns")
    step, column = (np.asarray(arrays[f"stimulus_{name}"], dtype=np.int64) for name in ("step", "column"))
    value = np.asarray(arrays["stimulus_value"], dtype=np.float64)
    order = np.lexsort((step, column))
    step, column, value = step[order], column[order], value[order]
    phase = np.flatnonzero(value)
    if len(phase) and (phase[-1] + 1 == len(value) or (column[phase + 1] != column[phase]).any()):
        raise ValueError("a column of the stimulus never ends")
    zero = np.zeros(len(phase))
    end = step[phase + 1] if len(phase) else step
    pulses = Pulses(
        culture=zero.astype(np.int64),
        column=column[phase],
        onset_ms=np.multiply(step[phase], dt_ms, dtype=np.float64),
        offset_ms=zero,
        width_ms=np.multiply(end - step[phase], dt_ms, dtype=np.float64),
        value=value[phase],
    )
    return Stimulus.from_pulses(
        pulses,
        num_columns=int(description["columns"]),
        duration_ms=float(description["duration_ms"]),
        mode=description["mode"],
        reversal_mV=float(description["reversal_mV"]),
    )
