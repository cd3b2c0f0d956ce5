"""A small culture under an array of the shape of a CL1's, and a plant around such cultures."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

import livn_gym
from livn_gym import config, device_profile, system
from livn_gym.channel_view import ChannelView, device_array
from livn_gym.envs.device_link import noise_seed
from livn_gym.signals import ChannelObservation
from livn_gym.system.generator_config import GeneratorConfig

OPTIONS = {"params": "EI2", "step_ms": 200.0, "settle_ms": 200.0}
"""Options of environments around the culture: a short settling, and the parameters of EI2."""


def small_system(seed=None):
    """EI2's cells under 8 x 8 electrodes, 50 um apart."""
    numbers = deepcopy(config.load("systems", "EI2"))
    numbers.pop("sha256")
    numbers["electrodes"] = {"rows": 8, "columns": 8, "pitch_um": 50}
    return system.generate(GeneratorConfig.from_mapping(numbers, "small"), seed)


class ChannelPlant:
    """A plant in this process: simulated cultures whose voltages are detected as on a CL1."""

    def __init__(self, num_cultures=1, profile="cl1"):
        self.profile = device_profile.find(profile)
        usable, cells = self.profile.of_usable(), small_system()
        array = device_array(self.profile, cells)
        self.env = livn_gym.make(
            cells, params="EI2", io=array, profile="fast", num_cultures=num_cultures
        ).record_spikes()
        self.observation = ChannelObservation(self.env, usable)
        positions = self.env.electrodes.coordinates_um
        self.view = ChannelView.of_channels(
            positions, usable.electrodes.names, dt=self.env.dt, num_cultures=num_cultures, system_name="small"
        )
        self.num_cultures, self.dt = num_cultures, self.env.dt
        self.system, self.electrodes, self.lights = self.view.system, self.view.electrodes, None
        self.closed = False

    def gather(self, value, root=0):
        return [value]

    def run(self, duration, stimulus=None, *, cultures=None):
        recording = self.env.run(duration, stimulus, cultures=cultures)
        return self.observation.observe(recording, stimulus, cultures)

    def clear(self, seed=None, cultures=None):
        self.env.clear(seed, cultures)
        indices = range(self.num_cultures) if cultures is None else cultures
        self.observation.reset(indices, [noise_seed(self.env.seeds[b], self.env.trials[b]) for b in indices])
        return self

    def close(self):
        self.closed = True
        self.env.close()


def actions(num_steps, shape=(59,)):
    return np.random.default_rng(0).uniform(-1, 1, (num_steps, *shape)).astype(np.float32)


def play(env, seed=1, num_steps=4):
    """Observations, rewards and infos of an episode."""
    observation, info = env.reset(seed=seed)
    found = [(observation, 0.0, info)]
    for action in actions(num_steps):
        observation, reward, _, _, info = env.step(action)
        found.append((observation, reward, info))
    return found


def same(one, other):
    for (observation, reward, info), (second, second_reward, second_info) in zip(one, other, strict=True):
        np.testing.assert_array_equal(observation, second)
        assert reward == second_reward
        assert info == second_info
