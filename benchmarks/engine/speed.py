"""Everything claimed of the engine's speed, measured in one run and printed as Markdown tables.

Engines are timed in turns, each as often as the others, and medians are shown, since a machine may be shared. Beside
the time on the clock stands the processor time, which other programs disturb less.

``--quick`` takes fewer turns, ``--only NAMES`` some of the tables: engines, large, flops, steps, startup, memory.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from children import Child, Times, Unavailable, last_line
from contestants import HERE, PEER, Contestant, Native, neuron, peer
from flops import share

import livn_gym  # noqa: F401 (registers the environments)
from livn_gym.backends import PROFILES

EXACT, FAST = PROFILES["exact"], PROFILES["fast"]
SINGLE, FAST64 = replace(EXACT, precision="float32"), replace(FAST, precision="float64")
REFERENCE = "NEURON"


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a Markdown table and an empty line."""
    names = list(columns)
    for row in (names, ["---"] * len(names), *rows):
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    print(flush=True)


def machine() -> str:
    """Processor, SIMD width, number of processors."""
    model = platform.processor() or platform.machine()
    try:
        model = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))[0]
    except (OSError, IndexError):
        pass  # not Linux on x86: the short name is all there is
    found = " ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"])
    width = 512 if "AVX512" in found or "V4" in found else 256 if "AVX2" in found or "V3" in found else 128
    return f"{model} ({platform.machine()}), SIMD of {width} bit, {os.cpu_count()} processors"


def load() -> str:
    """The load averages."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def in_turns(contestants: dict[str, tuple[Contestant, float]], runs: int) -> dict[str, Times]:
    """Median times of every contestant for its duration in ms, one after the other, ``runs`` times over."""
    times: dict[str, list[Times]] = {label: [] for label in contestants}
    for turn in range(runs):
        order = list(contestants) if turn % 2 == 0 else list(reversed(contestants))
        for label in order:
            contestant, duration_ms = contestants[label]
            times[label].append(contestant.run(duration_ms))
    return {
        label: Times(*(statistics.median(column) for column in zip(*found, strict=True)))
        for label, found in times.items()
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

    def measure(self, runs: int) -> dict[str, Times]:
        """Median ms for 100 ms of one culture; everything is closed after it."""
        try:
            found = in_turns(self.entries, runs)
        finally:
            for contestant, _ in self.entries.values():
                contestant.close()
        scale = {label: 1e5 / duration / self.cultures[label] for label, (_, duration) in self.entries.items()}
        return {label: Times(t.wall_s * scale[label], t.cpu_s * scale[label]) for label, t in found.items()}


def engines(runs: int) -> None:
    """EI2 on every engine."""
    contest = Contest()
    contest.add(REFERENCE, lambda: neuron("backend", EXACT))
    contest.add("NEURON, psolve", lambda: neuron("psolve", EXACT))
    contest.add("NEURON, fast profile", lambda: neuron("backend", FAST64))
    contest.add("CoreNEURON, 100 ms a call", lambda: neuron("coreneuron", EXACT))
    contest.add("CoreNEURON, 500 ms a call", lambda: neuron("coreneuron", EXACT), 500.0)
    contest.add(f"livn {PEER} native", lambda: peer(EXACT.dt_ms))
    for title, setting in (
        ("float64", EXACT),
        ("float64, fast profile", FAST64),
        ("float32", SINGLE),
        ("fast profile", FAST),
    ):
        for cultures in (1, 8, 16):
            for threads in (1, 2) if cultures > 1 else (1,):
                label = f"native {title}, B = {cultures}" + (", 2 threads" if threads == 2 else "")
                contest.add(label, lambda s=setting, b=cultures, t=threads: Native("EI2", b, s, t), 100.0, cultures)
    children = {label: entry for label, (entry, _) in contest.entries.items() if isinstance(entry, Child)}
    facts = {label: child.facts for label, child in children.items()}
    found = contest.measure(runs)
    base, livn = found[REFERENCE], found.get(f"livn {PEER} native")
    rows = []
    for label, times in found.items():
        against = "-" if livn is None else f"{livn.wall_s / times.wall_s:.1f} / {livn.cpu_s / times.cpu_s:.1f}"
        rows.append(
            (label, f"{times.wall_s:.2f}", f"{times.cpu_s:.2f}",
             f"{base.wall_s / times.wall_s:.1f} / {base.cpu_s / times.cpu_s:.1f}", against)
        )  # fmt: skip
    rows += [(label, f"not run: {reason}", "", "", "") for label, reason in contest.absent.items()]
    print(f"EI2, 100 ms of one culture; {EXACT.dt_ms} ms {EXACT.scheme}, fast profile {FAST.dt_ms} ms {FAST.scheme} "
          f"({FAST.precision} unless said); times faster by the clock / by processor time\n")  # fmt: skip
    table(("engine", "ms", "processor ms", "x NEURON", "x livn native"), rows)
    for label in (label for label in facts if label.startswith("CoreNEURON")):
        print(f"{label}: {_agreement(facts[REFERENCE]['spikes'], facts[label]['spikes'])}")
    if livn is not None:
        print(f"livn {PEER}: {facts[f'livn {PEER} native']} (100 ms of spikes), on the cells and edges of our EI2")
    for title in ("float64", "fast profile"):
        one, two = found[f"native {title}, B = 16"], found[f"native {title}, B = 16, 2 threads"]
        print(f"two threads against one, {title}, B = 16: {one.wall_s / two.wall_s:.2f} x")
    print(flush=True)


def _agreement(expected: list[list[float]], got: list[list[float]]) -> str:
    a, b = ({(int(g), round(t, 6)) for g, t in zip(*spikes, strict=True)} for spikes in (expected, got))
    if a == b:
        return f"all {len(a)} spikes of 500 ms equal NEURON's"
    return f"spikes differ from NEURON's from {min(t for _, t in a ^ b)} ms on, {len(b)} instead of {len(a)}"


def large(runs: int) -> None:
    """EI3 and EI4 against EI2."""
    rows = []
    for title, setting in (("float64", EXACT), ("fast profile", FAST)):
        contest = Contest()
        for name in ("EI2", "EI3", "EI4"):
            contest.add(name, lambda n=name, s=setting: Native(n, 1, s))
        found = contest.measure(max(3, runs // 2))
        for name, times in found.items():
            ratio = f"{times.wall_s / found['EI2'].wall_s:.1f} / {times.cpu_s / found['EI2'].cpu_s:.1f}"
            rows.append((f"{name}, {title}", f"{times.wall_s:.1f}", f"{times.cpu_s:.1f}", ratio))
    print("One culture, one thread, 100 ms (at most 12 x for EI3, 130 x for EI4)\n")
    table(("system", "ms", "processor ms", "x EI2 by the clock / by processor time"), rows)


def arithmetic(runs: int) -> None:
    """Share of the core's peak."""
    rows = []
    for precision in ("float64", "float32"):
        found = share(precision, runs)
        rows.append(
            (
                precision,
                found["flop"],
                f"{found['reached']:.1f}",
                f"{found['peak']:.1f}",
                f"{100 * found['share']:.0f} %",
            )
        )
    print("EI2, B = 8, one thread, by processor time; counted by benchmarks/engine/flops.py\n")
    table(("precision", "flop a culture's step", "Gflop/s", "peak Gflop/s", "share"), rows)


def _timed(run: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return run(*arguments)
        finally:
            spent[0] += time.perf_counter() - started

    return timed


def steps(runs: int) -> None:
    """What of an environment's step is spent outside the engine."""
    rows = []
    for cultures in (1, 16):
        env: Any = gym.make("livn/EI2-v0") if cultures == 1 else gym.make_vec("livn/EI2-v0", num_envs=cultures)
        env.reset(seed=0)
        env.action_space.seed(0)
        loops = [env.unwrapped._loop] if cultures == 1 else env.unwrapped._batch.loops
        inside, times = [0.0], []
        for loop in loops:
            backend = loop.env._backend
            backend.run = _timed(backend.run, inside)
        for _ in range(4 * runs):
            action, inside[0], started = env.action_space.sample(), 0.0, time.perf_counter()
            env.step(action)
            whole = time.perf_counter() - started
            times.append((whole, whole - inside[0]))
        env.close()
        whole, outside = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
        rows.append((cultures, f"{whole:.1f}", f"{outside:.2f}", f"{100 * outside / whole:.1f} %"))
    print("A step of livn/EI2-v0 (at most 1 ms outside the engine at B = 1, 10 % at B = 16)\n")
    table(("B", "ms", "ms outside the engine", "share"), rows)


def startup(runs: int) -> None:
    """The first step of a new process, with an empty cache and with a full one."""
    rows = []
    for profile, precision in (("exact", "float64"), ("fast", "float32")):
        with tempfile.TemporaryDirectory() as folder:
            seconds = []
            for _ in range(4):
                command = [sys.executable, str(HERE / "startup.py"), profile, precision]
                started = os.times()
                done = subprocess.run(
                    command, capture_output=True, text=True, env=os.environ | {"LIVN_GYM_CACHE": folder}
                )
                ended = os.times()
                if done.returncode:
                    raise SystemExit(f"startup.py failed: {last_line(done.stderr)}")
                cpu = ended.children_user + ended.children_system - started.children_user - started.children_system
                seconds.append(Times(float(done.stdout), cpu))
        cold, *cached = seconds
        warm = Times(*(statistics.median(column) for column in zip(*cached, strict=True)))
        rows.append((f"{profile}, {precision}", *(f"{v:.1f}" for v in (*cold, *warm))))
    print("Import, make and the first 100 ms of EI2 in a new process, s (at most 15 cold, 2 cached)\n")
    table(("profile", "empty cache", "of processor time", "cached", "of processor time"), rows)


def memory(runs: int) -> None:
    """Rise of the resident size by 256 cultures; in a process of its own, whose size is still small."""
    command = [sys.executable, __file__, "--memory-child"]
    done = subprocess.run(command, capture_output=True, text=True)
    print(f"256 cultures of EI2, built and run: {done.stdout.strip() or last_line(done.stderr)} (at most 500 MB)\n")


def _memory_child() -> None:
    Native("EI2", 1, EXACT).close()
    before = _peak_resident_kB()
    Native("EI2", 256, EXACT).close()
    print(f"{(_peak_resident_kB() - before) / 1024:.0f} MB more resident memory")


def _peak_resident_kB() -> int:
    # getrusage would count what the parent held when it started this process.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0])


TABLES: dict[str, Callable[[int], None]] = {
    "engines": engines, "large": large, "flops": arithmetic, "steps": steps, "startup": startup, "memory": memory,
}  # fmt: skip


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
    print(f"{machine()}\nload averages before: {load()}\n", flush=True)
    for name in arguments.only:
        TABLES[name](3 if arguments.quick else 9)
    print(f"load averages after: {load()}")


if __name__ == "__main__":
    main()
