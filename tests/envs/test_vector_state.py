"""A vector environment continues from a saved state, whatever the task."""

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.registration import register_all
from livn_gym.errors import InvalidInput, UnsupportedModel

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
