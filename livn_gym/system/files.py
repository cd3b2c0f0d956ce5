"""Read a culture's folder, whichever of the known layouts it has."""

from __future__ import annotations

from pathlib import Path

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.system import livn_folder, sonata
from livn_gym.system.system import System


@checked
def read(path: str | Path) -> System:
    """Read a SONATA folder, or one in livn's HDF5 layout.

    Raises:
        InvalidInput: There is no such folder, or it is neither.
        CorruptData: It is one of the two and damaged.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InvalidInput(f"A system is a folder; {folder} is {'a file' if folder.exists() else 'not there'}.")
    if (folder / sonata.CONFIG).exists():
        return sonata.read(folder)
    if any((folder / name).exists() for name in livn_folder.MARKS):
        return livn_folder.read(folder)
    raise InvalidInput(
        f"{folder} holds no system: expected SONATA ({sonata.CONFIG}, ...) or livn's layout "
        f"({', '.join(livn_folder.MARKS)})."
    )
