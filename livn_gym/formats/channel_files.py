"""Read spikes on channels from files of livn_gym and of other programs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from livn_gym.checks import checked
from livn_gym.errors import BackendUnavailable, CorruptData, InvalidInput, unknown_name
from livn_gym.formats import deployment, files
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.formats.foreign import cl1, nwb_units, sorting, table
from livn_gym.formats.foreign.assembly import Events, ReadOptions, assemble
from livn_gym.formats.session import Session
from livn_gym.hdf5 import MAX_PARTLY_READ_BYTES, Hdf5, check_structure
from livn_gym.reading import damage, regular_file


class ChannelFormat(NamedTuple):
    """Description of a format: its title, and the packages that reading it needs."""

    title: str
    packages: tuple[str, ...] = ()


CHANNEL_FORMATS = {
    "livn": ChannelFormat("session of livn_gym, .npz"),
    "deployment": ChannelFormat("spikes of a session of livn-gym deploy, channels.npz"),
    "nwb": ChannelFormat("units of an NWB file, .nwb"),
    "neo": ChannelFormat("spike trains of Neo in a NIX file, .nix", ("neo", "nixio")),
    "cl1": ChannelFormat("recording of a CL1, .h5"),
    "spikeinterface": ChannelFormat("sorting that SpikeInterface saved, a folder or .npz"),
    "sonata": ChannelFormat("SONATA spikes of livn_gym, .h5"),
    "parquet": ChannelFormat("table of times and channels, .parquet", ("pyarrow",)),
    "csv": ChannelFormat("table of times and channels as text, .csv, .tsv or .txt"),
}
"""Formats that ``read_channels`` reads, by name."""

_PLACES = *cl1.PLACES, *nwb_units.PLACES, "livn_gym"
"""Parts of HDF5 files that are read, and checked before."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_TEXT_SAMPLE_BYTES = 4096


@checked
def read_channels(
    path: str | Path,
    format: str | None = None,
    *,
    unit: str | None = None,
    sampling_hz: float | None = None,
    duration_ms: float | None = None,
    stimuli: str | Path | None = None,
) -> ChannelSpikes:
    """Read spikes, stimuli and electrodes from a file of livn_gym or of another program.

    ``docs/formats.md`` says for every format what becomes a channel, and where stimuli are expected.

    Args:
        path: Path of the file, or of the folder of a sorting.
        format: Name of the format, in ``CHANNEL_FORMATS``. Default: found from the content of the file.
        unit: Unit of the times of a table whose column does not name it: ``"s"``, ``"ms"``, ``"us"`` or ``"frames"``.
        sampling_hz: Frames per second, with ``unit="frames"``.
        duration_ms: Length of the recording. Default: what the file states, otherwise the next whole second after its
            last event.
        stimuli: Table of the stimuli of the recording, ``.csv`` or ``.parquet``, with times, channels by their names in
            the recording, and ``amplitude_uA``; it replaces those of the file, which may lack amplitudes. Its column of
            times names their unit.

    Raises:
        UnknownName: There is no such format.
        BackendUnavailable: A package is missing; the message names the extra.
        InvalidInput: There is no such file, its format is not known, or something that the file does not say must be
            given.
        StorageError: The file cannot be read.
        CorruptData: The file is damaged.
    """
    options = ReadOptions(unit, sampling_hz, duration_ms)
    place = Path(path)
    if format is not None and format not in CHANNEL_FORMATS:
        raise unknown_name("format", format, CHANNEL_FORMATS)
    name = format or detect(place)
    if name not in ("csv", "parquet") and unit is not None:
        raise InvalidInput(f"unit is for tables, csv and parquet; {place} has the format {name}, which has its own.")
    missing = [package for package in CHANNEL_FORMATS[name].packages if find_spec(package) is None]
    if missing:
        raise BackendUnavailable(
            f"The format {name} needs {' and '.join(missing)}, which is missing: pip install 'livn_gym[formats]'"
        )
    try:
        spikes = _read(place, name, options)
    except (CorruptData, InvalidInput) as error:
        if str(place) in str(error):
            raise
        raise type(error)(f"{place}: {error}") from error
    return spikes if stimuli is None else _with_stimuli(spikes, Path(stimuli))


def _read(place: Path, name: str, options: ReadOptions) -> ChannelSpikes:
    if name in ("nwb", "cl1", "sonata"):
        check_structure(place, _PLACES)
    found = _READERS[name](place, options)
    if isinstance(found, Events):
        return assemble(place, name, found, options)
    if options.duration_ms is not None or options.unit is not None:
        raise InvalidInput("A recording of livn_gym states its length and units: leave out duration_ms and unit.")
    return ChannelSpikes.of_session(found)


def _with_stimuli(spikes: ChannelSpikes, path: Path) -> ChannelSpikes:
    """Replace the stimuli of a recording by the rows of a table, of which all are stimuli without a column event."""
    name = detect(path)
    if name not in ("csv", "parquet"):
        raise InvalidInput(f"Stimuli must be in a table, csv or parquet; {path} has the format {name}.")
    found = _READERS[name](path, ReadOptions(rows="stimuli"))
    assert isinstance(found, Events)
    number = {channel: k for k, channel in enumerate(spikes.names)}
    unknown = [channel for channel in found.names if channel not in number]
    if unknown:
        raise InvalidInput(f"{path} has stimuli of the channel {unknown[0]!r}, which the recording does not have.")
    channels = np.array([number[channel] for channel in found.names], dtype=np.int64)
    order = np.argsort(found.stim_t_ms, kind="stable")
    amplitude_uA = found.stim_amplitude_uA
    with damage(path, "does not fit to the recording", invalid_is_damage=True):
        return replace(
            spikes,
            stim_t_ms=found.stim_t_ms[order],
            stim_channel=channels[found.stim_channel[order]],
            stim_amplitude_uA=None if amplitude_uA is None else np.abs(amplitude_uA[order]),
        )


@checked
def detect(path: str | Path) -> str:
    """Return the name of the format of a file or folder, in ``CHANNEL_FORMATS``, from its content.

    Raises:
        InvalidInput: There is no such file, or its format is not known.
        StorageError: The file cannot be read.
        CorruptData: The file is damaged.
    """
    place = Path(path)
    if place.is_dir():
        if sorting.is_sorting(place) or (place / "zarr.json").is_file():
            return "spikeinterface"
        raise InvalidInput(f"{place} is a folder, but not a sorting saved by SpikeInterface. {_known()}")
    file = regular_file(place, limit=MAX_PARTLY_READ_BYTES)
    with damage(file), file.open("rb") as stream:
        start = stream.read(_TEXT_SAMPLE_BYTES)
    if start.startswith(_HDF5):
        return _hdf5_format(file)
    if start.startswith(b"PK\x03\x04"):
        with damage(file, "is a damaged .npz file"), zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
        if deployment.is_npz(names):
            return "deployment"
        return "spikeinterface" if sorting.is_npz(names) else "livn"
    if start.startswith(b"PAR1"):
        return "parquet"
    if _is_text(start) and (file.suffix.lower() in table.SUFFIXES or start.strip()):
        return "csv"
    raise InvalidInput(f"The format of {file} is not recognised. {_known()}")


def _known() -> str:
    return "Known are: " + "; ".join(f"{name} ({known.title})" for name, known in CHANNEL_FORMATS.items()) + "."


def _is_text(start: bytes) -> bool:
    if b"\0" in start:
        return False
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(start) - 4  # a character that the sample cuts
    return True


def _hdf5_format(path: Path) -> str:
    check_structure(path, _PLACES)
    with Hdf5(path, limit=MAX_PARTLY_READ_BYTES) as file:
        if file.attribute("nwb_version") is not None:
            return "nwb"
        if file.attribute("format") in ("nix", b"nix"):
            return "neo"
        if file.holds("livn_gym/metadata"):
            return "sonata"
        if cl1.is_cl1(file):
            return "cl1"
    raise InvalidInput(f"{path} is an HDF5 file of an unknown format. {_known()}")


def _nix(path: Path) -> Events | Session:
    from livn_gym.formats.foreign import nix  # imports Neo

    return nix.read(path)


_READERS: dict[str, Callable[[Path, ReadOptions], Events | Session]] = {
    "livn": lambda path, options: Session.load(path),
    "deployment": lambda path, options: deployment.read(path),
    "nwb": lambda path, options: nwb_units.read(path),
    "neo": lambda path, options: _nix(path),
    "cl1": lambda path, options: cl1.read(path),
    "spikeinterface": lambda path, options: sorting.read(path),
    "sonata": lambda path, options: files.read(path, "sonata"),
    "parquet": table.read_parquet,
    "csv": table.read_text,
}
