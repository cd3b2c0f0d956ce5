"""A driver: it connects a closed loop to a device. Limits, ledger and emergency stop are not its business."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from livn_gym.device_profile import DeviceProfile, find
from livn_gym.devices.commands import Command
from livn_gym.devices.driver import Driver, Reading

ECHO_MS = 5.0


class MyDevice(Driver):
    """A toy device whose channels answer every pulse with a spike. Replace what it does by calls of your device's API.

    `livn-gym deploy AGENT --driver my_device.py --device PROFILE` uses it. Write a profile of the device first, a TOML
    file (docs/devices.md): stimuli beyond its limits never arrive here.

    Args:
        profile: Profile of the device.
    """

    def __init__(self, profile: str | Path | DeviceProfile = "cl1") -> None:
        super().__init__(find(profile))
        self._queue: list[tuple[int, float]] = []

    def is_simulated(self) -> bool:
        """Ask the API whether it reaches a simulator. When in doubt, return False: then nothing is opened unasked."""
        return True

    def open(self, folder: Path | None) -> None:
        """Connect, and begin the device's own recording in the folder, if there is one."""

    def begin(self, max_late_ms: float) -> None:
        """Begin a loop; the first run starts now. From here on, runs follow each other without a gap."""
        self._queue = []

    def send(self, commands: Iterable[Command]) -> None:
        """Send the pulses of the next run, one command after the other: a stop ends the iteration by an exception."""
        for command in commands:
            for k in range(command.count):
                onset_ms = (command.onset_us + k * command.interval_us) * 1e-3
                self._queue += [(channel, onset_ms) for channel in command.channels]

    def read(self, duration_ms: float, beat: Callable[[float], object]) -> Reading:
        """Wait until the run is over. Call `beat` every few milliseconds with the delay of the loop, ms."""
        beat(0.0)
        given, self._queue = self._queue, []
        channel = np.array([channel for channel, _ in given], dtype=np.int64)
        onset_ms = np.array([onset for _, onset in given], dtype=np.float64)
        recorded = onset_ms + ECHO_MS < duration_ms
        return Reading(channel[recorded], onset_ms[recorded] + ECHO_MS, channel, onset_ms)

    def lag_ms(self) -> float:
        """Return the time since the start of the next run by the device's clock, ms."""
        return 0.0

    def end(self) -> None:
        """End the loop. Time may pass until the next one begins."""

    def halt(self) -> None:
        """End all stimulation, also queued pulses, at once. The watchdog's thread may call this at any time."""
        self._queue = []

    def close(self) -> None:
        """End the recording and disconnect."""

    @property
    def real_time(self) -> bool:
        """False, since this toy is as far as it is read. Leave this out for a device whose time is that of the wall."""
        return False

    # Also to override: `origin`, what identifies the device, for the provenance of results.


if __name__ == "__main__":  # python my_device.py checks the driver
    from livn_gym.devices.conformance import conform

    print("passed:", ", ".join(conform(MyDevice())))
