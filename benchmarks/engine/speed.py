"""Speed of the engine against NEURON, CoreNEURON and livn, of larger cultures, and memory, as Markdown tables.

Engines are timed in turns, each as often as the others, and medians are shown, since a machine may be shared. Beside
the time on the clock stands the processor time, which other programs disturb less.

``--quick`` takes fewer turns, ``--only NAMES`` some of the tables: engines, large, memory.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from children import Child, Times, Unavailable
from contestants import PEER, Contestant, Native, neuron, peer
from tables import table

from livn_gym.backends import PROFILES, Profile

REFERENCE, LIVN = "NEURON", f"livn {PEER} native"
LARGER_STEP = Profile(0.05, "second_order", "float64")
"""The step of the profile ``fast``, in NEURON."""


TURN_S = 0.05
"""Least duration of a turn: short runs are repeated, since the first one finds its data out of the caches."""


def in_turns(contestants: dict[str, tuple[Contestant, float]], turns: int) -> dict[str, Times]:
    """Median times of every contestant for its duration in ms, one after the other, ``turns`` times over."""
    times: dict[str, list[Times]] = {label: [] for label in contestants}
    for turn in range(turns):
        order = list(contestants) if turn % 2 == 0 else list(reversed(contestants))
        for label in order:
            contestant, duration_ms = contestants[label]
            first = contestant.run(duration_ms)
            more = [contestant.run(duration_ms) for _ in range(int(TURN_S / first.wall_s))]
            times[label] += more or [first]
    return {
        label: Times(*(statistics.median(seconds) for seconds in zip(*runs, strict=True)))
        for label, runs in times.items()
    }


class Contest:
    """Contestants of one table, built where they can be."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[Contestant, float]] = {}
        self.cultures: dict[str, int] = {}
        self.absent: dict[str, str] = {}

    def add(self, label: str, build: Callable[[], Contestant], duration_ms: float = 100.0, cultures: int = 1) -> None:
        """Build a contestant; why it cannot be is kept for the table."""
        try:
            self.entries[label] = (build(), duration_ms)
            self.cultures[label] = cultures
        except Unavailable as error:
            self.absent[label] = str(error)

    def measure(self, turns: int) -> dict[str, Times]:
        """Median ms for 100 ms of one culture; everything is closed after it."""
        try:
            medians = in_turns(self.entries, turns)
        finally:
            for contestant, _ in self.entries.values():
                contestant.close()
        scale = {label: 1e5 / duration / self.cultures[label] for label, (_, duration) in self.entries.items()}
        return {label: Times(t.wall_s * scale[label], t.cpu_s * scale[label]) for label, t in medians.items()}


def engines(turns: int) -> None:
    """EI2 on every engine."""
    exact = PROFILES["exact"]
    contest = Contest()
    contest.add(REFERENCE, lambda: neuron("backend", exact))
    contest.add("NEURON, psolve", lambda: neuron("psolve", exact))
    contest.add(f"NEURON, {LARGER_STEP.dt_ms:g} ms second order", lambda: neuron("backend", LARGER_STEP))
    contest.add("CoreNEURON, 100 ms per call", lambda: neuron("coreneuron", exact))
    contest.add("CoreNEURON, 500 ms per call", lambda: neuron("coreneuron", exact), 500.0)
    contest.add(LIVN, lambda: peer(exact.dt_ms))
    for name, setting in PROFILES.items():
        for cultures in (1, 8, 16, 64):
            for threads in (1, 2) if cultures > 1 else (1,):
                label = f"{name}, B = {cultures}" + (", 2 threads" if threads == 2 else "")
                contest.add(label, lambda s=setting, b=cultures, t=threads: Native("EI2", b, s, t), 100.0, cultures)
    children = {label: entry for label, (entry, _) in contest.entries.items() if isinstance(entry, Child)}
    facts = {label: child.facts for label, child in children.items()}
    medians = contest.measure(turns)
    rows = [
        (label, f"{times.wall_s:.2f}", f"{times.cpu_s:.2f}", _faster(medians.get(REFERENCE), times),
         _faster(medians.get(LIVN), times))
        for label, times in medians.items()
    ]  # fmt: skip
    rows += [(label, f"not run: {reason}", "", "", "") for label, reason in contest.absent.items()]
    print(f"EI2, 100 ms of one culture, {turns} turns; times faster in wall time / processor time\n")
    table(("engine", "ms", "processor ms", "x NEURON", "x livn native"), rows)
    for label in (label for label in facts if label.startswith("CoreNEURON")):
        print(f"{label}: {_agreement(facts[REFERENCE]['spikes'], facts[label]['spikes'])}.")
    if LIVN in facts:
        size = f"{facts[LIVN]['cells']} cells, {facts[LIVN]['connections']:,} connections"
        print(f"livn {PEER} ran the cells and edges of this EI2: {size}.")
    gains = [
        f"{medians[f'{name}, B = 16'].wall_s / medians[f'{name}, B = 16, 2 threads'].wall_s:.2f} ({name})"
        for name in PROFILES
    ]
    print(f"Two threads against one at B = 16: {', '.join(gains)} times faster.\n", flush=True)


def _faster(slow: Times | None, fast: Times) -> str:
    return "-" if slow is None else f"{slow.wall_s / fast.wall_s:.1f} / {slow.cpu_s / fast.cpu_s:.1f}"


def _agreement(expected: list[list[float]], got: list[list[float]]) -> str:
    a, b = ({(int(g), round(t, 6)) for g, t in zip(*spikes, strict=True)} for spikes in (expected, got))
    if a == b:
        return f"all {len(a)} spikes of 500 ms equal NEURON's"
    return f"spikes differ from NEURON's from {min(t for _, t in a ^ b)} ms on, {len(b)} instead of {len(a)}"


def large(turns: int) -> None:
    """One culture of EI2, EI3 and EI4 on one thread; ``threads.py`` has more threads."""
    rows = []
    for title, setting in PROFILES.items():
        contest = Contest()
        for name in ("EI2", "EI3", "EI4"):
            contest.add(name, lambda n=name, s=setting: Native(n, 1, s))
        medians = contest.measure(turns)
        for name, times in medians.items():
            cells = (f"{times.wall_s:.2f}", f"{times.cpu_s:.2f}", f"{times.cpu_s / medians['EI2'].cpu_s:.1f}")
            rows.append((f"{name}, {title}", *cells))
    print(f"100 ms of one culture on one thread, {turns} turns\n")
    table(("system", "ms", "processor ms", "processor time of EI2"), rows)


def memory(turns: int) -> None:
    """Resident memory of a process that holds cultures; in a process of its own, whose size is still small."""
    command = [sys.executable, __file__, "--memory-child"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    print("Peak of the resident memory of a process, MB\n")
    table(("what", "MB"), rows)


def _memory_child() -> None:
    print(f"livn_gym and Numba, imported\t{_peak_resident_kB() / 1024:.0f}")
    for cultures in (1, 64, 256):
        Native("EI2", cultures, PROFILES["exact"]).close()
        print(f"{cultures} of EI2, exact, built and run\t{_peak_resident_kB() / 1024:.0f}")
    Native("EI4", 1, PROFILES["exact"]).close()
    print(f"1 of EI4, exact, built and run\t{_peak_resident_kB() / 1024:.0f}")


def _peak_resident_kB() -> int:
    # getrusage would count what the parent held when it started this process.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0])


TABLES: dict[str, Callable[[int], None]] = {"engines": engines, "large": large, "memory": memory}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer turns")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES), metavar="NAME")
    parser.add_argument("--memory-child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_child:
        _memory_child()
        return
    for name in arguments.only:
        TABLES[name](3 if arguments.quick else 9)


if __name__ == "__main__":
    main()
