"""Safe reading of HDF5 files of any origin: the type and size of every part are checked before it is read."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from livn_gym import child
from livn_gym.errors import CorruptData, LivnError
from livn_gym.reading import content_limit, damage, max_bytes, parse_json, regular_file
from livn_gym.seal import check_seal

MAX_OBJECTS = 2_000_000
"""Maximum number of groups and data sets in a file."""

MAX_DEPTH = 32
"""Maximum depth of nested groups."""

CHECK_S, CHECK_S_PER_MB = 5.0, 1.0
"""Processor time allowed for checking the structure of a file, as a constant and per MB."""

MAX_PARTLY_READ_BYTES = 2**50
"""Largest size of a file of which only parts are read."""

PARTS_MB = 200.0
"""Size of such parts for which ``CHECK_S_PER_MB`` is allowed."""

_LIBRARY_BYTES = 2**32
"""Address space of an interpreter with NumPy and HDF5."""
_DAMAGED = 3
"""Exit code of the checking process if the file is damaged."""
_MPI_VARIABLES = ("OMPI_", "PMIX_", "PRTE_", "PMI_")
"""Prefixes of variables with which the child of an MPI rank would wait for the launcher."""
_UNIT = re.compile(r"[A-Za-z/*^%. ]*(?:\*\*-?\d)?[A-Za-z/*. ]*(?:\*\*-?\d)?")
_KINDS = {"fiu": "numbers", "iu": "whole numbers", "V": "a table", "b": "booleans"}


class Hdf5:
    """HDF5 file open for reading, with errors that name the file and the path of a damaged part.

    Args:
        path: Path of the file.
        limit: Largest size of the file, bytes; what is read of it is limited in any case. Default: ``max_bytes()``.

    Raises:
        InvalidInput: There is no such file; see ``livn_gym.reading.regular_file``.
        CorruptData: The file is not an HDF5 file.
    """

    def __init__(self, path: str | Path, *, limit: int | None = None) -> None:
        self.path = regular_file(path, limit=limit)
        self._left = content_limit(self.path.stat().st_size)
        with damage(self.path, "is damaged or not an HDF5 file"):
            # no lock: some file systems do not support locks, and a complete file needs none
            self._file = h5py.File(self.path, "r", locking=False)

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._file.close()

    def names(self, place: str = "/") -> list[str]:
        """Return the sorted names of the members of a group; an empty list if there is no such group."""
        with self._reading(place):
            group = self._file.get(place)
            return sorted(group) if isinstance(group, h5py.Group) else []

    def holds(self, place: str) -> bool:
        """Return whether the file has an object at a path."""
        with self._reading(place):
            return place in self._file

    def array(self, place: str, kinds: str = "fiu", *, ndim: int | None = 1) -> NDArray[Any]:
        """Read a data set.

        Args:
            place: Path within the file.
            kinds: Allowed kinds of NumPy data types.
            ndim: Required number of dimensions; None allows any.

        Raises:
            CorruptData: The data set is missing, of another type, too large or unreadable.
        """
        with self._reading(place):
            dataset = self._file[place]
            if not isinstance(dataset, h5py.Dataset):
                raise self.damaged(place, "is not a data set")
            if ndim is not None and dataset.ndim != ndim:
                raise self.damaged(place, f"has {dataset.ndim} dimensions, expected {ndim}")
            if dataset.dtype.kind not in kinds:
                raise self.damaged(place, f"holds {dataset.dtype}, expected {_KINDS.get(kinds, kinds)}")
            self._take(place, dataset)
            return dataset[()]

    def index(self, place: str) -> NDArray[np.int64]:
        """Read a one-dimensional data set of whole numbers.

        Raises:
            CorruptData: The data set is missing, of another type, too large or unreadable.
        """
        values = self.array(place, "iu")
        signed = values.astype(np.int64, copy=False)
        if values.dtype == np.uint64 and len(values) and signed.min() < 0:
            raise self.damaged(place, f"holds {values.max()}, more than a signed number of 64 bits")
        return signed

    def finite(self, place: str) -> NDArray[np.float64]:
        """Read a one-dimensional data set of finite numbers.

        Raises:
            CorruptData: The data set is missing, of another type, too large or unreadable.
        """
        values = self.array(place).astype(np.float64, copy=False)
        if not np.isfinite(values).all():
            raise self.damaged(place, "holds values that are not finite numbers")
        return values

    def columns(self, place: str, *names: str) -> list[NDArray[np.int64]]:
        """Read columns of whole numbers of a table; its other columns are not read.

        Raises:
            CorruptData: The table or a column is missing, of another type, too large or unreadable.
        """
        with self._reading(place):
            dataset = self._file[place]
            fields = (dataset.dtype.fields if isinstance(dataset, h5py.Dataset) else None) or {}
            if not set(names) <= set(fields) or dataset.ndim != 1:
                raise self.damaged(place, f"is not a table with the columns {' and '.join(names)}")
            for name in names:
                if fields[name][0].kind not in "iu":
                    raise self.damaged(place, f"has {fields[name][0]} in the column {name}, expected whole numbers")
            self._check_layout(place, dataset)
            self._spend(place, len(dataset) * sum(fields[name][0].itemsize for name in names))
            rows = dataset.fields(list(names))[()]
            return [rows[name].astype(np.int64) for name in names]

    def texts(self, place: str) -> list[str]:
        """Read a one-dimensional data set of texts.

        Raises:
            CorruptData: The data set is missing, of another type, too large or unreadable.
        """
        with self._reading(place):
            dataset = self._file[place]
            text_type = isinstance(dataset, h5py.Dataset) and h5py.check_string_dtype(dataset.dtype)
            if not text_type or dataset.ndim != 1:
                raise self.damaged(place, "is not a list of texts")
            self._take(place, dataset)
            return [str(text) for text in dataset.asstr(errors="replace")[()]]

    def is_text(self, place: str) -> bool:
        """Return whether the file has a data set of texts at a path."""
        with self._reading(place):
            dataset = self._file.get(place)
            return isinstance(dataset, h5py.Dataset) and h5py.check_string_dtype(dataset.dtype) is not None

    def json(self, place: str) -> Any:
        """Parse the JSON text in a data set.

        Raises:
            CorruptData: The data set is missing or does not hold JSON.
        """
        return parse_json(self.text(place), self.path, f"has no JSON at {place}")

    def text(self, place: str) -> bytes:
        """Read a single text.

        Raises:
            CorruptData: The data set is missing, or does not hold a text.
        """
        with self._reading(place):
            dataset = self._file[place]
            text_type = isinstance(dataset, h5py.Dataset) and h5py.check_string_dtype(dataset.dtype)
            if not text_type or dataset.shape != ():
                raise self.damaged(place, "is not a text")
            self._take(place, dataset)
            return bytes(dataset[()])

    def damaged(self, place: str, what: str) -> CorruptData:
        """Return the error for a damaged part of the file."""
        return CorruptData(f"{self.path}: {place} {what}.")

    def attribute(self, name: str) -> Any:
        """Return an attribute of the file; None if there is none."""
        with self._reading("/"):
            return self._file.attrs.get(name)

    def check(self, places: Sequence[str] = ()) -> None:
        """Check the structure before the file, or parts of it, are read.

        Args:
            places: Paths of the groups and data sets to check, where they exist. Default: the whole file.

        Raises:
            CorruptData: Groups or data sets are unreadable, too many, nested in a cycle, larger in total than
                ``content_limit``, or stored in other files.
        """
        count = 0
        stack: list[tuple[Any, int]] = [] if places else [(self._file, 0)]
        addresses: set[int] = set()
        with self._reading("/"):
            self._check_attributes("/", self._file)
        for place in places:
            item = self._checked_item(place)
            if isinstance(item, h5py.Group):
                stack.append((item, 0))
            elif isinstance(item, h5py.Dataset):
                self._check_dataset(place, item)
        while stack:
            group, depth = stack.pop()
            place = str(group.name)
            with self._reading(place):
                if depth > MAX_DEPTH:
                    raise self.damaged(place, f"is nested more than {MAX_DEPTH} groups deep")
                self._check_attributes(place, group)
                for name in group:
                    count += 1
                    if count > MAX_OBJECTS:
                        raise self.damaged(place, f"is one of more than {MAX_OBJECTS:,} parts")
                    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                        raise self.damaged(f"{place}/{name}", "is in another file")
                    item = group.get(name)
                    if item is None:  # a dangling link
                        continue
                    address = h5py.h5o.get_info(item.id).addr
                    if address in addresses:  # several links to one object are common, also in cycles
                        continue
                    addresses.add(address)
                    if isinstance(item, h5py.Group):
                        stack.append((item, depth + 1))
                    elif isinstance(item, h5py.Dataset):
                        self._check_dataset(f"{place}/{name}", item)

    def _checked_item(self, place: str) -> Any:
        """Return the object at a path after checking that no link on the way leads to another file; None if missing."""
        with self._reading(place):
            item: Any = self._file
            for name in place.strip("/").split("/"):
                if not isinstance(item, h5py.Group) or name not in item:
                    return None
                if isinstance(item.get(name, getlink=True), h5py.ExternalLink):
                    raise self.damaged(place, "is in another file")
                item = item.get(name)
            return item

    def _check_dataset(self, place: str, item: Any) -> None:
        with self._reading(place):
            self._take(place, item)
            self._check_attributes(place, item)
            if item.dtype.hasobject:
                item[()]  # texts and references are stored elsewhere in the file

    def _check_attributes(self, place: str, item: Any) -> None:
        for name in item.attrs:
            attribute = item.attrs.get_id(name)
            self._spend(place, attribute.dtype.itemsize * int(np.prod(attribute.shape or (), dtype=object)))
            value = item.attrs[name]
            if name == "unit" and isinstance(value, str) and not _UNIT.fullmatch(value):
                raise self.damaged(place, f"has the unit {value!r:.40}")  # Neo evaluates units

    def _take(self, place: str, dataset: Any) -> None:
        """Check the size of a data set, and that its values are in this file."""
        self._check_layout(place, dataset)
        self._spend(place, dataset.dtype.itemsize * int(np.prod(dataset.shape or (), dtype=object)))

    def _check_layout(self, place: str, dataset: Any) -> None:
        layout = dataset.id.get_create_plist()
        if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
            raise self.damaged(place, "has its values in another file")

    def _spend(self, place: str, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise self.damaged(
                place, f"has {size:,} bytes; the file may hold {content_limit(self.path.stat().st_size):,} in total"
            )

    @contextmanager
    def _reading(self, place: str) -> Iterator[None]:
        with damage(self.path, f"cannot be read at {place}"):
            yield


@contextmanager
def new_file(path: Path, **options: Any) -> Iterator[h5py.File]:
    """Open a new HDF5 file in memory, and write it at the end of the block.

    If the disk is full, HDF5 would retry to write at the exit of the interpreter and crash it.

    Args:
        path: Output file.
        **options: Further arguments of ``h5py.File``.
    """
    with h5py.File(path, "w", driver="core", backing_store=False, **options) as file:
        yield file
        file.flush()
        content = file.id.get_file_image()
    path.write_bytes(content)


def check_structure(path: str | Path, places: Sequence[str] = ()) -> None:
    """Check a file of unknown origin before another library reads it. A file with a valid seal is not checked further.

    A damaged file can make HDF5 crash or run forever. ``Hdf5.check`` therefore runs in another process with limits on
    processor time and memory.

    Args:
        path: Path of the file.
        places: Paths of the groups and data sets to check, if no others are read: raw signals beside them may be larger
            than what can be read. Default: the whole file.

    Raises:
        InvalidInput: There is no such file; see ``livn_gym.reading.regular_file``.
        CorruptData: The file is damaged or too large, or checking it took too long.
    """
    path = regular_file(path, limit=MAX_PARTLY_READ_BYTES if places else None)
    if check_seal(path):
        return
    megabytes = path.stat().st_size / 2**20
    seconds = round(CHECK_S + CHECK_S_PER_MB * (min(megabytes, PARTS_MB) if places else megabytes))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_MPI_VARIABLES)}
    command = child.command("livn_gym.hdf5", str(path.absolute()), str(seconds), *places)
    try:
        # The limit is on processor time, which a busy machine does not use up; a network drive may stall.
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=10 * seconds, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise CorruptData(f"{path} is damaged: reading it did not end.") from error
    if done.returncode == 0:
        return
    message = done.stdout.decode(errors="replace").strip()
    if done.returncode == _DAMAGED:
        raise CorruptData(message)
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise CorruptData(f"{path} is damaged: reading it did not end within {seconds} s of processor time.")
    if done.returncode < 0:
        raise CorruptData(f"{path} is damaged: reading it ended a process by the signal {-done.returncode}.")
    raise LivnError(f"{path} could not be checked: {done.stderr.decode(errors='replace')[-2000:]}")


def _main(path: str, seconds: str, *places: str) -> int:
    """Check a file, or the parts at some places, in this process, after setting limits for the process."""
    limit = max_bytes() + _LIBRARY_BYTES
    for kind, bound in ((resource.RLIMIT_CPU, int(seconds)), (resource.RLIMIT_AS, limit), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))
    try:
        with Hdf5(path, limit=MAX_PARTLY_READ_BYTES if places else None) as file:
            file.check(places)
    except LivnError as error:
        sys.stdout.write(str(error))
        return _DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
