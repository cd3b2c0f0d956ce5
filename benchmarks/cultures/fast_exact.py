"""Measures of the shipped cultures on the profile ``fast`` against ``exact``: do both lie in their bands?

    python benchmarks/cultures/fast_exact.py [--folder FOLDER] [--seeds 5] [--no-pulses] [--shard K/N] [NAME ...]
    python benchmarks/cultures/fast_exact.py --folder FOLDER --report
    python benchmarks/cultures/fast_exact.py --quick

Held-out graphs and seeds, 60 s at rest and under the standard protocol; the same graphs and seeds on both profiles.
A name is a system or system-variant; default EI1, EI2 and its variants, EI3. With ``--folder`` the measures of every
culture are stored, an interrupted run continues, and shards (``--shard 2/4`` is the second of four processes)
share the work; ``--report`` prints what the folder holds. A folder is for one version of the engine. ``--quick``
takes EI2 on eight graphs, of the amplitude curve only its ends, and no single pulses, in some two minutes.

Every row has the mean over cultures (of some measures the worst culture), their mean difference over pairs of equal
graph and seed with its 95 % interval (over graphs for measures that the cultures of a graph share), the target, and
whether both means hold it. Rounding parts the trajectories of a pair within a second, so that a pair shares its graph
and its statistics, not its spikes.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import t as student

from livn_gym import tuning
from livn_gym.tuning.bench import Values
from livn_gym.tuning.validation import HELD_OUT_GRAPHS, HELD_OUT_SEED, Spread, spread

NAMES = ["EI1", "EI2", "EI2-bursting", "EI2-asynchronous", "EI3"]
PROFILES = ("exact", "fast")
QUICK_GRAPHS = tuple(range(HELD_OUT_GRAPHS[0], HELD_OUT_GRAPHS[0] + 8))
OF_PULSES = tuple(name for name in tuning.MEASURES if "evoked" in name)
"""Measures that the cultures of a graph share."""
OF_CURVE = ("curve_fall",)
"""Measures that need all levels of the amplitude curve."""

Job = tuple[str, str, int]
"""A culture's name, a profile and a graph."""


def targets_of(name: str, *, pulses: bool, quick: bool) -> tuning.Targets:
    """Return the targets of a culture, with the protocol of the comparison."""
    system, _, variant = name.partition("-")
    targets = tuning.load("", system, variant or None)
    protocol = targets.protocol
    left_out: tuple[str, ...] = ()
    if quick:
        protocol, left_out = replace(protocol, levels_uA=(0.0, protocol.top_uA)), OF_CURVE
    if quick or not pulses:
        protocol, left_out = replace(protocol, pulse_trials=0), left_out + OF_PULSES
    gating = {measure: target for measure, target in targets.targets.items() if measure not in left_out}
    return replace(targets, targets=gating, protocol=protocol)


def run(job: Job, seeds: Sequence[int], targets: tuning.Targets, folder: Path) -> list[Values]:
    """Measure the cultures of a graph, or read them from the folder."""
    name, profile, graph = job
    system, _, variant = name.partition("-")
    cultures = tuning.CultureSet("held-out graphs", (graph,), tuple(seeds))
    where, engine = folder / name / profile, {"name": "native", "threads": 1}
    options = {"targets": targets, "sets": [cultures], "folder": where, "profile": profile, "backend": engine}
    return tuning.validate(system, variant or None, **options).values[0]  # type: ignore[arg-type]


def difference(exact: list[Values], fast: list[Values], measure: str) -> tuple[float, float, int]:
    """Return the mean of ``fast`` minus ``exact`` over pairs, half its 95 % interval, and the number of pairs."""
    pairs = {(e["graph"], e["seed"]): (e, f) for e, f in zip(exact, fast, strict=True)}
    if measure in OF_PULSES + OF_CURVE:
        pairs = {(graph, 0.0): pair for (graph, _), pair in pairs.items()}
    differences = np.array([f.get(measure, math.nan) - e.get(measure, math.nan) for e, f in pairs.values()])
    differences = differences[np.isfinite(differences)]
    n = len(differences)
    if n < 2:
        return float(differences.mean()) if n else math.nan, math.nan, n
    return float(differences.mean()), float(student.ppf(0.975, n - 1) * differences.std(ddof=1) / math.sqrt(n)), n


def table(exact: list[Values], fast: list[Values], targets: tuning.Targets) -> tuple[str, list[str]]:
    """Return the table of a culture, and the gating targets that ``exact`` holds and ``fast`` misses."""
    lines = ["| measure | exact | fast | fast - exact, 95 % | target | exact, fast |", "| --- " * 6 + "|"]
    lost = []
    for measure, words in tuning.MEASURES.items():
        values = [spread(measure, each) for each in (exact, fast)]
        curve_left_out = len(targets.protocol.levels_uA) == 2 and measure in OF_CURVE
        if curve_left_out or not all(value.count for value in values):
            continue
        mean, half, _ = difference(exact, fast, measure)
        target = targets.targets.get(measure)
        verdicts = "" if target is None else ", ".join(target.verdict(value.value) for value in values)
        if verdicts == "ok, MISSED":
            lost.append(measure)
        band = "" if target is None else target.band if target.gating else f"({target.band})"
        label = f"{words.label} ({words.unit})" if words.unit else words.label
        cells = " | ".join(_cell(value) for value in values)
        clear = " *" if abs(mean) > half else ""
        lines.append(f"| {label} | {cells} | {mean:+.3g} ± {half:.2g}{clear} | {band} | {verdicts} |")
    return "\n".join(lines), lost


def _cell(value: Spread) -> str:
    return f"{value.value:.3g} ± {value.sd:.2g}"


def main() -> None:
    """Measure what is missing, and print a table for each culture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="Number of seeds per graph.")
    parser.add_argument("--no-pulses", action="store_true")
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    names = arguments.names or (["EI2"] if arguments.quick else NAMES)
    graphs = QUICK_GRAPHS if arguments.quick else HELD_OUT_GRAPHS
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + (1 if arguments.quick else arguments.seeds))
    shard, shards = (int(number) for number in arguments.shard.split("/"))
    targets = {name: targets_of(name, pulses=not arguments.no_pulses, quick=arguments.quick) for name in names}
    jobs = [(name, profile, graph) for name in names for graph in graphs for profile in PROFILES]
    with TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if not arguments.report:
            for name, profile, graph in jobs[shard - 1 :: shards]:
                started = time.perf_counter()
                run((name, profile, graph), seeds, targets[name], folder)
                print(f"{name}, {profile}, graph {graph}: {time.perf_counter() - started:.0f} s", flush=True)
        if shards > 1 and not arguments.report:
            return
        for name in names:
            exact, fast = (
                [values for graph in graphs for values in run((name, profile, graph), seeds, targets[name], folder)]
                for profile in PROFILES
            )
            text, lost = table(exact, fast, targets[name])
            print(f"\n### {name}: {len(graphs)} graphs x {len(seeds)} seeds\n\n{text}\n")
            print(f"in the band on exact and outside on fast: {', '.join(lost) or 'none'}", flush=True)


if __name__ == "__main__":
    main()
