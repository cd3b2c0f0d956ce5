"""Ledger of a session: an append-only file of everything that was sent to a device, refused or stopped.

Every line is a JSON object with a running ``number`` and the ``previous`` digest, the SHA-256 of the line before. A
line that was changed, removed or added later breaks this chain. A line is handed to the operating system before the
stimulus that it describes is sent, so that it survives the end of the program: the ledger may name a stimulus that did
not arrive, but does not lack one that did. A thread then forces it to the disk, which takes milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput, StorageError
from livn_gym.reading import regular_file

FIRST = "0" * 64
"""Digest before the first line."""


@checked
class Ledger:
    """Writer of a ledger.

    Args:
        path: File to create.

    Raises:
        InvalidInput: The file exists: every session has a ledger of its own.
        StorageError: The file cannot be created.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError as error:
            raise InvalidInput(f"{path} exists: a session needs a new ledger.") from error
        except OSError as error:
            raise StorageError(f"{path} cannot be created: {error.strerror}.") from error
        self._lock = threading.RLock()
        self._number, self._previous = 0, FIRST
        self._error: OSError | None = None
        self._closed, self._unsynced = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._sync, name="livn_gym ledger", daemon=True)
        self._thread.start()

    def write(self, event: str, **entries: Any) -> None:
        """Append a line.

        Args:
            event: Kind of event, as ``"sent"``.
            **entries: Values that JSON can represent.

        Raises:
            StorageError: The line cannot be written, for example because the disk is full.
        """
        with self._lock:
            self._check()
            head = {"number": self._number, "time": datetime.now(UTC).isoformat(), "event": event}
            line = json.dumps({**head, **entries, "previous": self._previous}, allow_nan=False).encode() + b"\n"
            try:
                written = os.write(self._file, line)
            except OSError as error:
                raise StorageError(f"{self.path} cannot be written: {error.strerror}.") from error
            if written != len(line):
                raise StorageError(f"{self.path} cannot be written: the disk is full.")
            self._number, self._previous = self._number + 1, hashlib.sha256(line).hexdigest()
        self._unsynced.set()

    def close(self) -> None:
        """Force everything to the disk and close the file; may be called twice.

        Raises:
            StorageError: The disk failed.
        """
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
        self._unsynced.set()
        self._thread.join()
        os.close(self._file)
        self._check()

    def _sync(self) -> None:
        """Force lines to the disk until the ledger is closed."""
        last = False
        while not last:
            self._unsynced.wait()
            self._unsynced.clear()
            last = self._closed.is_set()
            try:
                os.fdatasync(self._file)
            except OSError as error:
                self._error = error  # raised by the next call

    def _check(self) -> None:
        if self._error is not None:
            raise StorageError(f"{self.path} cannot be written: {self._error.strerror}.")


@checked
def read_ledger(path: str | Path) -> list[dict[str, Any]]:
    """Read a ledger and check its chain.

    Returns:
        The lines in order, without ``previous``.

    Raises:
        InvalidInput: There is no such file.
        CorruptData: A line is damaged, or was changed, removed or added.
    """
    previous, lines = FIRST, []
    for number, line in enumerate(regular_file(path).read_bytes().splitlines(keepends=True)):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise CorruptData(f"{path}: line {number + 1} is not valid JSON.") from error
        if not isinstance(entry, Mapping) or (entry.get("number"), entry.get("previous")) != (number, previous):
            raise CorruptData(f"{path}: line {number + 1} does not continue the line before it; the file was changed.")
        previous = hashlib.sha256(line).hexdigest()
        lines.append({name: value for name, value in entry.items() if name != "previous"})
    return lines
