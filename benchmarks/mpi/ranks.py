"""Speedup by MPI ranks: ``python benchmarks/mpi/ranks.py vector``, ``samples``, ``culture`` or ``faults``.

Run it on an idle machine. Every rank has one core and one thread. Runs of one and of two ranks alternate; figures are
ratios of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COUNTS = (1, 8, 32, 64)
CULTURES = (
    ("native", "EI2", 10000.0),
    ("native", "EI3", 2000.0),
    ("native", "EI4", 200.0),
    ("neuron", "EI3", 50.0),
    ("neuron", "EI4", 20.0),
)
"""Backend, system and simulated time, ms."""
HERE = Path(__file__).resolve().parent
LIMIT_S = 600.0


def launch(
    ranks: int, *arguments: str, options: tuple[str, ...] = (), limit: float = LIMIT_S, what: tuple[str, ...] = ()
) -> tuple[int, str, str]:
    """Run ``mpi_child.py`` over ranks; exit code, output, errors. A hang raises ``subprocess.TimeoutExpired``.

    ``what`` is run by every rank instead.
    """
    beside = Path(sys.executable).parent / "mpiexec"
    mpiexec = str(beside) if beside.exists() else "mpiexec"
    binding = ["--bind-to", "core"] if ranks <= (os.cpu_count() or 1) else ["--map-by", ":OVERSUBSCRIBE"]
    what = what or ("-m", "livn_gym.mpi", str(HERE / "mpi_child.py"))
    command = [mpiexec, *options, "-n", str(ranks), *binding, sys.executable, *what]
    env = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run([*command, *arguments], env=env, capture_output=True, text=True, timeout=limit)
    return done.returncode, done.stdout, done.stderr


def printed(out: str) -> dict[str, Any]:
    """The line of figures in a rank's output; libraries may print beside it."""
    return json.loads(next(line for line in out.splitlines() if line.startswith("{")))


def vector(arguments: argparse.Namespace) -> None:
    """One rank against two: a step's time, and what of it is communication and what waiting."""
    runs: dict[int, list[dict[str, dict[str, float]]]] = {1: [], 2: []}
    for _ in range(arguments.repeats):
        for ranks, found in runs.items():
            plan = ("steps", json.dumps(COUNTS), str(arguments.steps))
            code, out, err = launch(ranks, *plan, what=(str(HERE / "mpi_child.py"),))
            if code:
                sys.exit(err)
            found.append(printed(out))
    print(f"livn/EI2-v0, one thread a rank, medians of {arguments.repeats} runs of {arguments.steps} steps")
    print("envs  1 rank ms  2 ranks ms  speed-up (of each pair)      communication  waiting")
    for count in map(str, COUNTS):
        one, two = ([run[count] for run in runs[ranks]] for ranks in (1, 2))
        ratios = [a["step"] / b["step"] for a, b in zip(one, two, strict=True)]
        times = [1e3 * statistics.median(run["step"] for run in found) for found in (one, two)]
        shares = [statistics.median(run[name] / run["step"] for run in two) for name in ("communicating", "waiting")]
        pairs = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
        print(
            f"{count:>4} {times[0]:10.2f} {times[1]:11.2f} {statistics.median(ratios):9.2f} ({pairs})"
            f"{shares[0]:14.1%} {shares[1]:8.1%}"
        )
    weak = [a["32"]["step"] / b["64"]["step"] for a, b in zip(runs[1], runs[2], strict=True)]
    print(f"weak scaling: 32 environments on one rank, 64 on two: efficiency {statistics.median(weak):.2f}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def samples(arguments: argparse.Namespace) -> None:
    """``livn-gym sample`` on one rank and on two, from start to end: the same samples, and twice as many."""
    many = arguments.samples
    found: dict[tuple[int, int], list[float]] = {(1, many): [], (2, many): [], (2, 2 * many): []}
    for _ in range(arguments.repeats):
        for (ranks, count), seconds in found.items():
            with tempfile.TemporaryDirectory() as folder:
                plan = ("sample", "EI2", "--samples", str(count), "--shard", "32", "--out", f"{folder}/data")
                start = time.perf_counter()
                code, _, err = launch(ranks, *plan, what=("-c", "from livn_gym.cli import main; main()"))
                seconds.append(time.perf_counter() - start)
            if code:
                sys.exit(err)
    one, strong, weak = found.values()
    for label, two in ((f"{many} samples on two", strong), (f"{2 * many} samples on two", weak)):
        ratios = sorted(a / b for a, b in zip(one, two, strict=True))
        pairs = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(
            f"{many} samples of EI2, 1 s each, on one rank {statistics.median(one):.1f} s; "
            f"{label} {statistics.median(two):.1f} s: {statistics.median(ratios):.2f} ({pairs})"
        )
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def culture(arguments: argparse.Namespace) -> None:
    """One culture on one rank and shared by two, one thread a rank: the same spikes, and how much sooner."""
    print(f"one culture, medians of {arguments.repeats} pairs of runs of one and of two ranks")
    print("backend system   span ms  1 rank s  2 ranks s  speed-up (of each pair)  exchanges  communication  waiting")
    for backend, system, span_ms in CULTURES:
        span_ms *= arguments.span
        runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}

        def run(ranks: int, how: str, given: tuple[str, ...]) -> dict[str, float]:
            code, out, err = launch(ranks, *given, how, what=(str(HERE / "mpi_culture_child.py"),), limit=10 * LIMIT_S)
            if code:
                sys.exit(err)
            return printed(out)

        given = (backend, system, f"{span_ms:g}")
        for _ in range(arguments.repeats):
            for ranks, found in runs.items():
                found.append(run(ranks, "plain", given))
        if len({figures["spikes"] for found in runs.values() for figures in found}) > 1:
            sys.exit(f"{backend} {system}: one and two ranks have different numbers of spikes")
        ratios = [one["run"] / two["run"] for one, two in zip(runs[1], runs[2], strict=True)]
        one_s, two_s = (statistics.median(figures["run"] for figures in found) for found in runs.values())
        pairs = ", ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
        line = f"{backend:7} {system:6} {span_ms:9g} {one_s:9.2f} {two_s:10.2f} {one_s / two_s:9.2f} ({pairs})"
        if backend == "native":
            timed = run(2, "timed", given)
            per = f"{100 * timed['exchanges'] / span_ms:.0f} / 100 ms"
            line += f"  {per} {timed['communicating'] / timed['run']:10.1%} {timed['waiting'] / timed['run']:10.1%}"
        print(line, flush=True)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def faults(arguments: argparse.Namespace) -> None:
    """Rounds of an exception (the job must end with its traceback) and of a kill (the job must continue)."""
    seconds: dict[str, list[float]] = {"raise": [], "kill": []}
    bad = 0
    for k in range(arguments.rounds):
        kind = ("raise", "kill")[k % 2]
        start = time.perf_counter()
        try:
            options = ("--with-ft", "ulfm") if kind == "kill" else ()
            code, out, err = launch(arguments.ranks, "fault", kind, options=options, limit=arguments.limit)
            if kind == "raise":
                good = code != 0 and "a deliberate fault" in err
            else:
                good = any(line.startswith('{"failed"') and json.loads(line)["failed"] > 0 for line in out.splitlines())
        except subprocess.TimeoutExpired:
            good, err = False, f"no end within {arguments.limit:g} s"
        seconds[kind].append(time.perf_counter() - start)
        if not good:
            bad += 1
            print(f"round {k}, {kind}: {err[-2000:]}", flush=True)
    for kind, found in seconds.items():
        if found:
            middle, longest = statistics.median(found), max(found)
            print(f"{kind}: {len(found)} rounds, {middle:.1f} s (longest {longest:.1f} s) from start to end")
    print(f"{bad} of {arguments.rounds} rounds did not end as they should")
    sys.exit(bad > 0)


def model(arguments: argparse.Namespace) -> None:
    """What many ranks would give, from the assumptions that docs/scaling.md names; a calculation, no measurement."""
    culture_s, lead_s = arguments.culture_us * 1e-6, arguments.lead_us * 1e-6
    print(f"a culture's step {arguments.culture_us:g} us, rank 0's own work {arguments.lead_us:g} us an environment")
    print("ranks  64 envs  6,400 envs  64 a rank (envs)   speed-up over one rank")
    for ranks in (1, 2, 4, 16, 64, 256, 1000):
        cells = []
        for envs in (64, 6400, 64 * ranks):
            message_s = 2 * (ranks - 1) * LATENCY_S + envs * BYTES_AN_ENV / BANDWIDTH
            step = -(-envs // ranks) * culture_s + envs * lead_s * (ranks > 1) + message_s
            cells.append(envs * culture_s / step)
        print(f"{ranks:5} {cells[0]:8.1f} {cells[1]:11.1f} {cells[2]:11.1f} ({64 * ranks:,})")


LATENCY_S = 2e-6
BANDWIDTH = 10e9
BYTES_AN_ENV = 8 * (17 + 43)  # float64: a row of actions of EI2 and one of results

PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "vector": vector,
    "samples": samples,
    "culture": culture,
    "faults": faults,
    "model": model,
}


def main() -> None:
    """Run the parts that are named, by default the vector environments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["vector"], choices=PARTS)
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs of one and two ranks")
    parser.add_argument("--steps", type=int, default=40, help="steps measured in a run")
    parser.add_argument("--samples", type=int, default=256, help="samples of a dataset on one rank")
    parser.add_argument("--span", type=float, default=1.0, help="factor on the simulated time of cultures")
    parser.add_argument("--rounds", type=int, default=200, help="rounds of faults")
    parser.add_argument("--ranks", type=int, default=2, help="ranks of a round of faults")
    parser.add_argument("--limit", type=float, default=120.0, help="what counts as a hang, s")
    parser.add_argument("--culture-us", type=float, default=2400.0, help="a culture's step on one core, us")
    parser.add_argument("--lead-us", type=float, default=15.0, help="rank 0's own work for an environment, us")
    arguments = parser.parse_args()
    for part in arguments.parts:
        PARTS[part](arguments)


if __name__ == "__main__":
    main()
