"""Vectors of processes, Gymnasium's and Stable-Baselines3's, give what the vector in one process gives."""

import functools

import gymnasium as gym
import numpy as np
import pytest

pytestmark = pytest.mark.slow

OPTIONS = {"backend": "native", "settle_ms": 200.0, "max_episode_steps": 3}
ACTION = np.full((2, 1), 0.3, np.float32)


made = functools.partial(gym.make, "livn_gym:livn/EI1-v0", **OPTIONS)  # not of this file, which no process can import


def observations(envs):
    result = [envs.reset(seed=3)[0], *(envs.step(ACTION)[0] for _ in range(6))]
    envs.close()
    return result


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_async_vector_env(context):
    options = {"vector_kwargs": {"context": context}, **OPTIONS}
    other = gym.make_vec("livn_gym:livn/EI1-v0", 2, "async", **options)
    np.testing.assert_array_equal(observations(other), observations(gym.make_vec("livn/EI1-v0", num_envs=2, **OPTIONS)))


@pytest.mark.needs("rl")
@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_stable_baselines3_processes(start_method):
    from stable_baselines3.common import vec_env

    def episode(envs):
        envs.seed(3)
        result = [envs.reset(), *(envs.step(ACTION)[0] for _ in range(6))]
        envs.close()
        return result

    processes = vec_env.SubprocVecEnv([made] * 2, start_method=start_method)
    np.testing.assert_array_equal(episode(processes), episode(vec_env.DummyVecEnv([made] * 2)))
