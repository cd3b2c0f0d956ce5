"""The response clamp, on steps made by hand and on the culture itself."""

import gymnasium as gym
import numpy as np
import pytest
from tasking import make_task, take

import livn_gym
from livn_gym.agents import ProportionalIntegral, Silent
from livn_gym.agents.episodes import make_envs, run_episodes
from livn_gym.envs.tasks import Measurement
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording


@pytest.fixture
def create(fake):
    with livn_gym.make("EI2", backend="fake") as env:

        def one(seed=0, **options):
            task = make_task(env, "response_clamp", **options)
            task.reset(np.random.default_rng(seed))
            return task

        yield one


def step(number, gid, t, action=-1.0):
    """A step of 200 ms with these spikes."""
    gid, t = np.asarray(gid, dtype=np.int64), np.asarray(t, dtype=np.float64)
    culture = np.zeros(len(gid), dtype=np.int64)
    recording = Recording(0.0, 200.0, 0.05, 0.05, 1, spike_culture=culture, spike_gid=gid, spike_t=t)
    none = np.zeros(0)
    return Measurement(recording, none, none, 0.0, 0.0, none, 0.0, 200.0 * number, np.array([action], np.float32))


def test_the_cells_next_to_the_electrode_are_watched(create):
    task = create(electrode=5, cells=4)
    away = np.linalg.norm(task.setup.system.positions - task.setup.system.electrodes[5], axis=1)
    near = task.near[task.electrode]
    assert away[near].tolist() == sorted(away)[:4]


def test_a_response_is_a_cell_that_fires_in_the_window(create):
    task = create(electrode=5, cells=4, target=0.5, window_ms=15.0)
    a, b, c, d = task.near[5].tolist()
    other = next(gid for gid in range(100) if gid not in (a, b, c, d))
    assert task.observe(None).tolist() == [0.5, 0.0, 0.0, -1.0]
    assert task.to_command(np.array([0.5], np.float32)).tolist() == [-1.0] * 5 + [0.5] + [-1.0] * 10
    reward, ended = take(task, step(1, [a, a, b, c, other, d], [1.0, 9.0, 14.9, 15.0, 2.0, 190.0], 0.5))
    assert (reward, ended) == (0.0, False)  # a once, b; c and d too late
    reward, _ = take(task, step(2, [], [], 0.5))
    assert reward == pytest.approx(-(0.25 + 0.5) / 2)
    assert task.info(None) == {
        "target_response": 0.5,
        "response": 0.0,
        "response_1s": 0.25,
        "error": 0.25,
        "error_step": 0.5,
        "electrode": 5.0,
    }
    assert task.observe(None).tolist() == [0.5, 0.0, 0.25, 0.5]
    for number in range(3, 7):
        reward, _ = take(task, step(number, [], []))
    assert reward == pytest.approx(-0.5)  # the first response is more than a second ago


def test_targets_change_in_time_and_the_mean_is_compared_with_theirs(create):
    task = create(electrode=0, cells=1, target=[0.2, 0.8], period_ms=400.0)
    first = task.target
    take(task, step(1, [], []))
    assert task.target == first
    take(task, step(2, [], []))
    second = task.target
    assert second != first and 0.2 <= second <= 0.8
    reward, _ = take(task, step(3, [], []))
    assert reward == pytest.approx(-((2 * first + second) / 3 + second) / 2)


def test_every_episode_draws_an_electrode_and_targets(create):
    task = create()
    drawn = set()
    for seed in range(60):
        task.reset(np.random.default_rng(seed))
        drawn.add(task.electrode)
        assert 0.15 <= task.target <= 0.5
    assert len(drawn) > 12
    task.reset(np.random.default_rng(3))
    again = create(seed=3)
    assert (task.electrode, task.target) == (again.electrode, again.target)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("electrode", 16),
        ("electrode", "all"),
        ("cells", 0),
        ("cells", 101),
        ("window_ms", 0.0),
        ("target", [0.5, 0.2]),
        ("target", 1.5),
        ("target", [0.1, 0.2, 0.3]),
        ("period_ms", -1.0),
    ],
)
def test_options_out_of_range_are_refused(create, option, value):
    with pytest.raises(InvalidInput, match=option):
        create(**{option: value})


def test_the_response_rises_with_the_pulse():
    env = gym.make("livn/EI2-ResponseClamp-v0", electrode=9, blank_ms=0.0)
    means = []
    for action in (-1.0, 0.1, 1.0):
        env.reset(seed=1)
        means.append(np.mean([env.step(np.array([action], np.float32))[4]["response"] for _ in range(20)]))
    env.close()
    assert means[0] < 0.2 < means[1] < 0.8 < means[2]


@pytest.mark.slow
def test_feedback_holds_the_response():
    envs = make_envs("livn/EI2-ResponseClamp-v0", 16, blank_ms=0.0)
    agents = [ProportionalIntegral() for _ in range(8)] + [Silent() for _ in range(8)]
    episodes = run_episodes(envs, agents, [*range(8), *range(8)])
    envs.close()
    held, silent = (np.mean([episode.mean("error") for episode in half]) for half in (episodes[:8], episodes[8:]))
    assert held < 0.1 < 0.2 < silent
