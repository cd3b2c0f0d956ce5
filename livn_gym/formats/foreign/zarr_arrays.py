"""One-dimensional arrays of zarr folders, version 2, read without the package zarr.

Only numbers and texts of fixed length are read, and only the codecs that SpikeInterface writes: zarr also stores
pickled objects, which would run code.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import BackendUnavailable, CorruptData
from livn_gym.reading import content_limit, damage, read_json, regular_file

_BLOSC_HEADER = 16


def read(path: Path, places: Sequence[str]) -> list[NDArray]:
    """Read arrays of a zarr folder.

    Args:
        path: The folder.
        places: Paths of the arrays within it.

    Raises:
        BackendUnavailable: An array is compressed and the package numcodecs is missing.
        CorruptData: An array is missing, damaged, too large or of another type.
    """
    return [_array(path / place) for place in places]


def _array(folder: Path) -> NDArray:
    layout = read_json(folder / ".zarray")
    with damage(folder, "is no array that can be read"):
        (length,), (chunk,) = layout["shape"], layout["chunks"]
        dtype = np.dtype(layout["dtype"])
        if dtype.kind not in "iufUS" or dtype.itemsize > 4096 or layout["zarr_format"] != 2:
            raise ValueError(f"its type is {dtype}")
        if not (isinstance(length, int) and isinstance(chunk, int) and 0 <= length < 2**40 and 0 < chunk < 2**40):
            raise ValueError(f"its shape is {length!r} in chunks of {chunk!r}")
        numbers = range(-(-length // chunk))
        files = [folder / str(k) for k in numbers] if len(numbers) <= 2**20 else []
        present = [file for file in files if file.is_file()]
        stored = sum(file.stat().st_size for file in present)
        size = max(length, chunk) * dtype.itemsize
        if size > content_limit(stored) or (length and len(files) != len(numbers)):
            raise CorruptData(f"{folder} has {size:,} bytes inflated; at most {content_limit(stored):,} can be read.")
        fill = layout["fill_value"]
        result = np.full(length, 0 if fill is None and dtype.kind in "iuf" else fill or 0, dtype=dtype)
        if dtype.kind in "US" and not fill:
            result[:] = ""
        for k, file in zip(numbers, files, strict=True):
            if file.is_file():
                values = _chunk(file, layout, dtype, chunk)
                part = slice(k * chunk, min((k + 1) * chunk, length))
                result[part] = values[: part.stop - part.start]
    return result


def _chunk(file: Path, layout: dict[str, Any], dtype: np.dtype, chunk: int) -> NDArray:
    content = regular_file(file).read_bytes()
    size = chunk * dtype.itemsize
    compressor, filters = layout.get("compressor"), layout.get("filters") or []
    for item in filters:
        if (
            item.get("id") != "delta"
            or np.dtype(item["dtype"]) != dtype
            or item.get("astype", item["dtype"]) != item["dtype"]
        ):
            raise ValueError(f"its filter {item.get('id')!r} is not known")
    if compressor is not None:
        content = _decompressed(content, compressor, size)
    if len(content) != size:
        raise ValueError(f"{file.name} has {len(content)} bytes, expected {size}")
    values = np.frombuffer(content, dtype=dtype)
    for _ in filters:
        values = np.cumsum(values, dtype=dtype)
    return values


def _decompressed(content: bytes, compressor: dict[str, Any], size: int) -> bytes:
    if find_spec("numcodecs") is None:
        raise BackendUnavailable(
            "A compressed zarr folder needs numcodecs, which is missing: pip install 'livn_gym[formats]', or save the "
            "sorting with format='numpy_folder'."
        )
    if compressor.get("id") != "blosc":
        raise ValueError(f"its compressor {compressor.get('id')!r} is not known")
    # the header of a block says how much memory is allocated for it
    if len(content) < _BLOSC_HEADER or int.from_bytes(content[4:8], "little") != size:
        raise ValueError("a chunk inflates to another size than it should")
    return bytes(import_module("numcodecs").Blosc().decode(content))
