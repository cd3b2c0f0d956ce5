"""The adapter to Stable-Baselines3 does what DummyVecEnv does."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from fakes import use_poisson_backend
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from livn_gym.agents.sb3 import VectorEnvAdapter
from livn_gym.errors import InvalidInput

SAME = AutoresetMode.SAME_STEP


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cart_poles(count=4):
    return [lambda: gym.make("CartPole-v1", max_episode_steps=30)] * count


def trained(envs, steps, **options):
    model = PPO("MlpPolicy", envs, n_steps=250, batch_size=100, n_epochs=2, seed=3, device="cpu", **options)
    model.learn(steps)
    envs.close()
    return model.policy.state_dict()


def equal(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_ppo_learns_the_same_as_over_dummy_vec_env():
    reference = trained(DummyVecEnv(cart_poles()), 4000)
    adapter = VectorEnvAdapter(SyncVectorEnv(cart_poles(), autoreset_mode=SAME))
    equal(trained(adapter, 4000), reference)


def test_ppo_learns_the_same_on_a_batch_of_cultures(monkeypatch):
    use_poisson_backend(monkeypatch)
    options = {"max_episode_steps": 20, "settle_ms": 200.0}
    single = DummyVecEnv([lambda: gym.make("livn/EI1-v0", **options)] * 3)
    batch = VectorEnvAdapter(gym.make_vec("livn/EI1-v0", num_envs=3, autoreset_mode="SameStep", **options))
    steps = 3 * 250
    equal(trained(VecNormalize(batch), steps), trained(VecNormalize(single), steps))


def same(value, other):
    if isinstance(value, dict):
        assert value.keys() == other.keys()
        for name in value:
            same(value[name], other[name])
    else:
        np.testing.assert_array_equal(value, other)


class Both(gym.Env):
    """Ends by itself at the time limit, before it, or not: both ways to end, in every combination."""

    observation_space = gym.spaces.Dict({"a": gym.spaces.Box(0, 99, (1,)), "b": gym.spaces.Discrete(99)})
    action_space = gym.spaces.Discrete(2)

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, end, render_mode=None):
        self.end, self.render_mode = end, render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self._seen(), {"start": 1 if options is None else options["start"]}

    def step(self, action):
        self.count += 1
        return self._seen(), 0.5, self.count == self.end, False, {"count": self.count}

    def render(self):
        return np.zeros((4, 6, 3), np.uint8)

    def _seen(self):
        return {"a": np.array([self.count], np.float32), "b": self.count}


def test_ends_and_infos_are_those_of_dummy_vec_env():
    makers = [lambda end=end: gym.wrappers.TimeLimit(Both(end), 3) for end in (2, 3, 9)]
    adapter = VectorEnvAdapter(SyncVectorEnv(makers, autoreset_mode=SAME))
    reference = DummyVecEnv(makers)
    for envs in (adapter, reference):
        envs.set_options({"start": 7})
    same(adapter.reset(), reference.reset())
    assert adapter.reset_infos == reference.reset_infos == [{"start": 7}] * 3
    flags = []
    for _ in range(8):
        observation, reward, done, infos = adapter.step(np.zeros(3, np.int64))
        other = reference.step(np.zeros(3, np.int64))
        same(observation, other[0])
        same(reward, other[1])
        same(done, other[2])
        for info, expected in zip(infos, other[3], strict=True):
            same(info, expected)
        assert adapter.reset_infos == reference.reset_infos
        flags.append([info["TimeLimit.truncated"] for info in infos])
    assert flags[2] == [False, False, True]  # the second ended by itself in the step of its limit
    assert adapter.reset_infos[0] == {"start": 1}


def test_seeds_are_those_of_dummy_vec_env():
    adapter, reference = VectorEnvAdapter(SyncVectorEnv(cart_poles(), autoreset_mode=SAME)), DummyVecEnv(cart_poles())
    assert adapter.seed(5) == reference.seed(5) == [5, 6, 7, 8]
    same(adapter.reset(), reference.reset())
    same(adapter.reset(), reference.reset())  # seeds are used once


@pytest.mark.parametrize("kind", [SyncVectorEnv, AsyncVectorEnv])
def test_attributes_and_methods_of_single_environments(kind):
    adapter = VectorEnvAdapter(kind([lambda end=end: Both(end) for end in (2, 3, 9)], autoreset_mode=SAME))
    adapter.reset()
    assert adapter.get_attr("end") == [2, 3, 9] and adapter.get_attr("end", [2, 0]) == [9, 2]
    adapter.set_attr("end", 5, indices=1)
    assert adapter.get_attr("end") == [2, 5, 9]
    adapter.set_attr("end", 4)
    assert adapter.get_attr("end", 2) == [4]
    assert adapter.has_attr("end") and (kind is AsyncVectorEnv or not adapter.has_attr("nothing"))
    assert [seen["b"] for seen in adapter.env_method("_seen")] == [0, 0, 0]
    if kind is SyncVectorEnv:
        assert len(adapter.env_method("_seen", indices=[1])) == 1
    else:
        with pytest.raises(InvalidInput, match="all 3"):
            adapter.env_method("_seen", indices=[1])
    adapter.close()


def test_attributes_and_methods_of_a_batch(monkeypatch):
    use_poisson_backend(monkeypatch)
    envs = gym.make_vec("livn/EI1-v0", num_envs=2, autoreset_mode="SameStep", settle_ms=200.0)
    adapter = VectorEnvAdapter(envs)
    assert adapter.get_attr("step_ms") == [envs.step_ms] * 2 and adapter.get_attr("step_ms", 1) == [envs.step_ms]
    assert not adapter.has_attr("nothing")
    adapter.set_attr("label", "x")
    assert envs.label == "x"
    with pytest.raises(InvalidInput, match="all 2"):
        adapter.set_attr("label", "y", indices=[0])
    first, second = adapter.env_method("reset", seed=1)
    assert first is second and len(first[0]) == 2
    assert adapter.env_is_wrapped(Monitor) == [False, False]
    assert list(adapter.get_images()) == [None, None] and adapter.render_mode is None
    adapter.close()
    assert envs.closed


def test_wrapped_and_drawn_environments_say_so():
    makers = [lambda: Monitor(Both(3, render_mode="rgb_array"))] * 2
    adapter = VectorEnvAdapter(SyncVectorEnv(makers, autoreset_mode=SAME))
    assert adapter.env_is_wrapped(Monitor) == [True, True]
    assert adapter.render_mode == "rgb_array"
    adapter.reset()
    assert [image.shape for image in adapter.get_images()] == [(4, 6, 3)] * 2
    assert adapter.render().size == 2 * 4 * 6 * 3
    adapter.close()


def test_episodes_are_counted_by_the_monitor():
    adapter = VecMonitor(VectorEnvAdapter(SyncVectorEnv(cart_poles(1), autoreset_mode=SAME)))
    adapter.reset()
    done, steps = [False], 0
    while not done[0]:
        _, _, done, infos = adapter.step(np.zeros(1, np.int64))
        steps += 1
    assert infos[0]["episode"]["l"] == steps == infos[0]["episode"]["r"]
    adapter.close()


def test_other_ways_to_reset_are_refused():
    with pytest.raises(InvalidInput, match="SameStep"):
        VectorEnvAdapter(SyncVectorEnv(cart_poles()))
    adapter = VectorEnvAdapter(SyncVectorEnv(cart_poles(2), autoreset_mode=SAME))
    adapter.set_options([{"low": 0.0}, {}])
    with pytest.raises(InvalidInput, match="same options"):
        adapter.reset()


def per_environment():
    makers = [lambda: gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v1", max_episode_steps=30))] * 2
    return SyncVectorEnv(makers, autoreset_mode=SAME)


def inside_a_wrapper():
    envs = SyncVectorEnv(cart_poles(2), autoreset_mode=SAME)
    return gym.wrappers.vector.ClipReward(gym.wrappers.vector.RecordEpisodeStatistics(envs), -9.0, 9.0)


def of_make_vec():
    return gym.make_vec(
        "CartPole-v1",
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": SAME},
        wrappers=[gym.wrappers.RecordEpisodeStatistics],
    )


@pytest.mark.parametrize(
    "make",
    [
        per_environment,
        lambda: gym.wrappers.vector.RecordEpisodeStatistics(SyncVectorEnv(cart_poles(2), autoreset_mode=SAME)),
        inside_a_wrapper,
        of_make_vec,
        lambda: gym.wrappers.vector.RecordEpisodeStatistics(per_environment()),
    ],
)
def test_episode_statistics_reach_the_learner_wherever_they_are_taken(make):
    """Rewards of the pole are 1 a step, so an episode's return is its length."""
    adapter = VectorEnvAdapter(make())
    model = PPO("MlpPolicy", adapter, n_steps=100, batch_size=100, n_epochs=1, seed=3, device="cpu")
    model.learn(400)
    lengths = [episode["l"] for episode in model.ep_info_buffer]
    assert len(lengths) > 10 and lengths == [episode["r"] for episode in model.ep_info_buffer]
    assert 300 < sum(lengths) <= 400 and all("episode" not in info for info in adapter.reset_infos)
    adapter.close()


def test_episode_statistics_of_a_batch_of_cultures_reach_the_learner(monkeypatch):
    use_poisson_backend(monkeypatch)
    envs = gym.make_vec("livn/EI1-v0", num_envs=2, autoreset_mode="SameStep", max_episode_steps=5, settle_ms=200.0)
    adapter = VectorEnvAdapter(gym.wrappers.vector.RecordEpisodeStatistics(envs))
    model = PPO("MlpPolicy", adapter, n_steps=20, batch_size=20, n_epochs=1, seed=3, device="cpu")
    model.learn(40)
    assert [episode["l"] for episode in model.ep_info_buffer] == [5] * 8
    adapter.close()
