"""Spikes in the SONATA format: one group per population, with ids within the population as in ``nodes.h5``.

The group ``livn_gym``, which other readers ignore, holds what SONATA cannot represent.
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput
from livn_gym.formats.session import Session
from livn_gym.hdf5 import Hdf5, check_structure, new_file
from livn_gym.reading import damage
from livn_gym.seal import seal

_MAGIC = np.uint32(0x0A7A)
_SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype=np.uint8)


@checked
def write(session: Session, path: Path) -> None:
    """Write the spikes, with times in ms from the start of the recording."""
    _, gid, t_ms = session.recording.spikes
    with new_file(path) as file:
        file.attrs["magic"] = _MAGIC
        file.attrs["version"] = np.array([0, 1], dtype=np.uint32)
        for population in session.populations:
            selected = (gid >= population.start) & (gid < population.stop)
            group = file.create_group(f"spikes/{population.name}")
            group.attrs.create("sorting", 2, dtype=_SORTING)
            group["timestamps"] = t_ms[selected]
            group["timestamps"].attrs["units"] = "ms"
            group["node_ids"] = (gid[selected] - population.start).astype(np.uint64)
        extra = file.create_group("livn_gym")
        extra["metadata"] = json.dumps(session.metadata(traces=False))  # too long for an attribute
        for name, array in session.arrays(traces=False).items():
            extra[name] = array
    seal(path)


@checked
def read(path: Path) -> Session:
    """Read a file written by ``write``.

    Raises:
        InvalidInput: Another program wrote the file.
        CorruptData: The file is damaged.
    """
    check_structure(path)
    gid, t_ms, start = [np.zeros(0, np.int64)], [np.zeros(0)], 0
    with Hdf5(path) as file, damage(path):
        if not file.holds("livn_gym/metadata"):
            raise InvalidInput(f"{path} holds no spikes of livn_gym: it has no group 'livn_gym'.")
        metadata = file.json("livn_gym/metadata")
        extra = {
            name: file.array(f"livn_gym/{name}", ndim=None) for name in file.names("livn_gym") if name != "metadata"
        }
        for name, count in metadata["populations"].items():
            gid.append(file.index(f"spikes/{name}/node_ids") + start)
            t_ms.append(file.finite(f"spikes/{name}/timestamps"))
            start += count
    return Session.from_parts(metadata, np.concatenate(gid), np.concatenate(t_ms), extra)
