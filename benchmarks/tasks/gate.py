"""Measure all tasks by the gate and renew what pages and docstrings say about it.

Results are in benchmarks/tasks/results/gate, one file per id; those that hold for the present parameters and task are
not measured again, so that an interrupted run continues. The table between the marks of docs/tasks.md, the line on
the network's share in the docstring of every task, and docs/images/gate.png are made from these files.

Run: python benchmarks/tasks/gate.py [--ids IDS] [--only-write] [--check]
"""

from __future__ import annotations

import argparse
import inspect
import re
import time
from pathlib import Path

import numpy as np

from livn_gym.agents import figures
from livn_gym.atomic import replacing
from livn_gym.envs import tasks
from livn_gym.envs.registration import standard_ids
from livn_gym.testing import gate_files
from livn_gym.testing.gate_result import GateResult

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "tasks" / "results" / "gate"
PAGE = ROOT / "docs" / "tasks.md"
FIGURE = ROOT / "docs" / "images" / "gate.png"
START, END = "<!-- gate -->\n", "<!-- end of gate -->"
EMPTY = "No results yet: `python benchmarks/tasks/gate.py` measures them.\n"
WIDTH = 120
"""Longest line of a docstring."""


def main() -> None:
    """Measure what is missing, write what follows from it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", nargs="*", help="ids to measure; default: the standard table")
    parser.add_argument("--only-write", action="store_true", help="write pages and docstrings from the present files")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a task fails")
    given = parser.parse_args()
    if not given.only_write:
        measure(standard_ids() if given.ids is None else given.ids)
    results = gate_files.read(RESULTS)
    print(gate_files.page_table(results))
    for result in results:
        for reason in result.reasons:
            print(f"{result.name} ({result.verdict}): {reason}")
    write(PAGE, page_with_table(PAGE.read_text(encoding="utf-8"), results))
    for name in gate_files.tasks_with_results(results):
        path, text = docstring_with_share(name, results)
        write(path, text)
    if results:
        draw(results)
    if given.check and any(result.verdict == "FAILED" for result in results):
        raise SystemExit(1)


def measure(ids: list[str]) -> None:
    """Measure the ids that have no valid result, with one line of progress per part of the work."""
    started, shown = time.monotonic(), ""

    def report(number: int, part: str, done: float) -> None:
        nonlocal shown
        line = f"{number + 1}/{len(ids)} {ids[number]}: {part}"
        if line != shown:
            print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)
            shown = line

    for result in gate_files.measure(ids, RESULTS, report=report):
        print(f"{result.name}: {result.verdict}, {result.share.text(percent=True)}, {result.wall_s:.0f} s", flush=True)


def page_with_table(text: str, results: list[GateResult]) -> str:
    """Return a page whose marks enclose the table of results."""
    start, end = text.index(START) + len(START), text.index(END)
    return f"{text[:start]}\n{gate_files.page_table(results) if results else EMPTY}\n{text[end:]}"


def docstring_with_share(name: str, results: list[GateResult]) -> tuple[Path, str]:
    """Return the file of a task and its content with the line on the network's share.

    The line is a paragraph before the heading of the action space; an earlier one is replaced.
    """
    path = Path(inspect.getfile(tasks.find(name))).resolve()
    text = path.read_text(encoding="utf-8")
    text = re.sub(rf"    {re.escape(gate_files.SHARE)}.*?\n\n", "", text, flags=re.DOTALL)
    paragraph = wrapped(gate_files.share_line(gate_files.results_of(name, results)))
    heading = "    ## Action Space\n"
    position = text.index(heading)
    return path, f"{text[:position]}{paragraph}\n{text[position:]}"


def draw(results: list[GateResult]) -> None:
    """Draw the returns of the arms of every task with the first blanking."""
    panels = {}
    for result in results:
        panel = result.panels[0]
        names = {"R": "reference agent", "S": "silence", panel.best_cut: "best agent, synapses cut"}
        names |= {"S_cut": "silence, synapses cut", "poisson": "Poisson cells", "shuffled": "shuffled cells"}
        arms = {label: panel.arms[name].interval for name, label in names.items() if name in panel.arms}
        panels[result.name] = {label: np.array([x.value, x.low, x.high]) for label, x in arms.items()}
    figures.intervals(FIGURE, panels, "return (mean, 95 %)")


def wrapped(line: str) -> str:
    """Return a line as an indented paragraph whose lines fit; marks such as bold ones are not broken."""
    lines, current = [], "   "
    for word in line.split(" "):
        if len(current) + 1 + len(word) > WIDTH:
            lines.append(current)
            current = "   "
        current += f" {word}"
    return "\n".join([*lines, current]) + "\n"


def write(path: Path, text: str) -> None:
    """Write a file, unless it has this content already."""
    if path.read_text(encoding="utf-8") != text:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
