"""EI2 with slower and faster recovery of its depressing synapses: what the response to stimulation costs in physiology.

    python benchmarks/cultures/recovery.py [--tau-rec 120 200 300 400 600 800] [--product 40 90] [--seeds 2]
        [--profile fast] [--params FILE]

U times tau_rec sets the rate at which synapses are exhausted. The first rows keep this product and change tau_rec, the
others keep tau_rec and changes the product (ms); everything else is the shipped set's (or that of ``--params``).
Training graphs and seeds, the protocol of a search with all levels of the amplitude curve.
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
SHOWN = (
    "rate_hz",
    "isi_cv",
    "bursts_per_s",
    "branching",
    "blanked_hz",
    "range_3ms",
    "range_5ms",
    "curve_fall",
    "evoked_share",
)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tau-rec", type=float, nargs="*", default=[120.0, 200.0, 300.0, 400.0, 600.0, 800.0])
    parser.add_argument("--product", type=float, nargs="*", default=[40.0, 90.0, 150.0, 230.0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--params", type=Path)
    arguments = parser.parse_args()
    params = tuned(make(SYSTEM)) if arguments.params is None else read_params(arguments.params)
    targets = tuning.load("", SYSTEM)
    protocol = replace(search_protocol(targets), levels_uA=targets.protocol.levels_uA)
    cultures = replace(TRAINING, seeds=tuple(range(1000, 1000 + arguments.seeds)))
    product = params[U] * params[TAU_REC]
    print("| U | tau_rec (ms) | U tau_rec (ms) | " + " | ".join(tuning.MEASURES[name].label for name in SHOWN) + " |")
    print("| --- " * (len(SHOWN) + 3) + "|")
    with tuning.Bench(SYSTEM, cultures, protocol, profile=arguments.profile) as bench:
        for tau_rec in arguments.tau_rec:
            print(_row(bench, params, product / tau_rec, tau_rec), flush=True)
        for other in arguments.product:
            print(_row(bench, params, other / params[TAU_REC], params[TAU_REC]), flush=True)


def _row(bench: tuning.Bench, params: Mapping[str, float], u: float, tau_rec: float) -> str:
    values = bench.measure({**params, U: u, TAU_REC: tau_rec})
    cells = [f"{spread(name, values).value:.3g}" for name in SHOWN]
    return f"| {u:.3f} | {tau_rec:g} | {u * tau_rec:.1f} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
