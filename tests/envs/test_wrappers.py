"""Wrappers of a single environment, on the Poisson fake."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from livn_gym.envs.wrappers import ChargeBudget, ElectrodeMask, SpikeCounts
from livn_gym.errors import InvalidInput, UnknownName

pytestmark = pytest.mark.usefixtures("fake")

STEP_NC = 16 * 1 * 2 * 3.0
"""Charge of a step at the highest action: channels, pulses, phases, nC a phase."""


@pytest.fixture
def make():
    made = []

    def make(name="livn/EI2-v0", **options):
        made.append(gym.make(name, **{"settle_ms": 400.0, **options}))
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: ChargeBudget(env, 1000.0, "silence"),
        lambda env: ElectrodeMask(env, [0, 3, 5], [1, 2]),
        lambda env: SpikeCounts(env, 4),
    ],
    ids=["budget", "mask", "counts"],
)
def test_gymnasiums_checker_has_nothing_to_say(make, wrap):
    warnings.filterwarnings("ignore", message=".*different from the unwrapped version")  # a wrapper is meant
    check_env(wrap(make().unwrapped), skip_render_check=True)


def test_a_budget_ends_the_episode_when_it_is_spent(make):
    env = ChargeBudget(make(), 2.5 * STEP_NC)
    observation, info = env.reset(seed=0)
    assert observation[-1] == 1.0 and info["charge_left_nC"] == 2.5 * STEP_NC
    seen = [env.step(np.ones(16, np.float32)) for _ in range(3)]
    assert [step[2] for step in seen] == [False, False, True]
    assert [step[4]["charge_left_nC"] / STEP_NC for step in seen] == pytest.approx([1.5, 0.5, 0.0])
    assert [float(step[0][-1]) for step in seen] == pytest.approx([0.6, 0.2, 0.0])
    assert env.reset()[0][-1] == 1.0


def test_a_budget_may_silence_instead(make):
    env = ChargeBudget(make(), STEP_NC, "silence")
    env.reset(seed=0)
    seen = [env.step(np.ones(16, np.float32)) for _ in range(3)]
    assert not any(step[2] for step in seen)
    assert [step[4]["charge_nC"] for step in seen] == pytest.approx([STEP_NC, 0.0, 0.0])


def test_masked_electrodes_neither_stimulate_nor_are_seen(make):
    env = ElectrodeMask(make(), stimulate=[0, 5], hear=[1, 2, 15])
    plain = make()
    assert env.action_space.shape == (2,) and env.observation_space.shape == (7,)
    full, _ = plain.reset(seed=1)
    kept = [1, 2, 15, 17, 18, 31, 32]
    np.testing.assert_array_equal(env.reset(seed=1)[0], full[kept])
    action = np.full(16, -1.0, np.float32)
    action[[0, 5]] = 1.0
    masked, full = env.step(np.ones(2, np.float32)), plain.step(action)
    np.testing.assert_array_equal(masked[0], full[0][kept])
    assert masked[1] == full[1]
    assert np.flatnonzero(env.unwrapped.measurement.charge_nC).tolist() == [0, 5]
    with pytest.raises(InvalidInput, match=r"\(2,\)"):
        env.step(np.float32(1.0))


def test_electrodes_can_be_masked_on_one_side_only(make):
    assert ElectrodeMask(make(), stimulate=[3]).observation_space.shape == (33,)
    assert ElectrodeMask(make(), hear=[3]).action_space.shape == (16,)
    other = ElectrodeMask(make(decoding="population_rates"), stimulate=[3])
    assert other.reset(seed=0)[0].shape == (5,)


def test_counts_are_the_spikes_of_the_step(make):
    env = SpikeCounts(make(), bins=4)
    assert env.observation_space.shape == (4 * 16 + 1,)
    observation, info = env.reset(seed=0)
    for _ in range(3):
        assert observation in env.observation_space
        rates = env.unwrapped.measurement.features
        seconds = 0.2 * (1.0 - info["lost_fraction"])  # the same at all channels
        np.testing.assert_allclose(observation[:64].reshape(4, 16).sum(axis=0), rates * seconds, atol=1e-4)
        assert observation[-1] == np.float32(info["target_hz"])
        observation, _, _, _, info = env.step(np.ones(16, np.float32))
    _, gid, t = env.unwrapped.measurement.recording.spikes
    culture = env.unwrapped.culture
    heard, when = culture.electrodes.channel_recording(gid, t)
    late = np.bincount(heard[when >= 150.0], minlength=16)
    np.testing.assert_array_equal(observation[48:64], late)


def test_counts_before_any_run_are_zero(make):
    observation, _ = SpikeCounts(make(settle_ms=0.0)).reset(seed=0)
    assert not observation[:16].any()


def test_gymnasiums_own_wrappers_give_a_history_and_normalisation(make):
    env = gym.wrappers.FrameStackObservation(SpikeCounts(make()), 3)
    assert env.reset(seed=0)[0].shape == (3, 17)
    env = gym.wrappers.NormalizeObservation(gym.wrappers.FlattenObservation(env))
    assert env.reset(seed=0)[0].shape == (51,)


def test_the_spec_holds_the_wrappers(make):
    env = ElectrodeMask(ChargeBudget(make(), 500.0, "silence"), stimulate=[1])
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.action_space == env.action_space and again.observation_space == env.observation_space
    again.close()


@pytest.mark.parametrize(
    ("wrap", "error", "message"),
    [
        (lambda env: ChargeBudget(env, 0.0), InvalidInput, "budget_nC"),
        (lambda env: ChargeBudget(env, 1.0, "stop"), UnknownName, "silence"),
        (lambda env: ElectrodeMask(env, stimulate=[]), InvalidInput, "stimulate"),
        (lambda env: ElectrodeMask(env, stimulate=[3, 1]), InvalidInput, "ascending"),
        (lambda env: ElectrodeMask(env, stimulate=np.array(1)), InvalidInput, "stimulate"),
        (lambda env: ElectrodeMask(env, hear=[16]), InvalidInput, "0 ... 15"),
        (lambda env: ElectrodeMask(env, hear=[0.5]), InvalidInput, "hear"),
        (lambda env: SpikeCounts(env, 0), InvalidInput, "bins"),
        (lambda env: SpikeCounts(env, 4001), InvalidInput, "4000"),
        (lambda env: SpikeCounts(env, 10**9), InvalidInput, "bins"),
        (
            lambda env: SpikeCounts(gym.wrappers.ClipAction(gym.wrappers.FrameStackObservation(env, 2))),
            InvalidInput,
            r"SpikeCounts.*FrameStackObservation.*of shape \(2, \d+\); put SpikeCounts inside",
        ),
        (lambda env: SpikeCounts(gym.make("CartPole-v1")), InvalidInput, "livn_gym"),
    ],
)
def test_what_does_not_fit_is_refused(make, wrap, error, message):
    with pytest.raises(error, match=message):
        wrap(make())


def test_masks_need_channels(make):
    with pytest.raises(InvalidInput, match="action per channel"):
        ElectrodeMask(make("livn/EI3-CartPole-v0"), stimulate=[0])
    with pytest.raises(InvalidInput, match="mask recordings"):
        ElectrodeMask(make(decoding="population_rates"), hear=[0])
