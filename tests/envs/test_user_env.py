"""An environment around a culture that its user built and configured."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest

import livn_gym
from livn_gym.env import Env
from livn_gym.envs.culture_env import CultureEnv
from livn_gym.errors import ClosedError, InvalidInput, UnknownOption
from livn_gym.io import MEA
from livn_gym.system import make

SHORT = {"settle_ms": 200.0}


def configured():
    """A culture that no combination of arguments of an environment gives."""
    env = Env(make("EI1", 4), io=MEA(output_radius=30.0), profile="fast").init()
    return env.apply_model_defaults().set_noise({"EXC-std_e": 2.0}).record_voltage("EXC", sample_ms=1.0)


def episode(env, steps=3):
    first, info = env.reset(seed=7)
    rng = np.random.default_rng(0)
    actions = [rng.uniform(-1, 1, env.action_space.shape).astype(np.float32) for _ in range(steps)]
    return [first, *(env.step(action)[0] for action in actions)]


def same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_is_the_environment_that_the_same_arguments_make():
    own = Env("EI1", profile="fast").init().apply_model_defaults()
    with CultureEnv(env=own, **SHORT) as around, gym.make("livn/EI1-v0", **SHORT) as made:
        assert around.unwrapped.culture is own
        same(episode(around), episode(made))


def test_what_was_configured_holds_and_its_traces_are_recorded():
    env = gym.make("livn/Culture-v0", env=configured(), task="rate_tracking", **SHORT)
    seen = episode(env)
    culture = env.unwrapped.culture
    assert culture.parameters.noise["EXC"].std_e == 2.0 and culture.io.output_radius == 30.0
    assert env.unwrapped.measurement.recording.voltage.shape[-2:] == (8, 200)
    same(seen, episode(env))
    env.close()


def test_a_culture_that_is_not_built_yet_is_built():
    with CultureEnv(env=Env("EI1", profile="fast"), **SHORT) as env:
        assert len(episode(env)) == 4


def test_it_belongs_to_the_environment_which_closes_it():
    culture = configured()
    env = CultureEnv(env=culture, **SHORT)
    with pytest.raises(InvalidInput, match="belongs to another environment"):
        CultureEnv(env=culture)
    env.close()
    culture.close()
    with pytest.raises(ClosedError):
        culture.run(10)
    with pytest.raises((ClosedError, InvalidInput)):
        CultureEnv(env=culture)


def test_it_stays_its_users_where_no_environment_could_be_made():
    culture = configured()
    for wrong, error in (
        ({"step_ms": 0.0}, InvalidInput),
        ({"tsk": 1}, UnknownOption),
        ({"task": "none"}, InvalidInput),
    ):
        with pytest.raises(error):
            CultureEnv(env=culture, **wrong)
    assert culture.run(10).duration_ms == 10.0
    with CultureEnv(env=culture, **SHORT) as env:
        assert len(episode(env)) == 4


def test_a_copy_has_a_culture_of_its_own():
    with CultureEnv(env=configured(), **SHORT) as env:
        episode(env)
        with copy.deepcopy(env) as other, pickle.loads(pickle.dumps(env)) as third:
            assert other.culture is not env.culture
            action = np.ones(env.action_space.shape, np.float32)
            expected = env.step(action)[0]
            np.testing.assert_array_equal(other.step(action)[0], expected)
            np.testing.assert_array_equal(third.step(action)[0], expected)


def test_a_spec_says_that_it_does_not_hold_the_culture():
    with gym.make("livn/Culture-v0", env=configured(), **SHORT) as env:
        assert "an Env of EI1" in repr(env.spec.kwargs)
        with pytest.raises(InvalidInput, match="env=<an Env of EI1"):
            env.spec.to_json()
        with pytest.raises(InvalidInput, match="around a new Env"):
            gym.make(env.spec)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"system": "EI1"}, "has its system already"),
        ({"params": "EI1", "dt": 0.1}, "has its params, dt already"),
        ({"graph_seed": 3}, "has its graph_seed already"),
        ({"env": 3}, "env must be an Env, got 3"),
        ({"env": "EI1"}, "env must be an Env"),
    ],
)
def test_what_says_how_to_make_a_culture_is_refused(arguments, message):
    with Env("EI1") as culture, pytest.raises(InvalidInput, match=message):
        CultureEnv(**({"env": culture} | arguments))


def test_ids_of_a_system_and_vectors_refuse_it():
    with configured() as culture:
        with pytest.raises(InvalidInput, match="has its system already.*livn/Culture-v0"):
            gym.make("livn/EI1-v0", env=culture)
        with pytest.raises(InvalidInput, match="single environment"):
            gym.make_vec("livn/Culture-v0", num_envs=2, env=culture)
        with pytest.raises(InvalidInput, match="belongs to another environment"):
            gym.make_vec("livn/Culture-v0", num_envs=2, vectorization_mode="sync", env=culture)
    with (
        livn_gym.make("EI1", num_cultures=2) as two,
        pytest.raises(InvalidInput, match="one culture in this process, got 2"),
    ):
        CultureEnv(env=two)
