"""Measurements of a batch equal those of its cultures, and means are NumPy's."""

import dataclasses
import pickle

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.measurement import Measurement, Meter
from livn_gym.envs.tasks.rate_tracking import RateTracking
from livn_gym.recording import Recording

CELLS, CHANNELS = 20, 3


def recording(rng, cultures, step_ms):
    spikes = 15 * cultures
    arrays = (np.sort(rng.integers(0, cultures, spikes)), rng.integers(0, CELLS, spikes), rng.random(spikes) * step_ms)
    return Recording(0.0, step_ms, 0.05, 0.05, cultures, *arrays)


@pytest.mark.parametrize("num_features", [1, 4])
@pytest.mark.parametrize("step_ms", [20.0, 200.0, 1000.0])
def test_means_over_the_last_second_are_those_of_each_culture_alone(step_ms, num_features):
    rng = np.random.default_rng(0)
    meter = Meter(CELLS, step_ms, num_features, np.ones(CHANNELS), np.zeros(0))
    histories = [meter.history() for _ in range(3)]
    meter.add_silence(histories[2])
    window, features_of, rates_of = round(1000 / step_ms), [[], [], []], [[], [], []]
    for step in range(window + 3):
        cultures = [0, 2] if step in (0, 3) else [0, 1, 2]  # culture 1 has fewer steps
        n = len(cultures)
        counts = rng.integers(0, 9, (n, 2))
        run, features, charge = recording(rng, n, step_ms), rng.random((n, num_features)), rng.random((n, CHANNELS))
        dark = np.zeros((n, 0))
        meter.add([histories[b] for b in cultures], run, features, charge, dark, [float(step)] * n, [None] * n, counts)
        for k, b in enumerate(cultures):
            measured, single = histories[b][-1], run.culture(k)
            features_of[b].append(features[k])
            rates_of[b].append(len(single.spike_gid) / (CELLS * step_ms * 1e-3))
            assert measured.rate_hz == rates_of[b][-1]
            assert measured.rate_1s_hz == np.mean(rates_of[b][-window:])
            np.testing.assert_array_equal(measured.features_1s, np.mean(features_of[b][-window:], axis=0))
            assert [measured.direct_spikes, measured.synaptic_spikes] == counts[k].tolist()
            assert measured.lost_fraction == measured.blanked_channels == 0.0
            assert measured.charge_fraction == charge[k].sum() / CHANNELS
            assert len(histories[b]) == min(window, len(rates_of[b]))
            np.testing.assert_array_equal(measured.recording.spike_gid, single.spike_gid)


def test_a_task_cannot_change_what_later_observations_are_made_from(fake):
    class Careless(RateTracking):
        def after_step(self, measurement):
            with pytest.raises(ValueError, match="read-only"):
                measurement.features[:] = 0.0
            for name in ("features_1s", "charge_nC", "dose_mJ_mm2"):
                assert not getattr(measurement, name).flags.writeable
            super().after_step(measurement)

    for settle_ms in (0.0, 200.0):
        with gym.make("livn/EI1-v0", task=Careless, settle_ms=settle_ms) as env:
            env.reset(seed=0)
            assert not env.unwrapped.measurement.features.flags.writeable
            env.step(env.action_space.sample())


def test_a_measurement_is_pickled_without_the_other_cultures():
    rng = np.random.default_rng(0)
    meter, run = Meter(CELLS, 200.0, 1, np.ones(CHANNELS), np.zeros(0)), recording(rng, 3, 200.0)
    histories = [meter.history() for _ in range(3)]
    numbers = rng.random((3, 1)), rng.random((3, CHANNELS)), np.zeros((3, 0))
    meter.add(histories, run, *numbers, [200.0] * 3, [None] * 3, np.zeros((3, 2), np.int64))
    measured = histories[1][-1]
    copy = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(measured))))
    names = {field.name for field in dataclasses.fields(Measurement)}
    assert vars(copy).keys() == names
    assert copy.is_step
    assert copy.recording.num_cultures == 1
    for name in names - {"recording"}:
        np.testing.assert_array_equal(getattr(copy, name), getattr(measured, name))
    np.testing.assert_array_equal(copy.recording.spike_t, run.culture(1).spike_t)
