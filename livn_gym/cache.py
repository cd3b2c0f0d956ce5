"""Folders in the user's cache: built once, complete or absent, checked at every use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livn_gym.errors import InvalidInput

SEAL = "SHA256SUMS"
"""Names every file of a finished folder with its checksum, as ``sha256sum --check`` reads it."""


def cache_root() -> Path:
    """The cache folder: the environment variable LIVN_GYM_CACHE, or the user's (platformdirs)."""
    override = os.environ.get("LIVN_GYM_CACHE")
    if override:
        return Path(override).expanduser().absolute()
    import platformdirs  # only where it is asked

    return Path(platformdirs.user_cache_dir("livn_gym", appauthor=False))


def cached_folder(entry: str, build: Callable[[Path], None]) -> Path:
    """A folder of the cache, built if it is absent or damaged.

    Processes that ask for the same entry at once wait for one of them to build it. A folder appears under its
    name only when it is complete, so a failed or killed build leaves nothing that could be taken for one.

    Args:
        entry: Path below the cache folder.
        build: Fills the empty folder that it is given; what it raises is passed on.

    Raises:
        InvalidInput: The cache folder cannot be written.
    """
    folder = cache_root() / entry
    if is_intact(folder):
        return folder
    with _locked(folder):
        if is_intact(folder):  # another process was first
            return folder
        part = folder.with_name(f".{folder.name}.part")
        _remove(part)  # left by a process that was killed
        part.mkdir()
        try:
            build(part)
            _seal(part)
            _remove(folder)
            part.rename(folder)
        finally:
            _remove(part)
    return folder


def is_intact(folder: Path) -> bool:
    """Whether a folder was finished and none of its files has changed or gone since."""
    try:
        lines = (folder / SEAL).read_text(encoding="utf-8").splitlines()
        return bool(lines) and all(file_sha256(folder / line[66:]) == line[:64] for line in lines)
    except (OSError, UnicodeDecodeError):
        return False


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in names]
    (folder / SEAL).write_text("".join(lines), encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the entry's lock; the system frees it even when the process is killed."""
    lock = folder.with_name(f".{folder.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise InvalidInput(
            f"The cache folder {cache_root()} cannot be written ({error}); set LIVN_GYM_CACHE to another."
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
