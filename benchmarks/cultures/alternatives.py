"""EI2 with other depression and other stimulation: why the set and the protocol are as they are.

    python benchmarks/cultures/alternatives.py [--tau-rec 120 200 300 400 600 800] [--product 40 90 150]
        [--inhibition 0 0.06 0.25] [--groups 4 8 16] [--top 9 15] [--seeds 2] [--profile fast] [--params FILE]

U times tau_rec sets the rate at which synapses are exhausted. The first rows keep this product and change tau_rec, the
next keep tau_rec and change the product (ms); everything else is the shipped set's (or that of ``--params``). Then come
other depressions of inhibition, with the weights of inhibition such that it is equally strong at the rate of INH cells
at rest. The last rows have the shipped depression, and other numbers of groups and highest amplitudes. Training graphs
and seeds, the protocol of a search with all levels of the amplitude curve.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from livn_gym import tuning
from livn_gym.parameters import read_params, tuned
from livn_gym.system import make
from livn_gym.tuning.study import TRAINING, search_protocol
from livn_gym.tuning.validation import spread

SYSTEM = "EI2"
U, TAU_REC = "depression-EXC-U", "depression-EXC-tau_rec"
INH_U, INH_TAU_REC = "depression-INH-U", "depression-INH-tau_rec"
INHIBITION = ("weight-INH_EXC-soma-GABA_A-weight", "weight-INH_INH-soma-GABA_A-weight")
INH_HZ = 6.5
"""Rate of EI2's INH cells at rest, at which inhibition of different depression is equally strong."""

SHOWN = (
    "rate_hz",
    "isi_cv",
    "bursts_per_s",
    "branching",
    "blanked_hz",
    "range_3ms",
    "range_5ms",
    "curve_fall",
    "second_cv",
    "stimulated_fano",
    "evoked_share",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tau-rec", type=float, nargs="*", default=[120.0, 200.0, 300.0, 400.0, 600.0, 800.0])
    parser.add_argument("--product", type=float, nargs="*", default=[40.0, 90.0, 150.0])
    parser.add_argument("--inhibition", type=float, nargs="*", default=[0.0, 0.06, 0.25])
    parser.add_argument("--groups", type=int, nargs="*", default=[4, 8, 16])
    parser.add_argument("--top", type=float, nargs="*", default=[9.0, 15.0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--params", type=Path)
    arguments = parser.parse_args()
    params = tuned(make(SYSTEM)) if arguments.params is None else read_params(arguments.params)
    targets = tuning.load("", SYSTEM)
    protocol = replace(search_protocol(targets), levels_uA=targets.protocol.levels_uA)
    cultures = replace(TRAINING, seeds=tuple(range(1000, 1000 + arguments.seeds)))
    product = params[U] * params[TAU_REC]
    depressions = [(product / tau_rec, tau_rec) for tau_rec in arguments.tau_rec]
    depressions += [(other / params[TAU_REC], params[TAU_REC]) for other in arguments.product]
    columns = ["U", "tau_rec (ms)", "U tau_rec (ms)", "U of INH", "groups", "top (uA)"]
    print("| " + " | ".join(columns + [tuning.MEASURES[name].label for name in SHOWN]) + " |")
    print("| --- " * (len(columns) + len(SHOWN)) + "|")
    with tuning.Bench(SYSTEM, cultures, protocol, profile=arguments.profile) as bench:
        for u, tau_rec in depressions:
            print(_row(bench, {**params, U: u, TAU_REC: tau_rec}), flush=True)
        for u in arguments.inhibition:
            print(_row(bench, with_inhibition(params, u)), flush=True)
    for groups in arguments.groups:
        for top_uA in arguments.top:
            scale = top_uA / protocol.top_uA
            levels_uA = tuple(level * scale for level in protocol.levels_uA)
            other = replace(protocol, groups=groups, levels_uA=levels_uA)
            with tuning.Bench(SYSTEM, cultures, other, profile=arguments.profile) as bench:
                print(_row(bench, params), flush=True)


def with_inhibition(params: Mapping[str, float], u: float) -> dict[str, float]:
    """Return parameters with another U of INH cells, whose synapses are as strong as before at ``INH_HZ``."""

    def resources(value: float) -> float:
        return 1.0 / (1.0 + value * params.get(INH_TAU_REC, 0.0) * INH_HZ / 1e3)

    scale = resources(params.get(INH_U, 0.0)) / resources(u)
    return {**params, INH_U: u, **{key: params[key] * scale for key in INHIBITION}}


def _row(bench: tuning.Bench, params: Mapping[str, float]) -> str:
    values = bench.measure(params)
    u, tau_rec = params[U], params[TAU_REC]
    cells = [f"{u:.3f}", f"{tau_rec:g}", f"{u * tau_rec:.1f}", f"{params.get(INH_U, 0.0):.2f}"]
    cells += [f"{bench.protocol.groups}", f"{bench.protocol.top_uA:g}"]
    cells += [f"{spread(name, values).value:.3g}" for name in SHOWN]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
