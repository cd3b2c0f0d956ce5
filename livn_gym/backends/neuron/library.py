"""Temporary files for NEURON's workers."""

from __future__ import annotations

import tempfile
from typing import IO

from livn_gym.errors import StorageError


def temporary_file() -> IO[bytes]:
    """An open file without a name.

    Raises:
        StorageError: No temporary folder can be written.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise StorageError(f"No temporary folder can be written ({error}): set TMPDIR to one that can.") from error
