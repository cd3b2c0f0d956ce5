"""A target pattern of regions, mostly on the Poisson fake: unconnected cells that all answer the mean charge alike."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from tasking import make_task, take

import livn_gym
from livn_gym.encoding import PulseAmplitude
from livn_gym.envs.tasks import Measurement
from livn_gym.envs.tasks.pattern_tracking import correlation, partial_correlation
from livn_gym.errors import InvalidInput


@pytest.fixture
def create(fake):
    with livn_gym.make("EI3") as env:

        def create(**options):
            return make_task(env, "pattern_tracking", **({"patterns": 0} | options))

        yield create


@pytest.fixture
def task(create):
    return create()


def measured(rates_hz, charge_fraction=0.0):
    return Measurement(None, rates_hz, rates_hz, 8.0, 8.0, np.zeros(64), charge_fraction, 500.0)


def test_regions_are_sixteen_squares_of_four_electrodes(task):
    board = task.regions.reshape(8, 8)
    np.testing.assert_array_equal(board, np.kron(np.arange(16).reshape(4, 4), np.ones((2, 2))))


def test_hidden_commands_stimulate_one_or_two_whole_regions(task):
    rng = np.random.default_rng(0)
    counts, used = [], set()
    for _ in range(400):
        task.reset(rng)
        command = task.demonstration.command
        active = sorted(set(task.regions[command > -1.0]))
        for region in active:
            (value,) = set(command[task.regions == region])
            assert 0.4 - 1e-6 <= value <= 1.0  # 0.7 of the range and more
        counts.append(len(active))
        used |= set(active)
    # 200 expected of each number, a binomial's standard deviation is 10; every region is missed with p < 1e-16
    assert [counts.count(k) for k in (1, 2)] == pytest.approx([200] * 2, abs=50)
    assert used == set(range(16))


def drawn(task, seed, count):
    """The hidden commands of so many resets."""
    rng, found = np.random.default_rng(seed), set()
    for _ in range(count):
        task.reset(rng)
        found.add(tuple(task.demonstration.command))
    return found


def test_the_hidden_commands_are_a_few_that_every_environment_shares(create):
    first = drawn(create(patterns=8), 0, 200)  # one of eight is missed with p < 1e-10
    assert len(first) == 8
    assert drawn(create(patterns=8), 1, 200) == first
    assert drawn(create(patterns=3), 1, 200) < first
    assert len(drawn(create(patterns=0), 0, 200)) == 200


def test_the_reward_is_the_correlation_of_the_regions_and_the_cost_of_charge(task):
    task.reset(np.random.default_rng(0))
    channel, _ = task.setup.electrodes.channel_cell_pairs()
    cells = np.bincount(channel, minlength=64)

    def of_regions(rates_hz):
        return np.asarray(rates_hz)[task.regions] * cells  # every recorded cell of a region fires at its rate

    rng = np.random.default_rng(1)
    targets, rates = rng.uniform(1.0, 30.0, (2, 16))
    task.after_demonstration(of_regions(targets))
    np.testing.assert_allclose(task.observe(measured(np.zeros(64))), targets)
    expected = np.corrcoef(rates, targets)[0, 1]
    reward, terminated = take(task, measured(of_regions(rates), charge_fraction=0.4))
    assert reward == pytest.approx(expected - 0.05 * 0.4)
    assert not terminated
    assert task.info(measured(of_regions(rates))) == pytest.approx({"correlation": expected})
    # The level does not count, and a culture without differences earns nothing.
    assert take(task, measured(of_regions(3.0 * targets + 7.0)))[0] == pytest.approx(1.0)
    assert take(task, measured(of_regions(np.full(16, 9.0))))[0] == 0.0


def test_what_the_whole_culture_always_does_earns_nothing():
    rng = np.random.default_rng(2)
    rates, targets, common = rng.uniform(1.0, 30.0, (3, 16))
    r = np.corrcoef([rates, targets, common])
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1.0 - r[0, 2] ** 2) * (1.0 - r[1, 2] ** 2))
    assert partial_correlation(rates, targets, common) == pytest.approx(expected)
    assert partial_correlation(3.0 * common + 7.0, targets, common) == 0.0
    assert partial_correlation(targets + 5.0 * common, targets, common) == pytest.approx(1.0)
    assert partial_correlation(rates, targets, np.full(16, 4.0)) == correlation(rates, targets)


def test_the_common_part_is_the_mean_response_to_one_region_after_the_other(task):
    commands = task.calibration
    assert commands.shape == (16, 64)
    for region, command in enumerate(commands):
        np.testing.assert_array_equal(command, np.where(task.regions == region, 1.0, -1.0))
    features = np.random.default_rng(4).uniform(0.0, 30.0, (16, 64))
    common = task.calibrated([measured(rates) for rates in features])
    task.reset(np.random.default_rng(0))
    task.after_demonstration(features.mean(axis=0))
    np.testing.assert_allclose(common, task.observe(measured(np.zeros(64))))


@given(st.lists(st.tuples(st.floats(0.0, 1000.0), st.floats(0.0, 1000.0)), min_size=2, max_size=16))
def test_a_correlation_is_symmetric_and_within_its_bounds(pairs):
    rates, targets = np.array(pairs).T
    value = correlation(rates, targets)
    assert -1.0 <= value <= 1.0
    assert value == pytest.approx(correlation(targets, rates))


def test_targets_stay_within_their_bounds(task):
    task.after_demonstration(np.linspace(0.0, 1e9, 64))
    assert task.observe(measured(np.zeros(64))).max() == task.observation_space.high[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("demonstration_ms", 1000.0),
        *(("patterns", value) for value in (-1, 2.5, True)),
        ("charge_cost", -1.0),
    ],
)
def test_impossible_options_are_refused(create, name, value):
    with pytest.raises(InvalidInput, match=name):
        create(**{name: value})


class ThreeInputs(PulseAmplitude):
    def action_space(self, env):
        return spaces.Box(-1.0, 1.0, (3,), np.float32)


def test_inputs_and_features_must_be_one_per_channel(create):
    with pytest.raises(InvalidInput, match="one input per channel"):
        create(encoding=ThreeInputs())
    with pytest.raises(InvalidInput, match="one feature per channel"):
        create(decoding="population_rates")


def test_the_episode_begins_after_the_demonstration_and_the_settling(fake):
    """Nothing of the demonstration is left in the observation except the targets."""
    env = gym.make("livn/EI3-PatternTracking-v0", settle_ms=1000.0, demonstration_ms=2000.0)
    observation, info = env.reset(seed=3)
    assert (info["time_ms"], info["charge_nC"], info["correlation"]) == (0.0, 0.0, 0.0)
    loop = env.unwrapped._loop
    assert [m.time_ms for m in loop.history[0]] == [-500.0, 0.0]
    assert all(m.charge_nC.sum() == 0.0 for m in loop.history[0])
    np.testing.assert_allclose(observation[-16:], loop.tasks[0].targets_hz, rtol=1e-6)
    assert (observation[-16:] > 0).all()
    env.close()


def test_a_vector_shows_each_culture_its_own_targets_which_change_with_the_episode(fake):
    options = {"settle_ms": 500.0, "demonstration_ms": 1500.0}
    envs = gym.make_vec("livn/EI3-PatternTracking-v0", num_envs=2, **options)
    observations, _ = envs.reset(seed=5)
    single = gym.make("livn/EI3-PatternTracking-v0", **options)
    for b in range(2):
        np.testing.assert_array_equal(single.reset(seed=5 + b)[0], observations[b])
    assert (single.reset()[0][-16:] != observations[1][-16:]).any()
    kept = envs.reset(options={"reset_mask": np.array([False, True])})[0]
    assert ((kept == observations).all(axis=1) == [True, False]).all()
    envs.close()
    single.close()
