"""Measures of cultures whose activity is made by hand or by dice."""

import math
from dataclasses import replace

import numpy as np
import pytest

from livn_gym.env import Env
from livn_gym.recording import Recording
from livn_gym.system import make
from livn_gym.tuning import MEASURES, Observation, Protocol, measure, observe
from livn_gym.tuning.measurement import burst_trials, evoked_maps_hz, identified


def poisson_trains(rate_hz, seconds, cells, generator):
    number = generator.poisson(rate_hz * seconds * cells)
    t = np.sort(generator.uniform(0.0, seconds * 1e3, number))
    return generator.integers(0, cells, number), t


def recording(trains, seconds):
    gid = np.concatenate([g for g, _ in trains])
    t = np.concatenate([t for _, t in trains])
    culture = np.repeat(np.arange(len(trains)), [len(t) for _, t in trains])
    return Recording(0.0, seconds * 1e3, 0.05, 0.05, len(trains), culture, gid, t)


@pytest.fixture
def env(poisson):
    with Env(make("EI2"), num_cultures=2).init() as env:
        yield env


def test_a_poisson_culture(env):
    generator = np.random.default_rng(0)
    rest = recording([poisson_trains(3.0, 60.0, 100, generator) for _ in range(2)], 60.0)
    for values in measure(Observation(env, Protocol(), rest)):
        # 18,000 spikes: a standard deviation of 0.7 % of the rate
        assert values["rate_hz"] == pytest.approx(3.0, rel=0.03)
        assert values["exc_hz"] == pytest.approx(3.0, rel=0.04)
        assert values["isi_cv"] == pytest.approx(1.0, abs=0.05)
        assert values["bursts_per_s"] == 0.0 and math.isnan(values["participation"])
        assert values["spectral_slope"] == pytest.approx(0.0, abs=0.1)
        assert abs(values["correlation"]) < 0.005
        assert values["naive_branching"] > 0.8 and not values["branching"] > 0.5
        assert values["above_shuffled"] < 2.0
        assert values["silent_share"] == 0.0
        # of Poisson counts of mean 180: sqrt(1 / 180) in natural logarithms, 0.032 in decades
        assert values["log_rate_sd"] == pytest.approx(0.032, abs=0.01)


def test_a_silent_culture_has_rates_and_no_more(env):
    nothing = Recording(0.0, 10_000.0, 0.05, 0.05, 2, np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    for values in measure(Observation(env, Protocol(), nothing)):
        assert values["rate_hz"] == values["fastest_cell_hz"] == 0.0
        assert values["silent_share"] == 1.0
        assert math.isnan(values["isi_cv"]) and math.isnan(values["branching"])


def test_bursts_of_half_the_cells(env):
    start = np.arange(5, 60, 10.0) * 1e3
    gid = np.tile(np.repeat(np.arange(50), 3), len(start))
    t = np.repeat(start, 150) + np.tile(np.linspace(0.0, 40.0, 150), len(start))
    order = np.argsort(t, kind="stable")
    rest = recording([(gid[order], t[order])] * 2, 60.0)
    values = measure(Observation(env, Protocol(), rest))[0]
    assert values["bursts_per_s"] == pytest.approx(0.1)
    assert values["participation"] == pytest.approx(0.5)
    assert values["burst_ms"] == pytest.approx(40.0)
    assert values["burst_spike_share"] == 1.0


def test_the_response_of_the_fake_is_what_it_was_built_to_be(env, short):
    """3 Hz, and 0.12 Hz more for a nC a second on every channel: 7.5 uA x 0.4 ms x 20 Hz are 60 nC/s."""
    values = measure(observe(env, short))[0]
    assert set(values) <= set(MEASURES)
    # 1 s of 100 cells at 10.2 Hz: 1020 spikes, 3 % standard deviation
    assert values["stimulated_hz"] == pytest.approx(10.2, rel=0.1)
    # 15 uA: 17.4 Hz; 400 ms of it and 3 s of rest: 4.5 %
    assert values["range_ratio"] == pytest.approx(17.4 / 3.0, rel=0.15)
    # counts in 100 ms of means 30 and 102, Poisson: 72 / sqrt(66), with variances of some 10 and 30 bins
    assert values["d_prime"] == pytest.approx(72.0 / math.sqrt(66.0), rel=0.35)
    assert values["monotony"] == 1.0
    assert values["saturation"] == pytest.approx(1.0, abs=0.3)  # a straight line never saturates


def test_maps_are_told_apart_only_where_they_differ():
    generator = np.random.default_rng(1)
    maps = generator.normal(size=(5, 40))
    noise = 0.2 * generator.normal(size=(2, 5, 40))
    assert identified(maps + noise[0], maps + noise[1]) == 1.0
    assert identified(maps, np.roll(maps, 1, axis=0)) == 0.0
    shared = 20.0 * generator.normal(size=(2, 1, 40))
    assert identified(maps + noise[0] + shared[0], maps + noise[1] + shared[1]) == 1.0
    same = np.repeat(maps[:1], 5, axis=0)
    assert identified(same + 0.5 * generator.normal(size=(5, 40)), same) < 0.7


def counts(seed, shape=(2, 6, 4, 50), mean=0.5):
    return np.random.default_rng(seed).poisson(mean, size=shape)


def test_trials_with_a_burst_are_outliers_of_their_electrode():
    """Whatever an electrode evokes itself, and in a culture that nearly always bursts none is."""
    evoked = counts(1)
    evoked[:, :, 2] += 2  # this electrode answers with 100 spikes more
    assert not burst_trials(evoked).any()
    evoked[0, 3, 1] += 1
    evoked[1, 0, 2] += 2
    expected = np.zeros((2, 6, 4), dtype=bool)
    expected[0, 3, 1] = expected[1, 0, 2] = True
    assert np.array_equal(burst_trials(evoked), expected)
    answers = counts(2)
    answers[:, ::2] += 4
    assert not burst_trials(answers).any()
    assert not burst_trials(np.zeros((1, 2, 3, 10), dtype=int)).any()


def test_maps_leave_bursts_out_unless_there_is_nothing_else(env, short):
    seen = observe(env, short)
    calm = counts(3, (1, 4, 3, 100))
    burst = calm.copy()
    burst[0, 1, 0] += 5
    maps, among = (evoked_maps_hz(replace(seen, evoked=each)) for each in (calm, burst))
    assert np.array_equal(maps[1:], among[1:])
    without = evoked_maps_hz(replace(seen, evoked=np.delete(calm, 1, axis=1)))
    assert np.allclose(among[0], without[0])
    only = evoked_maps_hz(replace(seen, evoked=burst), slice(1, 2))
    assert only[0].mean() > 40.0  # five spikes in 100 ms, and no other trial to go by
