"""The conformance checks of drivers find what is wrong with a driver, and none reaches a real device."""

import numpy as np
import pytest

from livn_gym.devices.conformance import conform
from livn_gym.devices.driver import Reading
from livn_gym.errors import InvalidInput, NonConforming
from livn_gym.templates.device import MyDevice


def test_the_template_conforms():
    assert conform(MyDevice()) == ["open", "silence", "pulses", "halt", "close"]


class Real(MyDevice):
    def is_simulated(self):
        return False

    def open(self, folder):
        raise AssertionError("opened")


class Deaf(MyDevice):
    def send(self, commands):
        super().send([])


class Late(MyDevice):
    def read(self, duration_ms, beat):
        reading = super().read(duration_ms, beat)
        return Reading(reading.spike_channel, reading.spike_ms, reading.stim_channel, reading.stim_ms + 1.0)


class Unstoppable(MyDevice):
    def halt(self):
        pass


class Silent(MyDevice):
    def read(self, duration_ms, beat):
        return super().read(duration_ms, lambda late_ms: None)


class Elsewhere(MyDevice):
    def read(self, duration_ms, beat):
        reading = super().read(duration_ms, beat)
        return Reading(np.array([0]), np.array([1.0]), reading.stim_channel, reading.stim_ms)


class Afterwards(MyDevice):
    def read(self, duration_ms, beat):
        reading = super().read(duration_ms, beat)
        return Reading(np.array([8]), np.array([duration_ms]), reading.stim_channel, reading.stim_ms)


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (Deaf, "reports \\[\\]"),
        (Late, "was sent pulses"),
        (Unstoppable, "queued when it was halted"),
        (Silent, "must call beat"),
        (Elsewhere, "not usable: {0}"),
        (Afterwards, "200.0 ms of 200.0"),
    ],
)
def test_a_wrong_driver_does_not(driver, message):
    with pytest.raises(NonConforming, match=message):
        conform(driver())


def test_a_real_device_is_not_opened():
    with pytest.raises(InvalidInput, match="real device"):
        conform(Real())
