"""Units of NWB files, read without PyNWB and without raw signals.

A unit becomes spikes on its peak electrode: the one that a column such as ``peak_channel_id`` names, its only
electrode, or that with the largest mean waveform. If the peak electrode of some unit is not known, every unit is a
channel of its own. Times are seconds; the recording lasts from the first to the last observation
interval, if there are any.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats import files
from livn_gym.formats.foreign.assembly import MAX_CHANNELS, Events
from livn_gym.formats.session import Session
from livn_gym.hdf5 import MAX_PARTLY_READ_BYTES, Hdf5

ELECTRODES = "general/extracellular_ephys/electrodes"
PEAK_COLUMNS = "peak_channel_id", "peak_channel", "peak_electrode", "main_channel", "max_channel", "channel"
"""Columns of units with the id of an electrode."""

NAME_COLUMNS = "channel_name", "label", "electrode_name"
STIMULI = tuple(
    f"intervals/{name}" for name in ("electrical_stimulation", "stimulation", "stimuli", "stims", "stimulus")
)
"""Tables of intervals that list stimuli: ``start_time`` (s), ``electrode`` (row of the electrode table) or ``channel``
(its id), and, if known, ``amplitude_uA``."""

NOTES = "general/notes"
PLACES = "units", ELECTRODES, *STIMULI, NOTES
"""What is read of a file."""


def is_ours(file: Hdf5) -> bool:
    """Return whether livn_gym wrote an NWB file."""
    return file.is_text(NOTES) and b'"livn_gym"' in file.text(NOTES)


def read(path: Path) -> Events | Session:
    """Read units, electrodes and tables of stimuli; of a file by livn_gym, the session.

    Raises:
        InvalidInput: The file has no units.
        CorruptData: The file is damaged.
    """
    with Hdf5(path, limit=MAX_PARTLY_READ_BYTES) as file:
        ours = is_ours(file)
    if ours:  # PyNWB opens the file itself
        return files.read(path, "nwb")
    with Hdf5(path, limit=MAX_PARTLY_READ_BYTES) as file:
        if not file.holds("units/spike_times"):
            raise InvalidInput(
                f"{path} has no units with spike times; raw signals must be sorted or thresholded first."
            )
        unit, seconds = _ragged(file, "spike_times")
        ids = file.index("units/id") if file.holds("units/id") else np.arange(unit.max(initial=-1) + 1)
        if len(ids) <= unit.max(initial=-1) or len(ids) > MAX_CHANNELS:
            raise CorruptData(f"{path}: units has {len(ids)} ids and spikes of unit {unit.max(initial=-1)}.")
        electrodes = file.index(f"{ELECTRODES}/id") if file.holds(f"{ELECTRODES}/id") else np.zeros(0, np.int64)
        peak = _peaks(file, len(ids), electrodes)
        if peak is None:
            channel, names, coordinates = unit, [f"unit {k}" for k in ids.tolist()], None
        else:
            channel, names = peak[unit], _names(file, electrodes)
            coordinates = _coordinates(file, len(electrodes))
        start_s, stop_s = _observed(file)
        stim_s, stim_channel, amplitude_uA = _stimuli(file, electrodes)
        if peak is None and len(stim_s):
            # units are no electrodes: those that stimulate are channels after them, without spikes
            names, stim_channel = (
                names + [f"electrode {name}" for name in _names(file, electrodes)],
                (stim_channel + len(ids)),
            )
    return Events(
        t_ms=seconds * 1e3,
        channel=channel,
        names=names,
        coordinates_um=coordinates,
        stim_t_ms=stim_s * 1e3,
        stim_channel=stim_channel,
        stim_amplitude_uA=amplitude_uA,
        start_ms=min(start_s, float(seconds.min(initial=start_s)), float(stim_s.min(initial=start_s))) * 1e3,
        duration_ms=None if stop_s is None else _length(start_s, stop_s, seconds, stim_s) * 1e3,
        metadata={"channels_are": "units" if peak is None else "electrodes"},
    )


def _ragged(file: Hdf5, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the row and the value of every entry of a column with a list per row."""
    values = file.finite(f"units/{name}")
    if not file.holds(f"units/{name}_index"):
        return np.arange(len(values)), values
    ends = file.index(f"units/{name}_index")
    numbers = np.diff(ends, prepend=0)
    if (numbers < 0).any() or (len(ends) and ends[-1] != len(values)) or (len(values) and not len(ends)):
        raise file.damaged(f"units/{name}_index", f"does not divide {len(values)} values")
    return np.repeat(np.arange(len(ends)), numbers), values


def _peaks(file: Hdf5, units: int, electrodes: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the row of the peak electrode of every unit; None where it is not known."""
    row = {number: k for k, number in enumerate(electrodes.tolist())}
    for name in PEAK_COLUMNS:
        place = f"units/{name}"
        if not file.holds(place) or file.is_text(place) or file.holds(f"{place}_index"):
            continue
        values = file.array(place)
        numbers = values.astype(np.int64) if np.isfinite(values).all() else np.full(len(values), -1)
        if len(numbers) == units and row and all(number in row for number in numbers.tolist()):
            return np.array([row[number] for number in numbers.tolist()], dtype=np.int64)
    if not file.holds("units/electrodes") or not len(electrodes):
        return None
    unit, listed = _ragged(file, "electrodes")
    listed = listed.astype(np.int64)
    if len(listed) and not 0 <= listed.min() <= listed.max() < len(electrodes):
        raise file.damaged("units/electrodes", f"names electrodes that do not exist: {listed.max()}")
    number = np.bincount(unit, minlength=units)
    if len(number) != units or (number == 0).any():
        return None
    first = np.cumsum(number) - number
    if (number == 1).all():
        return listed[first]
    largest = _largest(file, units, number)
    return None if largest is None else listed[first + largest]


def _largest(file: Hdf5, units: int, number: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return which of its electrodes has the largest mean waveform, for each unit; None without waveforms."""
    if not file.holds("units/waveform_mean"):
        return None
    waveforms = file.array("units/waveform_mean", "f", ndim=None)
    if waveforms.ndim != 3 or len(waveforms) != units or waveforms.shape[2] != number.max():
        return None
    size = np.nan_to_num(np.ptp(waveforms, axis=1), nan=-1.0)
    size[np.arange(size.shape[1]) >= number[:, None]] = -np.inf
    return size.argmax(axis=1)


def _names(file: Hdf5, electrodes: NDArray[np.int64]) -> list[str]:
    for name in NAME_COLUMNS:
        place = f"{ELECTRODES}/{name}"
        if file.is_text(place):
            names = file.texts(place)
            if len(names) == len(electrodes) and len(set(names)) == len(names):
                return names
    return [str(number) for number in electrodes.tolist()]


def _coordinates(file: Hdf5, electrodes: int) -> NDArray[np.float64] | None:
    """Return positions on the array, or in the tissue where those are not given; None unless all x and y are known."""
    for prefix in ("rel_", ""):
        columns = []
        for axis in "xyz":
            place = f"{ELECTRODES}/{prefix}{axis}"
            column = file.array(place) if file.holds(place) and not file.is_text(place) else np.full(electrodes, np.nan)
            columns.append(column.astype(np.float64))
        if not all(len(column) == electrodes for column in columns):
            continue
        columns[2] = np.nan_to_num(columns[2], nan=0.0)
        positions = np.column_stack(columns)
        if electrodes and np.isfinite(positions).all() and len(np.unique(positions, axis=0)) == electrodes:
            return positions
    return None


def _observed(file: Hdf5) -> tuple[float, float | None]:
    """Return start and end of the observed time, s; the end is None without observation intervals."""
    if not file.holds("units/obs_intervals"):
        return 0.0, None
    intervals = file.array("units/obs_intervals", ndim=2)
    if intervals.shape[1] != 2 or not len(intervals) or not np.isfinite(intervals).all():
        return 0.0, None
    return float(intervals[:, 0].min()), float(intervals[:, 1].max())


def _length(start_s: float, stop_s: float, seconds: NDArray, stim_s: NDArray) -> float:
    first = min(start_s, float(seconds.min(initial=start_s)), float(stim_s.min(initial=start_s)))
    return max(stop_s, float(seconds.max(initial=stop_s)), float(stim_s.max(initial=stop_s))) - first


def _stimuli(file: Hdf5, electrodes: NDArray[np.int64]) -> tuple[NDArray, NDArray, NDArray | None]:
    """Return time, s, row of the electrode and amplitude, uA, of every stimulus of the first table of stimuli."""
    row = {number: k for k, number in enumerate(electrodes.tolist())}
    for table in STIMULI:
        if not file.holds(f"{table}/start_time"):
            continue
        seconds = file.finite(f"{table}/start_time")
        if file.holds(f"{table}/electrode"):
            rows = file.index(f"{table}/electrode")
        elif file.holds(f"{table}/channel"):
            rows = np.array([row.get(k, -1) for k in file.index(f"{table}/channel").tolist()], dtype=np.int64)
        else:
            continue
        if len(rows) != len(seconds) or (len(rows) and not 0 <= rows.min() <= rows.max() < len(electrodes)):
            raise file.damaged(table, "does not name an existing electrode for every stimulus")
        amplitude = file.finite(f"{table}/amplitude_uA") if file.holds(f"{table}/amplitude_uA") else None
        if amplitude is not None and len(amplitude) != len(seconds):
            raise file.damaged(f"{table}/amplitude_uA", f"has {len(amplitude)} values for {len(seconds)} stimuli")
        return seconds, rows, amplitude
    return np.zeros(0), np.zeros(0, np.int64), None
