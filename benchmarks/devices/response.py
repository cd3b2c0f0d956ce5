"""Measure how a culture responds to a task's pulses, with and without a device's limits; prints a table.

For each way to stimulate and observe, on the intact culture and with its synapses cut:

- rates (Hz) at rest and under the strongest pulses of RateTracking, behind blanking;
- rates (Hz) at 20 to 100 ms after the strongest single pulse, as PatternTracking and the tasks with something inside
  observe them, and the same without a pulse;
- share of pulses, on one half of the array or on the other, whose half a nearest-centroid decoder finds from these
  late rates (chance: 0.5);
- share of ResponseClamp's strongest pulses, at one electrode, to which the network responds.

Rates are means over what is observed: cells of an electrode, summed, or detections on a channel.

Run: python benchmarks/devices/response.py [--device cl1] [--trials 24]
"""

from __future__ import annotations

import argparse
from typing import Any

import gymnasium as gym
import numpy as np

import livn_gym  # noqa: F401
from livn_gym.device_profile import ALL_TASKS
from livn_gym.measures.classification import centroid_accuracy

SKIPPED = 3
"""Steps at the beginning of every measurement that are left out."""
SEED = 7


def features_of(env: Any, commands: np.ndarray) -> np.ndarray:
    """Return the decoded recording of each step under commands ``[T, A]``, without the first ones, ``[T', F]``."""
    env.reset(seed=SEED)
    rows = []
    for command in commands:
        env.step(command.astype(np.float32))
        rows.append(env.measurement.features)
    return np.array(rows)[SKIPPED:]


def constant(env: Any, value: float, trials: int) -> np.ndarray:
    """Return the features under a constant command."""
    return features_of(env, np.full((trials + SKIPPED, *env.action_space.shape), value))


def accuracy(env: Any, trials: int) -> float:
    """Return the share of pulses on halves of the array whose half is decoded from the late rates."""
    x = env.view.electrodes.coordinates_um[:, 0]
    left = x < np.median(x) + 1e-6
    labels = np.tile([0, 1], (trials + SKIPPED + 1) // 2)[: trials + SKIPPED]
    commands = np.where(np.where(labels[:, None] == 0, left, ~left), 1.0, -1.0)
    return centroid_accuracy(features_of(env, commands), labels[SKIPPED:])


def row(options: dict[str, Any], trials: int) -> list[str]:
    """Return the cells of one line of the table."""
    quiet = {"disable_env_checker": True}
    with gym.make("livn/EI3-v0", target_hz=[4.0, 8.0], **quiet, **options) as made:
        rest, strongest = (constant(made.unwrapped, value, trials).mean() for value in (-1.0, 1.0))
    with gym.make("livn/EI3-PatternTracking-v0", demonstration_ms=1500.0, **quiet, **options) as made:
        env = made.unwrapped
        silent, evoked = (constant(env, value, trials).mean() for value in (-1.0, 1.0))
        decoded = accuracy(env, trials)
    with gym.make("livn/EI3-ResponseClamp-v0", **quiet, **options) as made:
        made.reset(seed=SEED)
        responses = [made.step(made.action_space.high)[4]["response"] for _ in range(trials)]
    numbers = [f"{value:.1f}" for value in (rest, strongest, silent, evoked)]
    return [*numbers, f"{decoded:.2f}", f"{np.mean(responses):.2f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cl1", help="profile of the device")
    parser.add_argument("--trials", type=int, default=24, help="steps of every measurement")
    given = parser.parse_args()
    device = {"name": given.device, ALL_TASKS: True}
    ways: list[tuple[str, dict[str, Any]]] = [
        ("no device, cells", {}),
        (f"{given.device}, cells", {"device": device, "observation": "cells"}),
        (f"{given.device}, channels", {"device": device}),
    ]
    heads = [
        "stimulation, observation",
        "synapses",
        "at rest",
        "strongest pulses",
        "late, no pulse",
        "late, pulse",
        "half decoded",
        "network responds",
    ]
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    for what, options in ways:
        for synapses, conditions in (("intact", {}), ("cut", {"conditions": ["synapses_cut"]})):
            cells = row(options | conditions, given.trials)
            print(f"| {what} | {synapses} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
