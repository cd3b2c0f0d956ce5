"""The Gymnasium environment, on the Poisson fake; test_check_env.py runs it on the simulators."""

import inspect
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import livn_gym
from livn_gym.envs import tasks
from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.provenance import IN_INFO
from livn_gym.errors import ClosedError, InvalidInput, UnknownName
from livn_gym.models import IzhikevichModel

pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def make():
    """``gym.make`` of EI2 that closes what it made."""
    made = []

    def make(name="livn/EI2-v0", **options):
        made.append(gym.make(name, **options))
        return made[-1]

    yield make
    for env in made:
        env.close()


def rollout(env, seed, steps=4):
    """Everything that an episode gives, under actions that depend on the seed alone."""
    rng = np.random.default_rng(0)
    result = [*env.reset(seed=seed)]
    for _ in range(steps):
        result += env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))
    return result


def same(first, second):
    return all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in zip(first, second, strict=True)
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["livn/EI1-v0", "livn/EI2-v0"])
def test_gymnasiums_checker_has_nothing_to_say(make, name):
    check_env(make(name).unwrapped)


def test_spaces(make):
    env = make()
    assert env.action_space == gym.spaces.Box(-1, 1, (16,), np.float32)
    assert env.observation_space.shape == (33,)
    assert env.observation_space.dtype == np.float32
    assert env.observation_space.is_bounded()
    assert env.observation_space.high[-1] == 100.0


def test_observations_stay_in_the_space_and_show_the_target(make):
    env = make()
    observation, info = env.reset(seed=0)
    for _ in range(5):
        assert observation in env.observation_space
        assert observation[-1] == np.float32(info["target_hz"])
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert type(reward) is float and reward <= 0.0
        assert terminated is False and truncated is False


def test_info_holds_plain_floats_and_its_origin_in_new_dictionaries(make):
    env = make()
    _, first = env.reset(seed=0)
    _, _, _, _, second = env.step(env.action_space.sample())
    assert set(first) == set(second)
    rates = {"rate_hz", "rate_1s_hz", "target_hz", "error_hz", "error_step_hz", "rest_hz", "strongest_hz"}
    seen = {"lost_fraction", "blanked_channels", "direct_spikes", "synaptic_spikes"}
    assert set(first) == rates | seen | {"charge_nC", "charge_fraction", "time_ms", *IN_INFO}
    assert all(type(value) is float for info in (first, second) for name, value in info.items() if name not in IN_INFO)
    assert all(first[name] == second[name] == env.unwrapped.provenance[name] for name in IN_INFO)
    assert first is not second
    assert (first["time_ms"], second["time_ms"]) == (0.0, 200.0)


def test_the_highest_action_gives_the_highest_charge(make):
    env = make()
    env.reset(seed=0)
    _, _, _, _, info = env.step(np.ones(16, np.float32))
    # 16 channels, a pulse in 200 ms at 5 Hz, two phases of 0.2 ms at 15 uA
    assert info["charge_nC"] == pytest.approx(16 * 2 * 3.0)
    assert info["charge_fraction"] == pytest.approx(1.0)
    _, _, _, _, info = env.step(-np.ones(16, np.float32))
    assert info["charge_nC"] == 0.0


def test_an_episode_is_its_seed(make):
    assert same(rollout(make(), 7), rollout(make(), 7))
    assert not same(rollout(make(), 7), rollout(make(), 8))


def test_a_reset_with_the_same_seed_repeats_and_one_without_goes_on(make):
    env = make()
    first = rollout(env, 7)
    second = rollout(env, None)
    assert same(first, rollout(env, 7))
    assert same(second, rollout(env, None))
    assert not same(first, second)
    assert first[1]["target_hz"] != second[1]["target_hz"]


def test_environments_live_side_by_side(make):
    alone = rollout(make(), 7)
    one, other = make(), make()
    mixed = [one.reset(seed=7), other.reset(seed=8)]
    rng = np.random.default_rng(0)
    mine = list(mixed[0])
    for _ in range(4):
        action = rng.uniform(-1, 1, 16).astype(np.float32)
        mine += one.step(action)
        other.step(-action)
    assert same(alone, mine)


def test_the_time_limit_truncates(make):
    env = make(max_episode_steps=3)
    env.reset(seed=0)
    ends = [env.step(env.action_space.sample())[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.full(16, 1.01, np.float32), "-1 ... 1"),
        (np.full(16, np.nan, np.float32), "NaN"),
        (np.zeros(15, np.float32), r"\(16,\), got \(15,\)"),
        (np.float32(0.5), r"\(16,\), got \(\)"),
        (None, r"\(16,\), got \(\)"),
    ],
)
def test_bad_actions_are_refused(make, action, message):
    env = make()
    env.reset(seed=0)
    with pytest.raises(InvalidInput, match=message):
        env.step(action)


def test_order_is_enforced_with_and_without_wrappers(make):
    for env in (make(), make().unwrapped):
        with pytest.raises(gym.error.ResetNeeded):
            env.step(np.zeros(16, np.float32))


def test_a_closed_environment_says_so_and_closes_again(make):
    env = make().unwrapped
    env.reset(seed=0)
    env.close()
    env.close()
    for call in (env.reset, env.render, lambda: env.step(np.zeros(16, np.float32))):
        with pytest.raises(ClosedError, match="closed"):
            call()


def test_options_reach_the_task_and_the_loop(make):
    env = make(target_hz=8.0, step_ms=100.0, settle_ms=500.0, charge_cost=0.0, encoding="pulse_amplitude")
    _, info = env.reset(seed=0)
    assert info["target_hz"] == 8.0
    assert env.unwrapped.metadata["render_fps"] == 10.0
    assert CultureEnv.metadata["render_fps"] == 5
    _, reward, _, _, info = env.step(np.ones(16, np.float32))
    assert info["time_ms"] == 100.0
    assert reward == pytest.approx(-abs(info["rate_1s_hz"] - 8.0) / 8.0)


def test_the_simulations_setting_is_an_option(make):
    env = make().unwrapped._loop.env
    assert (env.dt, env.scheme) == (0.05, "second_order")
    env = make(profile="exact").unwrapped._loop.env
    assert (env.dt, env.scheme, env.precision) == (0.025, "backward_euler", "float64")


def test_the_model_is_an_option(make):
    model = IzhikevichModel()
    env = make(model=model)
    assert env.unwrapped._loop.env.model is model
    env.reset(seed=0)
    rate_hz = [env.step(np.ones(16, np.float32))[-1]["rate_hz"] for _ in range(5)]
    assert 2.0 < np.mean(rate_hz) < 60.0


def test_the_time_step_and_names_of_encoding_and_decoding_are_options(make):
    env = make(dt=0.1, encoding="pulse_amplitude", decoding="population_rates")
    assert env.unwrapped._loop.env.dt == 0.1
    observation, _ = env.reset(seed=0)
    assert observation.shape == (2 + 2 + 1,)
    assert env.unwrapped.observation_space.shape == (5,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets_hz": 8.0}, "target_hz"),
        ({"steps_ms": 100.0}, "step_ms"),
        ({"encoding": "pulse_amplitud"}, "pulse_amplitude"),
        ({"decoding": "channel_rate"}, "channel_rates"),
        ({"backend": "neurone"}, "neuron"),
        ({"profile": "fats"}, "fast"),
        ({"task": "rate_trackin"}, "rate_tracking"),
        ({"system": "EI22"}, "EI2"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(options, message):
    with pytest.raises(UnknownName, match=f"Did you mean '{message}'"):
        CultureEnv(**options)


def test_unknown_render_modes_and_reset_options_are_refused(make):
    with pytest.raises(UnknownName, match="rgb_array"):
        CultureEnv(render_mode="rgb")
    with pytest.raises(UnknownName, match="option of reset"):
        make().reset(options={"target_hz": 8.0})


def test_options_that_are_out_of_range_leave_no_culture_behind(monkeypatch):
    made, closed = [], []
    init, close = livn_gym.env.Env.init, livn_gym.env.Env.close
    monkeypatch.setattr(livn_gym.env.Env, "init", lambda self: (made.append(self), init(self))[1])
    monkeypatch.setattr(livn_gym.env.Env, "close", lambda self: (closed.append(self), close(self))[1])
    for options in ({"step_ms": 300.0}, {"settle_ms": -1.0}):
        with pytest.raises(InvalidInput):
            CultureEnv("EI1", **options)
    assert len(made) == 2 and closed == made
    with pytest.raises(InvalidInput):
        CultureEnv("EI1", target_hz=-1.0)
    assert len(made) == 2  # wrong options of a task are refused before a culture is built


def test_the_spec_of_a_made_environment_pickles_and_makes_its_equal(make):
    env = make(target_hz=8.0)
    spec = pickle.loads(pickle.dumps(env.spec))
    assert spec == env.spec
    assert type(env.spec).from_json(env.spec.to_json()) == env.spec
    assert same(rollout(env, 3), rollout(make(spec), 3))


def test_the_docstring_names_every_task():
    text = inspect.getdoc(CultureEnv)
    assert all(f"`{tasks.find(name).__name__}`" in text for name in tasks.names())
