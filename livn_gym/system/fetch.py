"""Bring a culture from a URL, an archive or a folder into the cache, whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from livn_gym.cache import SEAL, cached_folder, file_sha256
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.system.files import read

_ENDINGS = re.compile(r"\.(zip|tar\.gz|tgz)$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIMEOUT_S = 30


def fetch(source: str | Path, sha256: str | None = None, name: str | None = None) -> Path:
    """Put a system into the cache and return its folder there.

    A system is a SONATA folder or one in livn's layout, with its files at the top or inside one single folder
    of a ``.zip`` or ``.tar.gz`` archive.

    Args:
        source: An ``http(s)://`` URL of an archive, or the path of an archive or a folder.
        sha256: Of an archive the file's checksum, needed for a URL; of a folder
            what ``System.sha256()`` gives.
        name: Name of the folder in the cache, which names systems in livn's layout; default the source's.

    Raises:
        InvalidInput: No such path, no checksum for a URL, or a checksum or name that is none.
        CorruptData: The source cannot be reached, is truncated or damaged, has another checksum, or is no
            system. Nothing of it stays in the cache.
    """
    digits = sha256.lower() if isinstance(sha256, str) else sha256
    if digits is not None and not (isinstance(digits, str) and _SHA256.fullmatch(digits)):
        raise InvalidInput(f"sha256 must be 64 hexadecimal digits, got {sha256!r}.")
    address = urlsplit(str(source))
    if isinstance(source, str) and "://" in source:
        if address.scheme not in ("http", "https"):
            raise InvalidInput(f"A system is fetched by http or https, got {source!r}.")
        if digits is None:
            raise InvalidInput(f"A download needs its checksum: fetch({source!r}, sha256=...).")
        name = _name(name, unquote(address.path))
        return _store(name, digits, lambda folder: _from_url(source, digits, folder))
    path = Path(source).expanduser().absolute()
    name = _name(name, path.name)
    if path.is_dir():
        return _from_folder(path, digits, name)
    if not path.is_file():
        raise InvalidInput(f"There is no folder or archive {path}.")
    found = file_sha256(path)
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
    import pooch  # imports requests

    pooch.get_logger().setLevel("WARNING")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download.") as place:
        try:
            archive = pooch.retrieve(
                url, f"sha256:{sha256}", "archive", place, downloader=pooch.HTTPDownloader(timeout=_TIMEOUT_S)
            )
        except ValueError as error:
            raise CorruptData(f"The download of {url} is damaged or another file: {error}") from error
        except OSError as error:  # requests' errors are such: no connection, 404, cut off, timeout
            raise CorruptData(f"The download of {url} failed: {error}") from error
        _unpack(Path(archive), folder, url)


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
    """Unpack a .zip or .tar.gz whose files lie at the top or in one folder; nothing is written elsewhere."""
    with archive.open("rb") as file:
        start = file.read(2)
    if start not in (b"PK", b"\x1f\x8b"):
        raise CorruptData(f"{source} is neither a .zip nor a .tar.gz archive.")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpack.") as place:
        try:
            if start == b"PK":
                _unzip(archive, Path(place))
            else:
                with tarfile.open(archive, "r:gz") as tar:
                    tar.extractall(place, filter="data")  # refuses files outside, links to outside and devices
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise CorruptData(f"{source} cannot be unpacked: {error}") from error
        top = [entry for entry in Path(place).iterdir() if not entry.name.startswith(".")]
        _copy_files(top[0] if len(top) == 1 and top[0].is_dir() else Path(place), folder)


def _unzip(archive: Path, place: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.namelist():
            if not (place / member).resolve().is_relative_to(place.resolve()):
                raise zipfile.BadZipFile(f"it has a file outside its own folder: {member!r}")
        file.extractall(place)
