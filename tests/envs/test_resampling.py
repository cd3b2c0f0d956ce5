"""A new graph in every episode: ``graph_seed="resample"``, on the native engine."""

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.episode_loop import EpisodeLoop
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.errors import ClosedError, UnknownName

OPTIONS = {"settle_ms": 200.0, "backend": "native"}
ACTION = np.full(1, 0.5, np.float32)


@pytest.fixture
def make():
    made = []

    def make(num_envs=None, env_id="livn/EI1-v0", **options):
        given = {"graph_seed": "resample", **OPTIONS, **options}
        made.append(gym.make(env_id, **given) if num_envs is None else gym.make_vec(env_id, num_envs=num_envs, **given))
        return made[-1]

    yield make
    for env in made:
        env.close()


def somata(env):
    return np.array(env.unwrapped.culture.geometry.soma_um)


def test_every_reset_has_another_graph_and_a_seed_gives_the_same_again(make):
    env, other = make(), make()
    seen = [(env.reset(seed=seed)[0], somata(env)) for seed in (3, None, 3)]
    assert (seen[0][1] != seen[1][1]).any()
    for observation, cells in (seen[2], (other.reset(seed=3)[0], somata(other))):
        np.testing.assert_array_equal(observation, seen[0][0])
        np.testing.assert_array_equal(cells, seen[0][1])


def test_the_culture_is_that_of_an_environment_with_this_graph(make):
    """Graph and noise are those of ``graph_seed=`` and the seed; only what the task draws comes after the graph."""
    env = make()
    env.reset(seed=3)
    graph = env.unwrapped._loop.graph_seed
    assert graph == int(np.random.default_rng(3).integers(2**31))
    single = make(graph_seed=graph)
    single.reset(seed=3)
    np.testing.assert_array_equal(somata(env), somata(single))
    for name in ("rate_hz", "charge_nC"):  # the noise starts from the same seed
        assert env.step(ACTION)[4][name] == single.step(ACTION)[4][name]


def test_spaces_stay_the_predefined_ones(make):
    env = make(env_id="livn/EI2-v0")
    spaces = env.observation_space, env.action_space
    plain = make(env_id="livn/EI2-v0", graph_seed=None)
    assert spaces == (plain.observation_space, plain.action_space)
    for _ in range(3):
        assert env.reset(seed=1)[0] in env.observation_space
    assert (env.observation_space, env.action_space) == spaces


def test_a_vector_is_its_single_ones_over_resets(make):
    envs = make(3, max_episode_steps=2)
    singles = [make(max_episode_steps=2) for _ in range(3)]
    observations, _ = envs.reset(seed=4)
    for b, single in enumerate(singles):
        np.testing.assert_array_equal(single.reset(seed=4 + b)[0], observations[b])
    for step in range(5):
        observations, rewards, *_ = envs.step(np.stack([ACTION] * 3))
        for b, single in enumerate(singles):
            observation, reward = single.reset()[0:1] + (0.0,) if step == 2 else single.step(ACTION)[:2]
            np.testing.assert_array_equal(observation, observations[b])
            assert reward == rewards[b]


def test_a_partial_reset_leaves_the_others_their_culture(make):
    envs = make(2, autoreset_mode="Disabled")
    envs.reset(seed=1)
    before = [loop.graph_seed for loop in envs.unwrapped._batch.loops]
    envs.reset(options={"reset_mask": np.array([False, True])})
    after = [loop.graph_seed for loop in envs.unwrapped._batch.loops]
    assert before[0] == after[0] and before[1] != after[1]


def test_a_saved_state_brings_its_graph_along(make):
    envs, other = make(2, max_episode_steps=3), make(2, max_episode_steps=3)
    envs.reset(seed=1)
    actions = np.stack([ACTION] * 2)
    envs.step(actions)
    state = envs.state()
    expected = [envs.step(actions)[:2] for _ in range(4)]  # over the next reset
    other.set_state(state)
    for (observation, reward), (own, own_reward) in zip(
        expected, [other.step(actions)[:2] for _ in range(4)], strict=True
    ):
        np.testing.assert_array_equal(observation, own)
        np.testing.assert_array_equal(reward, own_reward)


def test_pictures_show_the_culture_of_the_episode(make):
    env = make(render_mode="rgb_array")
    pictures = []
    for seed in (1, 2):
        env.reset(seed=seed)
        assert env.unwrapped._renderer._system is env.unwrapped.culture.system
        pictures.append(env.render())
    assert (pictures[0] != pictures[1]).any()


def test_wrong_names_are_refused_and_closing_holds():
    with pytest.raises(UnknownName, match="integer.*'resample'.*got 'resampled'"):
        CultureEnv(graph_seed="resampled")
    with pytest.raises(UnknownName, match="'per_env' is for gym.make_vec"):
        gym.make("livn/EI1-v0", graph_seed="per_env")
    loop = EpisodeLoop(LoopSpec.of("EI1", "rate_tracking", **OPTIONS), "resample")
    loop.close()
    loop.close()
    with pytest.raises(ClosedError):
        loop._loop.reset([np.random.default_rng(0)], [1])
