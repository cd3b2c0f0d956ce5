"""Waveforms, and the charge they may carry."""

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from livn_gym.encoding import ChannelCurrent, make
from livn_gym.errors import InvalidInput


def wave(*rows):
    """A current (uA) on the second of three channels."""
    return np.outer(rows, [0, 1, 0])


def test_a_waveform_is_applied_as_it_is(env):
    encoding = make("channel_current", duration_ms=1.0, dt_ms=0.2)
    values = wave(-15, 0, 15, -5, 5)
    stimulus = encoding(env, 1.0, values)
    assert (stimulus.mode, stimulus.dt, stimulus.duration_ms, stimulus.num_cultures) == ("electrode", 0.2, 1.0, None)
    np.testing.assert_array_equal(stimulus.array, values)
    assert encoding(env, 100.0, values).duration_ms == 1.0, "a longer run is silent after it"


def test_the_action_space_bounds_every_value(env):
    space = ChannelCurrent(1.0, 0.25, 12.0).action_space(env)
    assert space == spaces.Box(-12, 12, (4, 3), np.float32)


def test_batches_have_a_leading_axis(batch):
    values = np.stack([wave(-1, 1), wave(2, -2)])
    stimulus = ChannelCurrent(0.4)(batch, 0.4, values)
    assert stimulus.num_cultures == 2
    np.testing.assert_array_equal(stimulus[1].array, values[1])
    with pytest.raises(InvalidInput, match=r"shape \(2, 2, 3\), got \(2, 3\)"):
        ChannelCurrent(0.4)(batch, 0.4, values[0])


@pytest.mark.parametrize(
    "rows",
    [
        (-15, 15, -15, 15),
        (-7.5, -7.5, 7.5, 7.5),
        (-15, 0, 0, 15),
        (0, 0, 0, 0),
        (15, -15, 0, 0),
    ],
)
def test_balanced_waveforms_within_3_nC_are_taken(env, rows):
    np.testing.assert_array_equal(ChannelCurrent(0.8)(env, 1.0, wave(*rows)).array, wave(*rows))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((-15, -1, 15, 1), "Channel 1 of culture 0 reaches 3.2 nC as a phase; at most 3 nC are allowed"),
        ((-15, 0, -1, 0), "reaches 3.2 nC as a phase"),
        ((-15, 15, 15, -15), "reaches 6 nC as a phase"),
        ((-10, 4, -10, 0), "reaches 3.2 nC as net charge"),
    ],
)
def test_too_much_charge_is_refused(env, rows, message):
    with pytest.raises(InvalidInput, match=message):
        ChannelCurrent(0.8)(env, 1.0, wave(*rows))
    assert ChannelCurrent(0.8, max_charge_nC=None)(env, 1.0, wave(*rows)).duration_ms == pytest.approx(0.8)


def test_the_culture_with_too_much_charge_is_named(batch):
    with pytest.raises(InvalidInput, match="Channel 1 of culture 1"):
        ChannelCurrent(0.4)(batch, 0.4, np.stack([wave(-1, 1), wave(-10, -10)]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=arrays(np.float64, (6, 3), elements=st.integers(-15, 15)))
def test_the_charge_limit_is_the_one_it_says(env, values):
    largest = 0.0
    for column in (values * 0.2).T:
        net = np.concatenate([[0.0], np.cumsum(column)])
        largest = max(largest, np.abs(net).max())
        sign, phase = 0.0, 0.0
        for charge in column:
            if charge * sign < 0:
                phase = 0.0
            sign = np.sign(charge) or sign
            phase += charge
            largest = max(largest, abs(phase))
    encoding = ChannelCurrent(1.2, 0.2, 15.0, max_charge_nC=4.0)
    # every charge is a multiple of 0.2 nC
    if largest > 4.1:
        with pytest.raises(InvalidInput, match="at most 4 nC"):
            encoding(env, 1.2, values)
    else:
        assert encoding(env, 1.2, values).num_columns == 3


@pytest.mark.parametrize(
    ("values", "duration", "message"),
    [
        (np.zeros((3, 3)), 0.4, r"shape \(2, 3\), got \(3, 3\)"),
        (np.full((2, 3), np.nan), 0.4, "NaN"),
        (wave(16, -16), 0.4, r"lie in \[-15, 15\], got 16"),
        (np.zeros((2, 3)), 0.2, "A waveform of 0.4 ms does not fit in 0.2 ms"),
    ],
)
def test_waveforms_that_do_not_fit_are_refused(env, values, duration, message):
    with pytest.raises(InvalidInput, match=message):
        ChannelCurrent(0.4)(env, duration, values)


def test_rows_must_be_whole_time_steps(env):
    with pytest.raises(InvalidInput, match="dt_ms must be a multiple of the time step 0.025 ms, got 0.04"):
        ChannelCurrent(0.4, 0.04)(env, 0.4, np.zeros((10, 3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration_ms": 0.5, "dt_ms": 0.2}, "duration_ms must be a multiple"),
        ({"duration_ms": 1, "dt_ms": 0}, "dt_ms must be greater than 0"),
        ({"duration_ms": 1, "dt_ms": 1}, "15 uA for 1 ms is 15 nC, more than max_charge_nC = 3"),
        ({"duration_ms": 1, "max_current_uA": -1}, "max_current_uA must be greater than 0"),
        ({"duration_ms": 1, "max_charge_nC": 0}, "max_charge_nC must be greater than 0"),
    ],
)
def test_limits_hold_at_construction(options, message):
    with pytest.raises(InvalidInput, match=message):
        ChannelCurrent(**options)
