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


PARAMETERS = {
    "weight-EXC_EXC-hillock-AMPA-weight": 0.039,
    "weight-EXC_EXC-hillock-NMDA-weight": 0.905,
    "weight-EXC_INH-hillock-AMPA-weight": 0.267,
    "weight-EXC_INH-hillock-NMDA-weight": 0.062,
    "weight-INH_EXC-soma-GABA_A-weight": 0.358,
    "weight-INH_INH-soma-GABA_A-weight": 1.708,
    "noise-EXC-g_e0": 0.025,
    "noise-EXC-std_e": 0.618,
    "noise-EXC-g_i0": 0.094,
    "noise-EXC-std_i": 0.047,
    "noise-EXC-tau_e": 39.0,
    "noise-INH-g_e0": 0.05,
    "noise-INH-std_e": 0.134,
    "noise-INH-g_i0": 0.1,
    "noise-INH-std_i": 0.05,
    "noise-INH-tau_e": 30.0,
    "depression-EXC-U": 0.29,
    "depression-EXC-tau_rec": 200.0,
}
"""An active culture with bursts, whatever the parameters are that ship with EI2."""


def culture(cultures=1, seed=3, dt=0.05, **options):
    return Env("EI2", num_cultures=cultures, seed=seed, profile="fast", dt=dt, **options).set_params(PARAMETERS)


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
