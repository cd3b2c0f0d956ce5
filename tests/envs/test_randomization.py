"""Factors of parameters that are drawn for every episode."""

import json

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.errors import InvalidInput, UnknownName

pytestmark = pytest.mark.usefixtures("fake")

RANDOMIZE = {"weight-*": (0.8, 1.2), "noise-EXC-std_e": [0.5, 0.9], "weight-INH_*": [2.0, 2.0]}
NOISE, AMPA, GABA = "noise-EXC-std_e", "weight-EXC_EXC-hillock-AMPA-weight", "weight-INH_EXC-soma-GABA_A-weight"
QUICK = {"settle_ms": 400.0, "max_episode_steps": 3}


def values(culture, b=0):
    parameters = culture.parameters_of(b)
    weights = [parameters.weights[key.partition("-")[2]] for key in (AMPA, GABA)]
    return np.array([parameters.noise["EXC"].std_e, *weights])


def factors(info):
    return np.array([info[f"factor-{key}"] for key in (NOISE, AMPA, GABA)])


def test_every_episode_multiplies_the_parameters_by_factors_of_its_own():
    with gym.make("livn/EI2-v0", randomize=RANDOMIZE, **QUICK) as env:
        culture = env.unwrapped.culture
        base, seen = values(culture), []
        for _ in range(4):
            _, info = env.reset(seed=len(seen) or None)
            np.testing.assert_allclose(values(culture), base * factors(info), rtol=1e-15)
            np.testing.assert_array_equal(factors(env.step(env.action_space.sample())[4]), factors(info))
            assert sum(name.startswith("factor-weight-") for name in info) == len(culture.system.weight_names)
            seen.append(factors(info))
        noise, ampa, gaba = np.transpose(seen)
        assert len(set(noise)) == len(set(ampa)) == 4 and set(gaba) == {2.0}
        assert noise.min() >= 0.5 and noise.max() <= 0.9 and ampa.min() >= 0.8 and ampa.max() <= 1.2
        np.testing.assert_array_equal(factors(env.reset(seed=2)[1]), seen[2])


def test_factors_of_a_pattern_are_drawn_one_by_one():
    with gym.make("livn/EI2-v0", randomize={"weight-*": [0.8, 1.2]}, **QUICK) as env:
        info = env.reset(seed=0)[1]
    drawn = [value for name, value in info.items() if name.startswith("factor-")]
    assert len(set(drawn)) == len(drawn) == 6


@pytest.mark.parametrize("backend", ["fake", pytest.param("native", marks=pytest.mark.slow)])
def test_a_vector_is_its_single_environments(backend):
    options = QUICK | {"randomize": RANDOMIZE, "backend": backend, "conditions": "excitability_drift"}
    vector = gym.make_vec("livn/EI2-v0", num_envs=3, **options)
    observations, infos = vector.reset(seed=5)
    actions = np.random.default_rng(1).uniform(-1, 1, (5, 3, 16)).astype(np.float32)
    steps = [vector.step(action) for action in actions]
    for b in (0, 2):
        with gym.make("livn/EI2-v0", **options) as single:
            observation, info = single.reset(seed=5 + b)
            np.testing.assert_array_equal(observation, observations[b])
            np.testing.assert_array_equal(factors(info), factors(infos)[:, b])
            for k, step in enumerate(steps):
                observation = single.reset()[0] if k == 3 else single.step(actions[k, b])[0]
                np.testing.assert_array_equal(observation, step[0][b])
    vector.close()


def test_a_state_keeps_the_factors():
    loops = [LoopSpec.of("EI2", "rate_tracking", randomize=RANDOMIZE, settle_ms=200.0).make(2) for _ in range(2)]
    generators = [np.random.default_rng(b) for b in range(2)]
    infos = loops[0].reset(generators, [0, 1]).infos
    loops[1].conditioned.set_state(loops[0].conditioned.state())
    for b in range(2):
        assert loops[1].conditioned.info(b) == {k: v for k, v in infos[b].items() if k.startswith("factor-")}
    for loop in loops:
        loop.close()


def test_the_spec_is_json():
    env = gym.make("livn/EI2-v0", randomize=RANDOMIZE, **QUICK)
    assert json.loads(env.spec.to_json())["kwargs"]["randomize"]["weight-*"] == [0.8, 1.2]
    first = env.reset(seed=3)[1]
    env.close()
    with gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json())) as again:
        np.testing.assert_array_equal(factors(again.reset(seed=3)[1]), factors(first))


def test_nothing_is_drawn_without_ranges():
    observations = []
    for randomize in (None, {}):
        with gym.make("livn/EI2-v0", randomize=randomize, **QUICK) as env:
            observation, info = env.reset(seed=1)
            observations.append(observation)
            assert not any(name.startswith("factor-") for name in info)
    np.testing.assert_array_equal(*observations)


@pytest.mark.parametrize(
    ("randomize", "error", "message"),
    [
        ({"weights-*": [0.9, 1.1]}, UnknownName, "weights-"),
        ({"noise-EXC-std": [0.9, 1.1]}, UnknownName, "noise-EXC-std_e"),
        ({"weight-*": 1.1}, InvalidInput, "sequence"),
        ({"weight-*": [1.1]}, InvalidInput, "low, high"),
        ({"weight-*": [1.2, 0.8]}, InvalidInput, r"weight-.*1\.2, 0\.8"),
        ({"weight-*": [-0.1, 1.0]}, InvalidInput, "at least 0"),
        ({"weight-*": [0.5, float("inf")]}, InvalidInput, "finite"),
        ({"depression-EXC-U": [0.5, 10.0]}, InvalidInput, "at most 1"),
        ({"noise-EXC-tau_e": [0.0, 1.0]}, InvalidInput, "greater than 0"),
        ([["weight-*", 0.8, 1.2]], InvalidInput, "randomize"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(randomize, error, message):
    with pytest.raises(error, match=message):
        gym.make("livn/EI2-v0", randomize=randomize)
