"""The shipped cultures are alive, answer stimulation, and differ from seed to seed."""

import numpy as np
import pytest

from livn_gym import make
from livn_gym.stimulus import Stimulus


def rate_hz(env, duration_ms, amplitude_uA=0.0):
    """Mean rate of all cells, under 20 Hz pulses on every electrode."""
    stimulus = None
    if amplitude_uA:
        amplitudes = np.full(env.io.num_channels, amplitude_uA)
        stimulus = Stimulus.pulse_train(amplitudes, duration_ms=duration_ms, rate_hz=20.0)
    spikes = len(env.run(duration_ms, stimulus).spike_t)
    return spikes / env.system.num_neurons / duration_ms * 1e3


@pytest.mark.slow
@pytest.mark.parametrize(("name", "duration_ms"), [("EI1", 20_000.0), ("EI2", 4000.0), ("EI3", 1000.0)])
def test_spontaneous_rate_is_a_few_hz(name, duration_ms):
    with make(name, seed=1) as env:
        it, *_ = env.record_spikes().run(1000)
        rate = rate_hz(env, duration_ms)
        both = env.run(1000 if name != "EI1" else 5000).spike_gid
    assert 1.0 < rate < 6.0
    assert all(np.isin(population.gids, both).any() for population in env.system.populations)


@pytest.mark.slow
def test_the_response_is_graded_and_ends_with_the_stimulus():
    with make("EI2", seed=2) as env:
        env.record_spikes().run(1500)
        rates = [rate_hz(env, 2000.0, amplitude) for amplitude in (0.0, 3.0, 7.5, 15.0)]
        env.run(500)
        after = rate_hz(env, 2000.0)
    assert rates == sorted(rates)
    assert rates[2] > 2.5 * rates[0]
    assert rates[3] < 50.0
    assert after < 1.5 * rates[0]


def test_near_cells_answer_more_than_far_ones():
    """One electrode, one pulse of 15 uA, no noise: what fires at once, before synapses spread it, is near."""
    with make("EI2") as env:
        env.set_noise({"std_e": 0.0, "std_i": 0.0})
        env.record_spikes().run(200)
        channel = 5
        pulse = Stimulus.sweep([15.0], channels=[channel], num_channels=16, interval_ms=2.0)
        gids = set(env.run(2, pulse).spike_gid)
        distance = np.hypot(*(env.system.positions[:, :2] - env.io.electrode_coordinates[channel, :2]).T)
    near, far = np.flatnonzero(distance < 60), np.flatnonzero(distance > 200)
    assert len(gids & set(near)) >= 0.5 * len(near)
    assert len(gids & set(far)) <= 0.1 * len(far)


def test_seeds_differ_and_repeat():
    runs = []
    for seed in (1, 2, 1):
        with make("EI1", seed=seed) as env:
            runs.append(env.record_spikes().run(1000).spike_t)
    assert np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], runs[1])
