"""Write and read recordings in formats selected by name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from livn_gym.atomic import replacing
from livn_gym.checks import checked
from livn_gym.errors import BackendUnavailable, CorruptData, InvalidInput, unknown_name
from livn_gym.formats.session import Session
from livn_gym.reading import regular_file


@checked
@dataclass(frozen=True)
class Format:
    """Description of a file format.

    Attributes:
        module: Module with the functions ``write(session, path)`` and ``read(path)``.
        suffix: Suffix of the files.
        packages: Required packages.
        traces: Whether the format stores voltages and currents as well as spikes.
    """

    module: str
    suffix: str
    packages: tuple[str, ...]
    traces: bool


FORMATS = {
    "nwb": Format("livn_gym.formats.nwb", ".nwb", ("pynwb",), True),
    "neo": Format("livn_gym.formats.neo_blocks", ".nix", ("neo", "nixio"), True),
    "sonata": Format("livn_gym.formats.sonata_spikes", ".h5", (), False),
    "parquet": Format("livn_gym.formats.table", ".parquet", ("pyarrow",), False),
}

_OTHER = "livn_gym.formats.read_channels reads the spikes of files by other programs."

_UTF8_NAMES = ("neo", "parquet")
"""Formats whose libraries (nixio, pyarrow) encode paths as UTF-8 and fail on others."""


@checked
def format_of(path: str | Path) -> str:
    """Return the name of the format whose files have the suffix of a path.

    Raises:
        InvalidInput: No format has files with this suffix.
    """
    for name, file_format in FORMATS.items():
        if Path(path).suffix.lower() == file_format.suffix:
            return name
    *suffixes, last = (file_format.suffix for file_format in FORMATS.values())
    raise InvalidInput(
        f"A recording must end in {', '.join(suffixes)} or {last}, got {str(path)!r}; Session.save and Session.load "
        "are for .npz."
    )


@checked
def write(session: Session, path: str | Path, to: str | None = None, *, replace: bool = False) -> None:
    """Write a session in a format. The file appears when it is complete.

    Args:
        session: Session to write.
        path: Path of the file, with the suffix of the format.
        to: Name of the format, in ``FORMATS``. Default: that of the suffix.
        replace: Overwrite an existing file.

    Raises:
        UnknownName: There is no such format.
        BackendUnavailable: A package is missing; the message names the extra.
        InvalidInput: The path has another suffix, its folder does not exist, or the file exists.
    """
    to = format_of(path) if to is None else to
    file_format = _format(to)
    path = Path(path)
    if path.suffix.lower() != file_format.suffix:
        raise InvalidInput(f"A file in the format {to} must end in {file_format.suffix}, got {str(path)!r}.")
    _check_name(path, to)
    if not path.parent.is_dir():
        raise InvalidInput(f"There is no folder {str(path.parent)!r}.")
    if path.is_dir() or (os.path.lexists(path) and not replace):
        raise InvalidInput(f"{path} exists already.")
    with replacing(path) as temporary:
        import_module(file_format.module).write(session, temporary)


@checked
def read(path: str | Path, name: str | None = None) -> Session:
    """Read a session from a file written by ``write``.

    Args:
        path: Path of the file.
        name: Name of the format, in ``FORMATS``. Default: that of the suffix.

    Raises:
        UnknownName: There is no such format.
        BackendUnavailable: A package is missing; the message names the extra.
        InvalidInput: There is no such file, it is larger than ``livn_gym.reading`` allows, or another program wrote it.
            Such files lack the cells and parameters that ``Session`` needs; ``read_channels`` reads their spikes.
        StorageError: The file cannot be read.
        CorruptData: The file is damaged.
    """
    name = format_of(path) if name is None else name
    file_format = _format(name)
    file = regular_file(path)
    _check_name(file, name)
    try:
        return import_module(file_format.module).read(file)
    except (CorruptData, InvalidInput) as error:
        place = "" if str(path) in str(error) else f"{path}: "
        hint = f" {_OTHER}" if type(error) is InvalidInput else ""
        if not place and not hint:
            raise
        raise type(error)(f"{place}{error}{hint}") from error


def _check_name(path: Path, name: str) -> None:
    """Check that the library of the format can encode the path as UTF-8."""
    if name not in _UTF8_NAMES:
        return
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"The library of the format {name} supports only paths in UTF-8, got {ascii(str(path))}."
        ) from error


@checked
def left_out(session: Session, to: str) -> list[str]:
    """Return the names of the traces of a session that a format does not store."""
    return [] if _format(to).traces else session.traces


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    missing = [package for package in FORMATS[name].packages if find_spec(package) is None]
    if missing:
        raise BackendUnavailable(
            f"The format {name} needs {' and '.join(missing)}, which is missing: pip install 'livn_gym[formats]'"
        )
    return FORMATS[name]
