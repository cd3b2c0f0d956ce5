"""The Cortical Labs CL1, or a culture behind its API, as a plant: ``gym.make(..., plant="cl")``.

References:
    Cortical Labs, cl-sdk 1.0.0: ``Neurons.loop``, ``Neurons.create_stim_plan``, ``Neurons.record``.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym.checks import checked
from livn_gym.device_profile import DeviceProfile, find
from livn_gym.devices.cl import check_available, configure, release
from livn_gym.devices.cl_settings import CultureSettings
from livn_gym.devices.commands import Command
from livn_gym.devices.driver import Driver, Reading
from livn_gym.devices.guarded_plant import GuardedPlant
from livn_gym.errors import BackendError, InvalidInput
from livn_gym.units import finite, whole_steps


class ClDriver(Driver):
    """Driver of the API ``cl``.

    A loop of ``tick_ms`` runs for as long as an episode does. The pulses of a run are sent when it begins, as plans at
    frames of its own: at most one run is ever queued on the device.

    Args:
        profile: Profile of the device. Default: ``cl1``.
        tick_ms: Time between two readings within a run: the watchdog gets a heartbeat, and a stop takes effect, once
            per tick.
        samples: Whether the device's own recording holds the raw frames, 3.2 MB per second, besides spikes and pulses.
        culture: Arguments of ``livn_gym.devices.cl.configure``, as ``system`` and ``seed``, of the simulated culture
            that is opened if the API is the simulator's; a real device has its own. Default: the source that was
            configured before, or EI3 if there is none, since the sources of the SDK itself ignore stimuli.
        delay_ms: Time by which spikes are late against the device's own pulses, which is subtracted from their times.
            Default: that of the simulated culture, whose detection takes time; otherwise 0.

    Raises:
        BackendUnavailable: cl-sdk is not installed.
        InvalidInput: A number is out of range.
    """

    def __init__(
        self,
        profile: str | Path | DeviceProfile = "cl1",
        *,
        tick_ms: float = 10.0,
        samples: bool = True,
        culture: Mapping[str, Any] | None = None,
        delay_ms: float | None = None,
    ) -> None:
        check_available()
        super().__init__(find(profile))
        self._culture = culture
        if culture is not None:  # refuses wrong values before a session begins
            CultureSettings.of({name: value for name, value in culture.items() if name != "accelerated"})
        self._given_delay_ms = None if delay_ms is None else finite("delay_ms", delay_ms, minimum=0.0)
        self.delay_ms = self._given_delay_ms or 0.0
        """Time by which spikes are late, ms."""
        self.tick_ms, self.samples = finite("tick_ms", tick_ms, above=0.0), bool(samples)
        self._frame_ms = 1e3 / self.profile.recording.sampling_hz
        self._tick_frames = whole_steps("tick_ms", self.tick_ms, self._frame_ms)
        self._lead_us = round(self.profile.stimulation.lead_time_us)
        self._stack = ExitStack()
        self._neurons: Any = None
        self._ticks: Any = None
        self._start = 0
        """Frame at which the next run starts."""

    def is_simulated(self) -> bool:
        """Return whether ``cl`` is the simulator's."""
        import cl

        return cl.is_simulator() is True

    def open(self, folder: Path | None) -> None:
        """Open the device, and record to the folder."""
        import cl

        if self.is_simulated() and (self._culture is not None or not os.environ.get("CL_SDK_DATA_SOURCE")):
            delay_ms = configure(**(self._culture or {}))
            self.delay_ms = delay_ms if self._given_delay_ms is None else self._given_delay_ms
            self._stack.callback(release)
        self._neurons = self._stack.enter_context(cl.open())
        frames_hz, channels = self._neurons.get_frames_per_second(), self._neurons.get_channel_count()
        expected = round(self.profile.recording.sampling_hz), self.profile.electrodes.num_channels
        if (frames_hz, channels) != expected:
            raise InvalidInput(
                f"The device has {channels} channels and {frames_hz} frames per second, the profile "
                f"{self.profile.name!r} has {expected[1]} and {expected[0]}."
            )
        if folder is not None:
            recording = self._neurons.record(file_location=str(folder.resolve()), include_raw_samples=self.samples)
            self._stack.callback(recording.stop)

    def begin(self, max_late_ms: float) -> None:
        """Begin the SDK's loop; its first tick ends where the first run starts."""
        tolerance = int(max_late_ms / self._frame_ms)
        rate_hz = self.profile.recording.sampling_hz / self._tick_frames
        self._ticks = iter(self._neurons.loop(rate_hz, jitter_tolerance_frames=tolerance))
        self._start = next(self._ticks).iteration_timestamp

    def send(self, commands: Iterable[Command]) -> None:
        """Send each command as a plan of its own at its frame."""
        import cl

        for command in commands:
            plan = self._neurons.create_stim_plan()
            design = cl.StimDesign(*(number for phase in command.phases for number in phase))
            burst = (cl.BurstDesign(command.count, 1e6 / command.interval_us),) if command.count > 1 else ()
            plan.stim(cl.ChannelSet(*command.channels), design, *burst, lead_time_us=self._lead_us)
            plan.run(at_timestamp=self._start + self._frames(command.onset_us - self._lead_us))

    def read(self, duration_ms: float, beat: Callable[[float], object]) -> Reading:
        """Read tick by tick until the end of the run; a late spike of the run before has the time 0."""
        count = whole_steps("The length of a run (ms)", duration_ms, self.tick_ms)
        spikes: list[tuple[int, int]] = []
        stims: list[tuple[int, int]] = []
        for _ in range(count):
            tick = next(self._ticks)
            spikes += [(spike.channel, spike.timestamp) for spike in tick.analysis.spikes]
            stims += [(stim.channel, stim.timestamp) for stim in tick.analysis.stims]
            beat((self._neurons.timestamp() - tick.iteration_timestamp) * self._frame_ms if self.real_time else 0.0)
        start, self._start = self._start, self._start + count * self._tick_frames
        if tick.iteration_timestamp != self._start:
            raise BackendError(
                f"The device's loop is at frame {tick.iteration_timestamp} at the end of a run that ends at "
                f"{self._start}: ticks were lost."
            )
        spike, stim = (np.array(rows, dtype=np.int64).reshape(-1, 2).T for rows in (spikes, stims))
        spike_ms = np.maximum((spike[1] - start) * self._frame_ms - self.delay_ms, 0.0)
        return Reading(spike[0], spike_ms, stim[0], (stim[1] - start) * self._frame_ms)

    def lag_ms(self) -> float:
        """Return the device's time since the start of the next run, ms; 0 in accelerated time."""
        return (self._neurons.timestamp() - self._start) * self._frame_ms if self.real_time else 0.0

    def end(self) -> None:
        """End the loop, and collect the garbage, which the SDK does not do while a device is open."""
        if self._ticks is not None:
            self._ticks.close()
            self._ticks = None
            gc.collect()

    def halt(self) -> None:
        """Interrupt all channels, which also removes their queued pulses."""
        import cl

        if self._neurons is not None:
            self._neurons.interrupt(cl.ChannelSet(*range(self.profile.electrodes.num_channels)))

    def close(self) -> None:
        """Stop the recording and close the device."""
        self.end()
        self._stack.close()
        self._neurons = None

    @property
    def real_time(self) -> bool:
        """Whether the clock is the wall clock: always on a device, and on the simulator unless it is accelerated."""
        return not (self.is_simulated() and os.environ.get("CL_SDK_ACCELERATED_TIME") == "1")

    def origin(self) -> Mapping[str, Any]:
        """Return the device's own description of itself, and the version of the SDK."""
        import cl

        attributes = {name: str(value) for name, value in cl.get_system_attributes().items()}
        return {"cl_sdk": version("cl-sdk"), "simulated": self.is_simulated(), **attributes}

    def _frames(self, time_us: float) -> int:
        return round(time_us * 1e-3 / self._frame_ms)


@checked
def make(
    profile: str | Path | DeviceProfile = "cl1",
    *,
    folder: str | Path | None = None,
    tick_ms: float = 10.0,
    samples: bool = True,
    **culture: Any,
) -> GuardedPlant:
    """Make the plant of a simulated culture behind the API ``cl``; a real device is refused.

    Args:
        profile: Profile of the device.
        folder: New or empty folder for the ledger and the recording of the session. Default: nothing is kept.
        tick_ms: As of ``ClDriver``.
        samples: As of ``ClDriver``.
        **culture: Arguments of ``livn_gym.devices.cl.configure``, as ``system``, ``seed`` and ``accelerated``. Default:
            the source that was configured before, or EI3 if there is none.

    Raises:
        BackendUnavailable: cl-sdk is not installed.
        LivingTissue: The API reaches a real device; nothing was opened.
    """
    driver = ClDriver(profile, tick_ms=tick_ms, samples=samples, culture=culture or None)
    return GuardedPlant(driver, folder=None if folder is None else Path(folder))
