"""Pulses on the frames of a device: charge, lateness, order and parts of runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.devices.pulse_queue import PulseQueue
from livn_gym.errors import InvalidInput

FRAME_MS = 0.04


def currents(queue, start, stop):
    """Current of every frame and channel, uA ``[T, C]``, as a simulator with steps of one frame applies it."""
    result = np.zeros((stop - start, queue.num_channels))
    stimulus = queue.stimulus(start, stop)
    if stimulus is None:
        return result
    schedule = stimulus.schedule(FRAME_MS)
    for step, column, value in zip(schedule.step, schedule.column, schedule.value, strict=True):
        result[step:, column] = value
    return result


def test_a_pulse_flows_at_its_frame():
    queue = PulseQueue(3)
    assert queue.add(1, 10, (200, 200), (-2.0, 2.0), earliest=0) == 0
    flown = currents(queue, 0, 30)
    assert (flown[:, [0, 2]] == 0).all()
    assert flown[:, 1].tolist() == [0.0] * 10 + [-2.0] * 5 + [2.0] * 5 + [0.0] * 10


def test_a_phase_that_ends_within_a_frame_keeps_its_charge():
    queue = PulseQueue(1)
    queue.add(0, 0, (100, 60, 40), (-3.0, 2.0, -1.0), earliest=0)
    flown = currents(queue, 0, 8)[:, 0]
    assert flown.tolist() == [-3.0, -3.0, -0.5, 2.0, -1.0, 0.0, 0.0, 0.0]
    assert flown.sum() * 40 == -300 + 120 - 40


def test_a_late_pulse_starts_at_the_earliest_frame():
    queue = PulseQueue(2)
    assert queue.add(0, 5, (40, 40), (1.0, -1.0), earliest=25) == 20
    assert currents(queue, 25, 30)[:, 0].tolist() == [1.0, -1.0, 0.0, 0.0, 0.0]


def test_late_pulses_of_a_channel_follow_each_other_and_channels_stay_together():
    queue = PulseQueue(3)
    late = [queue.add(channel, frame, (80,), (1.0,), 10) for channel, frame in ((0, 4), (1, 4), (0, 7))]
    assert late == [6, 6, 5]  # the second of channel 0 waits for the first, which ends in frame 12
    assert currents(queue, 10, 15).T.tolist() == [[1.0, 1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0, 0.0], [0.0] * 5]


@given(
    pulses=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 60),
            st.lists(st.tuples(st.integers(1, 9), st.sampled_from([-3.0, -1.5, 0.5, 2.0])), min_size=1, max_size=3),
        ),
        max_size=6,
    ),
    cuts=st.lists(st.integers(1, 119), max_size=5, unique=True),
)
def test_currents_do_not_depend_on_how_time_is_cut_and_keep_their_charge(pulses, cuts):
    whole, parted = PulseQueue(3), PulseQueue(3)
    charge = np.zeros(3)
    for channel, frame, phases in pulses:
        durations, values = [20 * steps for steps, _ in phases], [value for _, value in phases]
        for queue in (whole, parted):
            queue.add(channel, frame, durations, values, earliest=0)
        charge[channel] += np.dot(durations, values)
    bounds = [0, *sorted(cuts), 120]
    parts = []
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        parts.append(currents(parted, start, stop))
        parted.drop(stop)
    flown = currents(whole, 0, 120)
    assert np.array_equal(np.concatenate(parts), flown)
    assert np.allclose(flown.sum(axis=0) * 40, charge)
    assert len(parted) == 0


def test_bad_pulses_are_refused():
    queue = PulseQueue(2)
    for channel, durations, values in ((2, (40,), (1.0,)), (-1, (40,), (1.0,))):
        with pytest.raises(InvalidInput, match="from 0 to 1"):
            queue.add(channel, 0, durations, values, earliest=0)
    for durations, values in (((30,), (1.0,)), ((0,), (1.0,)), ((40, 40), (1.0,))):
        with pytest.raises(InvalidInput, match="multiple of 20 us"):
            queue.add(0, 0, durations, values, earliest=0)
    with pytest.raises(InvalidInput, match="no whole number of steps"):
        PulseQueue(2, frame_us=50)
    assert len(queue) == 0
