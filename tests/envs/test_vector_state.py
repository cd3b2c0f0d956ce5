"""A vector environment continues from a saved state, whatever the task."""

import copy
import pickle
import signal
import threading

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.registration import register_all
from livn_gym.errors import InvalidInput, OverlappingCall, UnsupportedModel

IDS = [env_id for env_id in register_all() if env_id.startswith("livn/EI2")]


def results(env, actions):
    return [env.step(action) for action in actions]


def same(first, second):
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one[:4], other[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert one[4].keys() == other[4].keys()
        for name in one[4]:
            np.testing.assert_array_equal(one[4][name], other[4][name])


@pytest.mark.parametrize("env_id", IDS)
def test_it_goes_on_bit_for_bit_over_resets(env_id):
    """Saved when two steps are left to the limit: the episode's end and the next reset lie behind it."""
    options = {"max_episode_steps": 4, "settle_ms": 200.0, "backend": "native"}
    env = gym.make_vec(env_id, num_envs=2, **options)
    env.reset(seed=3)
    shape = (6, *env.action_space.shape)
    actions = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    results(env, actions[:2])
    state = env.state()
    expected = results(env, actions)
    env.set_state(state)
    same(results(env, actions), expected)
    other = gym.make_vec(env_id, num_envs=2, **options)  # as after a restart, never reset
    other.set_state(state)
    again = other.state()  # before any step of its own
    same(results(other, actions), expected)
    other.set_state(again)
    same(results(other, actions), expected)
    env.close(), other.close()


def test_graphs_of_their_own_and_a_pending_reset():
    options = {"settle_ms": 200.0, "backend": "native", "graph_seed": [4, 5, 4], "max_episode_steps": 2}
    env, other = (gym.make_vec("livn/EI1-v0", num_envs=3, **options) for _ in range(2))
    env.reset(seed=1)
    actions = np.full((4, 3, 1), 0.5, np.float32)
    assert results(env, actions[:2])[-1][3].all()  # the next step is the reset
    other.set_state(env.state())
    same(results(other, actions), results(env, actions))
    env.close(), other.close()


def test_a_state_before_the_first_reset():
    env, other = (gym.make_vec("livn/EI1-v0", num_envs=1, settle_ms=200.0, backend="native") for _ in range(2))
    other.set_state(env.state())
    with pytest.raises(gym.error.ResetNeeded):
        other.step(np.zeros((1, 1), np.float32))
    np.testing.assert_array_equal(env.reset(seed=2)[0], other.reset(seed=2)[0])
    env.close(), other.close()


def test_an_interrupted_step_stays_incomplete_in_its_state():
    options = {"num_envs": 2, "settle_ms": 200.0, "backend": "native", "graph_seed": [3, 4]}
    env, other = (gym.make_vec("livn/EI1-v0", **options) for _ in range(2))
    env.reset(seed=1)
    loop, _ = env.unwrapped._batch.locate(1)
    loop._loop.decoding.decode = interrupted
    with pytest.raises(KeyboardInterrupt):
        env.step(np.zeros((2, 1), np.float32))
    other.set_state(env.state())
    with pytest.raises(gym.error.ResetNeeded):
        other.step(np.zeros((2, 1), np.float32))
    other.reset()
    results(other, np.zeros((2, 2, 1), np.float32))
    env.close(), other.close()


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["signal handler", "other thread"])
def test_nothing_else_happens_during_a_step(where):
    """A step goes on as if the calls that overlap with it had not been made: all of them are refused."""
    options = {"num_envs": 2, "settle_ms": 200.0, "backend": "native"}
    env, twin = (gym.make_vec("livn/EI1-v0", **options).unwrapped for _ in range(2))
    env.reset(seed=1), twin.reset(seed=1)
    action, state, refused = np.full((2, 1), 0.5, np.float32), env.state(), []
    calls = (
        *(lambda: env.step(action), lambda: env.reset(seed=2), env.state, lambda: env.set_state(state)),
        *(lambda: copy.deepcopy(env), lambda: pickle.dumps(env), lambda: copy.deepcopy(loop)),
    )

    def overlap(*_):
        for call in calls:
            with pytest.raises(OverlappingCall, match=where.removeprefix("other ")) as error:
                call()
            refused.append(error)

    loop = env._batch.locate(0)[0]._loop
    decode = loop.decoding.decode

    def at_the_same_time(*arguments):
        if where == "other thread":
            thread = threading.Thread(target=overlap)
            thread.start()
            thread.join()
        else:
            before = signal.signal(signal.SIGUSR1, overlap)
            signal.raise_signal(signal.SIGUSR1)
            signal.signal(signal.SIGUSR1, before)
        return decode(*arguments)

    loop.decoding.decode = at_the_same_time
    observed = env.step(action)
    loop.decoding.decode = decode
    assert len(refused) == len(calls)
    same([observed, *results(env, [action] * 2)], results(twin, [action] * 3))
    env.close(), twin.close()


def test_a_refused_state_changes_nothing():
    options = {"num_envs": 2, "settle_ms": 200.0, "backend": "native"}
    env, twin = (gym.make_vec("livn/EI1-v0", graph_seed=[3, 4], **options) for _ in range(2))
    other = gym.make_vec("livn/EI1-v0", graph_seed=[3, 5], **options)
    env.reset(seed=7), twin.reset(seed=7), other.reset(seed=100)
    with pytest.raises(InvalidInput, match=r"graph_seed=\[3, 5\], here it is \[3, 4\]"):
        env.set_state(other.state())
    assert env.np_random_seed == twin.np_random_seed
    action = np.full((2, 1), 0.5, np.float32)
    same(results(env, [action]), results(twin, [action]))
    np.testing.assert_array_equal(env.reset()[0], twin.reset()[0])
    env.close(), twin.close(), other.close()


def test_what_does_not_fit_is_refused(fake):
    env = gym.make_vec("livn/EI1-v0", num_envs=2, settle_ms=200.0)
    state = env.state()
    with pytest.raises(InvalidInput, match="2 environments, here are 1"):
        gym.make_vec("livn/EI1-v0", num_envs=1).set_state(state)
    for other in ({"step_ms": 100.0}, {"charge_cost": 5.0}, {"blank_ms": 50.0}, {"conditions": "electrode_faults"}):
        with pytest.raises(InvalidInput, match="environment with other arguments"):
            gym.make_vec("livn/EI1-v0", num_envs=2, **{"settle_ms": 200.0} | other).set_state(state)
    env.reset(seed=0)
    with pytest.raises(UnsupportedModel, match="cannot save"):
        env.state()
    env.close()
