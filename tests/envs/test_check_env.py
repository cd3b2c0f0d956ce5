"""Every registered id goes through ``livn_gym.testing`` on the real simulator; some of it on NEURON, too."""

import gymnasium as gym
import numpy as np
import pytest

from livn_gym import testing
from livn_gym.envs.registration import register_all

IDS = register_all()
SYSTEM = {env_id: gym.spec(env_id).kwargs["system"] for env_id in IDS}
LARGE = ("EI3", "EI4")

ROLLOUT_STEPS = {"EI1": 84_000, "EI2": 15_500, "EI3": 500, "EI4": 20}
"""Steps of random actions, shared by the ids of a system; EI4's are each id's own."""


def ids(*systems):
    """Ids of some systems as test parameters; those of large cultures are slow."""
    return [
        pytest.param(env_id, marks=pytest.mark.slow if SYSTEM[env_id] in LARGE else ())
        for env_id in IDS
        if SYSTEM[env_id] in systems
    ]


def short(env_id):
    """A second of settling is enough for what is checked; EI4 gets one step of it."""
    return {"settle_ms": {"EI4": 100.0, "EI3": 400.0}.get(SYSTEM[env_id], 1000.0)}


@pytest.mark.parametrize("env_id", ids("EI1", "EI2", "EI3"))
def test_gymnasiums_checker_has_nothing_to_say(env_id):
    testing.check_gymnasium(env_id, **short(env_id))


@pytest.mark.parametrize("env_id", IDS)
def test_specs_and_spaces_survive(env_id):
    testing.check_spec(env_id)


@pytest.mark.parametrize("env_id", ids("EI1", "EI2", "EI3"))
def test_closing_and_memory(env_id):
    testing.check_closing(env_id, **short(env_id))
    testing.check_memory(env_id, **short(env_id))


@pytest.mark.parametrize("env_id", ids("EI1", "EI2", "EI3"))
def test_observations_and_determinism(env_id):
    steps = 10 if SYSTEM[env_id] == "EI3" else 50
    testing.check_observations(env_id, steps=steps, **short(env_id))
    testing.check_determinism(env_id, steps=steps, **short(env_id))


@pytest.mark.parametrize("env_id", ids("EI1", "EI2", "EI3", "EI4"))
def test_a_vector_is_its_single_environments(env_id):
    size = {"EI3": {"num_envs": 2, "steps": 6}, "EI4": {"num_envs": 2, "steps": 2}}.get(SYSTEM[env_id], {})
    testing.check_vector(env_id, **size, **short(env_id))


@pytest.mark.parametrize("env_id", ids("EI1", "EI2", "EI3"))
def test_the_strongest_stimulation_stays_within_the_bounds(env_id):
    testing.check_bounds(env_id, steps=10 if SYSTEM[env_id] == "EI3" else 60, **short(env_id))


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_long_random_rollouts(env_id):
    system = SYSTEM[env_id]
    shared = 1 if system == "EI4" else sum(other == system for other in SYSTEM.values())
    steps = -(-ROLLOUT_STEPS[system] // shared)
    num_envs = {"EI1": 64, "EI2": 32, "EI3": 4}.get(system, 1)
    assert testing.check_rollout(env_id, steps=steps, num_envs=num_envs, **short(env_id)) >= steps


def test_the_rollouts_are_a_hundred_thousand_steps():
    assert sum(ROLLOUT_STEPS.values()) >= 100_000


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["livn/EI1-v0", "livn/EI2-v0"])
def test_gymnasiums_checker_has_nothing_to_say_on_neuron(env_id):
    testing.check_gymnasium(env_id, backend="neuron")


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ["livn/EI3-v0", "livn/EI4-v0"])
def test_large_cultures_are_built_and_take_a_step_on_neuron(env_id):
    # 50 ms hold one pulse at 20 Hz; a second of EI4 would take NEURON minutes
    pulses = {"name": "pulse_amplitude", "rate_hz": 20.0}
    env = gym.make(env_id, backend="neuron", step_ms=50.0, settle_ms=0.0, encoding=pulses, target_hz=8.0)
    try:
        env.reset(seed=0)
        observation, reward, terminated, truncated, info = env.step(np.ones(env.action_space.shape, np.float32))
        assert observation in env.observation_space
        assert info["rate_hz"] > 0 and info["charge_fraction"] == pytest.approx(1.0)
    finally:
        env.close()


def test_seeds_reproduce_on_neuron_in_environments_side_by_side():
    testing.check_determinism("livn/EI1-v0", steps=2, backend="neuron", settle_ms=400.0)
