"""The usable channels of a device as an environment sees them, with the device open or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from livn_gym.channel_view import ChannelView
from livn_gym.device_profile import DeviceProfile
from livn_gym.devices.limits import SessionLimits, checked_delivery
from livn_gym.errors import ClosedError, InvalidInput
from livn_gym.io import BoundElectrodes
from livn_gym.pulses import PULSE_ARRAYS, Pulses
from livn_gym.recording import Recording
from livn_gym.stimulation_limits import Delivered
from livn_gym.stimulus import Stimulus
from livn_gym.system import System


class DeviceChannels:
    """One culture of which a device sees its usable channels; the part of a ``DevicePlant`` that needs no device.

    Args:
        profile: The device.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        self._profile, self._view = profile, ChannelView.of_device(profile)

    @property
    def profile(self) -> DeviceProfile:
        """The device, unusable channels included."""
        return self._profile

    @property
    def num_cultures(self) -> int:
        """1: a device holds one culture."""
        return 1

    @property
    def dt(self) -> float:
        """Time step of stimuli and recordings, ms."""
        return self._view.dt

    @property
    def system(self) -> System:
        """The usable channels as cells, see ``ChannelView``."""
        return self._view.system

    @property
    def electrodes(self) -> BoundElectrodes:
        """The usable electrodes."""
        return self._view.electrodes

    @property
    def lights(self) -> None:
        """None: a device has electrodes only."""
        return None

    def gather(self, value: Any, root: int | None = 0) -> list[Any] | None:
        """Return the value in a list: no ranks share the culture."""
        return [value]

    def at_device(self, stimulus: Any) -> Stimulus:
        """Return a stimulus at the usable electrodes with a column per channel of the device.

        Raises:
            InvalidInput: It is not one of pulses at the usable electrodes.
        """
        given = Stimulus.from_arg(stimulus, self.dt)
        assert given is not None
        usable, pulses = self.profile.electrodes.usable_channels, given.pulses
        if given.mode != "electrode" or given.light is not None or pulses is None:
            kind = given.waveform.kind[0] if given.mode == "electrode" else f"mode {given.mode!r}"
            raise InvalidInput(f"A device takes pulses at electrodes, got a stimulus of another kind ({kind}).")
        if given.num_columns != len(usable):
            raise InvalidInput(f"{self.profile.name} has {len(usable)} usable channels, got {given.num_columns}.")
        arrays = {name: getattr(pulses, name) for name in PULSE_ARRAYS} | {"column": usable[pulses.column]}
        return Stimulus.from_pulses(
            Pulses(**arrays, verified=True),
            num_columns=self.profile.electrodes.num_channels,
            duration_ms=given.duration_ms,
        )


class UnopenedPlant(DeviceChannels):
    """The ``DevicePlant`` of a device that is not open: environments are made with it to check their options.

    Args:
        profile: The device.
        limits: Limits of a session.
    """

    def __init__(self, profile: DeviceProfile, limits: SessionLimits) -> None:
        super().__init__(profile)
        self._limits = limits

    def preview(self, stimulus: Stimulus | None, duration: float) -> None:
        """Check a stimulus at the usable electrodes against the limits of the session.

        Raises:
            LimitExceeded: A limit would be exceeded; the message names it.
            InvalidInput: The device cannot give such a stimulus.
        """
        none = Delivered.none(1, self.profile.electrodes.num_channels)
        checked_delivery(self._limits, None if stimulus is None else self.at_device(stimulus), duration, none)

    def run(self, duration: float, stimulus: Any = None, *, cultures: Sequence[int] | None = None) -> Recording:
        """Refuse to run.

        Raises:
            ClosedError: The device is not open.
        """
        raise ClosedError("The device is not open.")

    def clear(self, seed: Any = None, cultures: Sequence[int] | None = None) -> Self:
        """Do nothing."""
        return self

    def close(self) -> None:
        """Do nothing."""
