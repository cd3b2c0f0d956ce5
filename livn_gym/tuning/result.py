"""Parameter files: the parameters that a search found, with their provenance, as TOML."""

from __future__ import annotations

import logging
import math
import subprocess
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import livn_gym
from livn_gym.atomic import replacing
from livn_gym.checks import checked_types
from livn_gym.parameters import read_params
from livn_gym.tuning.targets import Targets
from livn_gym.tuning.validation import Report

DIGITS = 4
"""Number of significant digits of parameters, far finer than the noise of the search."""

_log = logging.getLogger(__name__)


@checked_types
def write_params(path: str | Path, params: Mapping[str, float], provenance: Mapping[str, Any], comment: str) -> None:
    """Write parameters in the layout of ``configs/params``.

    Args:
        path: The file.
        params: Complete parameters, by key.
        provenance: Content of the table of that name: strings, numbers, lists, and mappings of these.
        comment: First line of the file.
    """
    lines = [f"# {comment}", "# Weights and noise in nS, time constants in ms.", ""]
    tables: dict[str, dict[str, float]] = {"weights": {}}
    for key, value in params.items():
        prefix, _, suffix = key.partition("-")
        population, _, name = suffix.rpartition("-")
        table, name = ("weights", suffix) if prefix == "weight" else (f"{prefix}.{population}", name)
        tables.setdefault(table, {})[name] = value
    for table, values in tables.items():
        lines += [f"[{table}]", *(f"{name} = {rounded(value)!r}" for name, value in values.items()), ""]
    plain = {key: value for key, value in provenance.items() if not isinstance(value, Mapping)}
    lines += ["[provenance]", *(f"{key} = {_toml(value)}" for key, value in plain.items())]
    for key, value in provenance.items():
        if isinstance(value, Mapping):
            lines += ["", f"[provenance.{key}]", *(f"{name} = {_toml(x)}" for name, x in value.items())]
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


@checked_types
def record(path: str | Path, report: Report) -> None:
    """Add the results of a validation to a parameter file, with the cultures and the simulation.

    ``reached`` is that of the last set, in ``validation_sets`` the held-out graphs. What the file says of how the
    parameters were found stays; of comments, only one on the first line does. ``validated_commit`` is the commit of
    the validation, if this is a checkout.

    Args:
        path: Of the parameters that were validated.
        report: Of them.

    Raises:
        InvalidInput: The file holds no parameters.
    """
    path, params = Path(path), read_params(path)
    text = path.read_text(encoding="utf-8")
    about = tomllib.loads(text).get("provenance", {})
    about |= {f"engine_{key}": value for key, value in report.simulation.items()}
    for cultures in report.sets:
        name = cultures.name.replace(" ", "_").replace("-", "_")
        about[f"{name}_graphs"] = ["own" if graph is None else graph for graph in cultures.graphs]
        about[f"{name}_noise_seeds"] = list(cultures.seeds)
    about.pop("validated_commit", None)
    commit = _commit()
    last = len(report.sets) - 1
    reached = {name: report.spread(name, last).value for name in report.targets.targets}
    about |= {
        "stimulated_of_a_graph": report.sets[last].full,
        "validated": date.today().isoformat(),
        **({"validated_commit": commit} if commit else {}),
        "reached_on": report.sets[last].name,
        "missed": report.missed,
        "reached": {name: rounded(value) for name, value in reached.items() if math.isfinite(value)},
    }
    first = text.splitlines()[0]
    write_params(path, params, about, first.lstrip("# ") if first.startswith("#") else f"{report.title}: parameters.")


@checked_types
def rounded(value: float) -> float:
    """Round a parameter to ``DIGITS`` significant digits."""
    return float(f"{float(value):.{DIGITS}g}")


@checked_types
def provenance(system: str, variant: str | None, targets: Targets, **results: Any) -> dict[str, Any]:
    """Return the provenance of parameters: system, targets, date, version, commit, and further results.

    A warning is logged if the checkout has uncommitted changes, since the code could not be reproduced.
    """
    about: dict[str, Any] = {"system": system}
    if variant:
        about["variant"] = variant
    about |= {"targets": targets.name, "date": date.today().isoformat(), "version": livn_gym.__version__}
    commit = _commit()
    if commit is not None and commit.endswith("-dirty"):
        _log.warning("livn_gym: the checkout has uncommitted changes: the provenance names commit %s", commit)
    return about | ({"commit": commit} if commit else {}) | results


def _commit() -> str | None:
    """Return the commit of the checkout, with the suffix ``-dirty`` if files differ; None without a checkout."""
    folder = Path(livn_gym.__file__).resolve().parent.parent
    if not (folder / ".git").exists():  # installed; a repository further up is another project's
        return None
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return "[" + ", ".join(_toml(item) for item in value) + "]"
