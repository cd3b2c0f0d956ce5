"""Atomic writing: files and folders that appear under their name only when they are complete.

While it is written, a file has a temporary hidden name in the same folder that identifies the writer:
``.<target's digest>.<host>-<process>-<number>.part<suffix>``. A writer that is killed leaves this file behind, and the
next writer of the same target removes it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livn_gym.errors import InvalidInput, LivnError, StorageError, shown

_FOREIGN_AGE_S = 24 * 3600.0
"""Age at which a temporary file of another host counts as abandoned, since its process cannot be checked."""

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors of ``flock`` on file systems without locks."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path, which replaces ``path`` if the block ends without an error.

    The suffix is the same, since some writers select the format by it.

    Raises:
        InvalidInput: ``path`` is not the name of a file.
        StorageError: The file cannot be written: no permission, a full disk, no such folder.
    """
    path = _target(path)
    with _temporary(path) as temporary:
        yield temporary
        temporary.replace(path)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder, which is renamed to ``path`` if the block ends without an error.

    Raises:
        InvalidInput: ``path`` is a file, or a folder with content.
        StorageError: The folder cannot be written.
    """
    path = _target(path)
    check_new_folder(path)
    with _temporary(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        temporary.rename(path)


def check_new_folder(path: Path) -> None:
    """Check that a path is that of a new or an empty folder. Nothing is changed.

    Raises:
        InvalidInput: It is a file, or a folder with content.
        StorageError: The folder cannot be read.
    """
    try:
        is_folder = path.is_dir()
        empty = not is_folder or not any(path.iterdir())
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    if not empty:
        raise InvalidInput(f"{path} is not empty; give a new or an empty folder.")
    if not is_folder and os.path.lexists(path):
        raise InvalidInput(f"{path} is a file; give a new or an empty folder.")


def make_folder(path: Path) -> None:
    """Make a folder, and the folders above it, where they do not exist.

    Raises:
        InvalidInput: The path, or one above it, is a file.
        StorageError: The folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidInput(f"{path} cannot be a folder: it, or a part of its path, is a file.") from error
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be made: {getattr(error, 'strerror', error)}.") from error


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a folder, so that no other process that holds folders writes to it; not on file systems without locks.

    Raises:
        InvalidInput: Another process holds it.
        StorageError: The folder cannot be opened or locked.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StorageError(f"{folder} cannot be opened: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InvalidInput(f"Another process writes to {folder}: wait for its end, or use another folder.") from None
    except OSError as error:
        if error.errno not in (*NO_LOCKS, errno.EBADF):  # EBADF: NFS locks only files that are open for writing
            os.close(descriptor)
            raise StorageError(f"{folder} cannot be locked: {error.strerror}.") from error
    try:
        yield
    finally:
        os.close(descriptor)


def require_space(path: Path, size: int) -> None:
    """Check that the disk has enough free space for a file to be written.

    Args:
        path: Path of the file.
        size: Approximate size, bytes.

    Raises:
        StorageError: There is not enough space.
    """
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise StorageError(f"{path.parent} has not enough space: about {size:,} bytes are needed, {free:,} are free.")


def _target(path: str | Path) -> Path:
    """Return ``path`` if it can be the name of a file or folder."""
    if not isinstance(path, str | os.PathLike) or not Path(path).name or "\0" in str(path):
        given = str(path) if isinstance(path, os.PathLike) else path
        raise InvalidInput(f"A new file or folder needs a name, got {shown(given)}.")
    return Path(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Give the temporary path of a target, and remove it at the end, as well as those of killed writers."""
    digest = hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()[:12]
    temporary = path.with_name(f".{digest}.{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part{path.suffix}")
    try:
        for candidate in path.parent.glob(f".{digest}.*.part*"):
            if _abandoned(candidate):
                _remove(candidate)
        yield temporary
    except LivnError:
        raise
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "errno = " not in str(
            error
        ):  # HDF5 gives the error number in its message only
            raise
        raise StorageError(f"{path} cannot be written: {' '.join(str(error).split())}.") from error
    finally:
        _remove(temporary)


def _host() -> str:
    """Return a hash of this machine's name, eight hexadecimal digits."""
    return hashlib.sha256(socket.gethostname().encode(errors="surrogateescape")).hexdigest()[:8]


def _abandoned(temporary: Path) -> bool:
    """Return whether the writer of a temporary file no longer runs."""
    host, _, process_and_number = temporary.name.split(".")[2].partition("-")
    process = process_and_number.partition("-")[0]
    if host != _host() or not process.isdecimal():
        try:
            return time.time() - temporary.stat().st_mtime > _FOREIGN_AGE_S
        except FileNotFoundError:  # its writer has finished
            return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # it runs and belongs to another user
        return False
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
