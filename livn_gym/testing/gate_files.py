"""Results of the gate on disk, one file per task, and what pages and docstrings say about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livn_gym import config
from livn_gym.envs.provenance import COMPARED, check_comparable, provenance
from livn_gym.envs.registration import standard_ids
from livn_gym.envs.specs import plain_options
from livn_gym.testing.gate import EPISODES, SHORT_EPISODES, Subject, network_gate
from livn_gym.testing.gate_result import GateResult, table

SHARE = "**Share of the network**: "
"""Beginning of the line in a task's docstring."""


def path_of(folder: str | Path, name: str) -> Path:
    """Return the path of the result of an id, or of a task by its name."""
    return Path(folder) / f"{re.sub(r'[^A-Za-z0-9_.]+', '-', name).strip('-')}.json"


def stored(folder: str | Path, env: Any, episodes: int, options: Mapping[str, Any]) -> GateResult | None:
    """Return the result of a task in a folder, if it holds for the present parameters, task and protocol.

    Raises:
        CorruptData: The file is no result of this version.
    """
    subject = Subject.of(env, options)
    path = path_of(folder, subject.name)
    if not path.is_file():
        return None
    result = GateResult.load(path)
    present = provenance(subject.env_id, subject.options)
    same = all(result.provenance.get(name) == present[name] for name in COMPARED)
    protocol = {"episodes": episodes, "options": plain_options(subject.options)}
    same = same and all(result.protocol.get(name) == value for name, value in protocol.items())
    return result if same else None


def measure(
    envs: Sequence[Any],
    folder: str | Path | None = None,
    *,
    short: bool = False,
    report: Callable[[int, str, float], None] | None = None,
    **options: Any,
) -> Iterator[GateResult]:
    """Measure several tasks one after another; results that the folder holds already are not measured again.

    Args:
        envs: Ids or tasks, as for ``network_gate``.
        folder: Folder of the results, which is made; None keeps none.
        short: Use the short form.
        report: Called with the number of the task, the present part of the work and the share that is done.
        **options: Options of all environments.
    """
    episodes = SHORT_EPISODES if short else EPISODES
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    for number, env in enumerate(envs):
        result = None if folder is None else stored(folder, env, episodes, options)
        if result is None:

            def advance(part: str, done: float, number: int = number) -> None:
                if report is not None:
                    report(number, part, done)

            result = network_gate(env, short=short, report=advance, **options)
            if folder is not None:
                result.save(path_of(folder, result.name))
        yield result


def read(folder: str | Path) -> list[GateResult]:
    """Return all results in a folder, in the order of the standard table; others follow.

    Raises:
        CorruptData: A file is no result of this version.
    """
    order = {path_of(folder, env_id).name: k for k, env_id in enumerate(standard_ids())}
    paths = sorted(Path(folder).glob("*.json"), key=lambda path: (order.get(path.name, len(order)), path.name))
    return [GateResult.load(path) for path in paths]


def page_table(results: Sequence[GateResult]) -> str:
    """Return the table of results as Markdown.

    Raises:
        InvalidInput: Two results of one task and system have different parameters or versions of the task.
    """
    for name in {result.name for result in results}:
        check_comparable(f"The table of {name}", [result.provenance for result in results if result.name == name])
    return table(results)


def share_line(results: Iterable[GateResult]) -> str:
    """Return the line of a task's docstring on the share of its score that the network earns, without indentation."""
    shares = [f"{result.share.text(percent=True)} of the gain on `{result.name}`" for result in results]
    return f"{SHARE}{', '.join(shares)} (`livn-gym validate --tasks`)."


def results_of(task: str, results: Iterable[GateResult]) -> list[GateResult]:
    """Return the results of a shipped task."""
    return [result for result in results if result.provenance.get("task") == task]


def tasks_with_results(results: Iterable[GateResult]) -> list[str]:
    """Return the names of the shipped tasks that have results."""
    found = {result.provenance.get("task") for result in results}
    return [name for name in config.names("tasks") if name in found]
