"""``livn-gym validate --tasks``: measure whether tasks need the network of their culture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from livn_gym.cli.common import progress_bar, table


def validate_tasks(names: list[str], *, folder: Path | None, short: bool, markdown: bool, params: Path | None) -> None:
    """Measure tasks by the gate and print the table; exit with 1 if one fails.

    Args:
        names: Ids or tasks; an empty list means the standard table.
        folder: Folder of the results, which are not measured again.
        short: Use the short form.
        markdown: Print Markdown, with every criterion.
        params: Parameters of all cultures.
    """
    from livn_gym.envs.registration import standard_ids
    from livn_gym.testing import gate_files
    from livn_gym.testing.gate_result import HEADINGS

    tasks = names or standard_ids()
    options: dict[str, Any] = {} if params is None else {"params": str(params)}
    results = []
    with progress_bar("gate", " %") as show:

        def advance(number: int, part: str, done: float) -> None:
            show(100.0 * (number + done) / len(tasks), 100.0, note=f"{tasks[number]}, {part}")

        for result in gate_files.measure(tasks, folder, short=short, report=advance, **options):
            results.append(result)
            if markdown:
                typer.echo(result.markdown())
    if not markdown:
        rows = table("Does the task need the network? Mean returns", *HEADINGS)
        styles = {"FAILED": "bold red", "exempt": "yellow"}
        for result in results:
            for row in result.rows():  # without the intervals, for which a terminal is too narrow
                rows.add_row(*(cell.partition(" (")[0] for cell in row), style=styles.get(row[-1]))
        Console().print(rows)
    failed = [result for result in results if result.verdict == "FAILED"]
    for result in failed:
        typer.echo(f"{result.name}: {'; '.join(result.reasons)}", err=True)
    if failed:
        raise typer.Exit(1)
