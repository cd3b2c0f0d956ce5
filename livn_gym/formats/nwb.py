"""Neurodata Without Borders (NWB): electrodes, units with the channels that record them, stimulus and traces.

Times are in seconds from the start of the recording, which is also that of the session. Values are in the units of
livn_gym, and ``conversion`` is the factor to those of NWB. The metadata is stored as JSON in ``notes``.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from livn_gym.blanked_times import Blanking
from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats.blanked import ARRAYS
from livn_gym.formats.parts import TRACES, at_steps
from livn_gym.formats.session import Session
from livn_gym.hdf5 import Hdf5, check_structure, new_file
from livn_gym.reading import damage, parse_json
from livn_gym.seal import seal

if TYPE_CHECKING:
    from pynwb import NWBFile

PROCESSED = "ecephys"
BLANKED_WITH = "blanked_with"
"""Name of the column of units with the electrode with which a cell is blanked."""
STIMULUS = "stimulus_"
"""Prefix of the names of stimulus series, followed by the column."""
SPECIES = "http://purl.obolibrary.org/obo/NCBITaxon_32630"
"""Entry "synthetic construct" of the NCBI taxonomy."""

_SI = {"mV": ("volts", 1e-3), "nA": ("amperes", 1e-9)}
_STIMULUS_SI = {
    "electrode": ("amperes", 1e-6),
    "current": ("amperes", 1e-9),
    "current_density": ("amperes per square meter", 1e-2),
    "conductance": ("siemens", 1e-6),
    "extracellular": ("volts", 1e-3),
    "irradiance": ("watts per square meter", 1e3),
    "light": ("watts per square meter", 1e3),
}
"""SI unit of stimuli in each mode, and the factor from the unit of livn_gym."""


@checked
def to_nwb(session: Session) -> NWBFile:
    """Convert a session to an NWB file in memory."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    metadata = json.dumps(session.metadata())
    _, gid, t_ms = session.recording.spikes
    content = hashlib.sha256(metadata.encode() + gid.tobytes() + t_ms.tobytes()).digest()
    file = NWBFile(
        session_description=f"Simulated neural culture {session.system} on a multi-electrode array, "
        f"{session.recording.duration_ms:g} ms.",
        identifier=str(UUID(bytes=content[:16])),
        session_start_time=datetime.fromisoformat(session.created),
        experiment_description=f"Simulation by livn_gym {session.version} with the {session.backend} backend, "
        f"seed {session.seed}, time step {session.recording.dt_ms:g} ms.",
        was_generated_by=[["livn_gym", session.version]],
        notes=metadata,
        subject=Subject(
            subject_id=f"{session.system}-{session.system_sha256[:12]}",
            description="A simulated culture: its cells are equations, of no animal; age and sex are placeholders.",
            species=SPECIES,
            age="P0D",
            sex="U",
        ),
    )
    _add_electrodes(file, session)
    _add_units(file, session)
    _add_blanked_times(file, session)
    _add_stimulus(file, session)
    _add_traces(file, session)
    return file


@checked
def from_nwb(file: NWBFile) -> Session:
    """Convert an NWB file made by ``to_nwb`` to a session.

    Raises:
        InvalidInput: The file was not made by livn_gym.
        CorruptData: A part of it is missing or damaged.
    """
    if '"livn_gym"' not in (getattr(file, "notes", "") or ""):
        raise InvalidInput("The NWB file was not made by livn_gym.")
    try:
        metadata = parse_json(file.notes, "the NWB file's notes")
        arrays: dict[str, Any] = {"electrodes_um": np.zeros((0, 3)), "heard": np.zeros((0, 2))}
        if file.electrodes is not None:
            arrays["electrodes_um"] = np.column_stack([file.electrodes[f"rel_{axis}"][:] for axis in "xyz"])
        units = file.units
        arrays["positions_um"] = np.column_stack([units[f"{axis}_um"][:] for axis in "xyz"])
        gid, seconds = _ragged(units, "spike_times")
        if "electrodes" in units.colnames:
            cell, channel = _ragged(units, "electrodes")
            order = np.lexsort((cell, channel))
            arrays["heard"] = np.column_stack([channel[order], cell[order]])
        if BLANKED_WITH in units.colnames:
            arrays |= _blanked_arrays(file, units)
        arrays |= _stimulus_arrays(file, metadata["dt_ms"])
        for name in TRACES:
            if name in file.acquisition:
                series = file.acquisition[name]
                arrays[name] = np.asarray(series.data[:]).T[None]
                arrays[TRACES[name].gids] = _gids(series.comments)
        if PROCESSED in file.processing:
            arrays["potential"] = np.asarray(file.processing[PROCESSED]["potential"].data[:]).T
        t_ms = at_steps(seconds * 1000.0, float(metadata["dt_ms"]))
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise CorruptData(f"The NWB file is damaged: {type(error).__name__}: {error}.") from error
    return Session.from_parts(metadata, gid, t_ms, arrays)


@checked
def write(session: Session, path: Path) -> None:
    """Write an NWB file."""
    from pynwb import NWBHDF5IO

    with new_file(path) as file:
        io = NWBHDF5IO(mode="w", file=file)  # closing io would close the file before its content is read
        io.write(to_nwb(session))
    seal(path)


@checked
def read(path: Path) -> Session:
    """Read a file written by ``write``.

    Raises:
        InvalidInput: Another program wrote the file.
        CorruptData: The file is damaged.
    """
    from pynwb import NWBHDF5IO

    check_structure(path)
    with Hdf5(path) as file:
        if file.attribute("nwb_version") is None:
            raise InvalidInput(f"{path} is an HDF5 file, but not an NWB file.")
    with damage(path, "is a damaged NWB file"), NWBHDF5IO(path, "r") as io:
        return from_nwb(io.read())


def _gids(comments: str) -> NDArray[np.int64]:
    """Return the gids listed in the comments of a series of traces."""
    _, _, listed = comments.rpartition(":")  # format 1 had {"gids": [...]}, which Neo interprets itself
    return np.array(parse_json(listed.rstrip("}"), "the NWB file's comments"), dtype=np.int64)


def _ragged(units: Any, name: str) -> tuple[NDArray[np.int64], NDArray]:
    """Return cell and value of every entry of a column with a list per unit, ``[K]`` each."""
    index = units[name]
    values = np.asarray(index.target.data[:])
    return np.repeat(np.asarray(units.id[:]), np.diff(index.data[:], prepend=0).astype(np.int64)), values


def _add_electrodes(file: NWBFile, session: Session) -> None:
    if not len(session.electrodes_um):
        return
    device = file.create_device(name="MEA", description="Simulated multi-electrode array.")
    group = file.create_electrode_group(
        name="array", description="All electrodes of the array.", location="culture", device=device
    )
    for channel, (x, y, z) in enumerate(session.electrodes_um.tolist()):
        file.add_electrode(id=channel, rel_x=x, rel_y=y, rel_z=z, location="culture", group=group)


def _add_units(file: NWBFile, session: Session) -> None:
    """Add every cell, including silent ones, as a unit with its gid as id."""
    _, gid, t_ms = session.recording.spikes
    file.add_unit_column("population", "Population of the cell.")
    for axis in "xyz":
        file.add_unit_column(f"{axis}_um", f"Place of the soma, {axis}, in micrometers.")
    order = np.argsort(gid, kind="stable")  # keeps the temporal order of each cell's spikes
    first = np.searchsorted(gid[order], np.arange(session.num_neurons + 1))
    channels: list[list[int]] = [[] for _ in range(session.num_neurons)]
    for channel, cell in session.channel_cells.tolist():
        channels[cell].append(channel)
    blanking, recorded_s = session.recording.blanking, np.array([[0.0, session.recording.duration_ms / 1000.0]])
    listening = [recorded_s] * session.num_neurons
    if blanking is not None:
        file.add_unit_column(BLANKED_WITH, "Electrode with which the cell is blanked; -1: with none.")
        between = [_between(blanking, channel) for channel in range(blanking.num_channels)]
        listening = [recorded_s if channel < 0 else between[channel] for channel in blanking.cell_channels.tolist()]
    names = [population.name for population in session.populations]
    population = session.population_of(np.arange(session.num_neurons))
    # HDF5 has no type for a column whose lists are all empty
    any_recorded = len(session.channel_cells) > 0
    for cell, position in enumerate(session.positions_um.tolist()):
        file.add_unit(
            id=cell,
            obs_intervals=listening[cell],
            population=names[population[cell]],
            **{f"{axis}_um": value for axis, value in zip("xyz", position, strict=True)},
            spike_times=t_ms[order[first[cell] : first[cell + 1]]] / 1000.0,
            **({"electrodes": channels[cell]} if any_recorded else {}),
            **({} if blanking is None else {BLANKED_WITH: int(blanking.cell_channels[cell])}),
        )
    file.units.resolution = session.recording.dt_ms / 1000.0  # spikes occur at whole steps


def _between(blanking: Blanking, channel: int) -> NDArray[np.float64]:
    """Return the intervals in which a channel recorded, s ``[I, 2]``; if it never did, one without length."""
    own = blanking.channel == channel
    blanked_ms = np.column_stack([blanking.start_ms[own], blanking.stop_ms[own]])
    borders = np.concatenate([[0.0], blanked_ms.ravel(), [blanking.duration_ms]])
    intervals = borders.reshape(-1, 2) / 1000.0
    intervals = intervals[intervals[:, 1] > intervals[:, 0]]
    return intervals if len(intervals) else np.zeros((1, 2))  # readers take an empty list for a missing one


def _add_blanked_times(file: NWBFile, session: Session) -> None:
    """Add the blanked times of every electrode as invalid times."""
    blanking = session.recording.blanking
    if blanking is None or not len(blanking.channel):  # HDF5 has no type for a column without rows
        return
    file.add_invalid_times_column("channel", "Electrode that did not record.")
    for channel, start_ms, stop_ms in zip(blanking.channel, blanking.start_ms, blanking.stop_ms, strict=True):
        file.add_invalid_time_interval(
            start_time=start_ms / 1000.0, stop_time=stop_ms / 1000.0, tags=["blanked"], channel=int(channel)
        )


def _blanked_arrays(file: NWBFile, units: Any) -> dict[str, NDArray]:
    times = file.invalid_times
    columns = [np.zeros(0)] * 3 if times is None else [times[c][:] for c in ("channel", "start_time", "stop_time")]
    channel, start_s, stop_s = map(np.asarray, columns)
    dt_ms = float(parse_json(file.notes, "the NWB file's notes")["dt_ms"])
    start_ms, stop_ms = (at_steps(seconds * 1000.0, dt_ms) for seconds in (start_s, stop_s))
    values = channel.astype(np.int64), start_ms, stop_ms, np.asarray(units[BLANKED_WITH][:])
    return dict(zip(ARRAYS, values, strict=True))


def _add_stimulus(file: NWBFile, session: Session) -> None:
    """Add one series per column that changes; a value holds until the next change."""
    stimulus, changes = session.stimulus, session.changes
    if stimulus is None:
        return
    from pynwb import TimeSeries

    unit, conversion = _STIMULUS_SI[stimulus.mode]
    kind = "channel" if stimulus.mode == "electrode" else "cell"
    for column in np.unique(changes.column).tolist():
        selected = changes.column == column
        file.add_stimulus(
            TimeSeries(
                name=f"{STIMULUS}{column}",
                description=f"Stimulus of {kind} {column}, mode {stimulus.mode}; a value holds until the next time.",
                data=changes.value[selected],
                unit=unit,
                conversion=conversion,
                timestamps=changes.step[selected] * session.recording.dt_ms / 1000.0,
                continuity="step",
            )
        )


def _stimulus_arrays(file: NWBFile, dt_ms: float) -> dict[str, NDArray]:
    step: list[NDArray] = [np.zeros(0, np.int64)]
    column: list[NDArray] = [np.zeros(0, np.int64)]
    value: list[NDArray] = [np.zeros(0)]
    for name, series in file.stimulus.items():
        value.append(np.asarray(series.data[:]))
        step.append(np.rint(np.asarray(series.timestamps[:]) * 1000.0 / dt_ms).astype(np.int64))
        column.append(np.full(len(value[-1]), int(name.removeprefix(STIMULUS))))
    columns = {"step": step, "column": column, "value": value}
    return {f"stimulus_{name}": np.concatenate(arrays) for name, arrays in columns.items()}


def _add_traces(file: NWBFile, session: Session) -> None:
    from pynwb import TimeSeries
    from pynwb.ecephys import ElectricalSeries

    recording = session.recording
    for name, (field, cells, trace_unit) in TRACES.items():
        trace, gids = getattr(recording, field), getattr(recording, cells)
        if trace is None or gids is None:
            continue
        unit, conversion = _SI[trace_unit]
        file.add_acquisition(
            TimeSeries(
                name=name,
                description=f"{name.replace('_', ' of the ').capitalize()}, a column a cell, named in the comments.",
                data=trace[0].T,
                unit=unit,
                conversion=conversion,
                starting_time=0.0,
                rate=1000.0 / recording.sample_dt_ms,
                comments=f"gids: {json.dumps(gids.tolist())}",  # not JSON as a whole, which Neo would interpret itself
            )
        )
    if session.potential is not None:
        # Neo cannot read files with an ElectricalSeries among the acquisitions, and this one is computed
        file.create_processing_module(PROCESSED, "What is computed of the recording.").add(
            ElectricalSeries(
                name="potential",
                description="Extracellular potential at the electrodes, from the recorded cells' membrane currents.",
                data=session.potential.T,
                electrodes=file.create_electrode_table_region(
                    region=list(range(len(session.electrodes_um))), description="Every electrode of the array."
                ),
                conversion=1e-3,
                starting_time=0.0,
                rate=1000.0 / recording.sample_dt_ms,
            )
        )
