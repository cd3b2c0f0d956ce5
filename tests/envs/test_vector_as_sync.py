"""Everything of Gymnasium's ``VectorEnv`` in ours, with ``SyncVectorEnv`` over single environments as the oracle."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers import vector as wrappers

from livn_gym.envs.registration import register_all
from livn_gym.envs.sub_environments import NAMES
from livn_gym.errors import ClosedEnvironment, InvalidInput, UnknownAttribute, UnknownName

pytestmark = pytest.mark.usefixtures("fake")

EI1 = "livn/EI1-v0"
SMALLEST = sorted({name.split("-")[1]: name for name in sorted(register_all(), reverse=True)}.values())
"""One id per task, on its smallest system."""


@pytest.fixture
def both():
    """Makes ours and the oracle of an id, closes them at the end."""
    made = []

    def both(env_id=EI1, num_envs=3, mode=AutoresetMode.NEXT_STEP, **options):
        options = {"settle_ms": 200.0, "max_episode_steps": 3, **options}
        ours = gym.make_vec(env_id, num_envs, autoreset_mode=mode, **options)
        oracle = gym.make_vec(env_id, num_envs, "sync", vector_kwargs={"autoreset_mode": mode}, **options)
        made.extend((ours, oracle))
        return ours, oracle

    yield both
    for env in made:
        env.close()


def same(first, second, path=""):
    """Equal bit for bit, in type, dtype and shape."""
    assert type(first) is type(second), path
    if isinstance(first, dict):
        assert first.keys() == second.keys(), path
        for key in first:
            same(first[key], second[key], f"{path}[{key!r}]")
    elif isinstance(first, tuple | list):
        assert len(first) == len(second), path
        for k, (a, b) in enumerate(zip(first, second, strict=True)):
            same(a, b, f"{path}[{k}]")
    elif isinstance(first, np.ndarray) and first.dtype == object:
        same(list(first), list(second), path)
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype, path
        np.testing.assert_array_equal(first, second, err_msg=path)
    elif isinstance(first, np.random.Generator):
        same(first.bit_generator.state, second.bit_generator.state, path)
    else:
        assert first == second, path


def play(ours, oracle, steps=8, seed=4):
    """The same reset and steps in both."""
    same(ours.reset(seed=seed), oracle.reset(seed=seed))
    space = oracle.action_space
    space.seed(0)
    for k in range(steps):
        action = space.sample()
        same(ours.step(action), oracle.step(action), f"step {k}")


def test_the_comparison_knows_every_public_name_of_a_vector_environment():
    """A name that Gymnasium adds must be looked at here."""
    covered = {"action_space", "close", "close_extras", "closed", "metadata", "np_random", "np_random_seed"}
    covered |= {"num_envs", "observation_space", "render", "render_mode", "reset", "single_action_space"}
    covered |= {"single_observation_space", "spec", "step", "unwrapped"}
    public = {name for name in (*dir(VectorEnv), *VectorEnv.__annotations__) if not name.startswith("_")}
    assert public <= covered


@pytest.mark.parametrize("num_envs", [1, 3])
def test_attributes(both, num_envs):
    ours, oracle = both(num_envs=num_envs)
    for name in ("action_space", "observation_space", "single_action_space", "single_observation_space"):
        same(getattr(ours, name), getattr(oracle, name), name)
    for name in ("num_envs", "closed", "render_mode"):
        same(getattr(ours, name), getattr(oracle, name), name)
    same(ours.metadata["autoreset_mode"], oracle.metadata["autoreset_mode"])
    assert ours.metadata["render_fps"] == oracle.metadata["render_fps"]
    assert ours.unwrapped is ours
    assert str(ours) == str(oracle).replace("SyncVectorEnv", "CultureVectorEnv")
    assert (ours.spec.id, ours.spec.max_episode_steps) == (oracle.spec.id, oracle.spec.max_episode_steps)
    assert ours.spec.kwargs["vectorization_mode"] == "vector_entry_point"
    assert type(ours).metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP  # an instance's mode is its own


def test_generators_and_their_seeds(both):
    ours, oracle = both()
    for env in (ours, oracle):  # before a reset: one each, started somewhere, and kept
        seeds = env.np_random_seed
        assert len(set(seeds)) == 3 and env.np_random_seed == seeds
        assert [generator is again for generator, again in zip(env.np_random, env.np_random, strict=True)] == [True] * 3
    for seed in (5, [7, None, 9], None, [None, 3, None]):
        if seed == [7, None, 9]:
            expected = (7, 6, 9)
        elif seed == 5:
            expected = (5, 6, 7)
        else:
            expected = (7, 6, 9) if seed is None else (7, 3, 9)
        ours.reset(seed=seed), oracle.reset(seed=seed)
        assert ours.np_random_seed == expected
        same(ours.np_random_seed, oracle.np_random_seed)
        same(ours.np_random, oracle.np_random)
    action = oracle.action_space.sample()
    ours.step(action), oracle.step(action)
    same(ours.np_random, oracle.np_random)


def test_what_was_drawn_before_the_first_reset_is_what_it_draws_from(both):
    ours, _ = both()
    generators = ours.np_random
    states = [generator.bit_generator.state for generator in generators]
    ours.reset()
    assert all(a is b for a, b in zip(ours.np_random, generators, strict=True))
    assert all(g.bit_generator.state != before for g, before in zip(generators, states, strict=True))


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("env_id", SMALLEST)
def test_episodes_of_every_task(both, env_id, mode):
    play(*both(env_id, 2, mode), steps=5)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_reset_of_some(both, mode):
    ours, oracle = both(mode=mode)
    same(ours.reset(seed=1), oracle.reset(seed=1))
    action = np.zeros((3, 1), np.float32)
    for k, mask in enumerate(([True, False, True], [False, True, False], [True, True, True])):
        same(ours.step(action), oracle.step(action))
        for seed in (None, 5, [None, 3, 4]):
            options = {"reset_mask": np.array(mask)}
            same(ours.reset(seed=seed, options=options), oracle.reset(seed=seed, options=dict(options)), f"{k} {seed}")
            assert "reset_mask" in options
            same(ours.np_random_seed, oracle.np_random_seed)
    same(ours.step(action), oracle.step(action))


NEXT, SAME = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP

ANY_MODE = [
    wrappers.RecordEpisodeStatistics,
    wrappers.DictInfoToList,
    wrappers.NormalizeReward,
    wrappers.ClipAction,
    lambda env: wrappers.RescaleAction(env, np.float32(0.1), np.float32(0.9)),
    lambda env: wrappers.ClipReward(env, -0.5, 0.5),
    lambda env: wrappers.TransformReward(env, lambda x: 2 * x),
    lambda env: wrappers.DictInfoToList(wrappers.RecordEpisodeStatistics(env)),
]
OF_OBSERVATIONS = [
    wrappers.FlattenObservation,
    wrappers.NormalizeObservation,
    lambda env: wrappers.RescaleObservation(env, np.float32(-1.0), np.float32(1.0)),
    lambda env: wrappers.DtypeObservation(env, np.float64),
    lambda env: wrappers.ReshapeObservation(env, (3, 1)),
    lambda env: wrappers.TransformObservation(env, lambda x: 2 * x, env.observation_space),
]
"""These refuse SAME_STEP themselves."""


@pytest.mark.parametrize(
    ("mode", "wrap"), [(m, w) for m in (NEXT, SAME) for w in ANY_MODE] + [(NEXT, w) for w in OF_OBSERVATIONS]
)
def test_gymnasiums_vector_wrappers(both, wrap, mode):
    ours, oracle = (wrap(env) for env in both(mode=mode))

    def timeless(result):
        if isinstance(result, dict):
            return {key: timeless(value) for key, value in result.items() if key not in ("t", "_t")}
        return type(result)(map(timeless, result)) if isinstance(result, tuple | list) else result

    same(timeless(ours.reset(seed=2)), timeless(oracle.reset(seed=2)))
    assert ours.np_random_seed == oracle.np_random_seed == (2, 3, 4)
    oracle.action_space.seed(0)
    for _ in range(7):
        action = np.clip(oracle.action_space.sample(), -1, 1).astype(np.float32)
        same(timeless(ours.step(action)), timeless(oracle.step(action)))


def test_attributes_of_every_environment(both):
    ours, oracle = both()
    ours.reset(seed=1), oracle.reset(seed=1)
    for name in NAMES:
        if name in ("measurement", "last_second"):
            mine, expected = ours.get_attr(name), oracle.get_attr(name)
            if name == "measurement":
                mine, expected = [[x] for x in mine], [[x] for x in expected]
            for a, b in zip(mine, expected, strict=True):
                assert [m.rate_hz for m in a] == [m.rate_hz for m in b]
                assert [m.time_ms for m in a] == [m.time_ms for m in b]
        elif name != "metadata":
            same(ours.get_attr(name), oracle.get_attr(name), name)
            same(ours.call(name), oracle.call(name), name)
    for refused in (lambda: ours.call("step", 0), lambda: ours.get_attr("foo"), lambda: ours.set_attr("step_ms", 3)):
        with pytest.raises(UnknownAttribute) as caught:
            refused()
        assert isinstance(caught.value, AttributeError)
    with pytest.raises(UnknownAttribute, match="'render_mode' cannot be set.*simulated together.*'sync'"):
        ours.set_attr("render_mode", "rgb_array")


def test_measurements_need_a_reset(both):
    ours, _ = both()
    with pytest.raises(gym.error.ResetNeeded):
        ours.get_attr("measurement")


def test_a_closed_vector_refuses_as_gymnasiums_do(both):
    ours, _ = both()
    ours.reset(seed=0)
    ours.close()
    ours.close(timeout=1)
    assert ours.closed
    for call in (ours.reset, ours.render, ours.state, lambda: ours.step(np.zeros((3, 1), np.float32))):
        with pytest.raises(gym.error.ClosedEnvironmentError) as caught:
            call()
        assert isinstance(caught.value, ClosedEnvironment)


@pytest.mark.parametrize("options", [3, "reset_mask", ["reset_mask"], {"mask": 1}, {3: 4}])
def test_other_options_of_reset_are_refused_by_both_kinds(both, options):
    ours, _ = both()
    single = gym.make(EI1, settle_ms=200.0)
    for env in (ours, single):
        with pytest.raises(InvalidInput):
            env.reset(options=options)
        for none in (None, {}):
            env.reset(seed=0, options=none)
    with pytest.raises(UnknownName):
        single.reset(options={"reset_mask": np.ones(1, bool)})
    single.close()


def test_seeds_and_masks_of_numpy(both):
    ours, _ = both(num_envs=2)
    np.testing.assert_array_equal(ours.reset(seed=np.array([3, 4]))[0], ours.reset(seed=3)[0])
    with pytest.raises(InvalidInput, match="seed"):
        ours.reset(seed=np.array(3))
    masked = np.ma.masked_array([True, True], mask=[False, True])
    with pytest.raises(InvalidInput, match="reset_mask"):
        ours.reset(options={"reset_mask": masked})


@pytest.mark.parametrize("mode", [NEXT, pytest.param(SAME, marks=pytest.mark.slow)])
def test_pictures_of_every_environment(both, mode):
    ours, oracle = both(num_envs=2, mode=mode, render_mode="rgb_array")
    with pytest.raises(gym.error.ResetNeeded):
        ours.render()
    ours.reset(seed=1), oracle.reset(seed=1)
    same(ours.render(), oracle.render())
    action = np.array([[0.2], [1.0]], np.float32)
    for _ in range(4):
        ours.step(action), oracle.step(action)
    same(ours.render(), oracle.render())


@pytest.mark.slow
def test_pictures_of_graphs_that_change(both):
    ours, oracle = both(num_envs=2, render_mode="rgb_array", graph_seed="resample")
    for _ in range(2):
        ours.reset(seed=1), oracle.reset(seed=1)
        same(ours.render(), oracle.render())


def test_without_a_render_mode_there_are_no_pictures(both, caplog):
    ours, _ = both()
    ours.reset(seed=0)
    with pytest.warns(UserWarning, match="rgb_array"):
        assert ours.render() == (None, None, None)
