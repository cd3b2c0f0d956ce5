"""Tables of spikes, as text or Parquet: a column of times and one of channels, in any order of rows.

Columns are found by their names. The unit of time is in the name of its column (``t_ms``, ``time (s)``), or the caller
gives it. Stimuli are rows whose column ``event`` says ``stim``; a column ``amplitude_uA`` has their amplitudes. A table
without headings has times in its first and channels in its second column. Channels that do not occur are unknown.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats import files
from livn_gym.formats.foreign.assembly import UNITS_MS, Events, ReadOptions, numbered
from livn_gym.formats.session import Session
from livn_gym.reading import MAX_TEXT_BYTES, content_limit, damage, regular_file

SUFFIXES = ".csv", ".tsv", ".txt"
SPIKE, STIMULUS = ("spike", "s", "0"), ("stim", "stimulus", "stimulation", "1")
"""Values of the column ``event``."""

_TIME = re.compile(
    r"(?:spike|event)?[ _]?(?:times?|timestamps?|t)"
    r"(?:[ _]*[(\[]?(s|sec|seconds|ms|msec|us|µs|μs|usec|frames?|samples?)[)\]]?)?"
)
_UNITS = {
    **dict.fromkeys(("s", "sec", "seconds"), "s"), **dict.fromkeys(("ms", "msec"), "ms"),
    **dict.fromkeys(("us", "µs", "μs", "usec"), "us"),
    **dict.fromkeys(("frame", "frames", "sample", "samples"), "frames"),
}  # fmt: skip
_CHANNEL = re.compile(
    r"(?:channels?|electrodes?|ch|units?|neurons?|cells?)(?:[ _]?(?:id|ids|index|number|name|label))?|gid"
)
_AMPLITUDE = re.compile(r"amplitude[ _]*[(\[]?(?:ua|µa|μa)[)\]]?")


@dataclass(frozen=True)
class Columns:
    """Indices of the columns of a table, None where there is none, and the unit in the name of the times."""

    time: int
    channel: int
    event: int | None = None
    amplitude: int | None = None
    unit: str | None = None


def find_columns(path: Path, names: Sequence[str]) -> Columns:
    """Find the columns by their names.

    Raises:
        InvalidInput: There is no column of times or of channels, or several.
    """
    plain = [name.strip().lower() for name in names]
    times = [k for k, name in enumerate(plain) if _TIME.fullmatch(name)]
    channels = [k for k, name in enumerate(plain) if _CHANNEL.fullmatch(name)]
    for what, found, example in (("times", times, "t_ms"), ("channels", channels, "channel")):
        if len(found) != 1:
            count = "no column" if not found else f"{len(found)} columns"
            raise InvalidInput(
                f"{path} has {count} of {what}; name one {example!r}. Its columns are {', '.join(names)[:200]}."
            )
    unit = _TIME.fullmatch(plain[times[0]])
    return Columns(
        time=times[0],
        channel=channels[0],
        event=next((k for k, name in enumerate(plain) if name in ("event", "kind", "type")), None),
        amplitude=next((k for k, name in enumerate(plain) if _AMPLITUDE.fullmatch(name)), None),
        unit=_UNITS.get((unit and unit[1]) or ""),
    )


def read_text(path: Path, options: ReadOptions) -> Events:
    """Read a table with columns divided by commas, semicolons, tabs or spaces; lines that begin with # are comments.

    Raises:
        InvalidInput: Columns cannot be identified, or the unit of time is not known.
        CorruptData: A row is damaged; the message has its line.
    """
    regular_file(path, limit=MAX_TEXT_BYTES)
    rows = _rows(path)
    number, first = next(rows, (0, []))
    if not first:
        raise InvalidInput(f"{path} has no rows.")
    headless = all(_is_number(cell) for cell in first[:1]) and len(first) >= 2
    columns = Columns(0, 1) if headless else find_columns(path, first)
    unit_ms = _unit_ms(path, columns.unit, options)
    used = [k for k in (columns.time, columns.channel, columns.event, columns.amplitude) if k is not None]
    t, channel, event, amplitude = array("d"), array("q"), array("b"), array("d")
    labels: dict[str, int] = {}
    otherwise = int(options.rows == "stimuli")

    def add(line: int, row: list[str]) -> None:
        if len(row) <= max(used):
            raise CorruptData(f"{path}, line {line}: {len(row)} columns, expected at least {max(used) + 1}.")
        label = row[columns.channel].strip()
        kind = otherwise if columns.event is None else _kind(path, f"line {line}", row[columns.event])
        if not label:
            raise CorruptData(f"{path}, line {line}: no channel.")
        t.append(_number(path, line, row[columns.time]))
        channel.append(labels.setdefault(label, len(labels)))
        event.append(kind)
        cell = row[columns.amplitude].strip() if columns.amplitude is not None else ""
        amplitude.append(_number(path, line, cell) if cell and kind else float("nan"))

    if headless:
        add(number, first)
    for number, row in rows:
        add(number, row)
    names = list(labels)
    return _events(
        path,
        np.frombuffer(t) * unit_ms if len(t) else np.zeros(0),
        np.frombuffer(channel, np.int64) if len(t) else np.zeros(0, np.int64),
        [int(name) if re.fullmatch(r"\d{1,15}", name) else name for name in names],
        np.frombuffer(event, np.int8) if len(t) else np.zeros(0, np.int8),
        np.frombuffer(amplitude) if len(t) and columns.amplitude is not None else None,
    )


def read_parquet(path: Path, options: ReadOptions) -> Events | Session:
    """Read a Parquet file; of a file by livn_gym, the session.

    Raises:
        InvalidInput: Columns cannot be identified, or the unit of time is not known.
        CorruptData: The file is damaged or too large, or a column has another type.
    """
    from pyarrow import compute, parquet

    regular_file(path)
    limit = content_limit(path.stat().st_size)
    with damage(path, "is damaged or no Parquet file"), parquet.ParquetFile(path) as file:
        if b"livn_gym" in (file.schema_arrow.metadata or {}):
            return files.read(path, "parquet")
        names = list(file.schema_arrow.names)
        columns = find_columns(path, names)
        unit_ms = _unit_ms(path, columns.unit, options)
        used = [k for k in (columns.time, columns.channel, columns.event, columns.amplitude) if k is not None]
        size = sum(file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups))
        if max(size, 16 * file.metadata.num_rows) > limit or size < 0:
            raise CorruptData(f"{path} has {size:,} bytes inflated; at most {limit:,} can be read.")
        table = file.read(columns=[names[k] for k in used])
        values = [table.column(names[k]) for k in used]
        if any(column.null_count for column in values[:2]):
            raise ValueError("there are rows without a time or a channel")
        t = values[0].to_numpy()
        if t.dtype.kind not in "fiu":
            raise ValueError(f"times are {t.dtype}")
        encoded = compute.dictionary_encode(values[1].combine_chunks())
        encoded = encoded.combine_chunks() if hasattr(encoded, "combine_chunks") else encoded
        labels: list[Hashable] = encoded.dictionary.to_pylist()
        if not all(isinstance(label, int | str) for label in labels):
            raise ValueError(f"channels are {values[1].type}")
        channel = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        event = np.full(len(t), options.rows == "stimuli", dtype=np.int8)
        if columns.event is not None:
            kinds = values[2].combine_chunks().to_pylist()
            event = np.array([_kind(path, f"row {k}", kind) for k, kind in enumerate(kinds)], dtype=np.int8)
        amplitude = None if columns.amplitude is None else values[-1].to_numpy().astype(np.float64)
    return _events(path, t.astype(np.float64) * unit_ms, channel, labels, event, amplitude)


def _events(
    path: Path, t_ms: NDArray, label: NDArray, labels: Sequence[Hashable], event: NDArray, amplitude: NDArray | None
) -> Events:
    """Number the channels in the order of their labels, and divide spikes from stimuli.

    Raises:
        CorruptData: Some of the stimuli have an amplitude, and others have none or an infinite one.
    """
    numbers, names = numbered(labels)
    channel = numbers[label] if len(label) else label
    stimulus = event == 1
    amplitude_uA = None if amplitude is None else amplitude[stimulus]
    if amplitude_uA is not None and not np.isfinite(amplitude_uA).all():
        missing = ~np.isfinite(amplitude_uA)
        if not np.isnan(amplitude_uA).all():
            raise CorruptData(f"{path}: {missing.sum()} of {len(missing)} stimuli have no finite amplitude.")
        amplitude_uA = None
    return Events(
        t_ms=t_ms[~stimulus],
        channel=channel[~stimulus],
        names=names,
        stim_t_ms=t_ms[stimulus],
        stim_channel=channel[stimulus],
        stim_amplitude_uA=amplitude_uA,
        metadata={"channels_are": "those that occur in the table"},
    )


def _unit_ms(path: Path, named: str | None, options: ReadOptions) -> float:
    if named is not None and options.unit not in (None, named):
        raise InvalidInput(f"{path} has times in {named} by the name of their column, not in {options.unit}.")
    unit = named or options.unit
    if unit is None:
        raise InvalidInput(
            f"{path} does not say in which unit its times are: give unit (--unit), one of {', '.join(UNITS_MS)} or "
            "frames, or name the column t_ms."
        )
    return options.unit_ms(unit)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line that is neither empty nor a comment."""
    with damage(path, "is no table"), path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = None
        for number, line in enumerate(file, start=1):
            text = line.strip("\r\n")
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            if "\0" in text:
                raise ValueError(f"line {number} holds a zero byte")
            if delimiter is None:
                delimiter = next((mark for mark in ("\t", ";", ",") if mark in text), " ")
            yield number, (text.split() if delimiter == " " else next(csv.reader([text], delimiter=delimiter)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(path: Path, line: int, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise CorruptData(f"{path}, line {line}: {text.strip()!r:.40} is not a number.") from error


def _kind(path: Path, place: str, value: Any) -> int:
    text = str(value).strip().lower()
    if text in SPIKE:
        return 0
    if text in STIMULUS:
        return 1
    raise CorruptData(f"{path}, {place}: the event {text!r:.40} is neither spike nor stim.")
