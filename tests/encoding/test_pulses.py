"""Amplitude and rate of pulses from inputs in [-1, 1]."""

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from livn_gym.encoding import MAX_CHARGE_NC, MAX_PULSE_RATE_HZ, PulseAmplitude, PulseRate, make
from livn_gym.encoding.replay import load_stimulus, save_stimulus
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus

fixture_is_constant = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
inputs = arrays(np.float32, 3, elements=st.floats(-1, 1, width=32))
ENCODINGS = [PulseAmplitude(), PulseAmplitude(rate_hz=5.0, groups=2), PulseRate()]


def onsets(stimulus, column, culture=0):
    """Onsets of a channel's pulses, ms."""
    p = stimulus.pulses
    return np.sort(p.onset_ms[(p.column == column) & (p.culture == culture) & (p.offset_ms == 0)])


@pytest.mark.parametrize("encoding", ENCODINGS, ids=["amplitude", "groups", "rate"])
class TestBoth:
    def test_the_action_space_is_a_symmetric_box_a_channel(self, encoding, env, batch):
        assert encoding.action_space(env) == spaces.Box(-1, 1, (3,), np.float32)
        assert encoding.action_space(batch) == encoding.action_space(env)

    def test_every_action_is_taken_and_within_the_limits(self, encoding, env):
        space = encoding.action_space(env)
        space.seed(0)
        for action in (space.low, space.high, *(space.sample() for _ in range(20))):
            stimulus = encoding(env, 200.0, action)
            assert (stimulus.mode, stimulus.num_columns, stimulus.duration_ms) == ("electrode", 3, 200.0)
            p = stimulus.pulses
            assert (np.abs(p.value) * p.width_ms <= MAX_CHARGE_NC * (1 + 1e-9)).all()
            for column in range(3):
                assert len(onsets(stimulus, column)) <= MAX_PULSE_RATE_HZ * 0.2

    @fixture_is_constant
    @given(action=inputs)
    def test_pulses_are_balanced_and_cathodic_first(self, encoding, env, action):
        stimulus = encoding(env, 200.0, action)
        p = stimulus.pulses
        net = np.bincount(p.column, p.value * p.width_ms, minlength=3)
        # opposite phases differ by rounding only
        assert np.abs(net).max() < 1e-9
        assert (p.value[p.offset_ms == 0] < 0).all()
        stimulus.schedule(env.dt)

    def test_the_lowest_input_is_silence(self, encoding, env):
        assert len(encoding(env, 200.0, -np.ones(3)).pulses.value) == 0

    def test_batches_are_encoded_culture_by_culture(self, encoding, env, batch):
        actions = np.random.default_rng(0).uniform(-1, 1, (2, 3))
        both = encoding(batch, 200.0, actions)
        assert both.num_cultures == 2
        for b in range(2):
            single = encoding(env, 200.0, actions[b])
            assert single.num_cultures is None
            for name in ("step", "column", "value"):
                np.testing.assert_array_equal(
                    getattr(both[b].schedule(0.025), name), getattr(single.schedule(0.025), name)
                )

    def test_a_single_culture_may_have_a_leading_axis(self, encoding, env):
        assert encoding(env, 200.0, np.zeros((1, 3))).num_cultures == 1

    @pytest.mark.parametrize(
        ("action", "message"),
        [
            (np.zeros(2), r"must have the shape \(3,\), got \(2,\)"),
            (np.zeros((2, 3)), r"got \(2, 3\)"),
            (0.0, r"got \(\)"),
            (None, "numbers"),
            ([0, np.nan, 0], "hold NaN"),
            ([0, np.inf, 0], r"lie in \[-1, 1\], got inf"),
            ([0, -1.001, 0], r"lie in \[-1, 1\], got -1.001"),
            (["a", "b", "c"], "Inputs must be an array of numbers"),
        ],
    )
    def test_actions_outside_the_space_are_refused(self, encoding, env, action, message):
        with pytest.raises(InvalidInput, match=message):
            encoding(env, 200.0, action)

    def test_a_batch_needs_an_action_for_each_culture(self, encoding, batch):
        with pytest.raises(InvalidInput, match=r"must have the shape \(2, 3\), got \(3,\)"):
            encoding(batch, 200.0, np.zeros(3))

    def test_durations_and_phases_are_checked(self, encoding, env):
        for duration in (0, -5, np.nan):
            with pytest.raises(InvalidInput, match="duration_ms must be"):
                encoding(env, duration, np.zeros(3))
        env.dt = 0.03
        with pytest.raises(InvalidInput, match="phase_ms must be a multiple of the time step 0.03 ms, got 0.2"):
            encoding(env, 200.0, np.zeros(3))

    def test_an_interface_without_channels_is_refused(self, encoding, env):
        env.electrodes.num_channels = 0
        with pytest.raises(InvalidInput, match="the Env's interface has none"):
            encoding.action_space(env)
        with pytest.raises(InvalidInput, match="the Env's interface has none"):
            encoding(env, 200.0, np.zeros(0))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("pulse_amplitude", {"max_amplitude_uA": 15.1}, "15.1 uA for 0.2 ms is 3.02 nC per phase; at most 3 nC"),
        ("pulse_amplitude", {"phase_ms": 0.3}, "15 uA for 0.3 ms is 4.5 nC"),
        ("pulse_amplitude", {"rate_hz": 201}, "safe up to 200 Hz per channel, got 201 Hz"),
        ("pulse_amplitude", {"rate_hz": 0}, "Pulse rate .Hz. must be greater than 0"),
        ("pulse_amplitude", {"max_amplitude_uA": -1}, "Pulse amplitude .uA. must be greater than 0"),
        ("pulse_amplitude", {"phase_ms": np.nan}, "phase_ms must be a finite number"),
        ("pulse_amplitude", {"groups": 0}, "groups must be an integer from 1 on, got 0"),
        ("pulse_amplitude", {"groups": 2.5}, "groups must be an integer"),
        ("pulse_amplitude", {"groups": 16, "rate_hz": 200}, "Pulses of 0.4 ms overlap if 16 groups pulse at 200 Hz"),
        ("pulse_rate", {"amplitude_uA": 20}, "20 uA for 0.2 ms is 4 nC"),
        ("pulse_rate", {"max_rate_hz": 250}, "safe up to 200 Hz"),
        ("pulse_rate", {"phase_ms": 3, "amplitude_uA": 1}, "Pulses of 6 ms overlap at 200 Hz"),
    ],
)
def test_limits_hold_at_construction(name, options, message):
    with pytest.raises(InvalidInput, match=message):
        make(name, **options)


# Amplitude


def test_amplitudes_are_linear_in_the_input(env):
    stimulus = PulseAmplitude()(env, 200.0, [-1.0, 0.0, 1.0])
    # four pulses of two phases of 0.2 ms, at 0, 7.5 and 15 uA
    np.testing.assert_allclose(stimulus.charge_nC(), [0, 4 * 2 * 1.5, 4 * 2 * 3.0])
    assert onsets(stimulus, 2).tolist() == [0, 50, 100, 150]
    weaker = PulseAmplitude(max_amplitude_uA=4, rate_hz=5, phase_ms=0.1)(env, 200.0, [-0.5, 0, 1])
    np.testing.assert_allclose(weaker.charge_nC(), [0.2, 0.4, 0.8])


@pytest.mark.parametrize("duration", [30.0, 130.0, 260.0])
def test_a_run_needs_a_whole_number_of_pulses(env, duration):
    with pytest.raises(InvalidInput, match="not a whole number; take a rate_hz that is a multiple of"):
        PulseAmplitude()(env, duration, np.zeros(3))


def test_groups_pulse_in_turn(env):
    stimulus = PulseAmplitude(rate_hz=10, groups=2)(env, 200.0, np.ones(3))
    assert [onsets(stimulus, k).tolist() for k in range(3)] == [[0, 100], [50, 150], [0, 100]]


def test_times_between_groups_that_are_no_whole_steps_are_refused(env):
    with pytest.raises(InvalidInput, match=r"between 3 groups at 20 Hz .ms. must be a multiple of the time step 0.025"):
        PulseAmplitude(groups=3)(env, 200.0, np.zeros(3))


@fixture_is_constant
@given(
    action=inputs,
    groups=st.sampled_from([1, 2, 4, 5, 8, 16]),
    rate=st.sampled_from([1.0, 4.0, 5.0, 20.0, 25.0]),
    pulses=st.integers(1, 5),
)
def test_groups_keep_rate_charge_and_balance_and_trains_continue(env, action, groups, rate, pulses):
    duration = pulses * 1000.0 / rate
    stimulus = PulseAmplitude(rate_hz=rate, groups=groups)(env, duration, action)
    p = stimulus.pulses
    assert np.abs(np.bincount(p.column, p.value * p.width_ms, minlength=3)).max() < 1e-9
    together = PulseAmplitude(rate_hz=rate)(env, duration, action)
    np.testing.assert_array_equal(stimulus.charge_nC(), together.charge_nC())
    for k in np.flatnonzero(action > -1):
        start = k % groups * 1000.0 / (groups * rate)
        # the next run's first pulse comes at the same interval
        np.testing.assert_allclose([*onsets(stimulus, k), duration + start], start + np.arange(pulses + 1) * 1e3 / rate)
        whole = onsets(stimulus, k) / env.dt
        np.testing.assert_allclose(whole, np.rint(whole), atol=1e-6)


def test_pulses_in_groups_are_saved_sliced_and_scheduled_as_their_phases(env, batch, tmp_path):
    actions = np.array([[-1.0, 0.5, 1.0], [1.0, 1.0, -0.5]])
    encoding = PulseAmplitude(rate_hz=5, groups=4)
    stimulus = encoding(batch, 200.0, actions)
    save_stimulus(stimulus, tmp_path / "stimulus.npz")
    for other in (load_stimulus(tmp_path / "stimulus.npz"), Stimulus.batch([stimulus[0], stimulus[1]])):
        np.testing.assert_allclose(other.charge_nC(), stimulus.charge_nC(), rtol=1e-15)
        for name in ("culture", "step", "column", "value"):
            ours, theirs = (getattr(each.schedule(env.dt), name) for each in (stimulus, other))
            np.testing.assert_array_equal(ours, theirs)


# Rate


def test_rates_are_linear_in_the_input(env):
    stimulus = PulseRate(max_rate_hz=100)(env, 200.0, [-1.0, 0.0, 1.0])
    assert [len(onsets(stimulus, k)) for k in range(3)] == [0, 10, 20]
    np.testing.assert_allclose(onsets(stimulus, 1), 20.0 * np.arange(10))
    # 7.5 uA for 2 * 0.2 ms a pulse
    np.testing.assert_allclose(stimulus.charge_nC(), [0, 30, 60])


def test_rates_are_rounded_to_whole_pulses_a_run(env):
    encoding = PulseRate(max_rate_hz=100)
    # 100 Hz * (1 + x) / 2 in 200 ms: 1.4, 1.6 and 0.4 pulses
    stimulus = encoding(env, 200.0, np.array([7, 8, 2]) / 50 - 1)
    assert [onsets(stimulus, k).tolist() for k in range(3)] == [[0], [0, 100], []]


@fixture_is_constant
@given(
    duration=st.integers(200, 12_000).map(lambda steps: steps * 0.025),
    rate=st.floats(1, 200),
    x=st.floats(-1, 1),
)
def test_pulses_are_even_never_too_close_and_as_many_as_asked_for(env, duration, rate, x):
    encoding = PulseRate(max_rate_hz=rate)
    if np.floor(rate * duration / 1000 + 1e-9) < 1:
        with pytest.raises(InvalidInput, match="too short for a pulse"):
            encoding(env, duration, np.full(3, x))
        return
    stimulus = encoding(env, duration, np.full(3, x))
    mine = onsets(stimulus, 0)
    wanted = (x + 1) / 2 * rate * duration / 1000
    # rounded to the nearest whole, or down where the rate would exceed the highest
    assert abs(len(mine) - wanted) <= 0.5 + 1e-6 or len(mine) == np.floor(rate * duration / 1000 + 1e-9)
    if len(mine):
        # the next run's first pulse comes at the same interval
        intervals = np.diff([*mine, duration])
        np.testing.assert_allclose(intervals, duration / len(mine), rtol=1e-9)
        assert intervals.min() >= 1000.0 / rate * (1 - 1e-6)
