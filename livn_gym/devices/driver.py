"""The part of a device's API that a closed loop needs: one class per device, in a file of its own.

A driver only translates. Limits, the ledger, the emergency stop and the watchdog are those of ``GuardedPlant``; nothing
else calls ``send``. ``livn-gym new device`` writes a commented example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.device_profile import DeviceProfile
from livn_gym.devices.commands import Command


@dataclass(frozen=True, eq=False)
class Reading:
    """Recording of a device in a run; times count from the start of the run.

    Attributes:
        spike_channel: Channel of every detected spike, int64 ``[S]``.
        spike_ms: Time of every spike, ms ``[S]``.
        stim_channel: Channel of every pulse that the device reports to have given, int64 ``[P]``.
        stim_ms: Onset of every such pulse, ms ``[P]``; a delayed pulse of the last run may be among them.
    """

    spike_channel: NDArray[np.int64]
    spike_ms: NDArray[np.float64]
    stim_channel: NDArray[np.int64]
    stim_ms: NDArray[np.float64]


class Driver(ABC):
    """A connection to one device. The order of calls is ``open``, then any number of loops, then ``close``.

    A loop is ``begin``, any number of pairs of ``send`` and ``read``, and ``end``.

    Args:
        profile: Profile of the device.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        self.profile = profile

    @abstractmethod
    def is_simulated(self) -> bool:
        """Return whether the API reaches a simulated culture; asked before ``open``."""

    @abstractmethod
    def open(self, folder: Path | None) -> None:
        """Connect to the device, and record everything that it can record.

        Args:
            folder: Folder for the device's own recording; None for no recording.
        """

    @abstractmethod
    def begin(self, max_late_ms: float) -> None:
        """Begin a loop: from now on the device's time advances without gaps from run to run.

        Args:
            max_late_ms: Largest permitted delay of the loop behind the device, ms, where the device checks it itself.
        """

    @abstractmethod
    def send(self, commands: Iterable[Command]) -> None:
        """Send pulses of the next run; onsets count from its start. Only the guard passes commands to this.

        Args:
            commands: Commands, which must be sent one by one in this order: a stop ends the iteration by an exception.
        """

    @abstractmethod
    def read(self, duration_ms: float, beat: Callable[[float], object]) -> Reading:
        """Wait for the end of the run and return what was recorded.

        Args:
            duration_ms: Length of the run.
            beat: To be called at short intervals with the delay of the loop behind the device, ms. What it raises ends
                the run.
        """

    @abstractmethod
    def lag_ms(self) -> float:
        """Return the device's time since the start of the next run, ms: how late a stimulus sent now would be."""

    @abstractmethod
    def end(self) -> None:
        """End the loop; may be called without one."""

    @abstractmethod
    def halt(self) -> None:
        """End all stimulation at once, also queued pulses. Any thread may call it, at any time, more than once."""

    @abstractmethod
    def close(self) -> None:
        """End the recording and disconnect; may be called twice."""

    @property
    def real_time(self) -> bool:
        """Whether the device's clock is the wall clock, so that a loop can be late."""
        return True

    def origin(self) -> Mapping[str, Any]:
        """Return what identifies device, culture and software, for the provenance of results; JSON values."""
        return {}
