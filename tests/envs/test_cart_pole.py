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

pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def make_task():
    """A maker of the task on EI3."""
    made = []

    def make(system="EI3", **options):
        env = livn_gym.make(system, backend="fake")
        made.append(env)
        task = task_around(env, "cart_pole", **options)
        made.append(task)
        return task

    yield make
    for thing in made:
        thing.close()


def measured(rates_hz):
    """A step in which the channels fired at these rates, ``[C]``."""
    features = np.asarray(rates_hz, dtype=np.float64)
    none = np.zeros(len(features))
    return Measurement(None, features, features, 0.0, 0.0, none, 0.0, 0.0)


def gains(direct=(0, 0, 0, 0), crossed=(0, 0, 0, 0)):
    """An action from gains of 0 ... 1."""
    return np.concatenate([direct, crossed]) * 2.0 - 1.0


def test_every_variable_has_four_electrodes_of_two_rows_on_each_side_of_the_middle(make_task):
    task = make_task()
    left, right = task.sensory
    for variable in range(4):  # channels of a row of EI3 are 8 r to 8 r + 7, from left to right
        first = 16 * variable
        assert np.flatnonzero(left[variable]).tolist() == [first + 1, first + 2, first + 9, first + 10]
        assert np.flatnonzero(right[variable]).tolist() == [first + 5, first + 6, first + 13, first + 14]
    few = make_task(electrodes=1)
    assert few.sensory.sum(axis=2).tolist() == [[1.0] * 4] * 2
    np.testing.assert_array_equal(few.regions, task.regions)


@pytest.mark.parametrize(("inner", "actions"), [("CartPole-v1", 2), ("MountainCar-v0", 3)])
def test_motor_regions_are_of_equal_size_without_sensory_electrodes_and_ordered(make_task, inner, actions):
    task = make_task(inner=inner)
    motor = task.regions >= 0
    assert not (motor & task.sensory.any(axis=(0, 1))).any()
    sizes = np.bincount(task.regions[motor])
    assert len(sizes) == actions and sizes.max() - sizes.min() <= 1
    x = task.setup.electrodes_um("")[:, 0]
    for region in range(actions - 1):
        assert x[task.regions == region].max() <= x[task.regions == region + 1].min()
    if actions == 2:
        columns = np.arange(64) % 8
        assert sorted(set(columns[task.regions == 0])) == [0, 3] and sorted(set(columns[task.regions == 1])) == [4, 7]


def test_the_state_becomes_amplitudes_on_its_side(make_task):
    task = make_task(exponent=0.5)
    task.inner.state = np.array([0.0, 0.0, 0.25, -1.0])
    command = task.to_command(gains(direct=[1, 1, 1, 0.5]))
    # share: sqrt(0.25) = 0.5 right of the middle in the third pair of rows; gain 0.5 left in the fourth. From -1 to 1.
    expected = np.full(64, -1.0)
    expected[[37, 38, 45, 46]] = 0.0
    expected[[49, 50, 57, 58]] = 0.0
    np.testing.assert_allclose(command, expected)
    crossed = task.to_command(gains(crossed=[0, 0, 1, 0]))
    assert np.flatnonzero(crossed > -1.0).tolist() == [33, 34, 41, 42]
    assert (task.to_command(gains()) == -1.0).all()


def test_commands_stay_within_the_encodings_range(make_task):
    task, rng = make_task(), np.random.default_rng(0)
    for _ in range(200):
        task.inner.state = rng.uniform(-1, 1, 4)
        command = task.to_command(rng.uniform(-1, 1, 8).astype(np.float32))
        assert command.min() >= -1.0 and command.max() <= 1.0


def test_the_region_with_the_highest_rate_acts_and_a_tie_repeats(make_task):
    task = make_task()
    task.reset(np.random.default_rng(0))
    left, right = (np.where(task.regions == region, 16.0, 0.0) for region in (0, 1))
    sensory = np.where(task.regions < 0, 500.0, 0.0)  # does not count
    acted = []
    for rates_hz in (right, 0 * left, left + right, left + sensory, sensory, 0.1 * right):
        now = measured(rates_hz)
        reward, _ = take(task, now)
        assert reward == 1.0
        acted.append(task.info(now)["inner_action"])
    assert acted == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    one = np.zeros(64)
    one[np.flatnonzero(task.regions == 1)[0]] = 32.0  # one of the region's 16 electrodes
    observed = task.observe(measured(one))
    np.testing.assert_allclose(observed[4:], [0.0, 2.0])
    assert observed.astype(np.float32) in task.observation_space


def test_the_inner_environment_moves_as_it_does_alone(make_task):
    task = make_task(scales=[2.4, 3.0, 0.21, 3.0])
    task.reset(np.random.default_rng(5))
    alone = gym.make("CartPole-v1")
    state, _ = alone.reset(seed=int(np.random.default_rng(5).integers(2**31)))
    right = measured(task.regions == 1)
    for _ in range(8):
        np.testing.assert_allclose(task.inner.state * [2.4, 3.0, 0.21, 3.0], state)
        _, ended = take(task, right)
        state, _, terminated, _, _ = alone.step(1)
        assert ended == terminated
    alone.close()


def test_it_ends_when_the_pole_falls():
    with gym.make("livn/EI3-CartPole-v0") as env:
        env.reset(seed=0)
        steps, terminated = 0, False
        while not terminated:
            _, reward, terminated, truncated, info = env.step(-np.ones(8, np.float32))
            steps += 1
            assert reward == 1.0 and not truncated
        assert info["inner_return"] == steps < 200


def test_the_inner_time_limit_truncates_alone_and_in_a_vector():
    inner = {"id": "CartPole-v1", "max_episode_steps": 4}
    with gym.make("livn/EI3-CartPole-v0", inner=inner) as env:
        for seed in (3, None):
            env.reset(seed=seed)
            ends = [env.step(env.action_space.low)[2:4] for _ in range(4)]
            assert ends == [(False, False)] * 3 + [(False, True)]
    vector = gym.make_vec("livn/EI3-CartPole-v0", num_envs=2, inner=inner)
    vector.reset(seed=3)
    ends = [vector.step(vector.action_space.low)[3].tolist() for _ in range(9)]
    assert [row[0] for row in ends] == [False, False, False, True, False, False, False, False, True]
    vector.close()


@pytest.mark.parametrize(("inner", "variables", "actions"), [("MountainCar-v0", 2, 3), ("Acrobot-v1", 6, 3)])
def test_another_environment_takes_its_place_with_one_line(inner, variables, actions):
    with gym.make("livn/EI3-CartPole-v0", inner=inner) as env:
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


def test_a_step_has_one_pulse_at_its_start_and_the_response_is_read_late():
    with gym.make("livn/EI3-CartPole-v0") as env:
        env.reset(seed=0)
        env.unwrapped.task.inner.state = np.array([0.0, 0.0, 1.0, 1.0])
        env.step(gains(direct=[0, 0, 1, 1]).astype(np.float32))
        charge_nC = env.unwrapped.measurement.charge_nC
        assert np.count_nonzero(charge_nC) == 8
        np.testing.assert_allclose(charge_nC[charge_nC > 0], 2 * 10.0 * 0.2)  # one pulse of 10 uA, twice 0.2 ms
        # Rates are of the 80 ms of the window: multiples of 12.5 Hz.
        rates_hz = env.unwrapped.measurement.features
        np.testing.assert_allclose(rates_hz / 12.5, np.round(rates_hz / 12.5), atol=1e-4)
        assert rates_hz.any()
