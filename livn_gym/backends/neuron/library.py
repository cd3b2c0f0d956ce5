"""Temporary files of NEURON's workers."""

from __future__ import annotations

import tempfile
from typing import IO

from livn_gym.errors import StorageError


def temporary_file() -> IO[bytes]:
    """Open a temporary file without a name.

    Raises:
        StorageError: There is no writable temporary folder.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise StorageError(f"There is no writable temporary folder ({error}): set TMPDIR to one.") from error
