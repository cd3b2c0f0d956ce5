"""The folder of a training: its config, its tables, and the checksums of a finished run."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livn_gym import trust
from livn_gym.atomic import replacing
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.references import names_code

CONFIG, CURVE, PROGRESS = "config.json", "curve.csv", "progress.csv"
MODEL, AGENT, CHECKPOINT = "model.zip", "agent.json", "checkpoint.pkl"
SEAL = "SHA256SUMS"
"""Checksums of a finished run's files, as ``sha256sum --check`` reads them. It is written last: it says "finished"."""

SEALED = (CONFIG, CURVE, PROGRESS, MODEL, AGENT)
CHECKSUM = "sha256"
"""Entry of ``config.json`` with the checksum of its other entries."""
SIGNATURE = "signature"
"""Entry of ``config.json`` by which its writer knows it again, see ``livn_gym.trust``."""

Row = dict[str, float]


def begin(folder: Path, resume: bool, config: dict[str, Any]) -> None:
    """Check that a run may use the folder, and change nothing.

    Raises:
        InvalidInput: The folder holds another run, or files that a run would replace.
        CorruptData: Its config is damaged.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is a file; a run needs a folder.")
    if not (folder / CONFIG).is_file():
        present = [name for name in (CURVE, PROGRESS, MODEL, AGENT, CHECKPOINT, SEAL) if (folder / name).exists()]
        if present:
            raise InvalidInput(f"{folder} holds {', '.join(present)} but no {CONFIG}: take another folder.")
        return
    if not _is_taken(folder):
        return
    if not resume:
        raise InvalidInput(f"{folder} holds a run already: resume it, or take another folder.")
    found = read_config(folder)
    wanted = plain(config)
    changed = [name for name in wanted if wanted[name] != found.get(name)]
    if changed:
        listed = ", ".join(f"{name} ({found.get(name)} before, {wanted[name]} now)" for name in changed)
        raise InvalidInput(f"{folder} holds a run with another {listed}.")


def take(folder: Path, config: dict[str, Any]) -> None:
    """Write the config of a new run.

    Raises:
        InvalidInput: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not _is_taken(folder):
            content = plain(config)
            content[SIGNATURE] = trust.sign(_bytes(content))
            text = json.dumps(content | {CHECKSUM: _digest(content)}, indent=2) + "\n"
            with replacing(folder / CONFIG) as part:
                part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error}.") from error


def read_config(folder: str | Path) -> dict[str, Any]:
    """What the run of a folder was started with; nothing that it names is imported.

    Raises:
        InvalidInput: The folder holds no run.
        CorruptData: The file is damaged.
    """
    return _read_config(folder)[0]


def environment(
    folder: str | Path, env_id: str | None = None, options: Mapping[str, Any] | None = None, *, trusted: bool = False
) -> tuple[str, dict[str, Any]]:
    """The environment of a run, in which its agent acts.

    A run may name code of its user: a task ``"module:attribute"``, the path of a Python file, an id
    ``"module:id"``. It is imported only if this user wrote the run on this machine, or asks for it.

    Args:
        folder: Of the run.
        env_id: Another id, which takes none of the run's options.
        options: Options that take the place of the run's.
        trusted: Whether names of code are taken from a run of another user or machine.

    Returns:
        Id and options.

    Raises:
        Untrusted: The run names code and was not written by this user on this machine.
        InvalidInput: The folder holds no run.
        CorruptData: The config is damaged.
    """
    given = dict(options or {})
    if env_id is not None:
        return env_id, given
    config, signed = _read_config(folder)
    named = {name: value for name, value in config["options"].items() if name not in given and names_code(value)}
    if ":" in config["env"]:
        named["env"] = config["env"]
    if named and not signed and not trusted:
        listed = ", ".join(f"{name}={value!r}" for name, value in named.items())
        raise trust.Untrusted(
            f"{Path(folder) / CONFIG} was not written by this user on this machine, and names code to import: "
            f"{listed}. Only if you trust its origin, pass --trust, or give these options yourself."
        )
    return config["env"], config["options"] | given


def _read_config(folder: str | Path) -> tuple[dict[str, Any], bool]:
    """The config, and whether this user wrote it on this machine."""
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise InvalidInput(f"{folder} holds no run: there is no {CONFIG}.")
    found = read_json(path)
    if CHECKSUM in found and found.pop(CHECKSUM) != _digest(found):
        raise CorruptData(f"{path} is damaged: its content does not fit its checksum.")
    if not isinstance(found.get("agent"), str) or not isinstance(found.get("env"), str):
        raise CorruptData(f"{path} is damaged: it names no agent or no environment.")
    if not isinstance(found.setdefault("options", {}), dict):
        raise CorruptData(f"{path} is damaged: its options are no mapping.")
    signature = found.pop(SIGNATURE, None)
    return found, trust.is_signed(_bytes(found), signature)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        CorruptData: The file holds none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptData(f"{path} is damaged: {error}.") from error
    if not isinstance(found, dict):
        raise CorruptData(f"{path} is damaged: it holds no object.")
    return found


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as JSON holds it.

    Raises:
        InvalidInput: JSON cannot hold a value.
    """
    try:
        return json.loads(json.dumps(dict(config)))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The options of a run must be what JSON can hold: {error}.") from error


def is_finished(folder: Path) -> bool:
    """Whether the run of a folder is complete."""
    return (folder / SEAL).is_file()


def finish(folder: Path) -> None:
    """Write the checksums of a complete run."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in SEALED if (folder / name).is_file()]
    with replacing(folder / SEAL) as part:
        part.write_text("".join(lines), encoding="utf-8")


def check(folder: Path) -> None:
    """Compare the files of a finished run with their checksums.

    Raises:
        InvalidInput: The folder holds no finished run, or one of an earlier version.
        CorruptData: A file is missing or damaged.
    """
    path = folder / SEAL
    if not path.is_file():
        if (folder / MODEL).exists() and not (folder / CHECKPOINT).exists():
            raise InvalidInput(
                f"{folder} holds a run of an earlier version, whose files run code when they are read: train it again "
                f"with this version. If you trust its origin, Stable-Baselines3 can load {MODEL} by itself."
            )
        raise InvalidInput(f"{folder} holds no trained agent: its training is not finished.")
    try:
        lines = path.read_bytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise CorruptData(f"{path} is damaged: {error}.") from error
    if lines.pop() or any(line[64:66] != "  " for line in lines):
        raise CorruptData(f"{path} is damaged: a line is no checksum.")
    sums = {line[66:]: line[:64] for line in lines}
    for name in (CONFIG, CURVE, MODEL, AGENT):
        if name not in sums:
            raise CorruptData(f"{path} is damaged: it does not list {name}.")
    for name, digest in sums.items():
        if name not in SEALED:
            raise CorruptData(f"{path} is damaged: it lists {name!r}.")
        if not (folder / name).is_file() or _sha256(folder / name) != digest:
            raise CorruptData(f"{folder / name} is missing or damaged: it does not fit its checksum in {SEAL}.")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a CSV file with a column for every name in any row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """Read a CSV file of numbers.

    Raises:
        CorruptData: It holds anything else.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (ValueError, TypeError, csv.Error) as error:
        raise CorruptData(f"{path} is no table of numbers: {error}.") from error


def _is_taken(folder: Path) -> bool:
    """Whether a run has begun here; one that failed before its first evaluation has left nothing but its config."""
    return any((folder / name).exists() for name in (CURVE, CHECKPOINT, MODEL, SEAL))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_bytes(content)).hexdigest()


def _bytes(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
