"""Download and unpack archives with limits on size, time, and number and location of files."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from livn_gym.errors import CorruptData, DownloadFailed
from livn_gym.reading import damage

MAX_DOWNLOAD_BYTES = 4 * 2**30
"""Largest size of a download."""

MAX_UNPACKED_BYTES = 16 * 2**30
"""Largest total size of unpacked files; above ``INFLATION_FLOOR_BYTES`` also ``MAX_INFLATION`` times the archive."""

MAX_INFLATION = 200
INFLATION_FLOOR_BYTES = 256 * 2**20

MAX_FILES = 1000
"""Maximum number of files and folders in an archive."""

TIMEOUT_S = 30.0
"""Longest time without data from the server."""

MIN_BYTES_PER_S, GRACE_S = 1000.0, 60.0
"""Minimum average speed of a download; a slower one is aborted after ``GRACE_S``."""

_BLOCK = 2**16
_HEADER_BYTES = 2**20
"""Longest header of a member of a tar archive, since headers are read into memory."""


def download(url: str, sha256: str, target: Path) -> None:
    """Download a file with a known checksum.

    The checksum may be that of the transferred data or of the data decoded according to ``Content-Encoding``, since
    some servers declare a ``.tar.gz`` as an encoded ``.tar`` and others compress the data that they send.

    Args:
        url: Address with http or https.
        sha256: 64 hexadecimal digits.
        target: Output file.

    Raises:
        DownloadFailed: The server cannot be reached, answers with an error, is too slow, or sends too much.
        CorruptData: The content has another checksum or is truncated.
    """
    import requests
    import urllib3

    digest, size, started = hashlib.sha256(), 0, time.monotonic()
    headers = {"Accept-Encoding": "identity", "User-Agent": "livn_gym"}
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT_S, headers=headers) as response, target.open("wb") as file:
            response.raise_for_status()
            announced = response.headers.get("Content-Length", "")
            if announced.isdecimal():
                _check_size(url, int(announced))
            encoding = response.headers.get("Content-Encoding", "").lower()
            for block in response.raw.stream(_BLOCK, decode_content=False):
                size += len(block)
                _check_size(url, size)
                seconds = time.monotonic() - started
                if seconds > GRACE_S + size / MIN_BYTES_PER_S:
                    raise DownloadFailed(
                        f"The download of {url} is too slow and was aborted: {size:,} bytes in {seconds:.0f} s."
                    )
                digest.update(block)
                file.write(block)
            if announced.isdecimal() and size < int(announced):
                raise CorruptData(f"The download of {url} was cut off after {size:,} of {announced} bytes.")
    except urllib3.exceptions.IncompleteRead as error:
        raise CorruptData(f"The download of {url} was cut off: {error}.") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        if "IncompleteRead" in str(error):
            raise CorruptData(f"The download of {url} was cut off: {error}.") from error
        raise DownloadFailed(f"The download of {url} failed: {error}.") from error
    if digest.hexdigest() == sha256:
        return
    actual = digest.hexdigest()
    if encoding in ("gzip", "x-gzip", "deflate"):
        actual = _decode(target, url)
        if actual == sha256:
            return
    raise CorruptData(
        f"The download of {url} is damaged or another file: it has the SHA-256 {actual}, expected {sha256}."
    )


def _check_size(url: str, size: int) -> None:
    if size > MAX_DOWNLOAD_BYTES:
        raise DownloadFailed(f"The download of {url} is too large: {size:,} bytes, at most {MAX_DOWNLOAD_BYTES:,}.")


def _decode(path: Path, url: str) -> str:
    """Decode gzip or deflate in place, and return the SHA-256 of the result."""
    decoded = path.with_name(f"{path.name}.decoded")
    digest, size, limit = hashlib.sha256(), 0, _unpacked_limit(path)
    with (
        damage(f"The download of {url}", "has a damaged encoding"),
        path.open("rb") as source,
        decoded.open("wb") as file,
    ):
        for block in _inflated(source):
            size += len(block)
            if size > limit:
                raise CorruptData(f"The download of {url} inflates to more than {limit:,} bytes.")
            digest.update(block)
            file.write(block)
    decoded.replace(path)
    return digest.hexdigest()


def _inflated(source: IO[bytes]) -> Iterator[bytes]:
    decoder = zlib.decompressobj(32 + zlib.MAX_WBITS)  # accepts the headers of gzip and zlib
    while block := source.read(_BLOCK):
        while block:
            yield decoder.decompress(block, _BLOCK)
            block = decoder.unconsumed_tail
    yield decoder.flush()
    if not decoder.eof:
        raise EOFError("it ends early")


def _unpacked_limit(archive: Path) -> int:
    return min(MAX_UNPACKED_BYTES, max(INFLATION_FLOOR_BYTES, MAX_INFLATION * archive.stat().st_size))


def unpack(archive: Path, folder: Path, source: str) -> None:
    """Unpack a .zip or .tar.gz archive into a folder. Nothing is written outside the folder.

    Args:
        archive: Archive file.
        folder: Empty folder.
        source: Name of the archive in messages.

    Raises:
        CorruptData: The file has neither format, is damaged or too large, or contains links, devices, or files outside
            the folder.
        OSError: The folder cannot be written.
    """
    with archive.open("rb") as file:
        start = file.read(2)
    if start not in (b"PK", b"\x1f\x8b"):
        raise CorruptData(f"{source} is neither a .zip nor a .tar.gz archive.")
    limit = _unpacked_limit(archive)
    with damage(source, "cannot be unpacked"):
        if start == b"PK":
            _unzip(archive, folder, limit)
        else:
            _untar(archive, folder, limit)


def _unzip(archive: Path, folder: Path, limit: int) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        # zipfile never inflates a member beyond the size in its header
        _check_members(len(members), sum(member.file_size for member in members), limit)
        for member in members:
            if not (folder / member.filename).resolve().is_relative_to(folder.resolve()):
                raise zipfile.BadZipFile(f"it has a file outside its own folder: {member.filename!r}")
        file.extractall(folder)


def _untar(archive: Path, folder: Path, limit: int) -> None:
    with gzip.open(archive, "rb") as stream, tarfile.open(fileobj=_Bounded(stream), mode="r:") as file:  # type: ignore[call-overload]
        count = size = 0
        for member in file:
            count, size = count + 1, size + max(member.size, 0)
            _check_members(count, size, limit)
            _extract(file, member, folder)
        while stream.read(_BLOCK):  # to the end, where the checksum of gzip is
            size += _BLOCK
            _check_members(count, size, limit)


def _extract(file: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write a file or folder; ``tarfile`` has no extraction filters before Python 3.11.4."""
    target = folder / member.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise tarfile.TarError(f"it has a file outside its own folder: {member.name!r}")
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = file.extractfile(member) if member.isreg() else None
    if content is None:
        raise tarfile.TarError(f"it has something other than files and folders: {member.name!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as copy:
        shutil.copyfileobj(content, copy)


def _check_members(count: int, size: int, limit: int) -> None:
    if count > MAX_FILES:
        raise ValueError(f"it has more than {MAX_FILES} files")
    if size > limit:
        raise ValueError(f"it inflates to more than {limit:,} bytes")


class _Bounded:
    """Stream that limits the size of headers, which ``tarfile`` reads as a whole whatever their stated length."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._stream.read(size)


def temporary(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """Make a hidden temporary folder within a folder, for use in a ``with`` block."""
    return tempfile.TemporaryDirectory(dir=folder, prefix=".archive.")
