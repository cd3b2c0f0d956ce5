"""The registered environments on the real simulator; every warning of Gymnasium's checker is an error."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["livn/EI1-v0", "livn/EI2-v0", pytest.param("livn/EI3-v0", marks=pytest.mark.slow)])
def test_gymnasiums_checker_has_nothing_to_say(name):
    env = gym.make(name)
    try:
        check_env(env.unwrapped)
    finally:
        env.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["livn/EI1-v0", "livn/EI2-v0"])
def test_gymnasiums_checker_has_nothing_to_say_on_neuron(name):
    env = gym.make(name, backend="neuron")
    try:
        check_env(env.unwrapped)
    finally:
        env.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["livn/EI3-v0", "livn/EI4-v0"])
def test_large_cultures_are_built_and_take_a_step_on_neuron(name):
    # 50 ms hold one pulse at 20 Hz; a second of EI4 would take NEURON minutes
    env = gym.make(name, backend="neuron", step_ms=50.0, settle_ms=0.0)
    try:
        env.reset(seed=0)
        observation, reward, terminated, truncated, info = env.step(np.ones(env.action_space.shape, np.float32))
        assert observation in env.observation_space
        assert info["rate_hz"] > 0 and info["charge_fraction"] == pytest.approx(1.0)
    finally:
        env.close()


def test_seeds_reproduce_on_neuron_in_environments_side_by_side():
    first, second = (gym.make("livn/EI1-v0", backend="neuron", settle_ms=400.0) for _ in range(2))
    action = np.ones(1, np.float32)
    try:
        results = {}
        for seed in (1, 2):
            for env in (first, second):
                observation, _ = env.reset(seed=seed)
                results.setdefault(seed, []).append([observation, *(env.step(action)[0] for _ in range(2))])
        assert np.array_equal(*results[1]) and np.array_equal(*results[2])
        assert not np.array_equal(results[1][0], results[2][0])
        trial, _ = first.reset()
        assert not np.array_equal(trial, results[2][0][0])
        assert np.array_equal(trial, second.reset()[0])
    finally:
        first.close()
        second.close()
