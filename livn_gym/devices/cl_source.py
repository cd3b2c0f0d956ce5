"""A simulated culture as a data source of cl-sdk, imported by cl-sdk's process for data."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import asdict

from cl import sim

from livn_gym import interrupts
from livn_gym.devices.cl_culture import SimulatedCulture
from livn_gym.devices.cl_settings import CultureSettings, metadata

_PARENT_CHECK_S = 0.5
"""Time between two checks whether the process that opened the source is still running."""


class CultureSource(sim.SimulatorDataSource):
    """A simulated culture as a data source of cl-sdk, which reads frames, reports stimuli and closes it.

    Args:
        settings: Settings of the culture.
    """

    def __init__(self, settings: CultureSettings) -> None:
        self.settings = settings
        self._culture: SimulatedCulture | None = None
        self._closed = threading.Event()

    @property
    def metadata(self) -> sim.SimulatorDataSourceMetadata:
        """Channels, frames and their unit."""
        return sim.SimulatorDataSourceMetadata(**metadata())

    def open(self) -> None:
        """Build the culture and let it settle."""
        accelerated = os.environ.get("CL_SDK_ACCELERATED_TIME", "0") == "1"
        interrupts.run_in_place()
        self._culture = SimulatedCulture(self.settings, accelerated=accelerated)
        signal.signal(signal.SIGTERM, self._terminated)
        threading.Thread(target=self._watch, args=(os.getppid(),), daemon=True, name="livn-gym-parent").start()

    def on_stims(self, stims: Sequence[sim.DataSourceStim]) -> None:
        """Apply stimuli, each at its time or at the earliest possible frame."""
        culture = self._opened()
        for stim in stims:
            culture.stimulate(stim.channel, stim.timestamp, stim.phase_durations_us, stim.phase_currents_uA)

    def read(self, from_timestamp: int, frame_count: int) -> sim.DataSourceBatch:
        """Return frames and the spikes that were detected in them."""
        frames, detected = self._opened().read(from_timestamp, frame_count)
        # Frames have a mean of 0 without spikes, as an amplifier that is coupled by a capacitor has.
        spikes = [sim.DataSourceSpike(spike.frame, spike.channel, spike.samples_uV, 0.0) for spike in detected]
        return sim.DataSourceBatch(frames, spikes)

    def close(self) -> None:
        """Close the culture and write the report."""
        self._closed.set()
        culture = self._reported()
        if culture is not None:
            culture.close()

    def _opened(self) -> SimulatedCulture:
        if self._culture is None:
            raise RuntimeError("The source is not open.")
        return self._culture

    def _reported(self) -> SimulatedCulture | None:
        """Write the report, once, and return the culture."""
        culture, self._culture = self._culture, None
        if culture is not None and self.settings.report is not None:
            with open(self.settings.report, "a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(culture.report)) + "\n")
        return culture

    def _terminated(self, number: int, frame: object) -> None:
        """End this process as SIGTERM does, but with a report: cl-sdk sends it where closing takes more than 2 s."""
        self._reported()
        os._exit(128 + number)

    def _watch(self, parent: int) -> None:
        """End this process when the one that opened the source has ended without closing it."""
        while not self._closed.wait(_PARENT_CHECK_S):
            if os.getppid() != parent:
                os._exit(1)
