"""Bring a culture from a URL, an archive or a folder into the cache, whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from livn_gym.cache import SEAL, cached_folder, file_sha256
from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput, StorageError
from livn_gym.reading import regular_file
from livn_gym.system import archives
from livn_gym.system.files import read

_ENDINGS = re.compile(r"\.(zip|tar\.gz|tgz)$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@checked
def fetch(source: str | Path, sha256: str | None = None, name: str | None = None) -> Path:
    """Put a system into the cache and return its folder there.

    A system is a SONATA folder or one in livn's layout, with its files at the top or inside one single folder
    of a ``.zip`` or ``.tar.gz`` archive.

    Args:
        source: An ``http(s)://`` URL of an archive, or the path of an archive or a folder.
        sha256: Of an archive the file's checksum, needed for a URL, whatever ``Content-Encoding`` the server adds; of a
            folder what ``System.sha256()`` gives.
        name: Name of the folder in the cache, which names systems in livn's layout; default the source's.

    Raises:
        InvalidInput: No such path, no checksum for a URL, or a checksum or name that is none.
        DownloadFailed: The server cannot be reached, answers with an error, is too slow, or sends more than
            ``archives.MAX_DOWNLOAD_BYTES``.
        CorruptData: The source is truncated or damaged, has another checksum, or is no system.
        StorageError: A file cannot be read, or the cache not written. Nothing stays in the cache in any of these cases.
    """
    digits = sha256.lower() if isinstance(sha256, str) else sha256
    if digits is not None and not (isinstance(digits, str) and _SHA256.fullmatch(digits)):
        raise InvalidInput(f"sha256 must be 64 hexadecimal digits, got {sha256!r}.")
    if isinstance(source, str) and "://" in source:
        try:
            address = urlsplit(source)
        except ValueError as error:
            raise InvalidInput(f"{source!r} is no URL: {error}.") from error
        if address.scheme not in ("http", "https"):
            raise InvalidInput(f"A system is fetched by http or https, got {source!r}.")
        if digits is None:
            raise InvalidInput(f"A download needs its checksum: fetch({source!r}, sha256=...).")
        name = _name(name, unquote(address.path))
        return _store(name, digits, lambda folder: _from_url(source, digits, folder))
    path = Path(os.path.expanduser(source)).absolute()
    name = _name(name, path.name)
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
    if is_folder:
        return _from_folder(path, digits, name)
    if not is_there:
        raise InvalidInput(f"There is no folder or archive {path}.")
    found = file_sha256(regular_file(path))
    if digits not in (None, found):
        raise CorruptData(f"{path} has the SHA-256 {found}, expected {digits}.")
    return _store(name, found, lambda folder: _unpack(path, folder, str(path)))


def _name(given: str | None, path: str) -> str:
    name = given if given is not None else _ENDINGS.sub("", path.rstrip("/").rpartition("/")[2])
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"A system's name is letters, digits, '.', '_' and '-', got {name!r}; give name=.")
    return name


def _store(name: str, sha256: str, build: Callable[[Path], None]) -> Path:
    """The cache's folder for a content, built on first use and read once before it counts."""

    def build_and_check(folder: Path) -> None:
        build(folder)
        _check(folder)

    return cached_folder(f"fetched/{sha256[:12]}/{name}", build_and_check)


def _check(folder: Path) -> None:
    """Raise unless the folder holds a readable system."""
    try:
        read(folder)
    except InvalidInput as error:
        raise CorruptData(f"What was fetched is no system: {error}") from error


def _from_url(url: str, sha256: str, folder: Path) -> None:
    """Download and unpack into an empty folder."""
    with archives.temporary(folder) as place:
        archive = Path(place) / "archive"
        archives.download(url, sha256, archive)
        _unpack(archive, folder, url)


def _from_folder(path: Path, sha256: str | None, name: str) -> Path:
    system = read(path)
    found = system.sha256()
    if sha256 not in (None, found):
        raise CorruptData(f"The system in {path} has the SHA-256 {found}, expected {sha256}.")
    # files can differ where the arrays are the same, so the entry is named by the files
    files = {file.name: file_sha256(file) for file in sorted(path.iterdir()) if file.is_file() and file.name != SEAL}
    content = hashlib.sha256(repr(files).encode()).hexdigest()
    return _store(name, content, lambda folder: _copy_files(path, folder))


def _copy_files(path: Path, folder: Path) -> None:
    for file in path.iterdir():
        if file.is_file() and file.name != SEAL:
            shutil.copyfile(file, folder / file.name)


def _unpack(archive: Path, folder: Path, source: str) -> None:
    """Unpack an archive whose files lie at the top or in one folder."""
    with archives.temporary(folder) as place:
        archives.unpack(archive, Path(place), source)
        top = [entry for entry in Path(place).iterdir() if not entry.name.startswith(".")]
        _copy_files(top[0] if len(top) == 1 and top[0].is_dir() else Path(place), folder)
