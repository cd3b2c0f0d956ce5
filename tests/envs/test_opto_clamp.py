"""The optoclamp, on steps made by hand and on the culture itself."""

import gymnasium as gym
import numpy as np
import pytest
from tasking import make_task, take

import livn_gym
from livn_gym.agents import ProportionalIntegral, Silent
from livn_gym.agents.episodes import make_envs, run_episodes
from livn_gym.envs.tasks import Measurement
from livn_gym.errors import InvalidInput

ID = "livn_gym:livn/EI2-OptoClamp-v0"


@pytest.fixture
def create(fake):
    with livn_gym.make("EI2", backend="fake", opsin="williams_2013") as env:

        def one(seed=0, **options):
            task = make_task(env, "opto_clamp", **options)
            task.reset(np.random.default_rng(seed))
            return task

        yield one


def step(number, rate_1s_hz, dose_fraction=0.0):
    none = np.zeros(0)
    time_ms = 200.0 * number
    return Measurement(
        None, none, none, rate_1s_hz, rate_1s_hz, none, 0.0, time_ms, dose_mJ_mm2=none, dose_fraction=dose_fraction
    )


def test_the_reward_is_the_relative_error_of_a_second_and_the_dose(create):
    task = create(target_hz=8.0, dose_cost=0.1)
    assert task.observe(None).tolist() == [8.0]
    reward, ended = take(task, step(1, 10.0, dose_fraction=0.5))
    assert (reward, ended) == (pytest.approx(-0.25 - 0.05), False)
    assert task.info(None) == {"target_hz": 8.0, "error_hz": 2.0, "error": 0.25}
    reward, _ = take(task, step(2, 8.0))
    assert reward == 0.0


def test_targets_are_drawn_from_the_range_and_hold_for_a_period(create):
    task = create(target_hz=[4.0, 15.0], period_ms=1000.0)
    targets = []
    for number in range(1, 21):
        targets.append(task.target_hz)
        take(task, step(number, 5.0))
    levels = np.reshape(targets, (4, 5))
    assert (levels == levels[:, :1]).all() and len(np.unique(levels)) == 4
    assert levels.min() >= 4.0 and levels.max() <= 15.0
    again = create(target_hz=[4.0, 15.0], period_ms=1000.0)
    assert again.target_hz == targets[0]


def test_a_step_in_target_counts_by_the_mean_of_the_second(create):
    task = create(target_hz=[4.0, 15.0], period_ms=1000.0)
    first = task.target_hz
    for number in range(1, 6):
        take(task, step(number, first))
    second = task.target_hz
    mean = (4 * first + second) / 5
    reward, _ = take(task, step(6, mean))
    assert reward == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"target_hz": 0.0}, "target_hz"), ({"period_ms": 0.0}, "period_ms"), ({"dose_cost": -1.0}, "dose_cost")],
)
def test_wrong_options_are_refused(create, options, message):
    with pytest.raises(InvalidInput, match=message):
        create(**options)


def test_light_has_a_dose_and_no_charge_and_blanks_nothing():
    with gym.make(ID, settle_ms=200.0) as env:
        env.reset(seed=0)
        strongest = env.step(np.ones(1, np.float32))[4]
        half = env.step(np.zeros(1, np.float32))[4]
        dark = env.step(-np.ones(1, np.float32))[4]
    assert [info["dose_fraction"] for info in (strongest, half, dark)] == [1.0, 0.5, 0.0]
    assert strongest["dose_mJ_mm2"] == pytest.approx(0.05 * 200.0 * 1e-3)
    assert strongest["charge_nC"] == strongest["charge_fraction"] == strongest["lost_fraction"] == 0.0


def test_spots_and_electrodes_can_be_used_together():
    encoding = {"name": "electrodes_and_light", "electrodes": {"rate_hz": 5.0}, "light": {"rate_hz": 5.0}}
    with gym.make(ID, light={"shape": [2, 2]}, encoding=encoding, settle_ms=200.0) as env:
        assert env.action_space.shape == (16 + 4,)
        env.reset(seed=0)
        info = env.step(env.action_space.high)[4]
    assert info["charge_fraction"] == info["dose_fraction"] == 1.0
    assert info["lost_fraction"] > 0.0


def test_an_encoding_without_lights_is_refused_at_the_door():
    with pytest.raises(InvalidInput, match="opsin="):
        gym.make("livn_gym:livn/EI2-v0", encoding="light_pulses")


def test_a_controller_holds_the_rate_better_than_silence():
    agents = [agent for _ in range(4) for agent in (Silent(), ProportionalIntegral(0.012, 0.3))]
    envs = make_envs(ID, len(agents), target_hz=12.0, max_episode_steps=60)
    try:
        episodes = run_episodes(envs, agents, [5, 5, 6, 6, 7, 7, 8, 8])
    finally:
        envs.close()
    silent, controlled = (np.mean([e.mean("rate_hz") for e in episodes[k::2]]) for k in range(2))
    assert silent < 6.0 < controlled
    assert np.mean([e.mean("error") for e in episodes[1::2]]) < np.mean([e.mean("error") for e in episodes[::2]])
