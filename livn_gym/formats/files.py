"""Formats by name, and the checks that all of them share."""

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
    """A format of files.

    Attributes:
        module: Has ``write(session, path)`` and ``read(path)``.
        suffix: Of its files.
        packages: What it needs.
        traces: It keeps voltages and currents, not spikes alone.
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

_UTF8_NAMES = ("neo", "parquet")
"""Formats whose libraries (nixio, pyarrow) encode paths as UTF-8 and fail on others."""


@checked
def write(session: Session, path: str | Path, to: str, *, replace: bool = False) -> None:
    """Write a session in another format; the file appears when it is complete.

    Args:
        session: What to write.
        path: With the format's suffix.
        to: A name in ``FORMATS``.
        replace: Write over a file that is there.

    Raises:
        UnknownName: There is no such format.
        BackendUnavailable: A package is missing; the message names the extra.
        InvalidInput: The path has another suffix or no folder, or the file exists.
    """
    known = _format(to)
    path = Path(path)
    if path.suffix.lower() != known.suffix:
        raise InvalidInput(f"A file in the format {to} must end in {known.suffix}, got {str(path)!r}.")
    _check_name(path, to)
    if not path.parent.is_dir():
        raise InvalidInput(f"There is no folder {str(path.parent)!r}.")
    if path.is_dir() or (os.path.lexists(path) and not replace):
        raise InvalidInput(f"{path} exists already.")
    with replacing(path) as part:
        import_module(known.module).write(session, part)


@checked
def read(path: str | Path, name: str) -> Session:
    """Read what ``write`` wrote.

    Args:
        path: The file.
        name: Its format, in ``FORMATS``.

    Raises:
        UnknownName: There is no such format.
        BackendUnavailable: A package is missing; the message names the extra.
        InvalidInput: There is no such file, it cannot be read (``StorageError``), it is larger than
            ``livn_gym.reading`` allows, or another program wrote it: such files hold no cells and electrodes that
            ``Session`` needs, and are read with the format's own library.
        CorruptData: It is damaged.
    """
    known = _format(name)
    file = regular_file(path)
    _check_name(file, name)
    try:
        return import_module(known.module).read(file)
    except (CorruptData, InvalidInput) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def _check_name(path: Path, name: str) -> None:
    """Refuse a path whose bytes are no UTF-8 where the format's library cannot be given it."""
    if name not in _UTF8_NAMES:
        return
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(f"The library of the format {name} takes paths in UTF-8, got {ascii(str(path))}.") from error


@checked
def left_out(session: Session, to: str) -> list[str]:
    """Names of the traces that a session has and a format does not keep."""
    return [] if _format(to).traces else session.traces


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    missing = [package for package in FORMATS[name].packages if find_spec(package) is None]
    if missing:
        raise BackendUnavailable(
            f"The format {name} needs {' and '.join(missing)}, missing here: pip install 'livn_gym[formats]'"
        )
    return FORMATS[name]
