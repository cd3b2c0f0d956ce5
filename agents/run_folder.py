"""Run folder of a training: config, tables, and the checksums of a finished run."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livn_gym import trust
from livn_gym.atomic import make_folder, replacing
from livn_gym.envs.provenance import COMPARED
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.references import names_code

CONFIG, CURVE, PROGRESS = "config.json", "curve.csv", "progress.csv"
MODEL, AGENT, CHECKPOINT = "model.zip", "agent.json", "checkpoint.pkl"
SEAL = "SHA256SUMS"
"""File with the checksums of a finished run, in the format of ``sha256sum``. It is written last, to mark the run as
finished."""

CHECKSUMMED = (CONFIG, CURVE, PROGRESS, MODEL, AGENT)
CHECKSUM = "sha256"
"""Key in ``config.json`` of the checksum of all other entries."""

SIGNATURE = "signature"
"""Key in ``config.json`` of the signature of the user who wrote it, see ``livn_gym.trust``."""

Row = dict[str, float]


def check_usable(folder: Path, resume: bool, config: dict[str, Any]) -> None:
    """Check that a run may use the folder. Nothing is changed.

    Raises:
        InvalidInput: The folder holds another run, or files that a run would replace.
        CorruptData: The config in the folder is damaged.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is a file; a run folder is needed.")
    if not (folder / CONFIG).is_file():
        present = [name for name in (CURVE, PROGRESS, MODEL, AGENT, CHECKPOINT, SEAL) if (folder / name).exists()]
        if present:
            raise InvalidInput(f"{folder} holds {', '.join(present)} but no {CONFIG}: use another folder.")
        return
    if not _has_run(folder):
        return
    if not resume:
        raise InvalidInput(f"{folder} already holds a run: resume it or use another folder.")
    previous = read_config(folder)
    current = plain(config)
    # A run of an earlier version does not name all of its provenance.
    known = [name for name in current if name in previous or name not in ("task", *COMPARED)]
    changed = [name for name in known if current[name] != previous.get(name)]
    if changed:
        listed = ", ".join(f"{name} ({previous.get(name)} before, {current[name]} now)" for name in changed)
        raise InvalidInput(
            f"{folder} holds a run with different arguments: {listed}. A run is resumed with those with which it "
            "began, also its number of steps; use another folder for a new run."
        )


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the config of a new run; that of an existing run stays.

    Raises:
        InvalidInput: A part of the path is a file.
        StorageError: The folder cannot be written.
    """
    make_folder(folder)
    if not _has_run(folder):
        content = plain(config)
        content[SIGNATURE] = trust.sign(_bytes(content))
        text = json.dumps(content | {CHECKSUM: _digest(content)}, indent=2) + "\n"
        with replacing(folder / CONFIG) as temporary:
            temporary.write_text(text, encoding="utf-8")


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read the config with which the run in a folder was started. Code that it names is not imported.

    Raises:
        InvalidInput: The folder holds no run.
        CorruptData: The file is damaged.
    """
    return _read_config(folder)[0]


def environment(
    folder: str | Path, env_id: str | None = None, options: Mapping[str, Any] | None = None, *, trusted: bool = False
) -> tuple[str, dict[str, Any]]:
    """Return the id and the options of the environment in which the agent of a run acts.

    The config of a run can name code of its user: a task ``"module:attribute"``, the path of a Python file, an id
    ``"module:id"``. Such names are returned only if this user wrote the run on this machine, or with ``trusted``.

    Args:
        folder: Run folder.
        env_id: Id of another environment, for which the options of the run are ignored.
        options: Options that override those of the run.
        trusted: Return names of code even from a run that another user or machine wrote.

    Raises:
        Untrusted: The run names code and was written by another user or machine.
        InvalidInput: The folder holds no run.
        CorruptData: The config is damaged.
    """
    overrides = dict(options or {})
    if env_id is not None:
        return env_id, overrides
    config, signed = _read_config(folder)
    code = {name: value for name, value in config["options"].items() if name not in overrides and names_code(value)}
    if ":" in config["env"]:
        code["env"] = config["env"]
    if code and not signed and not trusted:
        listed = ", ".join(f"{name}={value!r}" for name, value in code.items())
        raise trust.Untrusted(
            f"{Path(folder) / CONFIG} was not written by this user on this machine, and names code to import: "
            f"{listed}. If you trust its origin, pass --trust, or set these options yourself."
        )
    return config["env"], config["options"] | overrides


def _read_config(folder: str | Path) -> tuple[dict[str, Any], bool]:
    """Return the config and whether this user wrote it on this machine."""
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise InvalidInput(f"The folder {str(folder)!r} holds no run: there is no {CONFIG}.")
    config = read_json(path)
    if CHECKSUM in config and config.pop(CHECKSUM) != _digest(config):
        raise CorruptData(f"{path} is damaged: its content does not match its checksum.")
    if not isinstance(config.get("agent"), str) or not isinstance(config.get("env"), str):
        raise CorruptData(f"{path} is damaged: the agent or the environment is missing.")
    if not isinstance(config.setdefault("options", {}), dict):
        raise CorruptData(f"{path} is damaged: its options are not a mapping.")
    signature = config.pop(SIGNATURE, None)
    return config, trust.is_signed(_bytes(config), signature)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        CorruptData: The file does not hold a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptData(f"{path} is damaged: {error}.") from error
    if not isinstance(content, dict):
        raise CorruptData(f"{path} is damaged: it does not hold a JSON object.")
    return content


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config as it is read back from JSON, for example with lists in place of tuples.

    Raises:
        InvalidInput: A value cannot be written as JSON.
    """
    try:
        return json.loads(json.dumps(dict(config)))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The options of a run must be values that JSON can represent: {error}.") from error


def is_finished(folder: Path) -> bool:
    """Return whether the run in a folder is finished."""
    return (folder / SEAL).is_file()


def finish(folder: Path) -> None:
    """Write the checksums of a finished run."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in CHECKSUMMED if (folder / name).is_file()]
    with replacing(folder / SEAL) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def check(folder: Path) -> None:
    """Check the files of a finished run against their checksums.

    Raises:
        InvalidInput: The folder holds no finished run, or one of an earlier version.
        CorruptData: A file is missing or damaged.
    """
    path = folder / SEAL
    if not path.is_file():
        if (folder / MODEL).exists() and not (folder / CHECKPOINT).exists():
            raise InvalidInput(
                f"{folder} holds a run of an earlier version, and reading its files can execute code: train the agent "
                f"again with this version. If you trust its origin, Stable-Baselines3 can load {MODEL} directly."
            )
        raise InvalidInput(f"{folder} holds no trained agent: the training is not finished.")
    try:
        lines = path.read_bytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise CorruptData(f"{path} is damaged: {error}.") from error
    if lines.pop() or any(line[64:66] != "  " for line in lines):
        raise CorruptData(f"{path} is damaged: a line is not a checksum.")
    sums = {line[66:]: line[:64] for line in lines}
    for name in (CONFIG, CURVE, MODEL, AGENT):
        if name not in sums:
            raise CorruptData(f"{path} is damaged: it does not list {name}.")
    for name, digest in sums.items():
        if name not in CHECKSUMMED:
            raise CorruptData(f"{path} is damaged: it lists the unexpected file {name!r}.")
        if not (folder / name).is_file() or _sha256(folder / name) != digest:
            raise CorruptData(f"{folder / name} is missing or damaged: it does not match its checksum in {SEAL}.")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a CSV file with one column for every key that any row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """Read a CSV file of numbers.

    Raises:
        CorruptData: A value is not a number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (ValueError, TypeError, csv.Error) as error:
        raise CorruptData(f"{path} is not a table of numbers: {error}.") from error


def _has_run(folder: Path) -> bool:
    """Return whether a run has written results; one that failed before its first evaluation leaves only its config."""
    return any((folder / name).exists() for name in (CURVE, CHECKPOINT, MODEL, SEAL))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_bytes(content)).hexdigest()


def _bytes(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
