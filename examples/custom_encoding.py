"""An encoding of your own: a point on the array becomes pulses around it. Do the spikes follow the point?

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
    """Two numbers, a position on the array from edge to edge; amplitudes fall with the distance from it."""

    def __init__(self, amplitude_uA: float = 12.0, width_um: float = 60.0) -> None:
        safe_pulse(amplitude_uA, phase_ms=0.2, rate_hz=20.0)  # checks the limits of the electrodes
        self.amplitude_uA, self.width_um = amplitude_uA, width_um

    def __call__(self, view, duration_ms, inputs):
        """Pulses for a position [2], or for one position in each culture [B, 2]."""
        places = view.electrodes.coordinates_um[:, :2]
        low, high = places.min(axis=0), places.max(axis=0)
        point = low + (np.asarray(inputs)[..., None, :] + 1.0) / 2.0 * (high - low)  # [..., 1, 2]
        distance_um = np.linalg.norm(places - point, axis=-1)  # [..., C]
        amplitude_uA = self.amplitude_uA * np.exp(-0.5 * (distance_um / self.width_um) ** 2)
        return Stimulus.pulse_train(amplitude_uA, duration_ms=duration_ms, rate_hz=20.0)

    def action_space(self, view):
        """Positions on the array from edge to edge."""
        return spaces.Box(-1.0, 1.0, (2,), np.float32)


def main() -> None:
    """Stimulate at random places, and compare each with the middle of the channels' answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few seconds of the culture only")
    steps = 20 if parser.parse_args().short else 90
    env = gym.make("livn/EI2-v0", encoding=Spot(), max_episode_steps=steps)
    observation, _ = env.reset(seed=1)
    env.action_space.seed(1)
    channels = env.unwrapped.culture.electrodes.num_channels
    places = env.unwrapped.culture.electrodes.coordinates_um[:, :2]
    rest_hz = observation[channels : 2 * channels]  # the last second of settling
    asked, answered = [], []
    for _ in range(steps):
        action = env.action_space.sample()
        observation, *_ = env.step(action)
        more_hz = np.maximum(observation[:channels] - rest_hz, 0.0) ** 2  # squared: the strongest count most
        asked.append(action)
        answered.append(more_hz @ places / more_hz.sum())
    env.close()
    for axis, name in enumerate("xy"):
        correlation = np.corrcoef(np.array(asked)[:, axis], np.array(answered)[:, axis])[0, 1]
        print(f"{name}: correlation of place and answer {correlation:.2f} over {steps} steps")


if __name__ == "__main__":
    main()
