"""Pulses that a device reports against those that were commanded, and percentiles of latencies."""

import math

import numpy as np
import pytest

from livn_gym.devices.commands import Command
from livn_gym.devices.timing import PulseTracker, percentiles

PHASES = ((200, -1.0), (200, 1.0))


def reported(tracker, *pulses):
    channel, onset_ms = zip(*pulses, strict=True) if pulses else ((), ())
    return tracker.report(np.array(channel, dtype=np.int64), np.array(onset_ms))


def test_pulses_in_time_have_no_delay():
    tracker = PulseTracker()
    tracker.command([Command((8, 9), 1000, PHASES), Command((10,), 2000, PHASES, 3, 50_000)], 400.0)
    assert tracker.unconfirmed == 5
    assert reported(tracker, (10, 502.0), (8, 401.0), (9, 401.0), (10, 402.0), (10, 452.0)) == pytest.approx(0.0)
    assert tracker.unconfirmed == 0 and math.isnan(reported(tracker))


def test_the_largest_delay_and_missing_pulses_are_found():
    tracker = PulseTracker()
    tracker.command([Command((8, 9, 10), 1000, PHASES)], 0.0)
    assert reported(tracker, (8, 1.04), (9, 3.5)) == pytest.approx(2.5)
    assert tracker.unconfirmed == 1
    tracker.command([Command((8,), 1000, PHASES)], 200.0)
    assert reported(tracker, (10, 205.0), (8, 201.0)) == pytest.approx(204.0)


def test_a_pulse_that_nobody_commanded_is_never_in_time():
    assert reported(PulseTracker(), (8, 1.0)) == math.inf


def test_percentiles_are_of_absolute_values_without_nan():
    assert percentiles([math.nan, -4.0, 1.0, 2.0, 3.0]) == pytest.approx([2.5, 3.85, 4.0])
    assert all(map(math.isnan, percentiles([math.nan])))
