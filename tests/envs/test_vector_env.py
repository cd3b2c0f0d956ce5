"""The batch of cultures as a Gymnasium vector environment, mostly on the Poisson fake."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.vector_env import CultureVectorEnv
from livn_gym.errors import ClosedError, InvalidInput, UnknownName

MODES = list(AutoresetMode)


@pytest.fixture
def vector(fake):
    """A maker of vector environments of EI1 on the fake."""
    made = []

    def make(num_envs=3, **options):
        made.append(gym.make_vec("livn/EI1-v0", num_envs=num_envs, **{"settle_ms": 200.0, **options}))
        return made[-1]

    yield make
    for env in made:
        env.close()


def same(first, second):
    """Two results of step or reset are equal bit for bit, infos included."""
    *arrays, infos = first
    *others, other_infos = second
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other)
    assert infos.keys() == other_infos.keys()
    for name, value in infos.items():
        if isinstance(value, dict):
            same((value,), (other_infos[name],))
        elif value.dtype == object:
            for a, b in zip(value, other_infos[name], strict=True):
                np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_array_equal(value, other_infos[name])


def test_make_vec_makes_one_and_takes_options(vector):
    env = vector(num_envs=5, step_ms=500.0)
    assert isinstance(env, CultureVectorEnv)
    assert env.num_envs == 5 and env.step_ms == 500.0 and env.max_episode_steps == 100
    assert env.observation_space.shape == (5, 3) and env.action_space.shape == (5, 1)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observation, info = env.reset(seed=0)
    assert observation in env.observation_space
    assert info["target_hz"].shape == (5,) and info["_target_hz"].all()


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("seed", [7, [7, 100, 3]])
def test_it_does_what_gymnasiums_own_vector_of_single_environments_does(vector, mode, seed):
    env = vector(max_episode_steps=4, autoreset_mode=mode)
    reference = SyncVectorEnv(
        [lambda: gym.make("livn/EI1-v0", settle_ms=200.0, max_episode_steps=4)] * 3, autoreset_mode=mode
    )
    same(env.reset(seed=seed), reference.reset(seed=seed))
    actions = np.random.default_rng(1).uniform(-1, 1, (11, 3, 1)).astype(np.float32)
    for action in actions:
        same(env.step(action), reference.step(action))
    same(env.reset(seed=[None, 5, None]), reference.reset(seed=[None, 5, None]))
    same(env.step(actions[0]), reference.step(actions[0]))
    reference.close()


def test_environments_end_at_different_times(vector):
    """A reset of some by mask shifts their episodes; the others go on as if nothing had been."""
    env, other = (vector(max_episode_steps=4, autoreset_mode="NextStep") for _ in range(2))
    env.reset(seed=1), other.reset(seed=1)
    action = np.zeros((3, 1), np.float32)
    same(env.step(action), other.step(action))
    env.reset(options={"reset_mask": np.array([False, True, False])})
    ended = []
    for _ in range(9):
        observation, reward, _, truncation, info = env.step(action)
        expected = other.step(action)
        for b in (0, 2):
            np.testing.assert_array_equal(observation[b], expected[0][b])
            assert reward[b] == expected[1][b] and truncation[b] == expected[3][b]
        assert all(info[f"_{name}"].all() for name in ("rate_hz", "target_hz"))
        ended.append(truncation.tolist())
    assert [row[1] for row in ended] == [False, False, False, True, False, False, False, False, True]
    assert [row[0] for row in ended] == [False, False, True, False, False, False, False, True, False]


def test_disabled_wants_a_reset_of_what_ended(vector):
    env = vector(max_episode_steps=2, autoreset_mode="Disabled")
    env.reset(seed=1)
    action = np.zeros((3, 1), np.float32)
    env.step(action)
    _, _, _, truncation, _ = env.step(action)
    assert truncation.all()
    with pytest.raises(gym.error.ResetNeeded, match=r"\[0, 1, 2\]"):
        env.step(action)
    env.reset(options={"reset_mask": np.array([True, True, False])})
    with pytest.raises(gym.error.ResetNeeded, match=r"\[2\]"):
        env.step(action)
    observation, info = env.reset(options={"reset_mask": np.array([False, False, True])})
    assert info["_rate_hz"].tolist() == [False, False, True]
    env.step(action)


def test_the_final_observation_is_there_in_same_step(vector):
    env = vector(max_episode_steps=2, autoreset_mode="SameStep")
    env.reset(seed=1)
    action = np.zeros((3, 1), np.float32)
    assert "final_obs" not in env.step(action)[4]
    observation, _, _, truncation, info = env.step(action)
    assert truncation.all() and info["_final_obs"].all()
    assert all((info["final_obs"][b] != observation[b]).any() for b in range(3))
    assert (info["final_info"]["time_ms"] == 400.0).all() and (info["time_ms"] == 0.0).all()


def test_results_do_not_share_memory(vector):
    env = vector()
    first, _ = env.reset(seed=1)
    kept = first.copy()
    second = env.step(np.ones((3, 1), np.float32))[0]
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_envs": 0}, InvalidInput, "num_envs"),
        ({"max_episode_steps": 0}, InvalidInput, "max_episode_steps"),
        ({"autoreset_mode": "Never"}, UnknownName, "NextStep"),
        ({"render_mode": "human"}, InvalidInput, "single"),
        ({"render_mode": "ansi"}, UnknownName, "rgb_array"),
        ({"graph_seed": [1, 2]}, InvalidInput, "^graph_seed .*3 cultures"),
        ({"graph_seed": -1}, InvalidInput, "graph_seed must"),
        ({"graph_seed": [1, 2, 0.5]}, InvalidInput, "graph_seed must"),
        ({"graph_seed": "each"}, UnknownName, "integer.*'per_env'.*'resample'"),
        ({"targets_hz": 8.0}, UnknownName, "target_hz"),
    ],
)
def test_wrong_arguments_are_refused(vector, options, error, message):
    with pytest.raises(error, match=message):
        vector(**options)


def test_wrong_calls_are_refused(vector):
    env = vector()
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros((3, 1), np.float32))
    with pytest.raises(InvalidInput, match="3 environments, got 2"):
        env.reset(seed=[1, 2])
    with pytest.raises(UnknownName, match="reset_mask"):
        env.reset(options={"mask": np.ones(3, bool)})
    for mask in ([True, True, True], np.ones(3), np.zeros(3, bool), np.ones(2, bool)):
        with pytest.raises(InvalidInput, match="reset_mask"):
            env.reset(options={"reset_mask": mask})
    env.reset(seed=0)
    for action in (np.zeros((2, 1)), np.full((3, 1), np.nan), np.full((3, 1), 2.0)):
        with pytest.raises(InvalidInput):
            env.step(action)
    env.close()
    env.close()
    with pytest.raises(ClosedError):
        env.reset()


@pytest.mark.parametrize("graph_seed", [11, [11, 12, 11], "per_env"])
def test_cultures_may_have_graphs_of_their_own(graph_seed):
    """On the native engine: as single environments with the same graph and seed."""
    graphs = {11: [11] * 3, "per_env": [0, 1, 2]}.get(
        graph_seed if isinstance(graph_seed, str | int) else None, graph_seed
    )
    options = {"system": "EI1", "settle_ms": 200.0, "backend": "native"}
    env = CultureVectorEnv(3, graph_seed=graph_seed, **options)
    observation, _ = env.reset(seed=4)
    action = np.full((3, 1), 0.5, np.float32)
    result = env.step(action)
    for b, graph in enumerate(graphs):
        single = CultureEnv(graph_seed=graph, **options)
        np.testing.assert_array_equal(single.reset(seed=4 + b)[0], observation[b])
        own = single.step(action[b])
        np.testing.assert_array_equal(own[0], result[0][b])
        assert own[1] == result[1][b]
        single.close()
    env.close()


@pytest.mark.slow
def test_sixteen_cultures_of_ei2_are_sixteen_single_ones():
    env = gym.make_vec("livn/EI2-v0", num_envs=16, max_episode_steps=3, settle_ms=500.0, backend="native")
    observation, _ = env.reset(seed=20)
    actions = np.random.default_rng(3).uniform(-1, 1, (5, 16, 16)).astype(np.float32)
    results = [env.step(action) for action in actions]
    for b in (0, 7, 15):
        single = gym.make("livn/EI2-v0", settle_ms=500.0, max_episode_steps=3, backend="native")
        np.testing.assert_array_equal(single.reset(seed=20 + b)[0], observation[b])
        for k, (seen, reward, _, truncation, _) in enumerate(results):
            if k == 3:
                np.testing.assert_array_equal(single.reset()[0], seen[b])
                continue
            own = single.step(actions[k, b])
            np.testing.assert_array_equal(own[0], seen[b])
            assert own[1] == reward[b] and own[3] == truncation[b]
        single.close()
    env.close()


def test_a_saved_state_goes_on_with_its_conditions():
    """Delays under way, faults and drift are part of the state."""
    options = {"system": "EI1", "settle_ms": 200.0, "backend": "native"}
    options["conditions"] = [{"name": "latency", "latency_ms": 60.0}, "electrode_faults", "excitability_drift"]
    env, other = CultureVectorEnv(2, **options), CultureVectorEnv(2, **options)
    env.reset(seed=4)
    action = np.full((2, 1), 0.5, np.float32)
    env.step(action)
    other.set_state(env.state())
    for _ in range(3):
        same(env.step(action), other.step(action))
    env.close(), other.close()
