"""``max_episode_steps`` in ``make``, in Gymnasium's vectors and in ours."""

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.vector_env import CultureVectorEnv
from livn_gym.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("fake")

OPTIONS = {"settle_ms": 0.0, "step_ms": 100.0}


def length(env, most):
    """Number of steps until the first truncation; None if there is none within ``most``."""
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape, np.float32)
    for k in range(1, most + 1):
        if np.any(env.step(action)[3]):
            env.close()
            return k
    env.close()
    return None


@pytest.mark.parametrize(("given", "steps"), [({}, 100), ({"max_episode_steps": None}, 100)])
@pytest.mark.parametrize("mode", ["sync", "vector_entry_point", None])
def test_the_ids_own_limit(mode, given, steps):
    assert length(gym.make_vec("livn/EI1-v0", 1, mode, **OPTIONS, **given), 120) == steps


@pytest.mark.parametrize(("limit", "steps"), [(-1, None), (5, 5)])
def test_a_limit_is_the_same_however_the_environment_is_made(limit, steps):
    options = OPTIONS | {"max_episode_steps": limit}
    assert length(gym.make("livn/EI1-v0", **options), 110) == steps
    for mode in ("sync", None):
        assert length(gym.make_vec("livn/EI1-v0", 2, mode, **options), 110) == steps


def test_an_id_of_ones_own_keeps_its_limit():
    gym.register(
        "test/Short-v0",
        entry_point="livn_gym.envs.culture_env:CultureEnv",
        vector_entry_point="livn_gym.envs.vector_env:CultureVectorEnv",
        max_episode_steps=4,
        kwargs={"system": "EI1", **OPTIONS},
    )
    try:
        for given in ({}, {"max_episode_steps": None}):
            assert length(gym.make_vec("test/Short-v0", num_envs=2, **given), 10) == 4
    finally:
        del gym.registry["test/Short-v0"]


def test_without_an_id_there_is_no_limit():
    assert CultureVectorEnv(1, "EI1", **OPTIONS).max_episode_steps is None
    assert CultureVectorEnv(1, "EI1", max_episode_steps=-1, **OPTIONS).max_episode_steps is None


@pytest.mark.parametrize("wrong", [0, -2, 2.5, True, "10", float("nan"), [5]])
def test_other_limits_are_refused(wrong):
    with pytest.raises(InvalidInput, match="max_episode_steps"):
        gym.make_vec("livn/EI1-v0", num_envs=2, max_episode_steps=wrong, **OPTIONS)


@pytest.mark.parametrize("limit", [None, -1, 7])
def test_a_spec_makes_a_vector_with_the_same_limit(limit):
    first = gym.make_vec("livn/EI1-v0", num_envs=2, max_episode_steps=limit, **OPTIONS)
    second = gym.make_vec(first.spec)
    assert second.max_episode_steps == first.max_episode_steps and second.num_envs == 2
    first.close(), second.close()
