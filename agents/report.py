"""Report of the benchmark: Markdown table, page and figure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym.agents import figures
from livn_gym.atomic import replacing
from livn_gym.errors import InvalidInput

HEADINGS = (
    "task",
    "agent",
    "steps",
    "runs",
    "return (IQM, 95 %)",
    "synapses cut",
    "blanked 5 ms",
    "measure",
    "charge (nC)",
    "wall (s)",
)

MARKS = "<!-- table -->\n", "<!-- end -->"
"""Marks before and after the table of a page."""


def lines(tables: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[tuple[str, ...]]:
    """Return the rows of the table, in the order of ``HEADINGS``, without controllers of tasks that have no target."""
    rows = []
    for task, agents in tables.items():
        for agent, entry in agents.items():
            if entry["status"] == "no target":
                continue
            start = (
                task,
                agent,
                f"{entry['steps']:,}" if entry["steps"] else "-",
                f"{entry['runs']}/{entry['planned']}",
            )
            if not entry["runs"]:
                rows.append((*start, entry["status"], *["-"] * (len(HEADINGS) - len(start) - 1)))
                continue
            effect = f"{entry['measure']} {entry['effect']:.2f}" if np.isfinite(entry["effect"]) else "-"
            counts = (_number(entry[name], 0) for name in ("charge_nC", "wall_s"))
            controls = (_number(entry[name], 2) for name in ("cut_reward", "long_blank_reward"))
            rows.append((*start, interval(entry["score"]), *controls, effect, *counts))
    return rows


def interval(score: Any) -> str:
    """Format a value with its interval, ``[3]``, as text."""
    value, low, high = score
    return f"{value:.2f}" if not np.isfinite(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"


def markdown(table: Sequence[Sequence[str]], headings: Sequence[str] = HEADINGS) -> str:
    """Format a table as Markdown."""
    rows = [headings, ["---"] * len(headings), *table]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def write(folder: Path, tables: Mapping[str, Mapping[str, Mapping[str, Any]]], overall: Mapping[str, Any]) -> None:
    """Write ``table.md`` and, if any run is finished, ``plot.png``."""
    text = markdown(lines(tables))
    for task, agents in tables.items():
        origins = {entry["origin"] for entry in agents.values() if "origin" in entry}
        text += "".join(f"\n`{task}`: {origin}.\n" for origin in sorted(origins))
    if overall:
        scaled = [(name, interval(score)) for name, score in overall.items()]
        text += "\nAll tasks without missing runs together; the worst baseline is 0, the best 1:\n\n"
        text += markdown(scaled, ("agent", "scaled return (IQM, 95 %)"))
    with replacing(folder / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    panels = {}
    for task, agents in tables.items():
        scores = {name: entry["score"] for name, entry in agents.items() if entry["runs"]}
        if scores:
            panels[task] = scores
    if panels:
        figures.intervals(folder / "plot.png", panels, "return of an episode (IQM, 95 %)")


def check_page(page: Path) -> str:
    """Return the text of a page that has both marks.

    Raises:
        InvalidInput: It cannot be read, or a mark is missing.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The page {str(page)!r} cannot be read: {getattr(error, 'strerror', error)}.") from error
    if not -1 < text.find(MARKS[0]) < text.find(MARKS[1]):
        raise InvalidInput(f"The page {str(page)!r} needs a line {MARKS[0].strip()!r} and, after it, {MARKS[1]!r}.")
    return text


def fill(page: Path, folder: Path) -> None:
    """Replace what is between the page's marks ``<!-- table -->`` and ``<!-- end -->`` with the table and the figure.

    Raises:
        InvalidInput: See ``check_page``.
    """
    text = check_page(page)
    start, end = map(text.index, MARKS)
    table = (folder / "table.md").read_text(encoding="utf-8")
    plot = folder / "plot.png"
    if plot.is_file():
        table += f"\n![Returns by task and agent]({os.path.relpath(plot, page.parent)})\n"
    with replacing(page) as temporary:
        temporary.write_text(f"{text[:start]}<!-- table -->\n\n{table}\n{text[end:]}", encoding="utf-8")


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}" if np.isfinite(value) else "-"
