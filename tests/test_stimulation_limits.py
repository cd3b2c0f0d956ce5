"""Limits of devices: what is given, what is refused, and what is carried from run to run."""

import pickle

import numpy as np
import pytest

from livn_gym.device_profile import find
from livn_gym.errors import InvalidInput, LimitExceeded
from livn_gym.pulses import Pulses
from livn_gym.stimulation_limits import Delivered, check_stimulus
from livn_gym.stimulus import Stimulus

RUN_MS = 200.0


@pytest.fixture
def cl1():
    return find("cl1")


def train(rate_hz=5.0, amplitude=3.0, phase_ms=0.5, start_ms=1.0, channels=(1, 2), cultures=None):
    sizes = np.zeros(64)
    sizes[list(channels)] = amplitude
    if cultures:
        sizes = np.tile(sizes, (cultures, 1))
    return Stimulus.pulse_train(sizes, duration_ms=RUN_MS, rate_hz=rate_hz, phase_ms=phase_ms, start_ms=start_ms)


def test_the_strongest_pulses_of_the_cl1_are_given_at_half_a_millisecond(cl1):
    state = check_stimulus(cl1, train(rate_hz=100.0), RUN_MS)
    assert state.charge_nC[0, 1] == pytest.approx(20 * 2 * 1.5)
    assert state.charge_nC[0, 3] == 0.0
    assert state.since_onset_ms[0, 1] == pytest.approx(RUN_MS - 191.0)
    assert np.isinf(state.since_onset_ms[0, 3])
    with pytest.raises(LimitExceeded, match="max_total_charge_nC, channel 1: got 3.12 nC"):
        check_stimulus(cl1, train(phase_ms=0.52), RUN_MS)


def test_the_rate_holds_across_runs(cl1):
    late = train(rate_hz=5.0, start_ms=197.0)
    state = check_stimulus(cl1, late, RUN_MS)
    with pytest.raises(LimitExceeded, match="4 ms apart") as caught:
        check_stimulus(cl1, train(start_ms=1.0), RUN_MS, state)
    assert (caught.value.limit, caught.value.channel) == ("max_rate_hz", 1)
    later = check_stimulus(cl1, train(start_ms=2.0), RUN_MS, state)
    assert later.charge_nC[0, 1] == pytest.approx(2 * state.charge_nC[0, 1])
    silent = check_stimulus(cl1, None, 10.0, state)
    assert silent.since_onset_ms[0, 1] == pytest.approx(state.since_onset_ms[0, 1] + 10.0)
    check_stimulus(cl1, train(start_ms=1.0), RUN_MS, silent)


def test_cultures_are_counted_apart(cl1):
    sizes = np.zeros((2, 64))
    sizes[1, 5] = 2.0
    one = Stimulus.pulse_train(sizes, duration_ms=RUN_MS, rate_hz=5.0, phase_ms=0.2, start_ms=1.0)
    state = check_stimulus(cl1, one, RUN_MS)
    assert state.charge_nC.sum(axis=1).tolist() == pytest.approx([0.0, 0.8])
    shared = check_stimulus(cl1, train(), RUN_MS, Delivered.none(3, 64))
    assert (shared.charge_nC == shared.charge_nC[0]).all() and shared.charge_nC.sum() > 0
    sizes[1, 5] = 4.0
    bad = Stimulus.pulse_train(sizes, duration_ms=RUN_MS, rate_hz=5.0, phase_ms=0.2, start_ms=1.0)
    with pytest.raises(LimitExceeded, match="channel 5 of culture 1: got 4 uA"):
        check_stimulus(cl1, bad, RUN_MS)


def test_a_session_has_a_charge(cl1):
    limited = cl1.with_stimulation(max_session_charge_uC=0.02)
    state = None
    for _ in range(3):  # 2 channels x 3 nC
        state = check_stimulus(limited, train(), RUN_MS, state)
    with pytest.raises(LimitExceeded, match="max_session_charge_uC: got 0.024 uC"):
        check_stimulus(limited, train(), RUN_MS, state)


def test_channels_count_while_current_flows(cl1):
    narrow = cl1.with_stimulation(max_channels=2)
    check_stimulus(narrow, train(channels=(1, 2)), RUN_MS)
    with pytest.raises(LimitExceeded, match="got 3 channels with current at 1 ms, at most 2"):
        check_stimulus(narrow, train(channels=(1, 2, 3)), RUN_MS)
    apart = np.zeros(64)
    apart[[1, 2, 3]] = 3.0
    starts = np.arange(64.0)  # the next pulse starts when the one before has ended
    check_stimulus(
        narrow, Stimulus.pulse_train(apart, duration_ms=RUN_MS, rate_hz=5.0, phase_ms=0.5, start_ms=starts), RUN_MS
    )
    cultures = train(channels=(1, 2), cultures=5)
    check_stimulus(narrow, cultures, RUN_MS)


def test_a_dense_stimulus_has_the_pulses_of_its_rows(cl1):
    rows = np.zeros((1000, 64))
    rows[10:15, 6], rows[15:20, 6] = -3.0, 3.0
    state = check_stimulus(cl1, Stimulus(rows, 0.1, "electrode"), RUN_MS)
    assert state.charge_nC[0, 6] == pytest.approx(3.0)
    assert state.since_onset_ms[0, 6] == pytest.approx(RUN_MS - 1.0)
    rows[19, 6] = 0.0
    with pytest.raises(LimitExceeded, match="charge_balanced, channel 6: got a pulse whose phases leave -0.3 nC"):
        check_stimulus(cl1, Stimulus(rows, 0.1, "electrode"), RUN_MS)


def test_phases_with_a_gap_are_two_pulses_that_do_not_cancel(cl1):
    zero = np.zeros(2)
    gap = Pulses(
        zero.astype(int), zero.astype(int) + 1, zero + 1.0, np.array([0.0, 0.4]), zero + 0.2, np.array([-1.0, 1.0])
    )
    with pytest.raises(LimitExceeded, match="charge_balanced"):
        check_stimulus(cl1, Stimulus.from_pulses(gap, num_columns=64, duration_ms=RUN_MS), RUN_MS)


def test_nothing_is_always_given(cl1):
    empty = check_stimulus(cl1, train(amplitude=0.0), RUN_MS)
    assert empty.charge_nC.sum() == 0.0
    assert np.isinf(empty.since_onset_ms).all()


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        (Stimulus(np.ones((10, 64)), 1.0, "current"), "mode 'electrode'"),
        (Stimulus(np.ones((10, 16)), 1.0, "electrode"), "64 channels, got 16"),
        (Stimulus(np.ones((3, 10, 64)), 1.0, "electrode"), "of 3 cultures"),
    ],
)
def test_stimuli_of_something_else_are_refused(cl1, stimulus, message):
    with pytest.raises(InvalidInput, match=message):
        check_stimulus(cl1, stimulus, RUN_MS, Delivered.none(2, 64))


def test_the_error_keeps_its_limit_in_a_pickle(cl1):
    with pytest.raises(LimitExceeded) as caught:
        check_stimulus(cl1, train(amplitude=4.0, phase_ms=0.2), RUN_MS)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.limit, copied.channel, str(copied)) == ("max_amplitude_uA", 1, str(caught.value))
