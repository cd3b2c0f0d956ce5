"""Seeds, arguments and states that are none, at the doors of environments: a clear error, never a raw one."""

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("fake")

EI1 = "livn/EI1-v0"


@pytest.fixture(params=[gym.make, gym.make_vec])
def env(request):
    env = request.param(EI1, settle_ms=0.0)
    yield env
    env.close()


@pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3), 0, 2**64 - 1])
def test_whole_numbers_are_seeds(env, seed):
    first, again = env.reset(seed=seed)[0], env.reset(seed=int(seed))[0]
    np.testing.assert_array_equal(first, again)
    assert np.all(np.asarray(env.unwrapped.np_random_seed, dtype=np.uint64) == np.uint64(int(seed)))


@pytest.mark.parametrize("seed", [-1, True, 1.5, np.float64(2), "3", 2**64, b"1", {1}, {"a": 1}, [[1]], [1.5], [-1]])
def test_other_things_are_no_seeds_and_change_nothing(env, seed):
    env.reset(seed=5)
    before = env.unwrapped.np_random_seed
    with pytest.raises(InvalidInput):
        env.reset(seed=seed)
    assert env.unwrapped.np_random_seed == before


@pytest.mark.parametrize(
    "options",
    [
        {"graph_seed": -1},
        {"graph_seed": 1.5},
        {"graph_seed": {}},
        {"step_ms": "a"},
        {"step_ms": 1e-300},
        {"settle_ms": float("nan")},
        {"target_hz": [1, 2, 3]},
        {"target_hz": {}},
        {"shape": 3},
        {"backend": 3},
        {"profile": 3},
        {"dt": -1},
        {"model": 3},
        {"model": "no_such_model"},
        {"model": {"exc": "culture_exc"}},
        {"encoding": 3},
        {"encoding": {"name": ["pulse_amplitude"]}},
        {"encoding": {"name": "pulse_amplitude", "rate_hz": "a"}},
        {"encoding": "channel_current"},
        {"decoding": "mean_firing_rate"},
        {"decoding": {"name": "channel_rates", "population": "EXC"}},
        {"variant": "no_such_variant"},
        {"system": 3},
        {"task": None},
        {"conditions": {"name": "latency", "latency_ms": "a"}},
        {"conditions": {"name": "electrode_faults", "dead": 2}},
        {"conditions": {"name": "excitability_drift", "level": [1]}},
        {"conditions": {"name": "excitability_drift", "level": True}},
        {"conditions": {"name": "shuffled_culture", "redraw": ["step"]}},
        {"conditions": {"name": 3}},
        {"render_mode": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("cls", ["culture_env:CultureEnv", "vector_env:CultureVectorEnv"])
def test_arguments_that_are_none(cls, options):
    make = gym.envs.registration.load_env_creator(f"livn_gym.envs.{cls}")
    with pytest.raises(InvalidInput):
        make(**{"system": "EI1", **options})


def test_none_means_the_default():
    names = ("target_hz", "step_ms", "model", "backend", "profile", "dt", "graph_seed", "encoding", "decoding")
    env = gym.make(EI1, settle_ms=200.0, conditions=None, **dict.fromkeys(names))
    plain = gym.make(EI1, settle_ms=200.0)
    np.testing.assert_array_equal(env.reset(seed=1)[0], plain.reset(seed=1)[0])
    assert env.unwrapped.culture.dt == plain.unwrapped.culture.dt
    env.close(), plain.close()


@pytest.mark.parametrize("state", [b"", b"x", None, 3, b"\x80\x04N.", b"\x80\x04}."])
def test_states_that_are_none(state):
    envs = gym.make_vec(EI1, num_envs=2, settle_ms=0.0)
    with pytest.raises(InvalidInput, match="no state"):
        envs.set_state(state)
    envs.close()
