"""Compare the speed of two versions, pair by pair: is any workload slower in the second?

    python benchmarks/engine/regress.py BEFORE AFTER [--what NAME ...] [--rounds 15] [--limit 3]

A version is a commit or a folder with a checkout. Commits are checked out into temporary worktrees, which are removed
at the end. Both versions are ready in processes of their own and take turns in alternating order, so that other
programs and the processor's clock rate affect both. For each workload the median of the turns' ratios is shown, with
quartiles and with an interval that contains the true median with a probability of 95 %.

Exit code: 1 if a workload is slower by more than the limit, with the whole interval above it; 2 if a version does not
run; otherwise 0. Spikes (or rewards) are compared as well, but may differ.

Workloads: SYSTEM-CULTURES-PROFILE[-MS] is a run of cultures (of 100 ms if MS is omitted), step a step of livn/EI2-v0,
step-N one of a vector of N environments, neuron 100 ms of EI2 in NEURON, import the import and cold the first run of a
new process with an empty cache.
"""

from __future__ import annotations

import argparse
import math
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from children import Child, Unavailable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORKLOAD = re.compile(r"\w+-[1-9]\d*-(fast|exact)(-\d+(\.\d+)?)?|step(-[1-9]\d*)?|neuron|import|cold")
USUAL = """
EI2-1-fast EI2-8-fast EI2-64-fast EI2-1-exact EI2-8-exact EI2-64-exact EI3-1-fast EI4-1-fast EI2-1-fast-5 step step-64
""".split()
MIN_ROUNDS = 6
"""Fewer have no interval of 95 %."""

COLUMNS = (
    "workload",
    "before, ms",
    "after, ms",
    "after / before",
    "quartiles",
    "95 %",
    "processor time",
    "95 %",
    "spikes",
)


class Ratios(NamedTuple):
    """Ratios after / before of the turns: their median, quartiles and the interval of the median."""

    median: float
    quartiles: tuple[float, float]
    interval: tuple[float, float]


class Comparison(NamedTuple):
    """A workload in both versions.

    Attributes:
        ms: Median time of a repetition on the clock, before and after.
        clock: Ratios on the clock.
        processor: Ratios of processor time; None if an engine in another process did the work.
        outcomes: Number of spikes, or sum of rewards, before and after.
    """

    ms: tuple[float, float]
    clock: Ratios
    processor: Ratios | None
    outcomes: tuple[float, float]


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the median between two order statistics, by the binomial distribution.

    Raises:
        ValueError: There are too few values for this confidence.
    """
    ordered, number = sorted(values), len(values)
    outside, rank = 0.0, 0
    while outside + 2.0 * math.comb(number, rank) * 0.5**number <= 1.0 - confidence:
        outside += 2.0 * math.comb(number, rank) * 0.5**number
        rank += 1
    if rank == 0:
        raise ValueError(f"{number} values have no interval of {confidence:.0%}")
    return ordered[rank - 1], ordered[number - rank]


def ratios(before: Sequence[float], after: Sequence[float]) -> Ratios:
    """Return the ratios of turns."""
    values = [b / a for a, b in zip(before, after, strict=True)]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Ratios(median, (low, high), median_interval(values))


@contextmanager
def checkout(version: str) -> Iterator[Path]:
    """Give the folder of a version: a folder as it is, a commit in a temporary worktree.

    Raises:
        Unavailable: It is neither.
    """
    folder = Path(version).resolve()
    if folder.is_dir():
        if not (folder / "livn_gym" / "__init__.py").exists():
            raise Unavailable(f"{version} is a folder without livn_gym")
        yield folder
        return
    git = ["git", "-C", str(ROOT)]
    parsed = subprocess.run(
        [*git, "rev-parse", "--verify", "--quiet", f"{version}^{{commit}}"], capture_output=True, text=True
    )
    if parsed.returncode:
        raise Unavailable(f"{version} is neither a folder nor a commit of this repository")
    with tempfile.TemporaryDirectory(prefix="livn_gym-") as temporary:
        worktree = Path(temporary) / "livn_gym"
        try:
            done = subprocess.run(
                [*git, "worktree", "add", "--quiet", "--detach", str(worktree), parsed.stdout.strip()],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise Unavailable(f"git worktree: {done.stderr.strip()}")
            yield worktree
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(worktree)], capture_output=True)


def start(name: str, folder: Path) -> Child:
    """Start a workload with the code of a folder.

    Raises:
        Unavailable: It does not run, or runs other code.
    """
    child = Child([sys.executable, str(HERE / "regress_child.py"), name], PYTHONPATH=str(folder))
    package = Path(child.facts["package"]).resolve()
    if not package.is_relative_to(folder.resolve()):
        child.close()
        raise Unavailable(f"the package of {folder} is hidden by {package.parent}")
    return child


def compare(name: str, folders: Sequence[Path], rounds: int, turn_s: float) -> Comparison:
    """Run a workload in both versions in turns.

    Args:
        name: Name of the workload.
        folders: Folders of both versions.
        rounds: Number of turns of each.
        turn_s: Duration of a turn; the number of repetitions, equal for both, is chosen for it.

    Raises:
        Unavailable: It does not run in one of them.
    """
    with ExitStack() as stack:
        children = []
        for folder in folders:
            children.append(start(name, folder))
            stack.callback(children[-1].close)
        longest = max(child.ask(2)["wall_s"] for child in children)
        repetitions = max(1, round(turn_s / longest))
        answers: list[list[dict[str, float]]] = [[], []]
        for turn in range(rounds):
            for side in (0, 1) if turn % 2 else (1, 0):
                answers[side].append(children[side].ask(repetitions))
    wall, cpu, outcome = ([[a[key] for a in side] for side in answers] for key in ("wall_s", "cpu_s", "outcome"))
    elsewhere = name == "neuron"
    return Comparison(
        (1e3 * statistics.median(wall[0]), 1e3 * statistics.median(wall[1])),
        ratios(*wall),
        None if elsewhere else ratios(*cpu),
        (sum(outcome[0]), sum(outcome[1])),
    )


def row(name: str, comparison: Comparison) -> str:
    """Format a row of the table."""

    def span(ends: tuple[float, float]) -> str:
        return f"{ends[0]:.3f} to {ends[1]:.3f}"

    before, after = (f"{value:.10g}" for value in comparison.outcomes)
    cells = [name, *(f"{ms:.3f}" for ms in comparison.ms)]
    cells += [f"{comparison.clock.median:.3f}", span(comparison.clock.quartiles), span(comparison.clock.interval)]
    processor = comparison.processor
    cells += [f"{processor.median:.3f}", span(processor.interval)] if processor else ["-", "-"]
    same = comparison.outcomes[0] == comparison.outcomes[1]
    cells.append("-" if name in ("import", "cold") else f"{before}, equal" if same else f"{before} and {after}")
    return f"| {' | '.join(cells)} |"


def slower(comparison: Comparison, limit: float, by: str) -> bool:
    """Return whether the second version is too slow: its whole interval lies above the limit, a share."""
    measure = comparison.processor if by == "processor" and comparison.processor else comparison.clock
    return measure.interval[0] > 1.0 + limit


def _workload(text: str) -> str:
    if not WORKLOAD.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no workload; --help describes them")
    return text


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < MIN_ROUNDS:
        raise argparse.ArgumentTypeError(f"must be at least {MIN_ROUNDS}, since fewer have no interval, got {text}")
    return int(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be positive, got {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="commit or folder")
    parser.add_argument("after", help="commit or folder")
    parser.add_argument("--what", nargs="+", type=_workload, default=USUAL, metavar="NAME", help="workloads")
    parser.add_argument("--rounds", type=_rounds, default=15, help="turns of each version, default 15")
    parser.add_argument("--seconds", type=_positive, default=0.3, help="duration of a turn, default 0.3")
    parser.add_argument("--limit", type=_positive, default=3.0, help="how much slower is too slow, %%, default 3")
    parser.add_argument("--by", choices=("clock", "processor"), default="clock", help="time that decides")
    return parser


def main() -> int:
    """Print the table and return the exit code."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that worktrees are removed then as well
    too_slow = []
    try:
        with checkout(arguments.before) as before, checkout(arguments.after) as after:
            print(f"before: {arguments.before}, after: {arguments.after}; {arguments.rounds} turns each\n")
            print(f"| {' | '.join(COLUMNS)} |\n{'| --- ' * len(COLUMNS)}|", flush=True)
            for name in arguments.what:
                comparison = compare(name, (before, after), arguments.rounds, arguments.seconds)
                print(row(name, comparison), flush=True)
                if slower(comparison, arguments.limit / 100.0, arguments.by):
                    too_slow.append(name)
    except Unavailable as error:
        print(f"{error.output}\nregress.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"\nslower by more than {arguments.limit:g} %: {', '.join(too_slow) or 'none'}")
    return int(bool(too_slow))


if __name__ == "__main__":
    sys.exit(main())
