"""Wrappers in any order: the same observation, or a refusal when they are made."""

import itertools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers as gymnasiums

from livn_gym.envs.wrappers import ChargeBudget, ElectrodeMask, SpikeCounts
from livn_gym.errors import InvalidInput

pytestmark = pytest.mark.usefixtures("fake")

HEAR = [1, 4, 5, 11]
RATES = [*HEAR, *(16 + c for c in HEAR), 32]
"""Entries of the plain observation that a mask leaves: rates of a step and of a second, and the target."""

OURS = {
    "mask": lambda env: ElectrodeMask(env, stimulate=[0, 7], hear=HEAR),
    "counts": lambda env: SpikeCounts(env, bins=3),
    "budget": lambda env: ChargeBudget(env, 1000.0, "silence"),
}


@pytest.fixture
def make():
    made = []

    def make(*wraps, name="livn/EI2-v0", **options):
        env = gym.make(name, **{"settle_ms": 400.0, **options})
        made.append(env)
        for wrap in wraps:
            env = wrap(env)
        return env

    yield make
    for env in made:
        env.close()


def episode(env, action, steps=3):
    return [env.reset(seed=3)[0], *(env.step(action)[0] for _ in range(steps))]


@pytest.mark.parametrize("order", list(itertools.permutations(OURS)), ids="-".join)
def test_ours_give_the_same_in_every_order(make, order):
    env = make(*(OURS[name] for name in order))
    assert env.observation_space.shape == (3 * 4 + 1 + 1,) and env.action_space.shape == (2,)
    expected = make(OURS["counts"], OURS["budget"])
    whole = np.full(16, -1.0, np.float32)
    whole[[0, 7]] = 0.5
    kept = [16 * k + c for k in range(3) for c in HEAR] + [48, 49]
    for seen, full in zip(episode(env, np.full(2, 0.5, np.float32)), episode(expected, whole), strict=True):
        np.testing.assert_array_equal(seen, full[kept])
        assert seen in env.observation_space


@pytest.mark.parametrize("again", [[4, 11], [1], HEAR])
def test_a_second_mask_takes_further_channels_of_the_array_away(make, again):
    env = make(lambda env: ElectrodeMask(ElectrodeMask(env, hear=HEAR), hear=again))
    once = make(lambda env: ElectrodeMask(env, hear=again))
    action = np.zeros(16, np.float32)
    np.testing.assert_array_equal(episode(env, action), episode(once, action))


def test_a_second_mask_of_stimulation(make):
    env = make(lambda env: ElectrodeMask(ElectrodeMask(env, stimulate=[2, 5, 9]), stimulate=[5]))
    env.reset(seed=0)
    env.step(np.ones(1, np.float32))
    assert np.flatnonzero(env.unwrapped.measurement.charge_nC).tolist() == [5]


@pytest.mark.parametrize("wrong", [{"hear": [0]}, {"stimulate": [4]}, {"hear": [1, 2]}])
def test_a_channel_that_was_taken_away_is_refused(make, wrong):
    inner = make(lambda env: ElectrodeMask(env, stimulate=HEAR[:1], hear=HEAR))
    with pytest.raises(InvalidInput, match="ascending channels in"):
        ElectrodeMask(inner, **wrong)


BETWEEN = {
    "order": lambda env: gymnasiums.OrderEnforcing(env),
    "statistics": gymnasiums.RecordEpisodeStatistics,
    "limit": lambda env: gymnasiums.TimeLimit(env, 7),
    "reward": lambda env: gymnasiums.TransformReward(env, lambda reward: 2 * reward),
    "clip": gymnasiums.ClipAction,
    "rescale action": lambda env: gymnasiums.RescaleAction(env, np.float32(0.0), np.float32(1.0)),
    "sticky": lambda env: gymnasiums.StickyAction(env, 0.5),
    "repeat": lambda env: gymnasiums.RepeatAction(env, 2),
    "autoreset": gymnasiums.Autoreset,
    "normalise": gymnasiums.NormalizeObservation,
    "rescale": lambda env: gymnasiums.RescaleObservation(env, np.float32(-1.0), np.float32(1.0)),
    "float64": lambda env: gymnasiums.DtypeObservation(env, np.float64),
    "float16": lambda env: gymnasiums.DtypeObservation(env, np.float16),
    "int32": lambda env: gymnasiums.DtypeObservation(env, np.int32),
    "delay": lambda env: gymnasiums.DelayObservation(env, 1),
    "skip": lambda env: gymnasiums.MaxAndSkipObservation(env, 2),
    "time": gymnasiums.TimeAwareObservation,
    "share of time": lambda env: gymnasiums.TimeAwareObservation(env, normalize_time=True),
    "flat": gymnasiums.FlattenObservation,
    "column": lambda env: gymnasiums.ReshapeObservation(env, (*env.observation_space.shape, 1)),
    "flat stack": lambda env: gymnasiums.FlattenObservation(gymnasiums.FrameStackObservation(env, 2)),
    "stack": lambda env: gymnasiums.FrameStackObservation(env, 2),
    "function": lambda env: gymnasiums.TransformObservation(env, np.flip, env.observation_space),
    "discrete": lambda env: gymnasiums.TransformAction(env, lambda a: np.full(16, a), gym.spaces.Discrete(2)),
    "action": lambda env: gymnasiums.TransformAction(env, np.negative, env.action_space),
}
"""Every wrapper of Gymnasium's that changes an action, an observation, a reward or an end."""

REFUSED = {
    "hear": {"column", "stack", "function"},
    "stimulate": {"discrete", "action"},
    "counts": {"delay", "skip", "column", "flat stack", "stack", "function"},
    "end": {"column", "stack"},
    "silence": {"column", "stack", "discrete", "action"},
}
OUTER = {
    "hear": lambda env: ElectrodeMask(env, hear=HEAR),
    "stimulate": lambda env: ElectrodeMask(env, stimulate=[0, 7]),
    "counts": lambda env: SpikeCounts(env, 2),
    "end": lambda env: ChargeBudget(env, 1000.0),
    "silence": lambda env: ChargeBudget(env, 1000.0, "silence"),
}


@pytest.mark.filterwarnings("ignore")  # Gymnasium's own, of casts in DtypeObservation
@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("outer", OUTER)
def test_with_gymnasiums_in_between(make, outer, between):
    inner = make(BETWEEN[between])
    if between in REFUSED[outer]:
        with pytest.raises(InvalidInput):
            OUTER[outer](inner)
        return
    env = OUTER[outer](inner)
    env.action_space.seed(0)
    observation, _ = env.reset(seed=3)
    for _ in range(4):
        assert observation in env.observation_space, (observation.dtype, env.observation_space)
        action = env.action_space.sample()
        observation, *_ = env.step(np.clip(action, -1, 1) if between == "clip" else action)


@pytest.mark.parametrize(
    ("between", "kept"),
    [
        ("flat", RATES),
        ("time", [*RATES, 33]),
        ("flat stack", [*RATES, *(33 + k for k in RATES)]),
        ("float64", RATES),
        ("statistics", RATES),
    ],
)
def test_a_mask_picks_the_same_entries_behind_gymnasiums(make, between, kept):
    masked, plain = make(BETWEEN[between], OUTER["hear"]), make(BETWEEN[between])
    action = np.zeros(16, np.float32)
    for seen, full in zip(episode(masked, action), episode(plain, action), strict=True):
        np.testing.assert_array_equal(seen, full[kept])
        assert seen.dtype == full.dtype


class Noisy(gym.ObservationWrapper):
    def observation(self, observation):
        return observation + 1


class Reordered(gym.ObservationWrapper):
    """A wrapper that says what it does."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_layout = env.get_wrapper_attr("observation_layout").reshaped(np.flip)

    def observation(self, observation):
        return np.flip(observation)


class Shaped(gym.Wrapper):
    def step(self, action):
        observation, reward, *rest = self.env.step(action)
        return observation, reward + 1.0, *rest


def test_wrappers_of_ones_own(make):
    for outer in ("hear", "counts"):
        with pytest.raises(InvalidInput, match="Noisy"):
            OUTER[outer](make(Noisy))
        OUTER[outer](make(Shaped)).reset(seed=0)
    seen = OUTER["hear"](make(Reordered)).reset(seed=3)[0]
    np.testing.assert_array_equal(np.flip(seen), make(OUTER["hear"]).reset(seed=3)[0])


def test_channels_are_those_of_a_decoding_by_channel(make):
    """EI1 has one channel and its mean rate of a population is one number; that is not a channel's."""
    env = make(name="livn/EI1-v0", decoding="population_rates")
    with pytest.raises(InvalidInput, match="mask recordings"):
        ElectrodeMask(env, hear=[0])
    counts = SpikeCounts(env, 2)
    assert ElectrodeMask(counts, hear=[0]).observation_space == counts.observation_space


def test_gains_of_a_task_are_not_channels(make):
    for name in ("livn/EI3-CartPole-v0", "livn/EI3-Pong-v0"):
        env = make(name=name)
        with pytest.raises(InvalidInput, match="action per channel"):
            ElectrodeMask(env, stimulate=[0])
        assert SpikeCounts(env).reset(seed=0)[0][:64].sum() >= 0
        ChargeBudget(env, 100.0, "silence").reset(seed=0)


def test_a_budget_counts_the_steps_that_a_wrapper_skips(make):
    env = make(lambda env: gymnasiums.MaxAndSkipObservation(env, 4), lambda env: ChargeBudget(env, 1e6))
    env.reset(seed=0)
    _, _, _, _, info = env.step(np.ones(16, np.float32))
    assert 1e6 - info["charge_left_nC"] == pytest.approx(4 * info["charge_nC"])


def test_a_budget_begins_anew_where_a_wrapper_resets(make):
    env = make(gymnasiums.Autoreset, lambda env: ChargeBudget(env, 1e6), max_episode_steps=2)
    env.reset(seed=0)
    left = [env.step(np.ones(16, np.float32))[4]["charge_left_nC"] for _ in range(4)]
    assert left[2] == 1e6 and left[0] > left[1] and left[3] == pytest.approx(left[0])


@pytest.mark.parametrize("wrong", ["0.5", [0.1, None], [np.nan, 0.0], [1j, 0.0], [[0.1], [0.2]]])
def test_a_masked_action_is_checked(make, wrong):
    env = make(lambda env: ElectrodeMask(env, stimulate=[0, 7]))
    env.reset(seed=0)
    with pytest.raises(InvalidInput):
        env.step(wrong)


@pytest.mark.parametrize("wrong", [3, "01", [True], [0.0], [None], [], [-1], [16], [1, 1], {"a": 1}])
def test_channels_of_another_kind_are_refused(make, wrong):
    for name in ("stimulate", "hear"):
        with pytest.raises(InvalidInput):
            ElectrodeMask(make(), **{name: wrong})


def test_only_single_environments_of_ours_are_wrapped(make):
    vector = gym.make_vec("livn/EI2-v0", num_envs=2)
    for wrong in (vector, gym.make("CartPole-v1"), None, 3):
        for wrap in OURS.values():
            with pytest.raises(InvalidInput, match="livn_gym"):
                wrap(wrong)
    vector.close()
