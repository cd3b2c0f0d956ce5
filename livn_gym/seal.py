"""Seals of HDF5 files: the SHA-256 of a file after the end of its data, which readers of HDF5 ignore.

Programs that change the file with HDF5 remove the seal, so that a seal that does not match means damage.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from livn_gym.errors import CorruptData
from livn_gym.reading import damage

_SEAL = re.compile(rb"\nlivn_gym sha256 ([0-9a-f]{64})\n\Z")
_SEAL_BYTES = 82


def seal(path: Path) -> None:
    """Append the SHA-256 of a finished file to it; readers of HDF5 ignore data after the end of the file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with path.open("ab") as file:
        file.write(b"\nlivn_gym sha256 " + digest.encode() + b"\n")


def check_seal(path: Path) -> bool:
    """Return whether a file has a seal.

    Raises:
        CorruptData: The seal does not match the content.
    """
    size = path.stat().st_size
    with damage(path, "cannot be read"), path.open("rb") as file:
        file.seek(max(0, size - _SEAL_BYTES))
        seal_match = _SEAL.search(file.read())
        if seal_match is None:
            return False
        file.seek(0)
        digest, remaining = hashlib.sha256(), size - _SEAL_BYTES
        while remaining > 0 and (block := file.read(min(remaining, 2**20))):
            digest.update(block)
            remaining -= len(block)
    if digest.hexdigest() != seal_match[1].decode():
        raise CorruptData(f"{path} is damaged: its content does not match the SHA-256 from when it was written.")
    return True
