"""Cache of folders: each is built once, is either complete or absent, and is verified at every use."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import shutil
import socket
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livn_gym.atomic import NO_LOCKS
from livn_gym.errors import LivnError, StorageError
from livn_gym.ownership import why_untrusted

SEAL = "SHA256SUMS"
"""File with the checksums of all files of a finished folder, in the format of ``sha256sum``."""

_REMEDY = "Set the environment variable LIVN_GYM_CACHE to another folder."
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError)
"""Exceptions of reading a file that is absent or of another type."""

_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT)))
"""Texts by which compilers and the HDF5 library, which raise other exceptions, report a full disk."""

_STALE_S = 24 * 3600.0
"""Age at which unfinished folders are removed even if no lock shows whether they are still in use."""

_PATIENCE_S = 2.0
"""Time of waiting for another process after which a message is logged."""

_log = logging.getLogger(__name__)


def cache_root() -> Path:
    """Return the cache folder: the environment variable LIVN_GYM_CACHE, otherwise that of platformdirs.

    Raises:
        StorageError: The home folder, or the current folder for a relative path, is unknown.
    """
    path = os.environ.get("LIVN_GYM_CACHE")
    try:
        if not path:
            import platformdirs  # imported only when needed

            path = platformdirs.user_cache_dir("livn_gym", appauthor=False)
        return Path(path).expanduser().absolute()
    except (RuntimeError, OSError) as error:  # no home folder, or the current one has been removed
        raise StorageError(f"The location of the cache folder is unknown: {error}. {_REMEDY}") from error


def cached_folder(entry: str, build: Callable[[Path], None], *, accept: Callable[[Path], bool] | None = None) -> Path:
    """Return a folder of the cache, which is built if it is absent or damaged.

    Processes that ask for the same entry at once wait for one of them to build it; where the file system has no locks,
    each builds it and the first counts. A folder appears under its name only when it is complete, so a failed or
    killed build leaves nothing that could be taken for one. What is in the cache may be executed, so folders and files
    that other users can write are refused.

    Args:
        entry: Path relative to the cache folder.
        build: Function that fills an empty folder; its exceptions are passed on.
        accept: Additional check of an intact folder; if it returns False, the folder is built again.

    Raises:
        StorageError: The cache folder cannot be read or written, is full, or others can write to it.
    """
    folder = cache_root() / entry
    if _usable(folder, entry, accept):
        return folder
    with _locked(folder) as exclusive:
        if _usable(folder, entry, accept):  # another process was first
            return folder
        try:
            _clear(folder, exclusive)
            _build(folder, entry, build, accept)
        except Exception as error:
            full = next((text for text in _FULL if text in str(error)), None)
            if full is None and (isinstance(error, LivnError) or not isinstance(error, OSError)):
                raise
            raise StorageError(f"The cache folder {folder} could not be written: {full or error}. {_REMEDY}") from error
    return folder


def is_intact(folder: Path) -> bool:
    """Return whether a folder is complete and none of its files was changed, removed or added.

    Added hidden files are ignored, since some file systems create them.

    Raises:
        StorageError: The folder cannot be read, so that its state is unknown.
    """
    try:
        lines = (folder / SEAL).read_text(encoding="utf-8").splitlines()
        sealed = {line[66:]: line[:64] for line in lines}
        present = set(_files(folder))
        added = [name for name in present - set(sealed) if not Path(name).name.startswith(".")]
        return bool(sealed) and not added and all(file_sha256(folder / name) == sealed[name] for name in sealed)
    except _ABSENT:
        return False
    except OSError as error:
        raise StorageError(f"The cache folder {folder} cannot be read: {error}. {_REMEDY}") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _usable(folder: Path, entry: str, accept: Callable[[Path], bool] | None) -> bool:
    _check_owners(folder, entry)
    return is_intact(folder) and (accept is None or accept(folder))


def _check_owners(folder: Path, entry: str) -> None:
    """Check that other users cannot write to the cache folder, the entry, its files, or the folders between."""
    root = cache_root()
    paths = [root]
    paths += [root.joinpath(*Path(entry).parts[: k + 1]) for k in range(len(Path(entry).parts))]
    try:
        if root.exists() and not root.is_dir():
            raise StorageError(f"The cache folder {root} is not a folder. {_REMEDY}")
        if folder.is_dir():
            paths += [path for path in folder.rglob("*") if path.exists()]
        for path in paths:
            reason = why_untrusted(path) if path.exists() else None
            if reason is not None:
                raise StorageError(
                    f"{path} in the cache folder {reason}, so others could make this program execute their code. "
                    f"Make it your own (chown, chmod go-w), or set LIVN_GYM_CACHE to a folder of your own."
                )
    except FileNotFoundError:
        pass  # replaced meanwhile; its checksums are verified next
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"The cache folder {folder} cannot be read: {error}. {_REMEDY}") from error


def _build(folder: Path, entry: str, build: Callable[[Path], None], accept: Callable[[Path], bool] | None) -> None:
    part = folder.with_name(f".{folder.name}.{_host()}.{uuid.uuid4().hex[:8]}.part")
    aside = part.with_suffix(".old.part")
    try:
        part.mkdir(mode=0o755)
        mode = stat.S_IMODE(part.stat().st_mode)
        part.chmod(0o700)  # independent of the umask, no one else can access the unfinished folder
        build(part)
        _seal(part)
        part.chmod(mode)
        if _usable(folder, entry, accept):  # without a lock, another process may have been faster
            return
        try:
            folder.rename(aside)
        except FileNotFoundError:
            pass  # nothing was there
        try:
            part.rename(folder)
        except OSError:
            if not _usable(folder, entry, accept):
                raise
    finally:
        _remove(part)
        _remove(aside)


def _seal(folder: Path) -> None:
    """Write the checksums of all files, and remove write permission for other users."""
    names = sorted(_files(folder))
    for path in folder.rglob("*"):
        if not path.is_symlink() and path.stat().st_mode & 0o022:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o022)
    lines = [f"{file_sha256(folder / name)}  {name}\n" for name in names]
    seal = folder / SEAL
    seal.write_text("".join(lines), encoding="utf-8")
    seal.chmod(stat.S_IMODE(seal.stat().st_mode) & ~0o022)


def _files(folder: Path) -> Iterator[str]:
    """Give the names of all files in a folder and its subfolders, except the seal."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name != SEAL and path.is_file():
            yield name


def _clear(folder: Path, exclusive: bool) -> None:
    """Remove files of killed processes: those of this machine if the lock is held, others after a day."""
    for part in folder.parent.glob(f".{_escaped(folder.name)}.*.part"):
        own = part.name.startswith(f".{folder.name}.{_host()}.")
        try:
            old = time.time() - part.stat().st_mtime > _STALE_S
        except FileNotFoundError:
            continue
        if old or (own and exclusive):
            _remove(part)


def _escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode("utf-8", "replace")).hexdigest()[:8]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _make_folders(path: Path) -> None:
    """Make a folder and those above it, which others cannot write whatever the umask."""
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(mode=0o755, exist_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold the entry's lock; the system frees it even when the process is killed.

    Gives False where the file system has no locks.
    """
    path = folder.with_name(f".{folder.name}.lock")
    try:
        _make_folders(path.parent)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+b")
    except OSError as error:
        state = "is damaged" if folder.exists() else "is not there yet"
        raise StorageError(f"{folder} {state}, and the cache folder cannot be written: {error}. {_REMEDY}") from error
    with file:
        yield _lock(file.fileno(), folder)


def _lock(descriptor: int, folder: Path) -> bool:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            notice = threading.Timer(_PATIENCE_S, _log.warning, ("livn_gym: another process makes %s; waiting", folder))
            notice.start()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            finally:
                notice.cancel()
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise StorageError(f"{folder} cannot be locked: {error}. {_REMEDY}") from error
        return False
    return True
