import numpy as np
import pytest
from cultures import system
from tasking import make_task, take

import livn_gym
from livn_gym import config
from livn_gym.env import Env
from livn_gym.envs import tasks
from livn_gym.envs.tasks import Measurement
from livn_gym.envs.tasks.rate_tracking import SHAPES
from livn_gym.errors import InvalidInput, UnknownName

pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def env():
    with Env(system(2), backend="fake", num_cultures=2).init() as env:
        yield env


def test_every_config_has_its_task_and_takes_its_options():
    assert tasks.names() == config.names("tasks")
    for name in tasks.names():
        table = config.load("tasks", name)
        for culture in table["registration"]["systems"]:
            with livn_gym.make(culture, backend="fake", opsin=table["options"].get("opsin")) as env:
                task = make_task(env, name)
                assert type(task) is tasks.find(name)
                task.close()
            assert set(table.get("systems", {})) <= set(table["registration"]["systems"])
            assert set(table.get("systems", {}).get(culture, {})) <= set(table["options"])


def test_unknown_tasks_are_named():
    with pytest.raises(UnknownName, match="rate_tracking"):
        tasks.find("rate_trackin")


def tracking(env, **changed):
    given = {
        "target_hz": [4.0, 14.0],
        "shape": "constant",
        "period_ms": 1000.0,
        "charge_cost": 0.0,
        "step_weight": 0.5,
    } | changed
    return make_task(env, "rate_tracking", **given)


def step(number, rate_hz=8.0, rate_1s_hz=8.0, step_ms=200.0, charge_fraction=0.0):
    none = np.zeros(0)
    return Measurement(None, none, none, rate_hz, rate_1s_hz, none, charge_fraction, number * step_ms)


def followed(task, steps, seed=0):
    """The target of every step of an episode."""
    task.reset(np.random.default_rng(seed))
    found = []
    for number in range(1, steps + 1):
        found.append(task.target_hz)
        take(task, step(number))
    return np.array(found)


def test_targets_are_drawn_uniformly_from_the_range(env):
    task = tracking(env)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(1000):
        task.reset(rng)
        drawn.append(task.target_hz)
    drawn = np.array(drawn)
    assert drawn.min() >= 4.0 and drawn.max() <= 14.0
    # 1,000 uniform draws: mean 9 with a standard error of 0.09, extremes near the bounds (p > 0.9999)
    assert drawn.mean() == pytest.approx(9.0, abs=0.4)
    assert drawn.min() < 4.1 and drawn.max() > 13.9


def test_a_single_target_stays_whatever_the_shape(env):
    for shape in (*SHAPES, "mixed"):
        assert followed(tracking(env, target_hz=7, shape=shape), 20) == pytest.approx(np.full(20, 7.0))


def test_a_step_jumps_every_period_and_a_ramp_is_straight_between(env):
    jumps = followed(tracking(env, shape="step"), 20).reshape(4, 5)
    assert (jumps == jumps[:, :1]).all() and len(set(jumps[:, 0])) == 4
    ramp = followed(tracking(env, shape="ramp"), 20).reshape(4, 5)
    slope = np.diff(ramp, axis=1)
    assert slope == pytest.approx(np.repeat(slope[:, :1], 4, axis=1))
    assert ramp[1:, 0] == pytest.approx(ramp[:-1, -1] + slope[:-1, -1])  # no jump at a corner


def test_a_sine_swings_between_two_targets_in_two_periods(env):
    swing = followed(tracking(env, shape="sine"), 1000)
    assert swing[10:] == pytest.approx(swing[:-10])
    low, high = swing.min(), swing.max()
    assert 4.0 <= low < high <= 14.0
    wave = np.fft.rfft(swing - swing.mean())
    assert np.abs(wave[100]) == pytest.approx(np.abs(wave).sum())  # 1,000 steps are 100 cycles, and nothing else
    # ten points a cycle from a random phase miss the extremes by at most 5 % of the swing
    assert 2 * np.abs(wave[100]) / 500 == pytest.approx(high - low, rel=0.06)


def test_a_mixed_episode_has_one_of_three_shapes(env):
    task = tracking(env, shape="mixed")
    seen = []
    for seed in range(200):
        run = followed(task, 10, seed)
        jumps, bends = np.abs(np.diff(run[:5])).max(), np.abs(np.diff(run[:5], 2)).max()
        seen.append("step" if jumps == 0 else "ramp" if bends < 1e-9 else "sine")
    # expected 67 of each; a binomial's standard deviation is 6.7
    assert min(seen.count(shape) for shape in ("step", "ramp", "sine")) > 67 - 5 * 6.7


def test_both_errors_are_scored_and_charge_costs(env):
    task = tracking(env, target_hz=10.0, charge_cost=0.5)
    task.reset(np.random.default_rng(0))
    reward, terminated = take(task, step(1, rate_hz=12.0, rate_1s_hz=9.0, charge_fraction=0.2))
    assert reward == pytest.approx(-(0.1 + 0.2) / 2 - 0.5 * 0.2)
    assert not terminated
    assert task.info(step(1)) == pytest.approx({"target_hz": 10.0, "error_hz": 1.0, "error_step_hz": 2.0})


def test_the_mean_of_a_second_is_compared_with_the_mean_target_of_its_steps(env):
    task = tracking(env, shape="ramp")
    task.reset(np.random.default_rng(3))
    first = task.target_hz
    targets = []
    for number in range(1, 8):
        targets.append(task.target_hz)
        take(task, step(number, rate_1s_hz=0.0))
        window = ([first] * 5 + targets)[-5:]
        assert task.info(step(number))["error_hz"] == pytest.approx(np.mean(window))


def test_one_burst_a_second_scores_less_than_a_steady_rate_of_the_same_mean(env):
    def total(rates):
        task = tracking(env, target_hz=5.0)
        task.reset(np.random.default_rng(0))
        return sum(take(task, step(k + 1, rate_hz=rate, rate_1s_hz=5.0))[0] for k, rate in enumerate(rates))

    assert total([5.0] * 5) == 0.0
    assert total([21.0, 1.0, 1.0, 1.0, 1.0]) == pytest.approx(-(3.2 + 4 * 0.8) / 2)


@pytest.mark.parametrize("target", [0.0, -3.0, float("nan"), 101.0, [9.0, 4.0], [1.0, 2.0, 3.0], "8"])
def test_impossible_targets_are_refused(env, target):
    with pytest.raises(InvalidInput, match="target_hz"):
        tracking(env, target_hz=target)


@pytest.mark.parametrize(
    ("name", "value"),
    [("charge_cost", -0.1), ("period_ms", 0.0), ("shape", "stp"), ("step_weight", 1.5), ("target", [0.5, 1.5])],
)
def test_a_wrong_option_is_named(env, name, value):
    with pytest.raises(InvalidInput, match=name if name != "shape" else "step"):
        tracking(env, **{name: value})
