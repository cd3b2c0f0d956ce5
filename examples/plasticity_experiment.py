"""Pair two electrodes for a while: do the synapses from the first one's cells to the second's grow?

Pulses at electrode A are followed by pulses at electrode B 5 ms later. Spike-timing-dependent plasticity strengthens
synapses whose cell fires before its target, so those from A's cells to B's should grow more than those back.

Run: ``python examples/plasticity_experiment.py [--short]``.
"""

from __future__ import annotations

import argparse

import numpy as np

from livn_gym import make
from livn_gym.plasticity import STDP
from livn_gym.stimulus import Stimulus

A, B = 5, 6  # neighbours in the middle of EI2's array
KEY = "EXC_EXC-hillock-AMPA-weight"
LAG_MS = 5.0


def pairing(channels: int, seconds: float) -> Stimulus:
    """Charge-balanced pulses (uA) at A every 100 ms, and at B after the lag; rows of 0.2 ms."""
    rows = np.zeros((500, channels))
    lag = round(LAG_MS / 0.2)
    for channel, row in ((A, 0), (B, lag)):
        rows[row, channel], rows[row + 1, channel] = -15.0, 15.0  # cathodic first
    return Stimulus(np.tile(rows, (round(seconds * 10), 1)), dt=0.2, mode="electrode")


def main() -> None:
    """Print the mean weights of both directions before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds of the culture only")
    seconds = 5 if parser.parse_args().short else 30
    with make("EI2", seed=2, profile="fast") as env:
        heard = env.io.channel_cells(env.geometry)  # [C, N]
        projection = next(p for p in env.system.projections if (p.pre, p.post) == ("EXC", "EXC"))
        from_a, from_b = heard[A][projection.pre_gid], heard[B][projection.pre_gid]
        to_a, to_b = heard[A][projection.post_gid], heard[B][projection.post_gid]
        env.run(2000.0)
        env.enable_plasticity({"EXC_EXC": STDP(A_plus=0.01, A_minus=0.0105)})
        before = env.get_weights()[KEY]  # nS, one a synapse
        for _ in range(seconds):
            env.run(1000.0, pairing(env.io.num_channels, 1.0))
        change = env.disable_plasticity().get_weights()[KEY] / before - 1.0
    for name, chosen in (("A to B", from_a & to_b), ("B to A", from_b & to_a), ("all", np.ones_like(from_a))):
        print(f"{name}: {100 * change[chosen].mean():+.1f} % in {chosen.sum()} synapses after {seconds} s")


if __name__ == "__main__":
    main()
