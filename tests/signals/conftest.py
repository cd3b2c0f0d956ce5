"""A small culture and a device whose electrodes are the culture's."""

from dataclasses import replace

import numpy as np
import pytest

from livn_gym import device_profile
from livn_gym.device_profile import DeviceElectrodes
from livn_gym.env import Env
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus


def device(env, unusable=(), electrodes=None, **recording):
    """The profile of a CL1 for the electrodes of a culture, with other values of its recording."""
    coordinates = env.system.electrodes if electrodes is None else electrodes
    usable = np.ones(len(coordinates), dtype=bool)
    usable[list(unusable)] = False
    profile = device_profile.find("cl1")
    names = tuple(map(str, range(len(coordinates))))
    array = DeviceElectrodes(coordinates, usable, names, 15.0)
    return replace(profile, electrodes=array, recording=replace(profile.recording, **recording))


def culture(cultures=1, seed=3, dt=0.05, **options):
    return Env("EI2", num_cultures=cultures, seed=seed, profile="fast", dt=dt, **options).apply_model_defaults()


PULSES = [(4, 5.0), (9, 41.2), (4, 61.0), (11, 61.6), (0, 99.4)]
"""Channel and onset (ms) of pulses of two phases of 0.2 ms in a run of 100 ms."""


def pulses(start_ms=0.0, stop_ms=100.0):
    """The stimulus of a part of the run."""
    phases = [
        (channel, onset + after, value) for channel, onset in PULSES for after, value in ((0.0, -2.0), (0.2, 2.0))
    ]
    inside = [phase for phase in phases if start_ms <= phase[1] + 1e-9 < stop_ms]
    if not inside:
        return None
    channel, onset, value = (np.array(column) for column in zip(*inside, strict=True))
    none, width = np.zeros(len(inside)), np.full(len(inside), 0.2)
    arrays = none.astype(np.int64), channel, np.maximum(onset - start_ms, 0.0), none, width, value
    return Stimulus.from_pulses(Pulses(*arrays), num_columns=16, duration_ms=stop_ms - start_ms)


@pytest.fixture(scope="module")
def stimulated():
    """An environment, and its recording of 100 ms under the pulses."""
    env = culture().record_spikes().init()
    env.run(400.0)
    recording = env.run(100.0, pulses())
    yield env, recording
    env.close()
