"""Two patterns and a fixed decoder, mostly on the Poisson fake."""

import gymnasium as gym
import numpy as np
import pytest
from tasking import make_task, take

import livn_gym
from livn_gym.envs.tasks import Measurement
from livn_gym.envs.tasks.discrimination import checkerboard
from livn_gym.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def task():
    with livn_gym.make("EI3", backend="fake") as env:
        yield make_task(env, "discrimination")


def measured(rates_hz, charge_fraction=0.0):
    rates = np.asarray(rates_hz, dtype=np.float64)
    return Measurement(None, rates, rates, 0.0, 0.0, np.zeros(64), charge_fraction, 0.0)


def test_patterns_are_the_colours_of_a_checkerboard(task):
    board = task.pattern.reshape(8, 8)
    assert (board[:, 1:] == -board[:, :-1]).all() and (board[1:] == -board[:-1]).all()
    # whatever the order of the electrodes
    places = np.array([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 100.0, 0.0], [100.0, 100.0, 0.0]])
    assert checkerboard(places).tolist() == [1, -1, 1, -1]


def test_weights_are_signs_of_halves_and_sum_to_0_within_each_pattern(task):
    np.testing.assert_array_equal(task.weights, np.where(task.setup.electrodes_um("")[:, 0] < 500.0, 1.0, -1.0))
    assert all(task.weights[task.pattern == colour].sum() == 0 for colour in (-1, 1))


def test_only_the_cued_pattern_stimulates(task):
    action = np.linspace(-0.9, 0.9, 64)
    for cue in (-1, 1):
        task.cue = cue
        command = task.to_command(action)
        np.testing.assert_array_equal(command[task.pattern == cue], action[task.pattern == cue])
        assert (command[task.pattern != cue] == -1.0).all()


def test_the_reward_is_the_log_probability_of_the_cue(task):
    task.reset(np.random.default_rng(0))
    for scale, expected in ((1.0, 1.0), (-3.0, -3.0), (1e6, 20.0)):
        cue = task.cue
        # every channel's rate is its weight: the decoder gives 64 Hz
        rates = cue * scale * task.options.scale_hz / 64 * task.weights
        reward, ended = take(task, measured(rates, 0.5))
        assert reward == pytest.approx(-np.log1p(np.exp(-expected)) - 0.5 * task.options.charge_cost)
        assert not ended
        info = task.info(measured(rates))
        assert info["cue"] == cue and info["margin"] == pytest.approx(expected)
    assert info["accuracy"] == pytest.approx(2 / 3)


def test_what_all_channels_share_cancels(task):
    task.reset(np.random.default_rng(0))
    assert take(task, measured(np.full(64, 77.0)))[0] == pytest.approx(-np.log(2.0))


def test_cues_are_even_and_shown_before_their_trial():
    with gym.make("livn/EI3-Discrimination-v0", settle_ms=500.0) as env:
        observation, info = env.reset(seed=3)
        assert info["cue"] == 0.0 and info["accuracy"] == 0.0
        cues = []
        for _ in range(60):
            cue = observation[-1]
            observation, _, _, _, info = env.step(np.zeros(64, np.float32))
            assert info["cue"] == cue
            stimulated = env.unwrapped.measurement.charge_nC > 0
            assert (stimulated == (env.unwrapped._loop.tasks[0].pattern == cue)).all()
            cues.append(cue)
    # 60 fair draws: 30 +- 3.9
    assert 14 < np.sum(np.array(cues) > 0) < 46


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1.0, -1.0]}, "64 channels"),
        ({"weights": [float("nan")] * 64}, "weights"),
        ({"scale_hz": 0.0}, "scale_hz"),
        ({"charge_cost": -1.0}, "charge_cost"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with livn_gym.make("EI3", backend="fake") as env, pytest.raises(InvalidInput, match=message):
        make_task(env, "discrimination", **options)


def test_another_decoding_must_have_a_feature_a_channel():
    with pytest.raises(InvalidInput, match="one feature per channel"):
        gym.make("livn/EI3-Discrimination-v0", decoding="population_rates")
