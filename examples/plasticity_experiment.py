"""Paired stimulation of the two edges of the array, and the change of the synapses between them.

Pulses at the left column of electrodes are followed by pulses at the right one 5 ms later. Spike-timing-dependent
plasticity strengthens synapses whose cell fires before its target, so synapses from left to right should grow and
those from right to left should shrink.

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
    """Return charge-balanced pulses (uA) at the left every 100 ms and at the right after the lag; rows of 0.2 ms."""
    rows = np.zeros((500, channels))
    lag = round(LAG_MS / 0.2)
    for edge, row in ((LEFT, 0), (RIGHT, lag)):
        rows[row, edge], rows[row + 1, edge] = -10.0, 10.0  # cathodic first
    return Stimulus(np.tile(rows, (round(seconds * 10), 1)), dt=0.2, mode="electrode")


def main() -> None:
    """Print the mean weights of both directions before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="quick check: 5 s of pairing instead of 30 s")
    seconds = 5 if parser.parse_args().short else 30
    with make("EI2", seed=2, profile="fast") as env:
        recorded = env.electrodes.channel_cells()  # [C, N]
        projection = next(p for p in env.system.projections if (p.pre, p.post) == ("EXC", "EXC"))
        left, right = recorded[LEFT].any(axis=0), recorded[RIGHT].any(axis=0)  # [N]
        left_to_right = left[projection.pre_gid] & right[projection.post_gid]
        right_to_left = right[projection.pre_gid] & left[projection.post_gid]
        env.run(2000.0)
        env.enable_plasticity({"EXC_EXC": STDP(A_plus=0.01, A_minus=0.0105)})
        before = env.get_weights()[KEY]  # nS, one per synapse
        for _ in range(seconds):
            env.run(1000.0, pairing(env.electrodes.num_channels, 1.0))
        change = env.disable_plasticity().get_weights()[KEY] / before - 1.0
    masks = {"left to right": left_to_right, "right to left": right_to_left, "all": np.ones_like(left_to_right)}
    for name, mask in masks.items():
        print(f"{name}: {100 * change[mask].mean():+.1f} % in {mask.sum()} synapses after {seconds} s")


if __name__ == "__main__":
    main()
