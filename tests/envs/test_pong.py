"""The small game by itself, and the culture that plays it, mostly on the Poisson fake."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from tasking import make_task as task_around

import livn_gym
from livn_gym.envs.inner import PongGame
from livn_gym.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("fake")


def play(game, follow, steps=400):
    """Rewards of a rally in which the paddle runs after the ball, or away from it."""
    seen, _ = game.reset(seed=1)
    rewards = []
    for _ in range(steps):
        seen, reward, terminated, truncated, _ = game.step(int((seen[0] > 0) == follow))
        rewards.append(reward)
        if terminated or truncated:
            return rewards, terminated
    return rewards, False


@pytest.mark.filterwarnings("error")
def test_gymnasiums_checker_has_nothing_to_say_about_the_game():
    check_env(PongGame(), skip_render_check=True)


def test_a_paddle_that_follows_the_ball_returns_every_one():
    rewards, missed = play(PongGame(max_steps=400), follow=True)
    # 20 steps to the paddle and 20 back: one every 40, the first after 20
    assert len(rewards) == 400 and not missed
    assert np.flatnonzero(rewards).tolist() == list(range(19, 400, 40))


def test_a_paddle_that_flees_misses_and_the_rally_ends():
    rewards, missed = play(PongGame(), follow=False)
    assert missed and len(rewards) < 100


def test_the_ball_stays_in_the_field_and_bounces_off_the_walls():
    game = PongGame(paddle=2.0)
    seen, _ = game.reset(seed=3)
    for _ in range(2000):
        seen, reward, missed, _, _ = game.step(1)
        assert seen in game.observation_space and not missed
        assert 0.0 <= game.ball[0] <= 1.0 and abs(game.ball[1]) <= 1.0


@pytest.mark.parametrize("options", [{"paddle": 0.0}, {"crossing_steps": 0}, {"max_steps": 1.5}, {"render_mode": "x"}])
def test_games_that_cannot_be_are_refused(options):
    with pytest.raises(InvalidInput):
        PongGame(**options)


@pytest.fixture
def make_task():
    made = []

    def make(system="EI3", **game):
        env = livn_gym.make(system, backend="fake")
        made.append(env)
        task = task_around(env, "pong", game=game)
        made.append(task)
        return task

    yield make
    for thing in made:
        thing.close()


@pytest.mark.parametrize(("system", "places", "electrodes"), [("EI2", 2, 4), ("EI3", 4, 4)])
def test_the_sensory_region_is_the_middle_and_the_motor_region_is_not(make_task, system, places, electrodes):
    task = make_task(system)
    assert task.sensory.shape[0] == places and (task.sensory.sum(axis=1) == electrodes).all()
    electrodes_um = task.setup.electrodes_um("")
    height = [electrodes_um[row > 0, 1].mean() for row in task.sensory]
    assert (np.diff(height) > 0).all()
    sensory = task.sensory.any(axis=0)
    assert len(np.unique(electrodes_um[sensory, 0])) == 2
    np.testing.assert_array_equal(task.regions < 0, sensory)
    middle = (electrodes_um[:, 1].min() + electrodes_um[:, 1].max()) / 2
    np.testing.assert_array_equal(task.regions[~sensory], electrodes_um[~sensory, 1] > middle)


def test_the_balls_height_is_a_place_and_its_distance_an_amplitude(make_task):
    task = make_task()
    gains = np.ones((2, 4)) * [[1.0], [0.0]]
    # shares of the state: height of 4 in all, so that +-0.5 is the edge of sight; x from -1 (paddle) to 1 (wall)
    for height, place in ((-0.9, 0), (-0.5, 0), (-0.2, 1), (0.1, 2), (0.3, 3), (0.9, 3)):
        for x, share in ((-1.0, 1.0), (1.0, 0.8), (0.0, 0.9)):
            task.inner.state = np.array([height, x, 0.0, 0.0])
            direct = task.shares(gains)
            np.testing.assert_allclose(direct, share * task.sensory[place])
            crossed = task.shares(gains[::-1])
            np.testing.assert_allclose(crossed, share * task.sensory[3 - place])
    assert task.shares(np.ones((2, 4))).max() <= 1.0


def test_a_miss_terminates_and_the_games_limit_truncates():
    with gym.make("livn/EI3-Pong-v0", settle_ms=500.0) as env:
        assert env.action_space.shape == (8,) and env.observation_space.shape == (6,)
        env.reset(seed=1)
        terminated = truncated = False
        total = 0.0
        while not (terminated or truncated):
            observation, reward, terminated, truncated, info = env.step(env.action_space.low)
            assert observation in env.observation_space
            total += reward
        assert total == info["inner_return"]
    with gym.make("livn/EI3-Pong-v0", settle_ms=500.0, game={"max_steps": 3}) as env:
        env.reset(seed=1)
        assert [env.step(env.action_space.low)[3] for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("system", ["EI1"])
def test_an_array_without_rows_is_refused(make_task, system):
    with pytest.raises(InvalidInput, match="columns"):
        make_task(system)


def test_wrong_arguments_of_the_game_are_named(make_task):
    with pytest.raises(InvalidInput, match="padle"):
        make_task(padle=0.3)
