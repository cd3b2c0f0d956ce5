"""Places for NEURON: where it or its tools cannot read a path, another path to the same place; temporary files."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from livn_gym.errors import StorageError

_SAFE = re.compile(r"[A-Za-z0-9 /._+,@%:=~-]*")
"""Paths that make and the scripts of nrnivmodl do not take for something else."""


@contextmanager
def loadable(library: Path) -> Iterator[str]:
    """A path of a library that ``nrn_load_dll`` can read: it knows ASCII alone, and home folders have other names."""
    if str(library).isascii():
        yield str(library)
        return
    with tempfile.TemporaryDirectory(prefix="livn_gym-") as folder:
        link = Path(folder) / library.name
        link.symlink_to(library)
        yield str(link)


def compile_safely(compile_in: Callable[[Path], None], folder: Path) -> None:
    """Compile in a folder, or in a temporary one whose results are copied, if the folder's path is an odd one."""
    if _SAFE.fullmatch(str(folder)):
        compile_in(folder)
        return
    with tempfile.TemporaryDirectory(prefix="livn_gym-") as place:
        compile_in(Path(place))
        shutil.copytree(place, folder, symlinks=True, dirs_exist_ok=True)


def temporary_file() -> IO[bytes]:
    """An open file without a name.

    Raises:
        StorageError: No temporary folder can be written.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise StorageError(f"No temporary folder can be written ({error}): set TMPDIR to one that can.") from error
