"""The loop over a batch, on the Poisson fake: what is seen, what is scored, what a reset does."""

import numpy as np
import pytest
from cultures import system
from gymnasium.error import ResetNeeded

from livn_gym.decoding import make as make_decoding
from livn_gym.encoding import make as make_encoding
from livn_gym.env import Env
from livn_gym.envs.loop import ClosedLoop
from livn_gym.envs.tasks import TaskSetup
from livn_gym.envs.tasks.rate_tracking import RateTracking
from livn_gym.errors import ClosedError, InvalidInput


def make_loop(batch=1, step_ms=200.0, settle_ms=1000.0, target_hz=(4.0, 14.0), charge_cost=0.05):
    env = Env(system(8, 2), backend="fake", num_cultures=batch).init()
    options = RateTracking.Options(
        target_hz=target_hz, shape="constant", period_ms=1000.0, step_weight=0.5, charge_cost=charge_cost
    )
    encoding, decoding = make_encoding("pulse_amplitude"), make_decoding("channel_rates", duration=step_ms)
    setup = TaskSetup.of(env, encoding, decoding, step_ms, options)
    return ClosedLoop(env, [RateTracking(setup) for _ in range(batch)], encoding, decoding, settle_ms=settle_ms)


def generators(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


pytestmark = pytest.mark.usefixtures("fake")


def test_the_last_second_is_the_mean_of_its_steps_settling_included():
    loop = make_loop()
    info = loop.reset(generators(0), [1]).infos[0]
    assert [m.time_ms for m in loop.history[0]] == [-800.0, -600.0, -400.0, -200.0, 0.0]
    rates = [m.rate_hz for m in loop.history[0]]
    channels = [m.features for m in loop.history[0]]
    assert info["rate_1s_hz"] == pytest.approx(np.mean(rates))
    for _ in range(7):
        result = loop.step(np.ones((1, 1)))
        observation, (info,) = result.observations, result.infos
        rates.append(info["rate_hz"])
        channels.append(loop.history[0][-1].features)
        assert info["rate_1s_hz"] == pytest.approx(np.mean(rates[-5:]))
        np.testing.assert_allclose(observation[0, 0], channels[-1][0], rtol=1e-6)
        np.testing.assert_allclose(observation[0, 1], np.mean(channels[-5:], axis=0)[0], rtol=1e-6)
    assert len(loop.history[0]) == 5


def test_rates_are_spikes_over_cells_and_seconds():
    loop = make_loop()
    loop.reset(generators(0), [1])
    info = loop.step(np.ones((1, 1))).infos[0]
    spikes = len(loop.history[0][-1].recording.spike_t)
    assert spikes > 0
    assert info["lost_fraction"] == pytest.approx(4 * 3.4 / 200)  # of the only channel
    assert info["rate_hz"] == pytest.approx(spikes / 10 / (0.2 - 4 * 0.0034))


def test_without_settling_the_first_observation_is_silence_and_the_mean_uses_what_there_is():
    loop = make_loop(settle_ms=0.0)
    start = loop.reset(generators(0), [1])
    info = start.infos[0]
    assert not start.observations[0, :2].any() and info["rate_1s_hz"] == 0.0 and loop.env.t == 0.0
    first = loop.step(np.ones((1, 1))).infos[0]
    assert first["rate_1s_hz"] == first["rate_hz"]
    second = loop.step(np.ones((1, 1))).infos[0]
    assert second["rate_1s_hz"] == pytest.approx((first["rate_hz"] + second["rate_hz"]) / 2)


def test_settling_takes_its_time_without_steps_or_charge():
    loop = make_loop(settle_ms=2100.0)
    info = loop.reset(generators(0), [1]).infos[0]
    assert loop.env.t == pytest.approx(2100.0)
    assert info["charge_nC"] == 0.0 and info["time_ms"] == 0.0
    assert all(not m.charge_nC.any() for m in loop.history[0])


def test_charge_is_counted_by_hand():
    # 15 uA for 0.2 ms is 3 nC a phase; two phases, 4 pulses in 200 ms at 20 Hz: 24 nC. At action 0 half.
    loop = make_loop()
    loop.reset(generators(0), [1])
    for action, charge, share in ((1.0, 24.0, 1.0), (0.0, 12.0, 0.5), (-1.0, 0.0, 0.0)):
        info = loop.step(np.full((1, 1), action)).infos[0]
        assert info["charge_nC"] == pytest.approx(charge)
        assert info["charge_fraction"] == pytest.approx(share)


def test_the_reward_is_the_relative_error_and_the_cost_of_charge():
    loop = make_loop(target_hz=8.0, charge_cost=0.1)
    loop.reset(generators(0), [1])
    for action in (1.0, -1.0, 0.5):
        result = loop.step(np.full((1, 1), action))
        info = result.infos[0]
        errors = abs(info["rate_1s_hz"] - 8.0) + abs(info["rate_hz"] - 8.0)
        expected = -errors / 16.0 - 0.1 * info["charge_fraction"]
        assert result.rewards[0] == pytest.approx(expected)
        assert not result.terminated[0] and not result.truncated[0]


def test_stimulation_reaches_the_culture():
    loop = make_loop()
    loop.reset(generators(0), [1])
    quiet = np.mean([loop.step(np.full((1, 1), -1.0)).infos[0]["rate_hz"] for _ in range(20)])
    driven = np.mean([loop.step(np.full((1, 1), 1.0)).infos[0]["rate_hz"] for _ in range(20)])
    # 10 Poisson cells for 4 s: 3 Hz +- 0.3 at rest, so that a doubling is far outside chance
    assert driven > 2 * quiet


def test_a_batch_is_its_single_cultures():
    batch = make_loop(batch=3)
    singles = [make_loop() for _ in range(3)]
    seeds = [5, 9, 2]
    together = batch.reset(generators(*seeds), seeds)
    assert not together.rewards.any() and together.cultures.tolist() == [0, 1, 2]
    alone = [loop.reset(generators(seed), [seed]).observations for loop, seed in zip(singles, seeds, strict=True)]
    np.testing.assert_array_equal(together.observations, np.concatenate(alone))
    actions = np.array([[-1.0], [0.2], [1.0]])
    for _ in range(3):
        result = batch.step(actions)
        for b, loop in enumerate(singles):
            own = loop.step(actions[b : b + 1])
            np.testing.assert_array_equal(result.observations[b], own.observations[0])
            assert result.rewards[b] == own.rewards[0]
            assert result.infos[b] == own.infos[0]
    assert len({tuple(row) for row in result.observations}) == 3


def test_seeds_reproduce_and_no_seed_goes_to_the_next_trial():
    loop = make_loop()
    first = loop.reset(generators(3), [3]).observations
    second = loop.reset(generators(3), [None]).observations
    assert loop.env.trials == [1]
    again = loop.reset(generators(3), [3]).observations
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(second, loop.reset(generators(3), [None]).observations)
    assert (first != second).any()


def test_a_first_reset_without_a_seed_takes_one_from_the_tasks_generator():
    one, other = make_loop(), make_loop()
    ours, theirs = (loop.reset(generators(1), [None]).observations for loop in (one, other))
    np.testing.assert_array_equal(ours, theirs)
    assert one.env.seeds == other.env.seeds != [0]
    assert one.env.trials == [0]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([[2.0]], "-1 ... 1"),
        ([[np.nan]], "NaN"),
        ([[np.inf]], "NaN"),
        ([[0.0, 0.0]], r"\(1,\), got \(2,\)"),
        ([["a"]], "numbers"),
    ],
)
def test_bad_actions_are_refused_and_nothing_runs(action, message):
    loop = make_loop()
    loop.reset(generators(0), [1])
    before = loop.env.t
    with pytest.raises(InvalidInput, match=message):
        loop.step(np.array(action))
    assert loop.env.t == before


@pytest.mark.parametrize("step_ms", [300.0, 2000.0, 0.0, -200.0, float("nan"), 0.01])
def test_steps_must_divide_a_second(step_ms):
    with pytest.raises(InvalidInput):
        make_loop(step_ms=step_ms)


def test_other_steps_that_divide_a_second_do():
    loop = make_loop(step_ms=500.0)
    loop.reset(generators(0), [1])
    loop.step(np.zeros((1, 1)))
    assert [m.time_ms for m in loop.history[0]] == [0.0, 500.0]


def test_negative_settling_is_refused():
    with pytest.raises(InvalidInput, match="settle_ms"):
        make_loop(settle_ms=-1.0)


def test_a_closed_loop_refuses_to_run():
    loop = make_loop()
    loop.reset(generators(0), [1])
    loop.close()
    loop.close()
    with pytest.raises(ClosedError):
        loop.step(np.zeros((1, 1)))
    with pytest.raises(ClosedError):
        loop.reset(generators(0), [1])


def test_a_decoding_of_runs_of_another_length_is_refused_at_once():
    env = Env(system(8, 2), backend="fake").init()
    encoding, decoding = make_encoding("pulse_amplitude"), make_decoding("channel_rates", duration=100.0)
    with pytest.raises(InvalidInput, match="A control step lasts 200 ms, ChannelRates decodes 100 ms"):
        TaskSetup.of(env, encoding, decoding, 200.0, RateTracking.Options())


def test_measurements_hold_the_action_of_their_step_and_none_while_settling():
    loop = make_loop()
    loop.reset(generators(0), [1])
    assert all(measurement.action is None for measurement in loop.history[0])
    action = np.full((1, 1), 0.5, np.float32)
    loop.step(action)
    action[:] = -1.0  # as somebody does who uses one array again and again
    assert loop.history[0][-1].action.tolist() == [0.5]


def test_a_task_that_was_set_up_for_another_loop_is_refused():
    env = Env(system(8, 2), backend="fake").init()
    encoding = make_encoding("pulse_amplitude")
    options = RateTracking.Options(shape="constant")
    setup = TaskSetup.of(env, encoding, make_decoding("channel_rates", duration=200.0), 200.0, options)
    with pytest.raises(InvalidInput, match="another step, encoding or decoding"):
        other = make_decoding("population_rates", duration=200.0)
        ClosedLoop(env, [RateTracking(setup)], encoding, other, settle_ms=0.0)
    with pytest.raises(InvalidInput, match="as many tasks"):
        ClosedLoop(env, [], encoding, make_decoding("channel_rates", duration=200.0), settle_ms=0.0)
    env.close()


@pytest.mark.parametrize("method", ["after_step", "reset"])
def test_wrong_input_within_a_task_breaks_the_episode_as_any_error_does(monkeypatch, method):
    """The culture has run or was cleared by then: it must not go on as if the step had been refused."""
    loop = make_loop()
    loop.reset(generators(0), [1])

    def fail(*_):
        raise InvalidInput("made by hand")

    monkeypatch.setattr(loop.tasks[0], method, fail)
    with pytest.raises(InvalidInput, match="made by hand"):
        loop.step(np.zeros((1, 1))) if method == "after_step" else loop.reset(generators(0), [1])
    monkeypatch.delattr(loop.tasks[0], method)
    with pytest.raises(ResetNeeded):
        loop.step(np.zeros((1, 1)))
    with pytest.raises(InvalidInput):  # refused at the door, which changes nothing
        loop.step(np.full((1, 1), 2.0))
    loop.reset(generators(0), [1])
    with pytest.raises(InvalidInput):
        loop.step(np.full((1, 1), 2.0))
    loop.step(np.zeros((1, 1)))
