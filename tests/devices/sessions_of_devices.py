"""Limits files, guards and stimuli for the tests of devices."""

import numpy as np

from livn_gym.device_profile import find
from livn_gym.devices.guard import Guard
from livn_gym.devices.ledger import Ledger
from livn_gym.devices.limits import SessionLimits
from livn_gym.pulses import Pulses, PulseShape
from livn_gym.stimulus import Stimulus

CL1 = find("cl1")
CHANNELS = CL1.electrodes.num_channels

LIMITS = """
device = "cl1"
operator = "A. Name"
culture = "chip 17"

[session]
max_session_charge_uC = 1.0
max_electrode_charge_uC = 0.1
max_minutes = 30.0
"""


class Clock:
    """A clock that a test advances."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


class Device:
    """What a device has received: commands, and calls of ``halt``."""

    def __init__(self):
        self.commands, self.halts = [], 0

    def send(self, commands):
        self.commands.extend(commands)

    def halt(self):
        self.halts += 1


def limits_of(tmp_path, text=LIMITS, extra=""):
    path = tmp_path / "limits.toml"
    path.write_text(text + extra, encoding="utf-8")
    return SessionLimits.read(path, CL1)


def session(tmp_path, limits=None, halt=None, **options):
    """A guard with its clock and device."""
    clock, device = Clock(), Device()
    ledger = Ledger(tmp_path / "ledger.jsonl")
    limits = SessionLimits.of_profile(CL1) if limits is None else limits
    return Guard(limits, ledger, halt or device.halt, clock=clock, **options), clock, device


def pulse(channels=(8,), amplitude_uA=1.0, onset_ms=1.0, phase_ms=0.2, duration_ms=200.0, **shape):
    """One pulse at some channels, cathodic first."""
    channels = np.atleast_1d(channels)
    none = np.zeros_like(channels)
    pulses = PulseShape(phase_ms, **shape).pulses(none, channels, none + float(onset_ms), none - float(amplitude_uA))
    return Stimulus.from_pulses(pulses, num_columns=CHANNELS, duration_ms=duration_ms)


def phases(*rows, channel=8, onset_ms=1.0, duration_ms=200.0, num_columns=CHANNELS):
    """One pulse of phases, given as offset (ms), width (ms) and current (uA)."""
    offset, width, value = np.transpose(rows)
    zero = np.zeros(len(rows), dtype=np.int64)
    pulses = Pulses(zero, zero + channel, zero + float(onset_ms), offset, width, value)
    return Stimulus.from_pulses(pulses, num_columns=num_columns, duration_ms=duration_ms)
