"""Errors of spike times on single cells by time step, scheme and profile; is ``fast`` as accurate as NEURON's default?

    python benchmarks/engine/time_step.py [--levels] [--steps] [--neuron] [DRIVE ...]

The reference is the same cells at 0.001 ms (fluctuating drives: 0.0025 ms), second order, float64. NEURON's default,
0.025 ms and backward Euler, is the profile ``exact``; ``--neuron`` compares it with NEURON itself. Under a
constant current the error is that of the mean interval between the same spikes in both, from 300 ms on. Under
fluctuating drives spikes within 5 ms of each other are the same, and the error is that of single intervals
between them. ``--levels`` prints every level, ``--steps`` the table of docs/model.md by time step and scheme.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from single_cells import DRIVES, Experiment, Trains, experiments

SETTLE_MS, COINCIDENCE_MS = 300.0, 5.0
REFERENCE_DT_MS = {"constant": 0.001, "current": 0.0025, "conductance": 0.0025, "synapses": 0.0025}

SETTINGS = [(dt, scheme) for dt in (0.025, 0.05, 0.1) for scheme in ("backward_euler", "second_order")]
SHOWN = {"EXC culture": ("0.06 nA", "0.1 nA", "0.2 nA"), "INH culture": ("0.03 nA", "0.06 nA", "0.1 nA")}
"""Cells and levels of the table by time step."""


@dataclass(frozen=True)
class Row:
    """Errors of an engine at one level of a drive.

    Attributes:
        cell: Type of the cells and their parameter set.
        drive: Drive.
        level: Level of the drive.
        rate_hz: Rate in the reference.
        interval_error: Error of intervals, %: with its sign under constant currents, otherwise its mean size.
        rate_error: Error of the number of spikes, %.
        shift_ms: Under constant currents, how much later spikes are after each second; otherwise the mean size of the
            shift of spikes.
        coincident: Share of the spikes of both that are the same.
    """

    cell: str
    drive: str
    level: str
    rate_hz: float
    interval_error: float
    rate_error: float
    shift_ms: float
    coincident: float


@cache
def reference(drive: str) -> tuple[Trains, ...]:
    """Return the spikes of a drive's experiments in the reference."""
    return tuple(e.spikes(dt=REFERENCE_DT_MS[drive], scheme="second_order") for e in experiments(drive))


def isi_errors(drives: Sequence[str] = DRIVES, **engine: Any) -> list[Row]:
    """Return the errors of an engine at every level of the drives.

    Args:
        drives: Some of ``DRIVES``.
        **engine: Arguments of ``Env``, for example ``profile="fast"``. Default: the profile ``exact``.
    """
    return [
        row
        for drive in drives
        for experiment, spikes in zip(experiments(drive), reference(drive), strict=True)
        for row in compared(experiment, experiment.spikes(**engine), spikes)
    ]


def compared(experiment: Experiment, spikes: Trains, reference: Trains) -> list[Row]:
    """Return the errors of spikes at every level of an experiment."""
    measure: Callable[[Trains, Trains], tuple[float, float, float]] = (
        mean_interval if experiment.drive == "constant" else single_intervals
    )
    rows = []
    for level in experiment.levels:
        trains = [spikes[gid] for gid in level.gids]
        truth = [reference[gid] for gid in level.gids]
        count, true_count = (sum(int((t >= SETTLE_MS).sum()) for t in each) for each in (trains, truth))
        rate_hz = true_count / len(truth) / (experiment.duration_ms - SETTLE_MS) * 1e3
        rate_error = 100.0 * (count / true_count - 1.0) if true_count else float("nan")
        interval, shift, coincident = measure(trains, truth)
        rows.append(Row(level.cell, experiment.drive, level.name, rate_hz, interval, rate_error, shift, coincident))
    return rows


def mean_interval(trains: Trains, truth: Trains) -> tuple[float, float, float]:
    """Return the error of the mean interval between spikes of the same number, %, and the shift per second, ms.

    Spikes are counted from the start, since cells adapt for seconds.
    """
    ((t,), (true,)) = trains, truth
    first, last = int((true < SETTLE_MS).sum()), min(len(t), len(true)) - 1
    if last <= first:
        return float("nan"), float("nan"), float("nan")
    error = (t[last] - t[first]) / (true[last] - true[first]) - 1.0
    shift = (t[last] - true[last]) / true[last] * 1e3
    return 100.0 * float(error), float(shift), 1.0


def single_intervals(trains: Trains, truth: Trains) -> tuple[float, float, float]:
    """Return the mean error of single intervals between spikes of both, %, their mean shift, ms, and their share."""
    errors, intervals, shifts, spikes = [], [], [], 0
    for t, true in zip(trains, truth, strict=True):
        pairs = coincidences(t, true)
        own, other = t[pairs[:, 0]], true[pairs[:, 1]]
        consecutive = (np.diff(pairs, axis=0) == 1).all(axis=1) & (other[:-1] >= SETTLE_MS)
        errors.append(np.abs(np.diff(own) - np.diff(other))[consecutive])
        intervals.append(np.diff(other)[consecutive])
        shifts.append(np.abs(own - other))
        spikes += len(t) + len(true)
    shift, error, interval = (np.concatenate(parts) for parts in (shifts, errors, intervals))
    if not len(error):
        return float("nan"), float("nan"), float("nan")
    return 100.0 * float(error.mean() / interval.mean()), float(shift.mean()), 2.0 * len(shift) / spikes


def coincidences(first: NDArray, second: NDArray) -> NDArray[np.int64]:
    """Return indices ``[pairs, 2]`` of spikes that are nearest to each other and at most 5 ms apart."""
    if not len(first) or not len(second):
        return np.zeros((0, 2), dtype=np.int64)
    distance = np.abs(first[:, None] - second[None])
    nearest, back = distance.argmin(axis=1), distance.argmin(axis=0)
    i = np.arange(len(first))
    chosen = (back[nearest] == i) & (distance[i, nearest] <= COINCIDENCE_MS)
    return np.column_stack([i[chosen], nearest[chosen]])


def size(rows: Sequence[Row]) -> float:
    """Return the mean size of the interval errors of some levels, %."""
    return float(np.nanmean([abs(row.interval_error) for row in rows]))


def verdict(fast: Sequence[Row], exact: Sequence[Row]) -> str:
    """Return one line per cell and drive: is the mean interval error of ``fast`` at most that of ``exact``?"""
    heads = ["cell", "input", "exact: error of interval, of rate (%)", "fast: error of interval, of rate (%)"]
    lines = ["| " + " | ".join([*heads, "worst level", "fast <= exact"]) + " |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for cell, drive in dict.fromkeys((row.cell, row.drive) for row in exact):
        pair = [[row for row in rows if (row.cell, row.drive) == (cell, drive)] for rows in (exact, fast)]
        values = [f"{size(rows):.2f}, {np.nanmean([abs(row.rate_error) for row in rows]):.2f}" for rows in pair]
        above = [abs(f.interval_error) - abs(e.interval_error) for e, f in zip(*pair, strict=True)]
        k = int(np.nanargmax(above))
        worst = f"{pair[1][k].level}: {abs(pair[0][k].interval_error):.2f} -> {abs(pair[1][k].interval_error):.2f}"
        holds = "yes" if size(pair[1]) <= size(pair[0]) else "NO"
        lines.append(f"| {cell} | {drive} | {values[0]} | {values[1]} | {worst} | {holds} |")
    return "\n".join(lines)


def by_level(rows: dict[str, list[Row]]) -> str:
    """Return a table of every level for several engines."""
    lines = [f"| cell | drive | level | rate (Hz) | {' | '.join(f'{name}: interval %, rate %, ms' for name in rows)} |"]
    lines.append("| --- " * (4 + len(rows)) + "|")
    for each in zip(*rows.values(), strict=True):
        values = []
        for row in each:
            share = "" if row.drive == "constant" else f" ({row.coincident:.3f})"
            values.append(f"{row.interval_error:+.2f}, {row.rate_error:+.2f}, {row.shift_ms:+.2f}{share}")
        first = each[0]
        lines.append(f"| {first.cell} | {first.drive} | {first.level} | {first.rate_hz:.1f} | {' | '.join(values)} |")
    return "\n".join(lines)


def by_step() -> str:
    """Return the table of constant currents by time step and scheme, in float64."""
    engines = {f"{dt:g} {scheme.replace('_', ' ')}": {"dt": dt, "scheme": scheme} for dt, scheme in SETTINGS}
    rows = {name: _shown(isi_errors(["constant"], **engine)) for name, engine in engines.items()}
    lines = [f"| cell, level | rate (Hz) | {' | '.join(rows)} |", "| --- " * (2 + len(rows)) + "|"]
    for each in zip(*rows.values(), strict=True):
        values = " | ".join(f"{row.interval_error:+.2f} %" for row in each)
        lines.append(f"| {each[0].cell} {each[0].level} | {each[0].rate_hz:.1f} | {values} |")
    lines.append(f"| mean of sizes | | {' | '.join(f'{size(each):.2f} %' for each in rows.values())} |")
    return "\n".join(lines)


def _shown(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.level in SHOWN.get(row.cell, ())]


def neuron_agrees(drives: Sequence[str]) -> str:
    """Compare NEURON's spikes with those of the native engine, both on the profile ``exact``.

    Rounding grows near a threshold, until a spike is a step later or one more or less.
    """
    lines = []
    pairs = [pair for drive in drives for pair in zip(experiments(drive), reference(drive), strict=True)]
    for experiment, truth in pairs:
        native, neuron = experiment.spikes(), experiment.spikes(backend="neuron")
        equal = sum(np.array_equal(a, b) for a, b in zip(native, neuron, strict=True))
        counts = [sum(map(len, trains)) for trains in (native, neuron)]
        errors = [size(compared(experiment, trains, truth)) for trains in (native, neuron)]
        lines.append(
            f"{experiment.drive}, {experiment.model}: spikes of {equal} of {len(native)} cells equal to the bit; "
            f"{counts[0]} spikes, NEURON {counts[1]}; interval error {errors[0]:.3f} %, NEURON {errors[1]:.3f} %"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the verdicts on the profile ``fast``, and what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drives", nargs="*", default=list(DRIVES), help=f"Default: {', '.join(DRIVES)}.")
    parser.add_argument("--levels", action="store_true")
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--neuron", action="store_true")
    arguments = parser.parse_args()
    started = time.perf_counter()
    rows = {profile: isi_errors(arguments.drives, profile=profile) for profile in ("exact", "fast")}
    print(verdict(rows["fast"], rows["exact"]))
    if arguments.levels:
        print(f"\n{by_level(rows)}")
    if arguments.steps:
        print(f"\n{by_step()}")
    if arguments.neuron:
        print(f"\nNEURON and the native engine, exact\n{neuron_agrees(arguments.drives)}")
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
