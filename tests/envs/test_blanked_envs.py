"""Blanking in the closed loop: what is observed, its laws, and its order with conditions."""

import pickle

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.tasks.rate_tracking import RateTracking
from livn_gym.errors import InvalidInput

LATE = {"name": "latency", "latency_ms": 49.2}
"""The last of four pulses ends 0.4 ms before its step does, so that blanking reaches into the next one."""
SEEN = ("lost_fraction", "blanked_channels", "direct_spikes", "synaptic_spikes", "rate_hz", "rate_1s_hz")

VOLLEYS = {"encoding": {"name": "pulse_amplitude", "rate_hz": 20.0}, "target_hz": (4.0, 14.0)}
"""All electrodes pulse at once, four times in a step, and targets do not depend on what is recorded."""

fake = pytest.mark.usefixtures("fake")


def play(actions, seed=0, env_id="livn/EI2-v0", **options):
    """The observation and info of a reset, and of every step, and the recordings."""
    with gym.make(env_id, settle_ms=400.0, **(VOLLEYS | options)) as env:
        found = [env.reset(seed=seed)]
        recordings = []
        for action in actions:
            observation, _, _, _, info = env.step(action)
            found.append((observation, info))
            recordings.append(env.unwrapped.measurement.recording)
    return found, recordings


@fake
def test_default_blanking_hides_what_an_array_does_not_record():
    loud = [np.ones(16, np.float32)] * 3
    (_, *blanked), recorded = play(loud)
    (_, *ideal), every = play(loud, blank_ms=0)
    for ours, theirs, mine, whole in zip(blanked, ideal, recorded, every, strict=True):
        t = whole.spike_t
        np.testing.assert_array_equal(mine.spike_t, t[t % 50.0 >= 3.4 - 1e-6])
        assert whole.blanking is None and theirs[1]["lost_fraction"] == 0.0
        assert ours[1]["lost_fraction"] == pytest.approx(4 * 3.4 / 200)
        assert ours[1]["blanked_channels"] == theirs[1]["blanked_channels"] == 0.0
        assert ours[1]["rate_hz"] == pytest.approx(len(mine.spike_t) / 100 / (0.2 - 4 * 0.0034))
        near = t % 50.0 < 1.2 - 1e-6
        for info in (ours[1], theirs[1]):
            assert (info["direct_spikes"], info["synaptic_spikes"]) == (near.sum(), (~near).sum())


@fake
def test_an_unstimulated_episode_is_the_same_with_and_without_blanking():
    quiet = [-np.ones(16, np.float32)] * 3
    for ours, theirs in zip(play(quiet)[0], play(quiet, blank_ms=0.0)[0], strict=True):
        np.testing.assert_equal(ours, theirs)


@fake
@pytest.mark.parametrize("blank_ms", [(3.0, 1.0), (120.0, 2.0), (600.0, 600.0)])
def test_a_vector_is_its_single_environments_when_blanking_reaches_into_the_next_step(blank_ms):
    options = VOLLEYS | {"conditions": LATE, "settle_ms": 400.0, "max_episode_steps": 4, "blank_ms": blank_ms}
    vector = gym.make_vec("livn/EI2-v0", num_envs=3, **options)
    actions = np.random.default_rng(1).uniform(-1, 1, (8, 3, 16)).astype(np.float32)
    actions[:, 1] = -1.0  # never stimulated
    actions[2:, 2] = -1.0
    actions[:, 0, 3:] = -1.0
    first, infos = vector.reset(seed=5)
    steps = [(first, infos), *((step[0], step[4]) for step in (vector.step(action) for action in actions))]
    vector.close()
    for b in range(3):
        with gym.make("livn/EI2-v0", **options) as single:
            for k, (observations, info) in enumerate(steps):
                if k % 5 == 0:
                    seen, own = single.reset(seed=5 + b if k == 0 else None)
                else:
                    seen, _, _, _, own = single.step(actions[k - 1, b])
                np.testing.assert_array_equal(seen, observations[b])
                assert {name: own[name] for name in SEEN} == {name: info[name][b] for name in SEEN}
    lost = np.array([info["lost_fraction"] for _, info in steps])
    assert not lost[:, 1].any()
    assert not lost[5].any(), "a reset ends it"
    if blank_ms == (3.0, 1.0):
        assert lost[1, 2] == pytest.approx((4 * 3.4 - 2.6) / 200) and lost[2, 2] == pytest.approx(4 * 3.4 / 200)
        assert lost[3, 2] == pytest.approx(2.6 / 200) and lost[4, 2] == 0.0


@fake
def test_a_channel_that_is_blanked_for_most_of_a_step_repeats_its_last_rate():
    one = -np.ones(16, np.float32)
    one[3] = 1.0
    (start, *steps), _ = play([one] * 3, blank_ms=(45.0, 1.0))
    for observation, info in steps:
        assert info["blanked_channels"] == 1.0
        assert observation[3] == start[0][3]
        assert (observation[:16] != start[0][:16]).sum() > 5
    (start, *steps), recorded = play([one, one, -np.ones(16, np.float32)], blank_ms=45.0)
    for observation, info in steps[:2]:
        assert info["blanked_channels"] == 16.0 and info["rate_hz"] == start[1]["rate_hz"]
        np.testing.assert_array_equal(observation[:16], start[0][:16])
    assert steps[2][1]["blanked_channels"] == 0.0 and (steps[2][0][:16] != start[0][:16]).any()
    (start, step), _ = play([one], blank_ms=45.0, decoding="population_rates")
    np.testing.assert_array_equal(step[0][:2], start[0][:2])


@fake
def test_blanking_comes_after_conditions_so_that_a_poisson_culture_keeps_its_rate():
    """60 steps of 100 cells at 5 Hz: 6,000 spikes +- 77."""
    loud = [np.ones(16, np.float32)] * 60
    (start, *steps), recorded = play(loud, conditions="poisson_culture", blank_ms=(20.0, 20.0), seed=3)
    settled = start[1]["rate_1s_hz"]
    rates = np.mean([info["rate_hz"] for _, info in steps])
    number = sum(len(r.spike_t) for r in recorded)
    assert all((r.spike_t % 50.0 >= 20.4 - 1e-6).all() for r in recorded)
    assert abs(rates - settled) < 5 * settled / np.sqrt(number)


@fake
def test_direct_spikes_are_those_of_the_culture_whatever_conditions_make_of_them():
    loud = [np.ones(16, np.float32)] * 2
    plain, _ = play(loud)
    for name in ("silent_culture", "shuffled_culture", "poisson_culture"):
        changed, _ = play(loud, conditions=name)
        for (_, ours), (_, theirs) in zip(plain[1:], changed[1:], strict=True):
            assert all(ours[key] == theirs[key] for key in ("direct_spikes", "synaptic_spikes", "lost_fraction"))


@pytest.mark.parametrize("blank_ms", [(3.0, 1.0), (300.0, 10.0)])
def test_a_loop_continues_from_its_state_with_what_still_blanks(blank_ms):
    def make():
        return LoopSpec.of("EI1", "rate_tracking", settle_ms=400.0, conditions=LATE, blank_ms=blank_ms).make(3)

    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (5, 3, 1))
    actions[:, 2] = -1.0
    loop, other = make(), make()
    loop.reset([np.random.default_rng(b) for b in range(3)], [1, 2, 3])
    for action in actions[:2]:
        loop.step(action)
    state = pickle.dumps(loop.state())
    ours = [loop.step(action) for action in actions[2:]]
    other.set_state(pickle.loads(state))
    for mine, action in zip(ours, actions[2:], strict=True):
        theirs = other.step(action)
        np.testing.assert_array_equal(mine.observations, theirs.observations)
        assert mine.infos == theirs.infos
    loop.close()
    other.close()


@fake
def test_a_demonstration_blanks_the_start_of_settling():
    encoding = {"name": "pulse_amplitude", "rate_hz": 20.0}
    options = {"demonstration_ms": 1200.0, "settle_ms": 400.0, "blank_ms": 250.0}
    options |= {"step_ms": 200.0, "encoding": encoding, "decoding": "channel_rates"}
    vector = gym.make_vec("livn/EI3-PatternTracking-v0", num_envs=2, **options)
    observations, infos = vector.reset(seed=2)
    vector.close()
    assert infos["lost_fraction"] == pytest.approx([0.002, 0.002])  # the last pulse began 50 ms before settling
    assert not infos["blanked_channels"].any()
    for b in range(2):
        with gym.make("livn/EI3-PatternTracking-v0", **options) as env:
            observation, info = env.reset(seed=2 + b)
            first, second = env.unwrapped.last_second
        np.testing.assert_array_equal(observation, observations[b])
        assert first.blanked_channels == 64.0 and first.lost_fraction == 1.0
        assert info["lost_fraction"] == pytest.approx(0.002) and second.blanked_channels == 0.0


@fake
def test_a_window_that_was_blanked_repeats_its_last_rates():
    """A channel recorded three quarters of the step of 500 ms, but no part of the window of 20 to 100 ms."""
    with gym.make("livn/EI3-Discrimination-v0", blank_ms=120.0, settle_ms=1000.0) as env:
        settled, _ = env.reset(seed=1)
        observation, _, _, _, info = env.step(env.action_space.high)
        assert info["blanked_channels"] == 64.0 and 0.2 < info["lost_fraction"] < 0.3
        np.testing.assert_array_equal(observation[:64], settled[:64])
        assert settled[:64].any()


@pytest.mark.parametrize("profile", ["fast", "exact"])
def test_cut_synapses_are_weights_of_zero(profile):
    """Bit for bit, settling included."""
    with gym.make("livn/EI1-v0") as env:
        keys = [f"weight-{name}" for name in env.unwrapped.culture.system.weight_names]
        full = env.unwrapped.culture.parameters.weights
    assert any(full.values())
    options = {"settle_ms": 500.0, "profile": profile, "target_hz": (4.0, 14.0)}  # a measured range would differ
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 1)).astype(np.float32)
    found = []
    for given in ({"conditions": "synapses_cut"}, {"params": dict.fromkeys(keys, 0.0)}):
        with gym.make("livn/EI1-v0", **options, **given) as env:
            found.append([env.reset(seed=4), *(env.step(action) for action in actions)])
    for results in found:
        for result in results:
            del result[-1]["params"], result[-1]["params_hash"]  # of the parameters before any factor
    np.testing.assert_equal(*found)


@pytest.mark.parametrize("blank_ms", [-1.0, (1.0, 2.0), [1.0, 2.0, 3.0], "long", True, np.nan])
def test_wrong_blank_times_are_refused_before_a_culture_is_built(blank_ms, monkeypatch):
    monkeypatch.setattr("livn_gym.make", None)
    for make in (gym.make, gym.make_vec):
        with pytest.raises(InvalidInput, match="blank_ms"):
            make("livn/EI2-v0", blank_ms=blank_ms)


def test_a_task_may_set_its_own_blank_times():
    class Slow(RateTracking):
        loop_defaults = {"blank_ms": (6.0, 2.0)}

    assert LoopSpec.of("EI1", Slow).blank_ms == (6.0, 2.0)
    assert LoopSpec.of("EI1", Slow, blank_ms=0).blank_ms == (0.0, 0.0)
    assert LoopSpec.of("EI1", Slow, blank_ms=None).blank_ms == (6.0, 2.0)
    assert LoopSpec.of("EI1", "rate_tracking").blank_ms == (3.0, 1.0)
