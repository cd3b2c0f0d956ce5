"""Read a system from a folder in any supported layout."""

from __future__ import annotations

import os
from pathlib import Path

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, StorageError
from livn_gym.system import livn_folder, sonata
from livn_gym.system.system import System


@checked
def read(path: str | Path) -> System:
    """Read a system from a SONATA folder or a folder in livn's HDF5 layout.

    Raises:
        InvalidInput: There is no such folder, or it has neither layout.
        StorageError: The folder cannot be read.
        CorruptData: A file in the folder is damaged.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidInput(f"A system is read from the path of a folder, got {path!r}.")
    folder = Path(os.path.expanduser(path))  # the "~name" of an unknown user stays unchanged
    try:
        exists, is_folder = folder.exists(), folder.is_dir()
        is_sonata = (folder / sonata.CONFIG).exists()
        is_livn = any((folder / name).exists() for name in livn_folder.MARKER_FILES)
    except OSError as error:
        raise StorageError(f"{folder} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidInput(f"{path!r} is not a path: {error}.") from error
    if not is_folder:
        raise InvalidInput(f"A system is a folder; {folder} {'is a file' if exists else 'does not exist'}.")
    if is_sonata:
        return sonata.read(folder)
    if is_livn:
        return livn_folder.read(folder)
    raise InvalidInput(
        f"{folder} holds no system: expected SONATA ({sonata.CONFIG}, ...) or livn's layout "
        f"({', '.join(livn_folder.MARKER_FILES)})."
    )
