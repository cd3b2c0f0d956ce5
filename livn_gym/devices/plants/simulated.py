"""A simulated culture on a simulated device, without the device's API: for dry runs where that is not installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym import parameter_sets
from livn_gym import system as systems
from livn_gym.channel_view import device_array
from livn_gym.checks import checked
from livn_gym.device_profile import DeviceProfile, find
from livn_gym.devices.commands import Command, stimulus_of
from livn_gym.devices.driver import Driver, Reading
from livn_gym.devices.guarded_plant import GuardedPlant
from livn_gym.env import Env
from livn_gym.errors import ClosedError, InvalidInput
from livn_gym.numerics import checked_seed
from livn_gym.registry import check_options
from livn_gym.signals import ChannelObservation
from livn_gym.units import finite

_OWN = ("io", "num_cultures", "comm", "subworld_size")
"""Arguments of ``Env`` that follow from the device."""


class SimulatedDriver(Driver):
    """Driver of a culture of this process, whose electrodes are those of a device.

    The culture settles when the device is opened and then lives on: neither an episode nor a loop resets it.

    Args:
        profile: Profile of the device.
        system: System whose electrodes have the shape of the device's array.
        seed: Seed of the noise of cells and electrodes.
        settle_ms: Unstimulated time before the first loop.
        **culture: Further arguments of ``livn_gym.make``, as ``variant`` or ``params``.

    Raises:
        UnknownOption: There is no such argument.
        InvalidInput: The array does not fit the device, or a value is out of range.
    """

    def __init__(
        self,
        profile: str | Path | DeviceProfile = "cl1",
        *,
        system: Any = "EI3",
        seed: int = 0,
        settle_ms: float = 2000.0,
        **culture: Any,
    ) -> None:
        super().__init__(find(profile))
        for name in _OWN:
            if name in culture:
                raise InvalidInput(f"A simulated device has its own {name}: leave it out.")
        made = systems.make(system, seed=culture.pop("graph_seed", None))
        self._params = parameter_sets.find(made, culture.pop("params", None), culture.pop("variant", None))
        self._seed, self._settle_ms = checked_seed(seed), finite("settle_ms", settle_ms, minimum=0.0)
        check_options("The simulated device", Env, culture, (made,))
        self._make = lambda: Env(made, io=device_array(self.profile, made), seed=self._seed, **culture)
        self._make().close()  # refuses wrong values before a session begins
        self._env: Env | None = None
        self._commands: list[Command] = []

    def is_simulated(self) -> bool:
        """Return True."""
        return True

    def open(self, folder: Path | None) -> None:
        """Make the culture and let it settle."""
        self._env = self._make().init().set_params(self._params).record_spikes()
        usable = self.profile.of_usable()
        self._observation = ChannelObservation(self._env, usable, [self._seed])
        if self._settle_ms:
            self._observation.observe(self._env.run(self._settle_ms), None, [0])

    def begin(self, max_late_ms: float) -> None:
        """Do nothing: time passes in ``read`` only."""

    def send(self, commands: Iterable[Command]) -> None:
        """Keep the commands for the next run."""
        self._commands = []
        for command in commands:
            self._commands.append(command)

    def read(self, duration_ms: float, beat: Callable[[float], object]) -> Reading:
        """Run the culture, and detect the spikes on its channels."""
        env = self._opened()
        beat(0.0)
        commands, self._commands = self._commands, []
        usable = self.profile.electrodes.usable_channels
        stimulus = stimulus_of(commands, usable, duration_ms) if commands else None
        recording = self._observation.observe(env.run(duration_ms, stimulus), stimulus, [0])
        beat(0.0)
        _, channel, t_ms = recording.spikes
        onsets = [
            (channel, (command.onset_us + k * command.interval_us) * 1e-3)
            for command in commands
            for channel in command.channels
            for k in range(command.count)
        ]
        stim_channel, stim_ms = zip(*onsets, strict=True) if onsets else ((), ())
        return Reading(
            usable[channel], t_ms, np.array(stim_channel, dtype=np.int64), np.array(stim_ms, dtype=np.float64)
        )

    def lag_ms(self) -> float:
        """Return 0: no time passes between runs."""
        return 0.0

    def end(self) -> None:
        """Do nothing."""

    def halt(self) -> None:
        """Remove the pulses of the next run."""
        self._commands = []

    def close(self) -> None:
        """Close the culture."""
        env, self._env = self._env, None
        if env is not None:
            env.close()

    @property
    def real_time(self) -> bool:
        """False."""
        return False

    def origin(self) -> Mapping[str, Any]:
        """Return the system, its parameters and the seed."""
        return {"simulated": True, "system": self._opened().system.name, "seed": self._seed}

    def _opened(self) -> Env:
        if self._env is None:
            raise ClosedError("The device is not open.")
        return self._env


@checked
def make(
    profile: str | Path | DeviceProfile = "cl1", *, folder: str | Path | None = None, **options: Any
) -> GuardedPlant:
    """Make the plant of a simulated culture on a simulated device.

    Args:
        profile: Profile of the device.
        folder: New or empty folder for the ledger of the session. Default: nothing is kept.
        **options: Arguments of ``SimulatedDriver``.
    """
    return GuardedPlant(SimulatedDriver(profile, **options), folder=None if folder is None else Path(folder))
