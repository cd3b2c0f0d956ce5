"""Spikes as an Arrow table in a Parquet file: columns ``gid``, ``population`` and ``t_ms``, sorted by time.

The rest stands as JSON in the table's metadata, under ``livn_gym`` and ``livn_gym_arrays``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livn_gym.errors import CorruptData
from livn_gym.formats.session import Session

if TYPE_CHECKING:
    import pyarrow


def to_table(session: Session) -> pyarrow.Table:
    """The spikes as an Arrow table."""
    import pyarrow as pa

    _, gid, t_ms = session.recording.spikes
    names = pa.array([population.name for population in session.populations])
    population = pa.DictionaryArray.from_arrays(pa.array(session.population_of(gid), pa.int32()), names)
    table = pa.table({"gid": gid, "population": population, "t_ms": t_ms})
    arrays = {name: array.tolist() for name, array in session.arrays(traces=False).items()}
    metadata = {"livn_gym": json.dumps(session.metadata()), "livn_gym_arrays": json.dumps(arrays)}
    return table.replace_schema_metadata(metadata)


def from_table(table: pyarrow.Table) -> Session:
    """The session of a table from ``to_table``.

    Raises:
        CorruptData: Columns or metadata are missing or damaged.
    """
    try:
        metadata, arrays = (json.loads(table.schema.metadata[name]) for name in (b"livn_gym", b"livn_gym_arrays"))
        gid, t_ms = (table.column(name).to_numpy() for name in ("gid", "t_ms"))
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptData(f"The table holds no spikes of livn_gym: {type(error).__name__}: {error}.") from error
    return Session.from_parts(metadata, gid, t_ms, {name: np.array(values) for name, values in arrays.items()})


def write(session: Session, path: Path) -> None:
    """Write the spikes."""
    from pyarrow import parquet

    parquet.write_table(to_table(session), path)


def read(path: Path) -> Session:
    """Read what ``write`` wrote.

    Raises:
        CorruptData: It is damaged, or was not written by livn_gym.
    """
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise CorruptData(f"{path} is no Parquet file: {error}.") from error
    return from_table(table)
