"""Fetch systems from a URL, an archive or a folder into the cache, with verification of their content."""

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
    """Copy a system into the cache and return its folder there.

    A system is a SONATA folder or a folder in livn's layout. In a ``.zip`` or ``.tar.gz`` archive, its files are at the
    top level or in a single folder.

    Args:
        source: An ``http(s)://`` URL of an archive, or the path of an archive or a folder.
        sha256: SHA-256 of an archive file, required for a URL and independent of the server's ``Content-Encoding``; for
            a folder the value of ``System.sha256()``.
        name: Name of the folder in the cache, which is also the name of a system in livn's layout. Default: the name
            of the source.

    Raises:
        InvalidInput: There is no such path, the checksum of a URL is missing, or the checksum or name is malformed.
        DownloadFailed: The server cannot be reached, answers with an error, is too slow, or sends more than
            ``archives.MAX_DOWNLOAD_BYTES``.
        CorruptData: The source is truncated or damaged, has another checksum, or is not a system.
        StorageError: A file cannot be read, or the cache cannot be written. After an error, the cache is unchanged.
    """
    digits = sha256.lower() if isinstance(sha256, str) else sha256
    if digits is not None and not (isinstance(digits, str) and _SHA256.fullmatch(digits)):
        raise InvalidInput(f"sha256 must be 64 hexadecimal digits, got {sha256!r}.")
    if isinstance(source, str) and "://" in source:
        try:
            address = urlsplit(source)
        except ValueError as error:
            raise InvalidInput(f"{source!r} is not a URL: {error}.") from error
        if address.scheme not in ("http", "https"):
            raise InvalidInput(f"A system is fetched by http or https, got {source!r}.")
        if digits is None:
            raise InvalidInput(f"A download needs its checksum: fetch({source!r}, sha256=...).")
        name = _name(name, unquote(address.path))
        return _store(name, digits, lambda folder: _from_url(source, digits, folder))
    path = Path(os.path.expanduser(source)).absolute()
    name = _name(name, path.name)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
    if is_folder:
        return _from_folder(path, digits, name)
    if not exists:
        raise InvalidInput(f"There is no folder or archive {path}.")
    actual = file_sha256(regular_file(path))
    if digits not in (None, actual):
        raise CorruptData(f"{path} has the SHA-256 {actual}, expected {digits}.")
    return _store(name, actual, lambda folder: _unpack(path, folder, str(path)))


def _name(requested: str | None, path: str) -> str:
    name = requested if requested is not None else _ENDINGS.sub("", path.rstrip("/").rpartition("/")[2])
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"A system's name is letters, digits, '.', '_' and '-', got {name!r}; give name=.")
    return name


def _store(name: str, sha256: str, build: Callable[[Path], None]) -> Path:
    """Return the cache folder of a content. It is built on first use, and read once to check that it is valid."""

    def build_and_check(folder: Path) -> None:
        build(folder)
        _check(folder)

    return cached_folder(f"fetched/{sha256[:12]}/{name}", build_and_check)


def _check(folder: Path) -> None:
    """Check that the folder holds a readable system."""
    try:
        read(folder)
    except InvalidInput as error:
        raise CorruptData(f"The fetched files are not a system: {error}") from error


def _from_url(url: str, sha256: str, folder: Path) -> None:
    """Download and unpack into an empty folder."""
    with archives.temporary(folder) as temporary:
        archive = Path(temporary) / "archive"
        archives.download(url, sha256, archive)
        _unpack(archive, folder, url)


def _from_folder(path: Path, sha256: str | None, name: str) -> Path:
    system = read(path)
    actual = system.sha256()
    if sha256 not in (None, actual):
        raise CorruptData(f"The system in {path} has the SHA-256 {actual}, expected {sha256}.")
    # different files can hold the same arrays, so that the entry is named by a hash of the files
    files = {file.name: file_sha256(file) for file in sorted(path.iterdir()) if file.is_file() and file.name != SEAL}
    content = hashlib.sha256(repr(files).encode()).hexdigest()
    return _store(name, content, lambda folder: _copy_files(path, folder))


def _copy_files(path: Path, folder: Path) -> None:
    for file in path.iterdir():
        if file.is_file() and file.name != SEAL:
            shutil.copyfile(file, folder / file.name)


def _unpack(archive: Path, folder: Path, source: str) -> None:
    """Unpack an archive whose files are at the top level or in a single folder."""
    with archives.temporary(folder) as temporary:
        archives.unpack(archive, Path(temporary), source)
        top = [entry for entry in Path(temporary).iterdir() if not entry.name.startswith(".")]
        _copy_files(top[0] if len(top) == 1 and top[0].is_dir() else Path(temporary), folder)
