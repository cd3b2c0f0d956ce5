import numpy as np
import pytest
from cultures import system

import livn_gym
from livn_gym import config
from livn_gym.env import Env
from livn_gym.envs import tasks
from livn_gym.envs.tasks.rate_tracking import RateTracking
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
            options = tasks.defaults(name, culture)
            assert options.pop("step_ms") > 0 and options.pop("settle_ms") >= 0
            assert options.pop("encoding") and options.pop("decoding")
            options.pop("variant", None)
            with livn_gym.make(culture, backend="fake") as env:
                task = tasks.create(name, env, **options)
                assert isinstance(task, tasks.Task)
                task.close()
            assert set(table.get("systems", {})) <= set(table["registration"]["systems"])
            assert set(table.get("systems", {}).get(culture, {})) <= set(table["options"])


def test_unknown_tasks_are_named():
    with pytest.raises(UnknownName, match="rate_tracking"):
        tasks.defaults("rate_trackin", "EI2")


def test_targets_are_drawn_uniformly_from_the_range(env):
    task = RateTracking(env, target_hz=[4.0, 14.0], charge_cost=0.0)
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


def test_a_single_target_stays(env):
    task = RateTracking(env, target_hz=7, charge_cost=0.0)
    task.reset(np.random.default_rng(0))
    assert task.target_hz == 7.0


@pytest.mark.parametrize("target", [0.0, -3.0, float("nan"), 101.0, [9.0, 4.0], [1.0, 2.0, 3.0], "8", None])
def test_impossible_targets_are_refused(env, target):
    with pytest.raises(InvalidInput, match="target_hz"):
        RateTracking(env, target_hz=target, charge_cost=0.0)


def test_a_negative_cost_is_refused(env):
    with pytest.raises(InvalidInput, match="charge_cost"):
        RateTracking(env, target_hz=8.0, charge_cost=-0.1)
