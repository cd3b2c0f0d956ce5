"""Read HDF5 files of any origin: every part is checked by kind and size before it is read.

A seal behind the end of a file, which HDF5's readers pass over, holds the SHA-256 of all before it. Whatever changes
the file by HDF5 removes it, so that a seal that does not fit means damage.
"""

from __future__ import annotations

import hashlib
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from livn_gym import child
from livn_gym.errors import CorruptData, LivnError
from livn_gym.reading import content_limit, damage, max_bytes, parse_json, regular_file

MAX_OBJECTS = 2_000_000
"""Groups and data sets of a file."""

MAX_DEPTH = 32
"""Groups within groups."""

CHECK_S, CHECK_S_PER_MB = 5.0, 1.0
"""Processor time that the check of a file's structure may take, and more for every MB."""

_LIBRARY_BYTES = 2**32
"""Address space of an interpreter with NumPy and HDF5."""
_FOUND = 3
"""Exit code of the process that checks a file and finds it damaged."""
_MPI_VARIABLES = ("OMPI_", "PMIX_", "PRTE_", "PMI_")
"""A child of an MPI rank that inherits these would wait for the launcher."""
_SEAL = re.compile(rb"\nlivn_gym sha256 ([0-9a-f]{64})\n\Z")
_SEAL_BYTES = 82
_UNIT = re.compile(r"[A-Za-z/*^%. ]*(?:\*\*-?\d)?[A-Za-z/*. ]*(?:\*\*-?\d)?")
_KINDS = {"fiu": "numbers", "iu": "whole numbers", "V": "a table", "b": "booleans"}


class Hdf5:
    """An HDF5 file, open for reading, whose missing, absurd and unreadable parts are reported by file and place.

    Raises:
        InvalidInput: There is no such file; see ``livn_gym.reading.regular_file``.
        CorruptData: It is no HDF5 file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = regular_file(path)
        self._left = content_limit(self.path.stat().st_size)
        with damage(self.path, "is damaged or no HDF5 file"):
            # not locked: some file systems have no locks, and a finished file needs none
            self._file = h5py.File(self.path, "r", locking=False)

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._file.close()

    def names(self, place: str = "/") -> list[str]:
        """Names of what a group holds, sorted; none where there is no such group."""
        with self._reading(place):
            group = self._file.get(place)
            return sorted(group) if isinstance(group, h5py.Group) else []

    def holds(self, place: str) -> bool:
        """Whether there is something at a place."""
        with self._reading(place):
            return place in self._file

    def array(self, place: str, kinds: str = "fiu", *, ndim: int | None = 1) -> NDArray[Any]:
        """A data set.

        Args:
            place: Its path within the file.
            kinds: Kinds of NumPy types that are allowed.
            ndim: Number of dimensions that it must have; None allows any.

        Raises:
            CorruptData: It is missing, of another kind, too large or unreadable.
        """
        with self._reading(place):
            dataset = self._file[place]
            if not isinstance(dataset, h5py.Dataset):
                raise self.damaged(place, "is no data set")
            if ndim is not None and dataset.ndim != ndim:
                raise self.damaged(place, f"has {dataset.ndim} dimensions, expected {ndim}")
            if dataset.dtype.kind not in kinds:
                raise self.damaged(place, f"holds {dataset.dtype}, expected {_KINDS.get(kinds, kinds)}")
            self._take(place, dataset)
            return dataset[()]

    def index(self, place: str) -> NDArray[np.int64]:
        """A data set of whole numbers, one-dimensional.

        Raises:
            CorruptData: It is missing, of another kind, too large or unreadable.
        """
        values = self.array(place, "iu")
        signed = values.astype(np.int64, copy=False)
        if values.dtype == np.uint64 and len(values) and signed.min() < 0:
            raise self.damaged(place, f"holds {values.max()}, more than a signed number of 64 bits")
        return signed

    def finite(self, place: str) -> NDArray[np.float64]:
        """A data set of finite numbers, one-dimensional.

        Raises:
            CorruptData: It is missing, of another kind, too large or unreadable.
        """
        values = self.array(place).astype(np.float64, copy=False)
        if not np.isfinite(values).all():
            raise self.damaged(place, "holds something else than finite numbers")
        return values

    def json(self, place: str) -> Any:
        """The value of a JSON text in a data set.

        Raises:
            CorruptData: It is missing, or no JSON.
        """
        with self._reading(place):
            dataset = self._file[place]
            text_type = isinstance(dataset, h5py.Dataset) and h5py.check_string_dtype(dataset.dtype)
            if not text_type or dataset.shape != ():
                raise self.damaged(place, "is no text")
            self._take(place, dataset)
            text = dataset[()]
        return parse_json(text, self.path, f"has no JSON at {place}")

    def damaged(self, place: str, what: str) -> CorruptData:
        """The error for a part of the file."""
        return CorruptData(f"{self.path}: {place} {what}.")

    def attribute(self, name: str) -> Any:
        """An attribute of the whole file; None where there is none."""
        with self._reading("/"):
            return self._file.attrs.get(name)

    def check(self) -> None:
        """Look at the whole structure, before another library reads it.

        Raises:
            CorruptData: Groups or data sets are unreadable, too many, nested in a cycle, larger altogether than
                ``content_limit``, or lie in other files.
        """
        seen = 0
        stack: list[tuple[Any, int]] = [(self._file, 0)]
        places: set[int] = set()
        while stack:
            group, depth = stack.pop()
            place = str(group.name)
            with self._reading(place):
                if depth > MAX_DEPTH:
                    raise self.damaged(place, f"is nested more than {MAX_DEPTH} groups deep")
                self._check_attributes(place, group)
                for name in group:
                    seen += 1
                    if seen > MAX_OBJECTS:
                        raise self.damaged(place, f"is one of more than {MAX_OBJECTS:,} parts")
                    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                        raise self.damaged(f"{place}/{name}", "lies in another file")
                    item = group.get(name)
                    if item is None:  # a link that leads nowhere
                        continue
                    address = h5py.h5o.get_info(item.id).addr
                    if address in places:  # several links to one object are usual, in cycles too
                        continue
                    places.add(address)
                    if isinstance(item, h5py.Group):
                        stack.append((item, depth + 1))
                    elif isinstance(item, h5py.Dataset):
                        self._take(f"{place}/{name}", item)
                        self._check_attributes(f"{place}/{name}", item)
                        if item.dtype.hasobject:
                            item[()]  # texts and references lie elsewhere in the file

    def _check_attributes(self, place: str, item: Any) -> None:
        for name in item.attrs:
            attribute = item.attrs.get_id(name)
            self._spend(place, attribute.dtype.itemsize * int(np.prod(attribute.shape or (), dtype=object)))
            value = item.attrs[name]
            if name == "unit" and isinstance(value, str) and not _UNIT.fullmatch(value):
                raise self.damaged(place, f"has the unit {value!r:.40}")  # which Neo evaluates

    def _take(self, place: str, dataset: Any) -> None:
        """Check a data set's size, and that its values lie in this file."""
        layout = dataset.id.get_create_plist()
        if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
            raise self.damaged(place, "has its values in another file")
        self._spend(place, dataset.dtype.itemsize * int(np.prod(dataset.shape or (), dtype=object)))

    def _spend(self, place: str, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise self.damaged(
                place, f"has {size:,} bytes; the file may hold {content_limit(self.path.stat().st_size):,} altogether"
            )

    @contextmanager
    def _reading(self, place: str) -> Iterator[None]:
        with damage(self.path, f"cannot be read at {place}"):
            yield


@contextmanager
def new_file(path: Path, **options: Any) -> Iterator[h5py.File]:
    """A new HDF5 file, made in memory and written at the end of the block.

    HDF5 crashes the interpreter at its end where a disk was full, since it tries to write again.

    Args:
        path: Where it is written.
        **options: Further arguments of ``h5py.File``.
    """
    with h5py.File(path, "w", driver="core", backing_store=False, **options) as file:
        yield file
        file.flush()
        content = file.id.get_file_image()
    path.write_bytes(content)


def check_structure(path: str | Path) -> None:
    """Look at a file of unknown origin before another library reads it; a file with a seal that fits is passed.

    HDF5 itself can be caught in an endless loop by a damaged file, or crash. So ``Hdf5.check`` runs in a process of its
    own, with bounds on its processor time and memory.

    Raises:
        InvalidInput: There is no such file; see ``livn_gym.reading.regular_file``.
        CorruptData: It is damaged, too large, or kept the process busy for too long.
    """
    path = regular_file(path)
    if check_seal(path):
        return
    megabytes = path.stat().st_size / 2**20
    seconds = round(CHECK_S + CHECK_S_PER_MB * megabytes)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_MPI_VARIABLES)}
    command = child.command("livn_gym.hdf5", str(path.absolute()), str(seconds))
    try:
        # what is waited for is processor time, which a busy machine does not use up; a network drive may stall
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=10 * seconds, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise CorruptData(f"{path} is damaged: reading it did not end.") from error
    if done.returncode == 0:
        return
    message = done.stdout.decode(errors="replace").strip()
    if done.returncode == _FOUND:
        raise CorruptData(message)
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise CorruptData(f"{path} is damaged: reading it did not end within {seconds} s of processor time.")
    if done.returncode < 0:
        raise CorruptData(f"{path} is damaged: reading it ended a process by the signal {-done.returncode}.")
    raise LivnError(f"{path} could not be checked: {done.stderr.decode(errors='replace')[-2000:]}")


def _main(path: str, seconds: str) -> int:
    """Check a file in this process, which has bounds from then on."""
    limit = max_bytes() + _LIBRARY_BYTES
    for kind, bound in ((resource.RLIMIT_CPU, int(seconds)), (resource.RLIMIT_AS, limit), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))
    try:
        with Hdf5(path) as file:
            file.check()
    except LivnError as error:
        sys.stdout.write(str(error))
        return _FOUND
    return 0


def seal(path: Path) -> None:
    """Append the SHA-256 of a finished file to it; every reader of HDF5 passes over what follows the file's end."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with path.open("ab") as file:
        file.write(b"\nlivn_gym sha256 " + digest.encode() + b"\n")


def check_seal(path: Path) -> bool:
    """Whether a file has a seal.

    Raises:
        CorruptData: It has one that does not fit its content.
    """
    size = path.stat().st_size
    with damage(path, "cannot be read"), path.open("rb") as file:
        file.seek(max(0, size - _SEAL_BYTES))
        found = _SEAL.search(file.read())
        if found is None:
            return False
        file.seek(0)
        digest, left = hashlib.sha256(), size - _SEAL_BYTES
        while left > 0 and (block := file.read(min(left, 2**20))):
            digest.update(block)
            left -= len(block)
    if digest.hexdigest() != found[1].decode():
        raise CorruptData(f"{path} is damaged: its content has another SHA-256 than when it was written.")
    return True


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
