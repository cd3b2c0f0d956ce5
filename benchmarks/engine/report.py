"""Measure every table of the pages on speed on this machine, and renew the pages.

    python benchmarks/engine/report.py [--only NAME ...] [--write]

Each table is printed by a script of its own and stored in ``--out``. What was measured within a day on this machine, of
the same code, is not measured again, so that an interrupted report continues. With ``--write``, the text between the
lines ``<!-- speed: NAME -->`` and ``<!-- end -->`` of the pages in docs/ is replaced by what the command printed, and
that of ``<!-- speed: machine -->`` by where, when and at which commit the tables were measured.

The machine must be quiet: before each table other programs are waited for, and if they do not end, nothing is measured
without ``--busy``. The share of a processor that others used meanwhile is printed with the machine.

Exit code: 1 if a table could not be measured, 2 if the machine was busy.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from children import last_line
from tables import busy_s, machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CODE = ("livn_gym", "envs", "configs", "benchmarks/engine")
"""Folders on whose files the figures depend."""

TABLES = {
    "engines": "benchmarks/engine/speed.py --only engines",
    "larger cultures": "benchmarks/engine/speed.py --only large",
    "threads": "benchmarks/engine/threads.py",
    "operations": "benchmarks/engine/flops.py",
    "ways": "benchmarks/engine/ways.py",
    "registers": "benchmarks/engine/kernels.py",
    "outside the engine": "benchmarks/engine/outside.py --only steps runs resets",
    "start": "benchmarks/engine/startup.py",
    "memory": "benchmarks/engine/speed.py --only memory",
    "vectors": "benchmarks/engine/vector.py",
    "plasticity": "benchmarks/engine/plasticity.py",
}
"""Commands after ``python``, by the names in the pages. Each prints Markdown, and takes ``--quick``."""

BLOCK = re.compile(r"(<!-- speed: (?P<name>[a-z ]+) -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)
MACHINE = "machine"
"""Name of the block that says where and when."""

OTHERS = 0.1
"""Processors that others may use on a quiet machine."""


DISTURBED = 0.25
"""Processors that others may use meanwhile; beyond, a table is measured again once. Includes the system's own work."""


class Measured(NamedTuple):
    """A table: what its command printed, on which machine, when, of which commit, and beside how much other work.

    Attributes:
        text: Markdown.
        machine: Processor.
        date: Day and time at the end, ISO format.
        commit: Last commit of the code.
        others: Processors that other programs used meanwhile; None where that is not known.
        quick: Whether it was measured with ``--quick``.
    """

    text: str
    machine: str
    date: str
    commit: str
    others: float | None
    quick: bool


def code() -> str:
    """Return the last commit that changed the code, with ``-changed`` if that is not what lies here."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return git("log", "-1", "--format=%h", "--", *CODE) + "-changed" * bool(git("status", "--porcelain", "--", *CODE))


def in_use(seconds: float) -> float:
    """Return the number of processors that other programs use; from the load average where that is all there is."""
    before, started = busy_s(), time.monotonic()
    time.sleep(seconds)
    after = busy_s()
    return os.getloadavg()[0] if before is None or after is None else (after - before) / (time.monotonic() - started)


def wait_until_quiet(patience_s: float) -> bool:
    """Return whether the machine is quiet, at the latest after some time."""
    ends = time.monotonic() + patience_s
    while (processors := in_use(2.0)) > OTHERS:
        if time.monotonic() > ends:
            print(
                f"Other programs use {processors:.1f} processors; load average {os.getloadavg()[0]:.1f}.",
                file=sys.stderr,
            )
            return False
    return True


def measure(command: str, quick: bool) -> Measured:
    """Run the command of a table.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    busy, own, started = busy_s(), os.times(), time.monotonic()
    words = [sys.executable, *command.split(), *["--quick"] * quick]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    ended, others = os.times(), None
    if busy is not None and (after := busy_s()) is not None:
        mine = sum(getattr(ended, k) - getattr(own, k) for k in ("user", "system", "children_user", "children_system"))
        others = max(0.0, (after - busy - mine) / (time.monotonic() - started))
    date = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    return Measured(done.stdout.strip(), machine(), date, code(), others, quick)


def load(path: Path, commit: str, quick: bool) -> Measured | None:
    """Return a table of this code that was measured within a day on this machine, if there is one."""
    try:
        table = Measured(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    age = datetime.datetime.now().astimezone() - datetime.datetime.fromisoformat(table.date)
    same = (table.machine, table.commit, table.quick) == (machine(), commit, quick)
    return table if same and age < datetime.timedelta(days=1) and not commit.endswith("-changed") else None


def origin(tables: Mapping[str, Measured]) -> str:
    """Say where, when and at which commit tables were measured, and how quiet it was."""
    dates = sorted({table.date[:10] for table in tables.values()})
    commits = ", ".join(sorted({table.commit for table in tables.values()}))
    others = [table.others for table in tables.values() if table.others is not None]
    quiet = f" Other programs used at most {max(others):.2f} processors." if others else ""
    quick = " Fewer turns than usual." if any(table.quick for table in tables.values()) else ""
    return f"{machine()}; {' to '.join(dates)}, commit {commits}.{quiet}{quick}"


def renewed(page: str, tables: Mapping[str, Measured]) -> str:
    """Return a page with the tables that were measured, and the machine if all of the page's tables were."""
    names = {match["name"] for match in BLOCK.finditer(page)} - {MACHINE}

    def replacement(match: re.Match[str]) -> str:
        name = match["name"]
        if name == MACHINE and names <= tables.keys():
            text = origin({name: tables[name] for name in names})
        elif name in tables:
            text = tables[name].text
        else:
            return match[0]
        return f"{match[1]}\n{text}\n\n{match[4]}"

    return BLOCK.sub(replacement, page)


def report(
    names: list[str], out: Path, quick: bool, ready: Callable[[], bool]
) -> tuple[dict[str, Measured], list[str]]:
    """Measure tables that are not there yet.

    Args:
        names: Names of the tables.
        out: Folder of the results.
        quick: Whether to take fewer turns.
        ready: Whether the machine is quiet; asked before each table.

    Returns:
        The tables, and the names of those that failed.

    Raises:
        SystemExit: The machine is busy.
    """
    out.mkdir(parents=True, exist_ok=True)
    commit, failed = code(), []
    tables: dict[str, Measured] = {}
    for name in names:
        path = out / f"{name.replace(' ', '-')}.json"
        table = load(path, commit, quick)
        if table is None:
            if not ready():
                raise SystemExit(2)
            started = time.monotonic()
            try:
                table = measure(TABLES[name], quick)
                if (table.others or 0.0) > DISTURBED and not quick:
                    print(f"{name}: other programs used {table.others:.2f} processors; again", file=sys.stderr)
                    table = min(table, measure(TABLES[name], quick), key=lambda each: each.others or 0.0)
            except subprocess.CalledProcessError as error:
                print(f"{name}: {last_line(error.stderr)}", file=sys.stderr, flush=True)
                failed.append(name)
                continue
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps(table._asdict()), encoding="utf-8")
            temporary.replace(path)
            print(f"{name}: measured in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        tables[name] = table
    return tables, failed


def main() -> int:
    """Measure, print the tables, and renew the pages if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), metavar="NAME", help="some tables")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "speed", help="folder of the results")
    parser.add_argument("--write", action="store_true", help="renew the pages in docs/")
    parser.add_argument("--quick", action="store_true", help="fewer turns; a smoke test, not for the pages")
    parser.add_argument("--busy", action="store_true", help="measure although other programs run")
    parser.add_argument("--patience", type=float, default=60.0, help="how long to wait for other programs, s")
    a: Any = parser.parse_args()
    if a.write and (a.quick or code().endswith("-changed")):
        parser.error("the pages take only tables of committed code, measured without --quick")
    tables, failed = report(a.only, a.out, a.quick, lambda: a.busy or wait_until_quiet(a.patience))
    if tables:
        print(f"{origin(tables)}\n")
    for name, table in tables.items():
        print(f"{name}\n\n{table.text}\n")
    for path in sorted((ROOT / "docs").glob("*.md")) if a.write else ():
        text = path.read_text(encoding="utf-8")
        if (new := renewed(text, tables)) != text:
            path.write_text(new, encoding="utf-8")
            print(f"renewed: {path.relative_to(ROOT)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
