"""Spikes as an Arrow table in a Parquet file: columns ``gid``, ``population`` and ``t_ms``, sorted by time.

Everything else is stored as JSON in the metadata of the table, under ``livn_gym`` and ``livn_gym_arrays``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats.session import Session
from livn_gym.reading import content_limit, damage, parse_json

if TYPE_CHECKING:
    import pyarrow

_ROW_BYTES = 16
"""Size of ``gid`` and ``t_ms`` of a spike in memory."""


@checked
def to_table(session: Session) -> pyarrow.Table:
    """Convert the spikes of a session to an Arrow table."""
    import pyarrow as pa

    _, gid, t_ms = session.recording.spikes
    names = pa.array([population.name for population in session.populations])
    population = pa.DictionaryArray.from_arrays(pa.array(session.population_of(gid), pa.int32()), names)
    table = pa.table({"gid": gid, "population": population, "t_ms": t_ms})
    arrays = {name: array.tolist() for name, array in session.arrays(traces=False).items()}
    texts = {"livn_gym": json.dumps(session.metadata(traces=False)), "livn_gym_arrays": json.dumps(arrays)}
    return table.replace_schema_metadata(texts | {"livn_gym_sha256": _digest(texts.values())})


@checked
def from_table(table: pyarrow.Table) -> Session:
    """Convert a table made by ``to_table`` to a session.

    Raises:
        InvalidInput: The table was not made by livn_gym.
        CorruptData: Columns or metadata are missing or damaged.
    """
    table_metadata = getattr(getattr(table, "schema", None), "metadata", None) or {}
    if not {b"livn_gym", b"livn_gym_arrays"} <= table_metadata.keys():
        raise InvalidInput("The table holds no spikes of livn_gym: its schema has no metadata 'livn_gym'.")
    try:
        texts = [table_metadata[name].decode() for name in (b"livn_gym", b"livn_gym_arrays")]
        if table_metadata.get(b"livn_gym_sha256", b"").decode() not in ("", _digest(texts)):
            raise ValueError("its metadata has another SHA-256 than when it was written")
        metadata, arrays = (parse_json(text, "the table's metadata") for text in texts)
        gid, t_ms = (table.column(name).to_numpy() for name in ("gid", "t_ms"))
        if gid.dtype.kind not in "iu" or t_ms.dtype.kind != "f":
            raise TypeError(f"gid and t_ms are {gid.dtype} and {t_ms.dtype}")
        arrays_by_name = {name: np.array(values) for name, values in arrays.items()}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorruptData(f"The table is damaged: {type(error).__name__}: {error}.") from error
    return Session.from_parts(metadata, gid, t_ms, arrays_by_name)


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("".join(texts).encode()).hexdigest()


@checked
def write(session: Session, path: Path) -> None:
    """Write the spikes."""
    from pyarrow import parquet

    parquet.write_table(to_table(session), path, write_page_checksum=True)


@checked
def read(path: Path) -> Session:
    """Read a file written by ``write``.

    Raises:
        InvalidInput: Another program wrote the file.
        CorruptData: The file is damaged.
    """
    from pyarrow import parquet

    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.")
    limit = content_limit(path.stat().st_size)
    with damage(path, "is damaged or no Parquet file"):
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            groups = [file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups)]
            # a column of equal values takes almost no space in the file, so that its size in memory is checked too
            size = max(sum(groups), _ROW_BYTES * file.metadata.num_rows)
            if size > limit or min(groups, default=0) < 0:
                raise CorruptData(f"{path} has {size:,} bytes inflated; at most {limit:,} can be read.")
            if not {"gid", "t_ms"} <= set(file.schema_arrow.names):
                raise InvalidInput(f"{path} holds no spikes of livn_gym: it lacks the columns gid and t_ms.")
            table = file.read(columns=["gid", "t_ms"])
    return from_table(table)
