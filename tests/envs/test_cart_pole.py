"""The culture inside another environment's loop, mostly on the Poisson fake."""

import gymnasium as gym
import numpy as np
import pytest
from tasking import make_task as task_around
from tasking import take

import livn_gym
from livn_gym.envs.tasks import Measurement
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.recording import Recording

pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def make_task():
    """A maker of the task on EI2."""
    made = []

    def make(system="EI2", **options):
        env = livn_gym.make(system, backend="fake")
        made.append(env)
        task = task_around(env, "cart_pole", **options)
        made.append(task)
        return task

    yield make
    for thing in made:
        thing.close()


def measured(gids, num_cells=100):
    """A step of 100 ms in which the given cells fired once each."""
    gids = np.sort(np.asarray(gids, dtype=np.int64))
    recording = Recording(0.0, 100.0, 0.05, 0.05, 1, np.zeros_like(gids), gids, np.zeros(len(gids)))
    none = np.zeros(16)
    return Measurement(recording, none, none, 0.0, 0.0, none, 0.0, 0.0)


def gains(direct=(0, 0, 0, 0), crossed=(0, 0, 0, 0)):
    """An action from gains of 0 ... 1."""
    return np.concatenate([direct, crossed]) * 2.0 - 1.0


def test_every_variable_owns_a_row_of_ei2_in_two_halves(make_task):
    left, right = make_task().sensory
    for variable in range(4):
        assert np.flatnonzero(left[variable]).tolist() == [4 * variable, 4 * variable + 1]
        assert np.flatnonzero(right[variable]).tolist() == [4 * variable + 2, 4 * variable + 3]


@pytest.mark.parametrize(("inner", "actions"), [("CartPole-v1", 2), ("MountainCar-v0", 3)])
def test_motor_regions_are_of_equal_size_and_ordered_from_left_to_right(make_task, inner, actions):
    task = make_task(inner=inner)
    x = livn_gym.make("EI2", backend="fake").geometry.soma_um[:, 0]
    sizes = np.bincount(task.regions)
    assert len(sizes) == actions and sizes.max() - sizes.min() <= 1
    for region in range(actions - 1):
        assert x[task.regions == region].max() <= x[task.regions == region + 1].min()


def test_the_state_becomes_amplitudes_on_its_side(make_task):
    task = make_task(exponent=0.5)
    task.inner.state = np.array([0.0, 0.0, 0.25, -1.0])
    command = task.to_command(gains(direct=[1, 1, 1, 0.5]))
    # share: sqrt(0.25) = 0.5 right of the third row; gain 0.5 left of the fourth. From -1 (none) to 1 (highest).
    expected = np.full(16, -1.0)
    expected[[10, 11]] = 0.0
    expected[[12, 13]] = 0.0
    np.testing.assert_allclose(command, expected)
    crossed = task.to_command(gains(crossed=[0, 0, 1, 0]))
    assert np.flatnonzero(crossed > -1.0).tolist() == [8, 9]
    assert (task.to_command(gains()) == -1.0).all()


def test_commands_stay_within_the_encodings_range(make_task):
    task, rng = make_task(), np.random.default_rng(0)
    for _ in range(200):
        task.inner.state = rng.uniform(-1, 1, 4)
        command = task.to_command(rng.uniform(-1, 1, 8).astype(np.float32))
        assert command.min() >= -1.0 and command.max() <= 1.0


def test_the_region_that_fired_most_acts_and_a_tie_repeats(make_task):
    task = make_task()
    task.reset(np.random.default_rng(0))
    left, right = (np.flatnonzero(task.regions == region)[:3] for region in (0, 1))
    acted = []
    for cells in (right, [], np.concatenate([left, right]), left, [], right[:1]):
        now = measured(cells)
        reward, _ = take(task, now)
        assert reward == 1.0
        acted.append(task.info(now)["inner_action"])
    assert acted == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    # three of 50 cells in 100 ms
    np.testing.assert_allclose(task.observe(measured(right))[4:], [0.0, 0.6])


def test_the_inner_environment_moves_as_it_does_alone(make_task):
    task = make_task(scales=[2.4, 3.0, 0.21, 3.0])
    task.reset(np.random.default_rng(5))
    alone = gym.make("CartPole-v1")
    state, _ = alone.reset(seed=int(np.random.default_rng(5).integers(2**31)))
    right = np.flatnonzero(task.regions == 1)
    for _ in range(8):
        np.testing.assert_allclose(task.inner.state * [2.4, 3.0, 0.21, 3.0], state)
        _, ended = take(task, measured(right))
        state, _, terminated, _, _ = alone.step(1)
        assert ended == terminated
    alone.close()


def test_it_ends_when_the_pole_falls():
    with gym.make("livn/EI2-CartPole-v0") as env:
        env.reset(seed=0)
        steps, terminated = 0, False
        while not terminated:
            _, reward, terminated, truncated, info = env.step(-np.ones(8, np.float32))
            steps += 1
            assert reward == 1.0 and not truncated
        assert info["inner_return"] == steps < 200


def test_the_inner_time_limit_truncates_alone_and_in_a_vector():
    inner = {"id": "CartPole-v1", "max_episode_steps": 4}
    with gym.make("livn/EI2-CartPole-v0", inner=inner) as env:
        for seed in (3, None):
            env.reset(seed=seed)
            ends = [env.step(env.action_space.low)[2:4] for _ in range(4)]
            assert ends == [(False, False)] * 3 + [(False, True)]
    vector = gym.make_vec("livn/EI2-CartPole-v0", num_envs=2, inner=inner)
    vector.reset(seed=3)
    ends = [vector.step(vector.action_space.low)[3].tolist() for _ in range(9)]
    assert [row[0] for row in ends] == [False, False, False, True, False, False, False, False, True]
    vector.close()


@pytest.mark.parametrize(("inner", "variables", "actions"), [("MountainCar-v0", 2, 3), ("Acrobot-v1", 6, 3)])
def test_another_environment_takes_its_place_with_one_line(inner, variables, actions):
    with gym.make("livn/EI2-CartPole-v0", inner=inner) as env:
        assert env.action_space.shape == (2 * variables,)
        assert env.observation_space.shape == (variables + actions,)
        env.reset(seed=0)
        observation, reward, *_ = env.step(env.action_space.sample())
        assert observation in env.observation_space and reward == -1.0


def test_scales_are_the_spread_under_random_actions_and_always_the_same():
    first, second = InnerEnv("CartPole-v1"), InnerEnv("CartPole-v1")
    np.testing.assert_array_equal(first.scales, second.scales)
    # the pole falls at 0.2095 rad; its angle and speed get far, the cart's place does not
    assert 0.1 < first.scales[2] < 0.25 and first.scales[0] < 1.0
    assert (first.centre == 0).all()
    mountain = InnerEnv("MountainCar-v0")
    np.testing.assert_allclose(mountain.centre, [-0.3, 0.0], atol=1e-6)
    for inner in (first, second, mountain):
        inner.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"inner": "CartPole-v77"}, UnknownName, "CartPole-v1"),
        ({"inner": "Pendulum-v1"}, InvalidInput, "discrete"),
        ({"inner": 3}, InvalidInput, "inner"),
        ({"inner": {"max_episode_steps": 3}}, InvalidInput, "'id'"),
        ({"scales": [1.0]}, InvalidInput, "4 variables"),
        ({"scales": [1.0, 1.0, 0.0, 1.0]}, InvalidInput, "scales"),
        ({"exponent": 0.0}, InvalidInput, "exponent"),
        ({"system": "EI1"}, InvalidInput, "electrodes in a half"),
    ],
)
def test_what_does_not_fit_is_refused(make_task, options, error, message):
    with pytest.raises(error, match=message):
        make_task(**options)


@pytest.mark.slow
def test_gains_made_by_hand_balance_the_pole_and_silence_does_not():
    """On the native engine; benchmarks/tasks/inner.py has 494 steps by hand, 21 in silence, 14 at random."""
    steps = {}
    for name, action in (("hand", gains(direct=[0, 0, 1, 1])), ("silent", gains())):
        env = gym.make_vec("livn/EI2-CartPole-v0", num_envs=6, autoreset_mode="Disabled", backend="native")
        env.reset(seed=100)
        alive, lasted = np.ones(6, bool), np.zeros(6)
        for _ in range(150):
            _, _, terminated, truncated, _ = env.step(np.tile(action, (6, 1)).astype(np.float32))
            lasted += alive
            ended = terminated | truncated
            alive &= ~ended
            if not alive.any():
                break
            if ended.any():
                env.reset(options={"reset_mask": ended})
        steps[name] = lasted.mean()
        env.close()
    # of at most 150 steps; by hand every one of 16 episodes lasted longer than that, in silence none beyond 44
    assert steps["hand"] > 2 * steps["silent"] and steps["hand"] > 100
