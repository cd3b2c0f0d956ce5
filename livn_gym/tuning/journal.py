"""Journal file of a tuning study, with one line per change; several processes may append lines."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livn_gym.checks import checked_types
from livn_gym.errors import CorruptData, StorageError
from livn_gym.reading import regular_file

if TYPE_CHECKING:
    from optuna.storages.journal import JournalFileBackend

_CHECKSUM = "sha256"
"""Entry of a line with the checksum of its other entries; lines of earlier versions have none."""

_log = logging.getLogger(__name__)


@checked_types
def open_journal(path: Path) -> JournalFileBackend:
    """Open the journal of an Optuna study in a file, which is created if it does not exist.

    A last line that was cut, as by a full disk or a power failure, is dropped with a message; the other lines
    are kept. Every line carries a checksum. Writers take turns by a lock of the file itself, which the system
    frees when a process is killed.

    Raises:
        InvalidInput: The path is a folder, a pipe or a device.
        StorageError: The file cannot be read or written, or its file system has no locks.
        CorruptData: A line before the last is damaged.
    """
    from optuna.storages.journal import JournalFileBackend

    class Journal(JournalFileBackend):
        """Journal whose lines have checksums, which Optuna ignores."""

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            super().append_logs([{**entry, _CHECKSUM: _digest(entry)} for entry in logs])

    try:
        with open(path, "xb"):
            pass
    except FileExistsError:
        regular_file(path)  # before it is opened: opening a pipe waits for its other end
    except OSError as error:
        raise StorageError(f"The study {path} cannot be written: {error.strerror}.") from error
    lock = _Lock(path)
    with lock.held():
        _repair(path)
    return Journal(str(path), lock_obj=lock)  # type: ignore[arg-type]


class _Lock:
    """File lock with the interface that Optuna requires; the system releases it when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        descriptor = -1
        try:
            descriptor = os.open(self._path, os.O_RDWR)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            unlockable = error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
            remedy = "its file system has no locks; keep it on another" if unlockable else error.strerror
            raise StorageError(f"The study {self._path} cannot be locked: {remedy}.") from error
        except BaseException:  # Ctrl-C while it waits
            if descriptor >= 0:
                os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Release the lock."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock during a block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


def _repair(path: Path) -> None:
    """Drop an incomplete last line; raise if any other line is damaged."""
    with path.open("r+b") as file:
        intact_bytes, has_checksums = 0, False
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                _log.warning("livn_gym: the last line of %s was cut; it is dropped", path)
                break
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise CorruptData(f"The study {path} is damaged in line {number}: {error}.") from error
            if not isinstance(entry, dict) or "op_code" not in entry:
                raise CorruptData(f"The study {path} is damaged in line {number}, or is no study.")
            has_checksums |= _CHECKSUM in entry
            if has_checksums and entry.pop(_CHECKSUM, None) != _digest(entry):
                raise CorruptData(f"The study {path} is damaged in line {number}: it does not match its checksum.")
            intact_bytes += len(line)
        if intact_bytes < path.stat().st_size:
            file.truncate(intact_bytes)
            file.flush()
            os.fsync(file.fileno())


def _digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16]
