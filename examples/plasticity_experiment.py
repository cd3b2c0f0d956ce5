"""Pair the two edges of the array for a while: do the synapses from the first edge's cells to the second's grow?

Pulses at the left column of electrodes are followed by pulses at the right one 5 ms later. Spike-timing-dependent
plasticity strengthens synapses whose cell fires before its target, so those from left to right should grow and those
back should shrink.

Run: ``python examples/plasticity_experiment.py [--short]``.
"""

from __future__ import annotations

import argparse

import numpy as np

from livn_gym import make
from livn_gym.plasticity import STDP
from livn_gym.stimulus import Stimulus

LEFT, RIGHT = [0, 4, 8, 12], [3, 7, 11, 15]  # columns of EI2's array
KEY = "EXC_EXC-hillock-AMPA-weight"
LAG_MS = 5.0


def pairing(channels: int, seconds: float) -> Stimulus:
    """Charge-balanced pulses (uA) at the left every 100 ms, and at the right after the lag; rows of 0.2 ms."""
    rows = np.zeros((500, channels))
    lag = round(LAG_MS / 0.2)
    for channels_of, row in ((LEFT, 0), (RIGHT, lag)):
        rows[row, channels_of], rows[row + 1, channels_of] = -10.0, 10.0  # cathodic first
    return Stimulus(np.tile(rows, (round(seconds * 10), 1)), dt=0.2, mode="electrode")


def main() -> None:
    """Print the mean weights of both directions before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds of the culture only")
    seconds = 5 if parser.parse_args().short else 30
    with make("EI2", seed=2, profile="fast") as env:
        heard = env.electrodes.channel_cells()  # [C, N]
        projection = next(p for p in env.system.projections if (p.pre, p.post) == ("EXC", "EXC"))
        left, right = heard[LEFT].any(axis=0), heard[RIGHT].any(axis=0)  # [N]
        forth = left[projection.pre_gid] & right[projection.post_gid]
        back = right[projection.pre_gid] & left[projection.post_gid]
        env.run(2000.0)
        env.enable_plasticity({"EXC_EXC": STDP(A_plus=0.01, A_minus=0.0105)})
        before = env.get_weights()[KEY]  # nS, one a synapse
        for _ in range(seconds):
            env.run(1000.0, pairing(env.electrodes.num_channels, 1.0))
        change = env.disable_plasticity().get_weights()[KEY] / before - 1.0
    for name, chosen in (("left to right", forth), ("right to left", back), ("all", np.ones_like(forth))):
        print(f"{name}: {100 * change[chosen].mean():+.1f} % in {chosen.sum()} synapses after {seconds} s")


if __name__ == "__main__":
    main()
