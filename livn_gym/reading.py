"""Safe reading of files of any origin: regular files of limited size, with errors that name the file.

A file may be a pipe that never ends, a kilobyte that inflates to terabytes, or damaged. Sizes are therefore checked
before anything is read, and all exceptions of libraries about the content become ``CorruptData``.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import CorruptData, InvalidInput, LivnError, StorageError

MAX_TEXT_BYTES = 256 * 2**20
"""Largest size of a JSON or TOML file, and of JSON within another file."""

MAX_DATA_BYTES = 64 * 2**30
"""Largest size of a file and of its decompressed content; also limited to half of the machine's memory."""

MAX_INFLATION = 200
"""Largest ratio of the size of the content to that of the file, above ``INFLATION_FLOOR_BYTES``."""

INFLATION_FLOOR_BYTES = 256 * 2**20

T = TypeVar("T")

_ACCESS = {
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "ENOSPC", "EDQUOT", "EROFS"),
        *("EMFILE", "ENFILE", "EIO", "ESTALE", "EFBIG", "ENOLCK", "EAGAIN"),
    )
}
"""Error numbers of the system that are not caused by the content of a file."""


def max_bytes() -> int:
    """Return the number of bytes that may be read into memory at once."""
    return min(MAX_DATA_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def content_limit(file_bytes: int) -> int:
    """Return the largest size of the decompressed content of a file of a given size, bytes."""
    return min(max_bytes(), max(INFLATION_FLOOR_BYTES, MAX_INFLATION * file_bytes))


def regular_file(path: str | os.PathLike[str], *, limit: int | None = None) -> Path:
    """Check that a path is that of a readable regular file of limited size, and return it.

    Args:
        path: Path of the file.
        limit: Largest size, bytes. Default: ``max_bytes()``.

    Raises:
        InvalidInput: There is no such file, it is a folder, pipe or device, or it is too large.
        StorageError: The file cannot be read, for example without permission or because of a cycle of links.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidInput(f"The name of a file must be a string or a path, got {path!r}.")
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # before it is opened: opening a pipe waits for its other end
            raise InvalidInput(f"{os.fspath(path)} is {_kind(status.st_mode)}, not a file.")
        with open(path, "rb"):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInput(f"There is no file {os.fspath(path)}.") from error
    except OSError as error:
        raise StorageError(f"{os.fspath(path)} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        if isinstance(error, LivnError):
            raise
        raise InvalidInput(f"{os.fspath(path)!r} is not a path: {error}.") from error
    allowed = max_bytes() if limit is None else limit
    if status.st_size > allowed:
        raise InvalidInput(f"{os.fspath(path)} has {status.st_size:,} bytes; at most {allowed:,} can be read.")
    return Path(path)


def _kind(mode: int) -> str:
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((name for test, name in kinds.items() if test(mode)), "a device")


def part_of(read: Callable[[Path], T], path: Path) -> T:
    """Read a file that is a required part of its folder.

    Raises:
        CorruptData: The file is missing.
    """
    if not os.path.lexists(path):
        raise CorruptData(f"{path} is missing.")
    return read(path)


@contextmanager
def damage(
    path: str | os.PathLike[str], what: str = "is damaged", *, invalid_is_damage: bool = False
) -> Iterator[None]:
    """Convert exceptions of libraries about the content of a file to ``CorruptData``.

    Args:
        path: Path of the file.
        what: Statement about the file in the message, before the message of the library.
        invalid_is_damage: Convert ``InvalidInput`` as well, for blocks that make objects from the content.

    Raises:
        CorruptData: The block raised an exception that is not a ``LivnError``.
        StorageError: The system could not read the file.
    """
    try:
        yield
    except LivnError as error:
        if invalid_is_damage and isinstance(error, InvalidInput):
            raise CorruptData(f"{path} {what}: {error}") from error
        raise
    except Exception as error:  # exceptions of libraries on unexpected bytes have no common base class
        if isinstance(error, OSError) and _reason(error) in _ACCESS:
            raise StorageError(f"{path} cannot be read: {' '.join(str(error).split())}.") from error
        message = " ".join(str(error).split()) or "no message"
        raise CorruptData(f"{path} {what}: {type(error).__name__}: {message[:500]}.") from error


def _reason(error: OSError) -> int | None:
    """Return the error number of the system, which HDF5 gives in its message only."""
    named = re.search(r"errno = (\d+)", str(error))
    return int(named[1]) if error.errno is None and named else error.errno


def parse_json(text: str | bytes, path: str | os.PathLike[str], what: str = "is not valid JSON") -> Any:
    """Parse JSON text from a file.

    Raises:
        CorruptData: The text is not JSON, is nested too deeply, or is longer than ``MAX_TEXT_BYTES``.
    """
    with damage(path, what):
        if len(text) > MAX_TEXT_BYTES:
            raise ValueError(f"{len(text):,} bytes, at most {MAX_TEXT_BYTES:,} are allowed")
        return json.loads(text)


def read_json(path: str | os.PathLike[str], what: str = "is not valid JSON") -> Any:
    """Read a JSON file in UTF-8.

    Args:
        path: Path of the file.
        what: Statement about a damaged file in the message.

    Raises:
        InvalidInput: There is no such file; see ``regular_file``.
        CorruptData: The content is not JSON.
    """
    return parse_json(_text(path, what), path, what)


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file. It is written by hand, so that an error is a mistake rather than damage.

    Raises:
        InvalidInput: There is no such file, see ``regular_file``; or the content is not TOML.
    """
    what = "is not valid TOML"
    try:
        with damage(path, what):
            return tomllib.loads(_text(path, what))
    except CorruptData as error:
        raise InvalidInput(str(error)) from error


def _text(path: str | os.PathLike[str], what: str) -> str:
    file = regular_file(path, limit=MAX_TEXT_BYTES)
    with damage(path, what):
        return file.read_text(encoding="utf-8")


def read_npz(path: str | os.PathLike[str], what: str = "is not an .npz file") -> dict[str, NDArray]:
    """Read all arrays of an ``.npz`` file, by name; Python objects are refused.

    Args:
        path: Path of the file.
        what: Statement about a damaged file in the message.

    Raises:
        InvalidInput: There is no such file; see ``regular_file``.
        CorruptData: The file is damaged, is not an ``.npz`` file, or inflates to more than ``content_limit``.
    """
    file = regular_file(path)
    arrays: dict[str, NDArray] = {}
    with damage(path, what), zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        limit = content_limit(file.stat().st_size)
        if sum(member.file_size for member in members) > limit:
            raise ValueError(f"it inflates to more than {limit:,} bytes")
        for member in members:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{member.filename!r} is compressed by method {member.compress_type}")
            with archive.open(member) as stream:
                arrays[member.filename.removesuffix(".npy")] = _npy(stream, member.filename, member.file_size)
                if stream.read(1):
                    raise ValueError(f"{member.filename!r} is longer than its array")
    return arrays


def read_npy(path: str | os.PathLike[str], what: str = "is not an .npy file") -> NDArray:
    """Read the array of an ``.npy`` file; Python objects are refused.

    Args:
        path: Path of the file.
        what: Statement about a damaged file in the message.

    Raises:
        InvalidInput: There is no such file; see ``regular_file``.
        CorruptData: The file is damaged, or is not an ``.npy`` file.
    """
    file = regular_file(path)
    with damage(path, what), file.open("rb") as stream:
        return _npy(stream, file.name, file.stat().st_size)


def _npy(stream: Any, name: str, size: int) -> NDArray:
    """Read an array after checking its shape against the number of bytes of its file."""
    form = np.lib.format
    start = stream.read(form.MAGIC_LEN)
    version = tuple(start[-2:])
    if start[:-2] != form.MAGIC_PREFIX or version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name!r} is no array")
    header = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    count = 1
    for length in shape:
        count *= length
    if dtype.hasobject or any(length < 0 for length in shape):
        raise ValueError(f"{name!r} holds objects")
    if count * dtype.itemsize > size:
        raise ValueError(f"{name!r} says that it has {count:,} values in {size:,} bytes")
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{name!r} ends early")
    return np.ndarray(shape, dtype, buffer=bytearray(data), order="F" if fortran else "C")
