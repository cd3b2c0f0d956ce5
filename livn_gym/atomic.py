"""Files and folders that appear under their name only when they are complete.

What is being written has a hidden name beside its target that says who writes it:
``.<target's digest>.<host>-<process>-<number>.part<suffix>``. A writer that was killed leaves that behind; the next
writer of the same target removes it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livn_gym.errors import InvalidInput, LivnError, StorageError, shown

_FOREIGN_AGE_S = 24 * 3600.0
"""Age at which another host's part counts as abandoned: whether its process lives cannot be asked from here."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, which takes its place if the block ends without an error.

    The suffix is kept, since some writers choose a format by it.

    Raises:
        InvalidInput: ``path`` is no name.
        StorageError: The file cannot be written: no permission, a full disk, no such folder.
    """
    path = _target(path)
    with _part(path) as part:
        yield part
        part.replace(path)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder beside ``path``, which gets that name if the block ends without an error.

    Raises:
        InvalidInput: ``path`` is a file, or a folder with content.
        StorageError: The folder cannot be written.
    """
    path = _target(path)
    if path.is_dir() and any(path.iterdir()):
        raise InvalidInput(f"{path} has content already; give a new or an empty folder.")
    if not path.is_dir() and os.path.lexists(path):
        raise InvalidInput(f"{path} is a file; give a new or an empty folder.")
    with _part(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        yield part
        part.rename(path)


def require_space(path: Path, size: int) -> None:
    """Raise unless the disk of a file that is to be written has room for it.

    Args:
        path: The file.
        size: About how large it will be, bytes.

    Raises:
        StorageError: There is too little room.
    """
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise StorageError(f"{path.parent} has no room: about {size:,} bytes are needed, {free:,} are free.")


def _target(path: str | Path) -> Path:
    """``path``, if it can be a file's or folder's name."""
    if not isinstance(path, str | os.PathLike) or not Path(path).name or "\0" in str(path):
        raise InvalidInput(f"A file or folder needs a name, got {shown(path)}.")
    return Path(path)


@contextmanager
def _part(path: Path) -> Iterator[Path]:
    """The temporary path of a target; it is gone when the block ends, as are those of killed writers."""
    digest = hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()[:12]
    part = path.with_name(f".{digest}.{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part{path.suffix}")
    try:
        for left in path.parent.glob(f".{digest}.*.part*"):
            if _abandoned(left):
                _remove(left)
        yield part
    except LivnError:
        raise
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "errno = " not in str(error):  # HDF5 has the system's number in its text
            raise
        raise StorageError(f"{path} cannot be written: {' '.join(str(error).split())}.") from error
    finally:
        _remove(part)


def _host() -> str:
    """This machine's name as eight hexadecimal digits."""
    return hashlib.sha256(socket.gethostname().encode(errors="surrogateescape")).hexdigest()[:8]


def _abandoned(part: Path) -> bool:
    """Whether nobody writes a part any more."""
    host, _, rest = part.name.split(".")[2].partition("-")
    process = rest.partition("-")[0]
    if host != _host() or not process.isdecimal():
        try:
            return time.time() - part.stat().st_mtime > _FOREIGN_AGE_S
        except FileNotFoundError:  # its writer finished
            return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # it lives and is another user's
        return False
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
