"""Measures of cultures whose activity is made by hand or by dice."""

import math
from dataclasses import replace

import numpy as np
import pytest

from livn_gym.env import Env
from livn_gym.recording import Recording
from livn_gym.system import make
from livn_gym.tuning import MEASURES, Observation, Protocol, measure, observe


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
    """3 Hz, and 0.12 Hz more for a nC per second on every channel: 14 uA x 0.4 ms x 5 Hz are 28 nC/s."""
    values = measure(observe(env, replace(short, sustained_ms=5000.0)))[0]
    assert set(values) <= set(MEASURES)
    # 5 s of 100 cells at 6.36 Hz: 3,000 spikes, 2 % standard deviation
    assert values["blanked_hz"] == pytest.approx(6.36, rel=0.08)
    assert values["range_3ms"] == pytest.approx(6.36 / 3.0, rel=0.15)
    assert values["range_5ms"] == pytest.approx(6.36 / 3.0, rel=0.15)
    assert values["sustained"] == pytest.approx(1.0, abs=0.15)
    assert values["curve_fall"] == 0.0
    assert values["direct_share"] == pytest.approx(1.2 / 50.0, abs=0.01)
    # one of 16 channels: 14 uA x 0.4 ms in 200 ms are 1.75 nC/s, 0.21 Hz: 2 spikes per 100 cells
    assert abs(values["evoked_spikes"]) < 8.0
    # 3 uA x 1 ms x 5 Hz are 15 nC/s
    assert values["device_range_3ms"] == pytest.approx(4.8 / 3.0, rel=0.35)
