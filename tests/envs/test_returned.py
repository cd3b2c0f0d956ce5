"""What a user's task, encoding, decoding, condition, interface or backend returns is checked before anybody uses it."""

from contextlib import closing
from dataclasses import make_dataclass

import gymnasium as gym
import numpy as np
import pytest
from fakes import PoissonBackend
from gymnasium import spaces

from livn_gym.decoding import ChannelRates, Decoding
from livn_gym.encoding import Encoding, PulseAmplitude
from livn_gym.envs.conditions import Condition
from livn_gym.envs.tasks import Task
from livn_gym.envs.tasks.rate_tracking import RateTracking
from livn_gym.errors import BackendError, InvalidInput, UnknownOption
from livn_gym.io import MEA
from livn_gym.stimulus import Stimulus

pytestmark = pytest.mark.usefixtures("fake")

SHORT = {"system": "EI1", "settle_ms": 200.0, "step_ms": 100.0}


class Still(RateTracking):
    """A task of one's own, of which tests replace single members."""


class Louder(PulseAmplitude):
    pass


class Rates(ChannelRates):
    pass


def like(base, **members):
    return type("Changed", (base,), members)


def play(num_envs=None, steps=1, **options):
    given = SHORT | options
    single = num_envs is None
    env = gym.make("livn/Culture-v0", **given) if single else gym.make_vec("livn/Culture-v0", num_envs, **given)
    with closing(env):
        found = [env.reset(seed=0)]
        for _ in range(steps):
            found.append(env.step(env.action_space.high))
    return found


OF_TASKS = {
    "reward": [np.nan, np.inf, None, "1", 1j, np.zeros(2), np.array([1.0])],
    "terminated": [None, 0, 1.0, np.nan, "no", np.array([True])],
    "truncated": [None, "yes"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in OF_TASKS.items() for value in values])
def test_rewards_and_ends_of_a_task(name, value):
    with pytest.raises(InvalidInput, match=rf"Changed\.{name} must be"):
        play(task=like(Still, **{name: property(lambda self: value)}))


@pytest.mark.parametrize(
    "value", [None, "ab", 1.0, np.zeros(5), np.zeros((1, 1)), [np.nan], [None], [[1.0], [2.0, 3.0]]]
)
def test_observations_of_a_task(value):
    with pytest.raises(InvalidInput, match=r"Changed\.observe must be"):
        play(task=like(Still, observe=lambda self, measurement: value))


@pytest.mark.parametrize(
    "value", [None, [1.0], {"a": "b"}, {"a": np.zeros(3)}, {3: 1.0}, {"a": None}, {"rate_hz": 1.0}, {"time_ms": 0.0}]
)
def test_info_of_a_task(value):
    with pytest.raises(InvalidInput, match=r"Changed\.info"):
        play(task=like(Still, info=lambda self, measurement: value))


@pytest.mark.parametrize("value", [None, "x", np.zeros(7), np.array([np.nan]), np.zeros((1, 1))])
@pytest.mark.parametrize("num_envs", [None, 2])
def test_commands_of_a_task(value, num_envs):
    with pytest.raises(InvalidInput, match=r"Changed\.to_command must be"):
        play(num_envs, task=like(Still, to_command=lambda self, action: value))


def test_numbers_of_numpy_are_numbers():
    members = {
        "reward": property(lambda self: np.float32(0.5)),
        "terminated": property(lambda self: np.bool_(False)),
        "info": lambda self, measurement: {"a": np.int64(1), "b": np.array(2.0), "c": float("nan")},
    }
    _, (_, reward, terminated, _, info) = play(task=like(Still, **members))
    assert (reward, terminated, info["a"], float(info["b"])) == (0.5, False, 1, 2.0)


def test_a_step_whose_reward_is_refused_is_not_continued():
    with gym.make("livn/Culture-v0", **SHORT, task=like(Still, reward=property(lambda self: None))) as env:
        env.reset(seed=0)
        with pytest.raises(InvalidInput):
            env.step(env.action_space.high)
        with pytest.raises(gym.error.ResetNeeded):
            env.step(env.action_space.high)


@pytest.mark.parametrize(
    ("base", "name"),
    [
        *((Task, name) for name in ("action_space", "observation_space", "reward", "terminated", "truncated")),
        (MEA, "num_channels"),
        (Condition, "idle"),
    ],
)
def test_a_method_in_place_of_a_property_is_refused_where_the_class_is_written(base, name):
    with pytest.raises(InvalidInput, match=rf"Changed\.{name} must be a property"):
        like(base, **{name: lambda self: True})


@pytest.mark.parametrize(
    ("base", "name"),
    [(Task, "info"), (Encoding, "action_space"), (Decoding, "observation_space"), (Condition, "factors")],
)
def test_a_property_in_place_of_a_method_too(base, name):
    with pytest.raises(InvalidInput, match=rf"Changed\.{name} must be a method"):
        like(base, **{name: property(lambda self: None)})


def test_a_constructor_that_leaves_out_its_base_class():
    for options, argument in (
        ({"task": like(Still, __init__=lambda self, setup: None)}, "setup"),
        ({"conditions": like(Condition, __init__=lambda self, env: None)}, "env"),
        ({"decoding": like(Rates, __init__=lambda self, duration: None)}, "duration"),
    ):
        with pytest.raises(InvalidInput, match=rf"must call super\(\).__init__\({argument}\)"):
            play(**options)
    with pytest.raises(InvalidInput, match="too many positional"):
        play(task=like(Still, __init__=lambda self: None))


def test_options_and_defaults_of_a_task_that_are_the_loops():
    for name in ("step_ms", "system", "render_mode", "env"):
        own = make_dataclass("Options", [(name, float, 1.0)], bases=(Task.Options,), frozen=True)
        with pytest.raises(InvalidInput, match=name):
            play(task=like(Still, Options=own))
    with pytest.raises(UnknownOption, match="loop_defaults.*'stepms'.*step_ms"):
        play(task=like(Still, loop_defaults={"stepms": 50.0}))
    with pytest.raises(InvalidInput, match="loop_defaults must be a mapping"):
        play(task=like(Still, loop_defaults=5))


@pytest.mark.parametrize(
    "decode",
    [
        lambda count: None,
        lambda count: 1.0,
        lambda count: np.zeros((count + 1, 1)),
        lambda count: np.zeros((count, 2)),
        lambda count: np.zeros(count),
        lambda count: np.zeros((count, 1, 1)),
        lambda count: np.full((count, 1), np.nan),
        lambda count: np.zeros((count, 1), complex),
        lambda count: [["a"]] * count,
        lambda count: {"a": np.zeros(count)},
    ],
)
@pytest.mark.parametrize("num_envs", [None, 2])
def test_what_a_decoding_returns(decode, num_envs):
    changed = like(Rates, decode=lambda self, view, recording: decode(recording.num_cultures))
    with pytest.raises(InvalidInput, match=r"Changed\.decode must be"):
        play(num_envs, decoding=changed)


@pytest.mark.parametrize(
    "encode",
    [
        lambda duration: np.zeros((10, 1)),
        lambda duration: 5,
        lambda duration: Stimulus.pulse_train(np.ones(7), duration_ms=duration),
        lambda duration: Stimulus.pulse_train(np.ones((5, 1)), duration_ms=duration),
        lambda duration: Stimulus(np.ones((10, 10)), dt=1.0),
    ],
)
@pytest.mark.parametrize("num_envs", [None, 2])
def test_what_an_encoding_returns(encode, num_envs):
    changed = like(Louder, __call__=lambda self, view, duration_ms, inputs: encode(duration_ms))
    with pytest.raises(InvalidInput, match="stimulus|bare array"):
        play(num_envs, encoding=changed)


def test_one_stimulus_for_all_cultures_counts_for_each():
    def encode(self, view, duration_ms, inputs):
        return Stimulus.pulse_train(np.full(1, 5.0), duration_ms=duration_ms, rate_hz=20.0, phase_ms=0.2)

    *_, infos = play(2, encoding=like(Louder, __call__=encode))[1]
    assert infos["charge_nC"].tolist() == pytest.approx([2 * 2 * 5.0 * 0.2] * 2)  # two pulses of two phases in 100 ms


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"factors": lambda self, run: None}, "factors must return a mapping"),
        ({"factors": lambda self, run: {"noise-g_e0": np.nan}}, "factors.*finite"),
        ({"factors": lambda self, run: {"noise-g_e0": "2"}}, "factors.*numbers"),
        ({"factors": lambda self, run: {"noise-g_e0": np.ones(7)}}, "factors.*one number or 1"),
        ({"info": lambda self, culture: None}, "info must return a mapping"),
        ({"info": lambda self, culture: {"a": "x"}}, "one number per name"),
        ({"info": lambda self, culture: {"rate_hz": 1.0}}, "'rate_hz'"),
    ],
)
def test_what_a_condition_returns(members, message):
    with pytest.raises(InvalidInput, match=message):
        play(conditions=like(Condition, **members))


class Array(MEA):
    """An interface that is bound to every system as it is."""

    def bind(self, system):
        return self


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"num_channels": property(lambda self: 1.5)}, "num_channels must be an integer"),
        ({"num_channels": property(lambda self: -1)}, "num_channels must be an integer"),
        ({"channel_names": property(lambda self: ("a", "b"))}, "channel_names"),
        ({"coordinates_um": property(lambda self: np.zeros((2, 2)))}, "coordinates_um"),
        ({"channel_cells": lambda self, geometry: None}, "channel_cells must be a mask"),
        ({"channel_cells": lambda self, geometry: np.ones((5, 5), bool)}, "channel_cells must be a mask"),
        ({"channel_cells": lambda self, geometry: np.ones((1, 10))}, "channel_cells must be a mask"),
        ({"cell_stimulus": lambda self, geometry, stimulus: None}, "cell_stimulus must be a Stimulus"),
    ],
)
def test_what_an_interface_returns(members, message):
    with pytest.raises(InvalidInput, match=message):
        play(io=like(Array, **members)([[0.0, 0.0, 0.0]], output_radius=1000.0, input_radius=1000.0))


def test_what_a_backend_returns():
    def run(change):
        return lambda self, *arguments: change(PoissonBackend.run(self, *arguments))

    for change in (
        lambda recording: None,
        lambda recording: recording.culture(0),
        lambda recording: recording.slice(0.0, recording.duration_ms / 2),
    ):
        with pytest.raises(BackendError, match=r"Changed\.run must return a Recording"):
            play(2, backend=like(PoissonBackend, run=run(change)))
    with pytest.raises(InvalidInput, match="capabilities"):
        play(backend=like(PoissonBackend, capabilities=None))


def test_a_box_with_another_number_of_entries_is_the_tasks_own():
    wide = like(
        Still,
        observation_space=property(lambda self: spaces.Box(0.0, 1.0, (3,), np.float32)),
        observe=lambda self, measurement: [0.0, 0.5, 1.0],
    )
    (observation, _), _ = play(task=wide)
    assert observation[-3:].tolist() == [0.0, 0.5, 1.0]
