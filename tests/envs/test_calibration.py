"""Calibration before a culture's first episode: its result is the same everywhere, and episodes do not notice it."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from tasking import make_task

from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.tasks.rate_tracking import MIN_TARGET_HZ

SHORT = {"settle_ms": 200.0, "backend": "native"}
RANGE = ("rest_hz", "strongest_hz")


def measured(info):
    return tuple(info[name] for name in RANGE)


def test_single_and_vector_environments_measure_the_same_range_whatever_seed_and_condition():
    found = set()
    for seed, options in ((1, {}), (2, {"conditions": "synapses_cut"}), (3, {"randomize": {"weight-*": [0.5, 0.5]}})):
        env = gym.make("livn/EI1-v0", **SHORT, **options)
        found.add(measured(env.reset(seed=seed)[1]))
        assert measured(env.step(env.action_space.sample())[4]) in found
        env.close()
    envs = gym.make_vec("livn/EI1-v0", num_envs=3, **SHORT)
    _, info = envs.reset(seed=5, options={"reset_mask": np.array([False, True, False])})
    for mask in ([True, False, True], [True, True, True]):
        _, info = envs.reset(options={"reset_mask": np.array(mask)})
    found |= set(zip(*(info[name].tolist() for name in RANGE), strict=True))
    envs.close()
    assert len(found) == 1


def test_an_episode_after_a_calibration_is_that_without_one():
    rates = []
    for target in ({}, {"target_hz": 5.0}):
        env = gym.make("livn/EI1-v0", **SHORT, **target)
        _, info = env.reset(seed=1)
        rates.append([info["rate_hz"], *(env.step(np.ones(1, np.float32))[4]["rate_hz"] for _ in range(3))])
        assert ("rest_hz" in info) is (target == {})
        env.close()
    assert rates[0] == rates[1]


def test_every_graph_has_its_own_range_and_a_resampled_one_that_of_its_graph():
    env = gym.make("livn/EI1-v0", graph_seed="resample", **SHORT)
    ranges = [measured(env.reset(seed=seed)[1]) for seed in (3, 4, 3)]
    graph = env.unwrapped._loop.graph_seed
    env.close()
    assert ranges[0] == ranges[2] != ranges[1]
    other = gym.make("livn/EI1-v0", graph_seed=graph, **SHORT)
    assert measured(other.reset(seed=9)[1]) == ranges[0]
    other.close()


@pytest.mark.usefixtures("fake")
def test_the_range_of_the_fake_and_shares_of_it():
    loop = LoopSpec.of("EI2", "rate_tracking", target=[0.5, 1.0], shape="constant", blank_ms=0.0).make()
    assert loop.tasks[0].range_hz == (MIN_TARGET_HZ, MIN_TARGET_HZ)  # not measured yet
    info = loop.reset([np.random.default_rng(1)], [1]).infos[0]
    # 3 Hz, and 120 Hz per nC/ms more: a pulse of two phases of 3 nC per 200 ms at every electrode; 4 s of 100 cells
    assert info["rest_hz"] == pytest.approx(3.0, abs=5 * np.sqrt(3.0 / 400))
    assert info["strongest_hz"] == pytest.approx(3.0 + 120.0 * 6.0 / 200.0, abs=5 * np.sqrt(6.6 / 400))
    low_hz, high_hz = loop.tasks[0].range_hz
    assert (low_hz, high_hz) == (pytest.approx((info["rest_hz"] + info["strongest_hz"]) / 2), info["strongest_hz"])
    targets = []
    for seed in range(50):
        loop.reset([np.random.default_rng(seed)], [seed])
        targets.append(loop.tasks[0].target_hz)
    assert low_hz <= min(targets) < max(targets) <= high_hz
    for same in (copy.deepcopy(loop), pickle.loads(pickle.dumps(loop))):
        assert same.tasks[0].range_hz == (low_hz, high_hz)
    loop.close()


@pytest.mark.usefixtures("fake")
def test_a_calibration_that_failed_is_repeated(monkeypatch):
    loop = LoopSpec.of("EI2", "rate_tracking").make()
    run = loop.env.run

    def interrupted(*arguments, **keywords):
        monkeypatch.setattr(loop.env, "run", run)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.env, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.reset([np.random.default_rng(1)], [1])
    with pytest.raises(gym.error.ResetNeeded):
        loop.step(np.zeros((1, 16)))
    assert loop.reset([np.random.default_rng(1)], [1]).infos[0]["strongest_hz"] > 4.5
    loop.close()


@pytest.mark.usefixtures("fake")
def test_a_falling_range_has_targets_too():
    with LoopSpec.of("EI2", "rate_tracking").make().env as env:
        task = make_task(env, "rate_tracking", target=[0.0, 1.0])
        task.setup = copy.copy(task.setup)
        object.__setattr__(task.setup, "calibrated", (5.0, 4.0))
        assert task.range_hz == (4.0, 5.0)
        object.__setattr__(task.setup, "calibrated", (0.0, 0.0))
        assert task.range_hz == (MIN_TARGET_HZ, MIN_TARGET_HZ)
