"""Sorted units that SpikeInterface saved: folders in its formats numpy, npz and zarr (version 2), and ``.npz`` files.

A unit becomes spikes on the channel that a property of the sorting names (``CHANNEL_PROPERTIES``); if none does, every
unit is a channel of its own. A sorting does not know the length of its recording, nor stimuli.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats.foreign import zarr_arrays
from livn_gym.formats.foreign.assembly import Events, numbered
from livn_gym.reading import damage, read_json, read_npy, read_npz

CHANNEL_PROPERTIES = (
    "main_channel_id", "max_on_channel_id", "peak_channel_id", "extremum_channel", "max_channel", "channel_id",
    "channel", "ch", "electrode",
)  # fmt: skip


def is_sorting(path: Path) -> bool:
    """Return whether a folder is such a sorting."""
    if any((path / name).is_file() for name in ("numpysorting_info.json", "npz.json")):
        return True
    return (path / ".zattrs").is_file() and (path / "spikes" / ".zgroup").is_file()


def is_npz(names: Any) -> bool:
    """Return whether an ``.npz`` file with arrays of these names is such a sorting."""
    return {"unit_ids", "sampling_frequency", "spike_indexes_seg0", "spike_labels_seg0"} <= set(names)


def read(path: Path) -> Events:
    """Read the units of the only segment.

    Raises:
        InvalidInput: The sorting has several segments, or is in an unknown format.
        CorruptData: The sorting is damaged.
        BackendUnavailable: A zarr folder needs the package numcodecs.
    """
    if not path.is_dir():
        return _events(path, *_npz(path), {})
    if (path / "numpysorting_info.json").is_file():
        return _events(path, *_numpy_folder(path), _properties(path))
    if (path / "npz.json").is_file():
        return _events(path, *_npz(path / "sorting_cached.npz"), _properties(path))
    if (path / ".zattrs").is_file():
        return _events(path, *_zarr(path))
    if (path / "zarr.json").is_file():
        raise InvalidInput(f"{path} is a zarr folder of version 3; save the sorting with format='numpy_folder'.")
    raise InvalidInput(f"{path} is not a sorting saved by SpikeInterface.")


def _events(
    path: Path, frames: NDArray, unit: NDArray, ids: NDArray, rate_hz: Any, properties: Mapping[str, NDArray]
) -> Events:
    with damage(path, "is a damaged sorting"):
        if frames.ndim != 1 or frames.shape != unit.shape or ids.ndim != 1 or frames.dtype.kind not in "iu":
            raise ValueError(f"{frames.dtype} {frames.shape} frames of units {unit.shape}, {ids.shape} ids")
        if not 0.0 < float(rate_hz) < 1e9:
            raise ValueError(f"{rate_hz} frames per second")
        if len(unit) and not 0 <= unit.min() <= unit.max() < len(ids):
            raise ValueError(f"a spike of unit {unit.max()} of {len(ids)}")
        name = next((name for name in CHANNEL_PROPERTIES if _usable(properties.get(name), len(ids))), None)
        if name is None:
            channel, names = unit.astype(np.int64), [f"unit {k}" for k in ids.tolist()]
        else:
            numbers, names = numbered(properties[name].tolist())
            channel = numbers[unit]
    return Events(
        t_ms=frames * (1000.0 / float(rate_hz)),
        channel=channel,
        names=names,
        metadata={"channels_are": "units" if name is None else f"the property {name}", "sampling_hz": float(rate_hz)},
    )


def _usable(values: NDArray | None, units: int) -> bool:
    return values is not None and values.shape == (units,) and values.dtype.kind in "iuUS"


def _one_segment(path: Path, number: Any) -> None:
    if number != 1:
        raise InvalidInput(f"{path} has {number} segments; save the one to read, sorting.select_segments([0]).")


def _npz(path: Path) -> tuple[NDArray, NDArray, NDArray, Any]:
    arrays = read_npz(path)
    if not is_npz(arrays):
        raise InvalidInput(f"{path} is not a sorting saved by SpikeInterface.")
    with damage(path, "is a damaged sorting"):
        _one_segment(path, sum(name.startswith("spike_indexes_seg") for name in arrays))
        ids, labels = arrays["unit_ids"], arrays["spike_labels_seg0"]
        order = np.argsort(ids)
        position = np.searchsorted(ids, labels, sorter=order)
        unit = order[np.minimum(position, len(ids) - 1)] if len(ids) else position
        if len(labels) and (not len(ids) or (ids[unit] != labels).any()):
            raise ValueError("spikes have labels that are no unit")
        return arrays["spike_indexes_seg0"], unit, ids, arrays["sampling_frequency"].ravel()[0]


def _numpy_folder(path: Path) -> tuple[NDArray, NDArray, NDArray, Any]:
    info, spikes = read_json(path / "numpysorting_info.json"), read_npy(path / "spikes.npy")
    with damage(path, "is a damaged sorting"):
        _one_segment(path, info["num_segments"])
        unit = spikes["unit_index"].astype(np.int64)
        return spikes["sample_index"].astype(np.int64), unit, np.array(info["unit_ids"]), info["sampling_frequency"]


def _properties(path: Path) -> dict[str, NDArray]:
    found = {}
    for name in CHANNEL_PROPERTIES:
        file = path / "properties" / f"{name}.npy"
        if file.is_file():
            found[name] = read_npy(file)
    return found


def _zarr(path: Path) -> tuple[NDArray, NDArray, NDArray, Any, dict[str, NDArray]]:
    attributes = read_json(path / ".zattrs")
    if not isinstance(attributes, dict) or "sampling_frequency" not in attributes:
        raise CorruptData(f"{path} is damaged: .zattrs has no sampling_frequency.")
    _one_segment(path, attributes.get("num_segments"))
    names = [name for name in CHANNEL_PROPERTIES if (path / "properties" / name / ".zarray").is_file()]
    places = ["spikes/sample_index", "spikes/unit_index", "unit_ids", *(f"properties/{name}" for name in names)]
    frames, unit, ids, *properties = zarr_arrays.read(path, places)
    return (
        frames,
        unit.astype(np.int64),
        ids,
        attributes["sampling_frequency"],
        dict(zip(names, properties, strict=True)),
    )
