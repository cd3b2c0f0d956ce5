"""Custom encoding: a pulse around a point on the array, and the correlation of the late response with the point.

Run: ``python examples/custom_encoding.py [--short]``.
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import numpy as np
from gymnasium import spaces

import livn_gym  # noqa: F401  (registers the ids)
from livn_gym.encoding import Encoding
from livn_gym.encoding.limits import safe_pulse
from livn_gym.stimulus import Stimulus


class Spot(Encoding):
    """A position on the array, two numbers from edge to edge; amplitudes fall with the distance from it."""

    def __init__(self, amplitude_uA: float = 10.0, width_um: float = 150.0) -> None:
        safe_pulse(amplitude_uA, phase_ms=0.2, rate_hz=2.0)  # checks the limits of the electrodes
        self.amplitude_uA, self.width_um = amplitude_uA, width_um

    def __call__(self, view, duration_ms, inputs):
        """Return the pulses for a position [2], or for one position per culture [B, 2]."""
        electrodes_um = view.electrodes.coordinates_um[:, :2]
        low, high = electrodes_um.min(axis=0), electrodes_um.max(axis=0)
        point = low + (np.asarray(inputs)[..., None, :] + 1.0) / 2.0 * (high - low)  # [..., 1, 2]
        distance_um = np.linalg.norm(electrodes_um - point, axis=-1)  # [..., C]
        amplitude_uA = self.amplitude_uA * np.exp(-0.5 * (distance_um / self.width_um) ** 2)
        return Stimulus.pulse_train(amplitude_uA, duration_ms=duration_ms, rate_hz=2.0)

    def action_space(self, view):
        """Return the space of positions on the array, from edge to edge."""
        return spaces.Box(-1.0, 1.0, (2,), np.float32)


def main() -> None:
    """Stimulate at random positions, and compare each with the centre of the response."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="quick check: 40 steps instead of 90")
    steps = 40 if parser.parse_args().short else 90
    options = {"step_ms": 500.0, "decoding": "evoked_rates", "target_hz": 8.0}  # rates at 20-100 ms after the pulse
    env = gym.make("livn/EI3-v0", encoding=Spot(), max_episode_steps=steps, **options)
    env.reset(seed=1)
    env.action_space.seed(1)
    channels = env.unwrapped.culture.electrodes.num_channels
    electrodes_um = env.unwrapped.culture.electrodes.coordinates_um[:, :2]
    positions, centres_um = [], []
    for _ in range(steps):
        action = env.action_space.sample()
        observation, *_ = env.step(action)
        weight = observation[:channels] ** 2  # squared: strong responses dominate
        positions.append(action)
        centres_um.append(weight @ electrodes_um / weight.sum())
    env.close()
    for axis, name in enumerate("xy"):
        correlation = np.corrcoef(np.array(positions)[:, axis], np.array(centres_um)[:, axis])[0, 1]
        print(f"{name}: correlation of position and response {correlation:.2f} over {steps} steps")


if __name__ == "__main__":
    main()
