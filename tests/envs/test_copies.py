"""Copies and pickles of environments go on exactly, and leave the original alone."""

import copy
import pickle

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs import conditions
from livn_gym.envs.registration import register_all
from livn_gym.envs.wrappers import ChargeBudget, ElectrodeMask, SpikeCounts
from livn_gym.errors import UnsupportedModel
from livn_gym.models import AdaptiveExponentialModel, IzhikevichModel

WAYS = {
    "copy": lambda env: copy.copy(env.unwrapped),
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
    "cloudpickle": lambda env: pickle.loads(cloudpickle.dumps(env)),
}

SMALLEST = sorted({name.split("-")[1]: name for name in sorted(register_all(), reverse=True)}.values())

ACTIONS = np.random.default_rng(0).uniform(-1, 1, (12, 1024))


def action(env, k):
    shape = env.action_space.shape
    return ACTIONS[k, : np.prod(shape)].reshape(shape).astype(np.float32)


def equal(first, second):
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, tuple | list):
        return all(map(equal, first, second))
    return np.array_equal(first, second)


def go_on(env, first, count=3):
    """Some steps, a reset to the next trial, and some more."""
    return [
        *(env.step(action(env, first + k)) for k in range(count)),
        env.reset(),
        *(env.step(action(env, first + count + k)) for k in range(count)),
    ]


def check(env, duplicate):
    """A copy after a step, and a copy of the copy, do what the original does, in whichever order they run."""
    env.reset(seed=1)
    env.step(action(env, 0))
    twin = duplicate(env)
    other = duplicate(twin)
    expected = go_on(twin, 1)
    twin.close()
    assert equal(go_on(env, 1), expected)
    env.close()
    assert equal(go_on(other, 1), expected)  # a copy outlives the original
    other.close()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("condition", [None, *conditions.names()])
@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_with_every_condition(make, condition, duplicate):
    check(make("livn/EI2-v0", settle_ms=400.0, conditions=condition), duplicate)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("env_id", SMALLEST)
def test_every_task(env_id):
    check(gym.make(env_id, settle_ms=200.0), copy.deepcopy)
    check(gym.make_vec(env_id, num_envs=2, settle_ms=200.0), WAYS["pickle"])


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("graph_seed", [3, "resample", "per_env"])
def test_graphs(graph_seed, duplicate):
    if graph_seed != "per_env":
        check(gym.make("livn/EI1-v0", settle_ms=200.0, graph_seed=graph_seed), duplicate)
    check(gym.make_vec("livn/EI1-v0", num_envs=3, settle_ms=200.0, graph_seed=graph_seed), duplicate)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("duplicate", [WAYS["deepcopy"], WAYS["cloudpickle"]])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: ElectrodeMask(SpikeCounts(env, 2), stimulate=[0]),
        lambda env: ChargeBudget(gym.wrappers.RecordEpisodeStatistics(env), 20.0),
        lambda env: gym.wrappers.NormalizeObservation(gym.wrappers.TimeAwareObservation(env)),
    ],
)
def test_wrapped(wrap, duplicate):
    env = wrap(gym.make("livn/EI1-v0", settle_ms=200.0))
    env.reset(seed=1)
    env.step(action(env, 0))
    twin = duplicate(env)
    for k in range(3):
        mine, other = env.step(action(env, 1 + k)), twin.step(action(env, 1 + k))
        assert equal(mine[:4], other[:4])
    env.close(), twin.close()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("duplicate", [WAYS["deepcopy"], WAYS["pickle"]])
def test_after_rendering(duplicate):
    env = gym.make("livn/EI1-v0", settle_ms=200.0, render_mode="rgb_array")
    env.reset(seed=1)
    env.render()
    twin = duplicate(env)
    np.testing.assert_array_equal(env.render(), twin.render())
    env.close(), twin.close()


@pytest.mark.slow
@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)
def test_pictures_after_copying(duplicate):
    env = gym.make("livn/EI1-v0", settle_ms=200.0, render_mode="rgb_array")
    env.reset(seed=1)
    env.render()
    twin = duplicate(env)
    for each in (env, twin):
        each.step(action(each, 0))
    np.testing.assert_array_equal(env.render(), twin.render())
    env.close(), twin.close()
    envs = gym.make_vec("livn/EI1-v0", num_envs=2, settle_ms=200.0, render_mode="rgb_array")
    envs.reset(seed=1)
    envs.render()
    np.testing.assert_array_equal(envs.render(), duplicate(envs).render())
    envs.close()


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)
def test_before_the_first_reset_and_after_closing(duplicate):
    for make in (gym.make, gym.make_vec):
        env = make("livn/EI1-v0", settle_ms=200.0)
        twin = duplicate(env)
        assert equal(env.reset(seed=3), twin.reset(seed=3))
        env.close()
        closed = duplicate(env)
        with pytest.raises(gym.error.ClosedEnvironmentError):
            closed.reset()
        assert equal(twin.step(action(twin, 0))[0].shape, twin.observation_space.shape)
        twin.close()


def check_on_the_native_engine(model, duplicate):
    check(gym.make("livn/EI1-v0", backend="native", settle_ms=200.0, model=model), duplicate)
    check(gym.make_vec("livn/EI1-v0", num_envs=2, backend="native", settle_ms=200.0, model=model), duplicate)


@pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)
def test_on_the_native_engine(duplicate):
    check_on_the_native_engine(None, duplicate)


@pytest.mark.slow
@pytest.mark.parametrize("model", [IzhikevichModel(), AdaptiveExponentialModel()], ids=["izhikevich", "adex"])
@pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)
def test_on_the_native_engine_with_other_models(model, duplicate):
    check_on_the_native_engine(model, duplicate)


@pytest.mark.slow
@pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_neurons_processes_cannot_be_copied_and_say_so(make, duplicate):
    env = make("livn/EI1-v0", backend="neuron", settle_ms=100.0, step_ms=100.0)
    env.reset(seed=0)
    with pytest.raises(UnsupportedModel, match="cannot be copied"):
        duplicate(env)
    env.step(action(env, 0))
    env.close()
