"""Files of a fit: parameter sets, their list, provenance and results, and the page of figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livn_gym.atomic import replacing
from livn_gym.cache import file_sha256
from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput
from livn_gym.fitting.fit import CHECK_GRAPH, CHECK_SEED, JUDGED_SEED, Fit, summary
from livn_gym.fitting.page import page
from livn_gym.fitting.search import FIRST_SEED, Budget
from livn_gym.fitting.space import Job, simulate
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.hdf5 import MAX_PARTLY_READ_BYTES
from livn_gym.parameter_sets import identity
from livn_gym.parameters import ParameterSet
from livn_gym.posterior import POSTERIOR
from livn_gym.reading import regular_file
from livn_gym.system import make
from livn_gym.tuning import load
from livn_gym.tuning.result import provenance, rounded, write_params

SUMMARY, PAGE = "fit.json", "page.png"

DRAWN_SEED = 900_000_000
"""Seed of the noise of the first culture on the page."""

DRAWN_CULTURES = 3
"""Number of simulated cultures on the page, each of a set of its own."""


@checked_types
def recording_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of the names and checksums of all files of a folder.

    Raises:
        InvalidInput: There is no such file; see ``livn_gym.reading.regular_file``.
    """
    path = Path(path)
    if not path.is_dir():
        return file_sha256(regular_file(path, limit=MAX_PARTLY_READ_BYTES))
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file_sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@checked_types
def write_fit(
    folder: str | Path, result: Fit, recording_sha256: str, source: str, seed: int, budget: Budget
) -> list[Path]:
    """Write the accepted parameter sets, their list, and the results with their provenance.

    Args:
        folder: The folder of the fit.
        result: The fit.
        recording_sha256: SHA-256 of the file of the recording.
        source: Description of the recording.
        seed: Seed of the fit.
        budget: Number of cultures.

    Returns:
        The files of the sets, the nearest first.
    """
    folder = Path(folder)
    system = make(result.space.system)
    about = provenance(
        system.name,
        None,
        load("", system.name),
        found_by="livn-gym fit",
        system_sha256=system.sha256(),
        recording=source,
        recording_sha256=recording_sha256,
        fit_seed=seed,
        **({} if result.device is None else {"device": result.device.name, "device_hash": result.device.hash}),
        graph="own" if result.space.graph is None else result.space.graph,
        other_graphs=[CHECK_GRAPH + k for k in range(budget.other_graphs)],
        first_noise_seeds=[FIRST_SEED, JUDGED_SEED, CHECK_SEED],
    )
    files = []
    for number, item in enumerate(result.sets, start=1):
        path = folder / f"set-{number:02d}.toml"
        reached = {name: rounded(value) for name, value in item.measures.items() if value == value}
        own: Mapping[str, Any] = {**about, "distance": rounded(item.distance), "reached": reached}
        write_params(path, item.params, own, f"{system.name} fitted to a recording, set {number}: livn-gym fit.")
        files.append(path)
    rows = [
        {"file": path.name, "sha256": file_sha256(path), "distance": item.distance, **_identity(result, item.params)}
        for path, item in zip(files, result.sets, strict=True)
    ]
    if rows:
        _write_json(folder / POSTERIOR, {"system": system.name, "recording_sha256": recording_sha256, "sets": rows})
    _write_json(folder / SUMMARY, {"provenance": about, **summary(result)})
    return files


@checked_types
def write_page(folder: str | Path, result: Fit, spikes: ChannelSpikes, title: str, **options: Any) -> Path:
    """Simulate cultures of the nearest sets and write the page that compares them to the recording.

    Args:
        folder: The folder of the fit.
        result: The fit.
        spikes: The recording.
        title: Title of the page.
        **options: Further arguments of ``Env``.

    Raises:
        InvalidInput: No candidate was simulated.
        BackendUnavailable: matplotlib is not installed.
    """
    shown = (result.sets or result.candidates)[:DRAWN_CULTURES]
    if not shown:
        raise InvalidInput("There is no parameter set to draw.")
    cultures: dict[int, ChannelSpikes] = {}
    jobs = [Job(item.params, result.space.graph, DRAWN_SEED + k) for k, item in enumerate(shown)]
    simulate(result.space.system, jobs, result.sweep, device=result.device, visit=cultures.__setitem__, **options)
    drawn = page(spikes, [cultures[k] for k in range(len(shown))], result, title)
    path = Path(folder) / PAGE
    with replacing(path) as temporary:
        drawn.savefig(temporary)
    return path


def _identity(result: Fit, params: Mapping[str, float]) -> dict[str, str]:
    system = make(result.space.system)
    return {"params_hash": identity(system, ParameterSet(system).updated(params).frozen())["params_hash"]}


def _write_json(path: Path, content: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
