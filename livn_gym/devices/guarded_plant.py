"""Cultures behind a device as a plant: what environments run, with the guard before the device."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.atomic import check_new_folder, make_folder
from livn_gym.devices.commands import Command
from livn_gym.devices.device_channels import DeviceChannels
from livn_gym.devices.driver import Driver, Reading
from livn_gym.devices.guard import STOP_FILE, Guard, Watchdog, reason_of
from livn_gym.devices.ledger import Ledger
from livn_gym.devices.limits import SessionLimits
from livn_gym.devices.permission import Permission, check_permitted
from livn_gym.devices.timing import PulseTracker, StepTiming
from livn_gym.errors import ClosedError, InvalidInput, LimitExceeded
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

LEDGER = "ledger.jsonl"
"""Name of the ledger in the folder of a session."""


class GuardedPlant(DeviceChannels):
    """One culture behind a device; a ``DevicePlant``.

    Time is the device's. Runs of one episode follow each other without gaps: what the agent computes between two runs
    takes up the start of the next one. ``clear`` ends the loop, and the culture continues; there is no seed.

    Args:
        driver: The connection to the device; the plant opens and closes it.
        limits: Limits of the session. Default: those of the driver's profile.
        folder: New or empty folder for ledger, device recording and stop file. It may be omitted only for a simulated
            culture, whose ledger is then removed at the end.
        permission: What the operator confirmed; needed for a device that is not simulated.
        stop_on_refusal: Whether a refused stimulus stops the session. If not, which is allowed only for simulated
            cultures, the run happens without stimulation, and the refusal is counted.
        clock: Monotonic time of the guard, s.

    Raises:
        InvalidInput: The session is not permitted, see ``check_permitted``; or the folder has content. Nothing was
            opened or written.
    """

    def __init__(
        self,
        driver: Driver,
        limits: SessionLimits | None = None,
        *,
        folder: Path | None = None,
        permission: Permission | None = None,
        stop_on_refusal: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = SessionLimits.of_profile(driver.profile) if limits is None else limits
        simulated = driver.is_simulated()
        check_permitted(driver.profile, self.limits, permission, simulated=simulated)
        if not simulated and (folder is None or not stop_on_refusal):
            raise InvalidInput("A session on a real device needs a folder, and stops when a stimulus is refused.")
        if folder is not None:
            if (folder / STOP_FILE).exists():
                raise InvalidInput(
                    f"{folder / STOP_FILE} exists, and is an emergency stop: remove it, or take another folder."
                )
            check_new_folder(folder)
        super().__init__(driver.profile)
        self.driver = driver
        self.steps: list[StepTiming] = []
        """Timing of every run."""
        self.episode, self.phase = 0, "reset"
        """Number of the present episode, and its phase; see ``StepTiming``."""
        self.spikes: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        """Channel of the device and time in the session (ms) of the spikes of every run."""
        self._tracker = PulseTracker()
        self._skip_refused = not stop_on_refusal
        self._now_ms = self._episode_ms = 0.0
        self._read_s: float | None = None
        self._stack, kept = ExitStack(), folder is not None
        is_new = folder is not None and not folder.exists()
        try:
            if folder is None:
                folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="livn-session-")))
            self.folder = folder
            """Folder of the session."""
            make_folder(folder)
            ledger = Ledger(folder / LEDGER)
            self._stack.callback(ledger.close)
            self._stack.callback(driver.close)
            driver.open(folder if kept else None)
            self.guard = self._stack.enter_context(
                Guard(
                    self.limits,
                    ledger,
                    driver.halt,
                    stop_on_refusal=stop_on_refusal,
                    stop_file=folder / STOP_FILE,
                    clock=clock,
                )
            )
            watchdog = Watchdog(self.guard)
            watchdog.start()
            self._stack.callback(watchdog.close)
        except BaseException:
            self._stack.close()
            if kept and folder is not None:
                _free(folder, is_new)
            raise
        self._closed = False

    def run(self, duration: float, stimulus: Any = None, *, cultures: Sequence[int] | None = None) -> Recording:
        """Stimulate and record for a time.

        Args:
            duration: Length of the run, ms.
            stimulus: Pulses at the usable electrodes, a column each; None for none.
            cultures: ``[0]``, or None.

        Returns:
            The spikes that the device detected, the channel as gid.

        Raises:
            LimitExceeded: The stimulus exceeds a limit; the message names it. Nothing was sent.
            DeviceStopped: The session was stopped.
        """
        if self._closed:
            raise ClosedError("This device is closed; a session cannot be continued.")
        if cultures is not None and list(cultures) != [0]:
            raise InvalidInput(f"A device holds one culture: cultures must be [0] or None, got {list(cultures)}.")
        at_device = None if stimulus is None else self.at_device(stimulus)
        try:
            if self._read_s is None:
                self.guard.require_running()
                self.driver.begin(self.limits.max_late_ms)
                before_s = None
            else:
                before_s = self._read_s
            started_s = time.perf_counter()
            lag_ms = self.driver.lag_ms()
            self.guard.beat(lag_ms)
            commands = self._send(at_device, duration)
            sent_s = time.perf_counter()
            reading = self._read(duration)
            self._read_s = time.perf_counter()
        except BaseException as error:
            self._read_s = None
            if self.guard.stopped is None and not isinstance(error, LimitExceeded):
                self.guard.stop(reason_of(error))
            self.guard.rest()
            raise
        wall_ms = math.nan if before_s is None else (self._read_s - before_s) * 1e3
        self._note(
            reading,
            commands,
            duration_ms=duration,
            latency_ms=(sent_s - (started_s if before_s is None else before_s)) * 1e3,
            jitter_ms=wall_ms - duration if self.driver.real_time else math.nan,
            lag_ms=lag_ms,
        )
        return self._recording(reading, duration)

    def preview(self, stimulus: Stimulus | None, duration: float) -> None:
        """Check a stimulus at the usable electrodes against the limits of the session, without sending it.

        Raises:
            LimitExceeded: A limit would be exceeded; the message names it.
            InvalidInput: The device cannot give such a stimulus.
        """
        self.guard.preview(None if stimulus is None else self.at_device(stimulus), duration)

    def clear(self, seed: Any = None, cultures: Sequence[int] | None = None) -> Self:
        """Begin an episode: end the loop, so that time may pass before the next run. The culture continues."""
        self._end_loop()
        self._episode_ms = 0.0
        return self

    def close(self) -> None:
        """End all stimulation, the recordings and the session; may be called twice."""
        self._closed = True
        try:
            self._end_loop()
        finally:
            self._stack.close()

    def __enter__(self) -> Self:
        """Return the plant."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the session if the block ended by an exception, and close the plant."""
        try:
            if error is not None and self.guard.stopped is None:
                self.guard.stop(reason_of(error))
        finally:
            self.close()

    def _end_loop(self) -> None:
        self.guard.rest()
        if self._read_s is not None:
            self._read_s = None
            self.driver.end()

    def _read(self, duration_ms: float) -> Reading:
        if self.driver.real_time:
            return self.driver.read(duration_ms, self.guard.beat)
        self.guard.rest()  # how long a simulation computes says nothing about the control loop
        reading = self.driver.read(duration_ms, lambda late_ms: self.guard.require_running())
        self.guard.beat()
        return reading

    def _send(self, stimulus: Stimulus | None, duration_ms: float) -> list[Command]:
        try:
            return self.guard.send(stimulus, duration_ms, self.driver.send, start_ms=self._now_ms)
        except InvalidInput:
            if not self._skip_refused:
                raise
        return self.guard.send(None, duration_ms, self.driver.send, start_ms=self._now_ms)

    def _note(self, reading: Reading, commands: list[Command], *, duration_ms: float, **timing: float) -> None:
        self._tracker.command(commands, self._now_ms)
        delay_ms = self._tracker.report(reading.stim_channel, reading.stim_ms + self._now_ms)
        self.steps.append(
            StepTiming(
                self.episode,
                self.phase,
                self._now_ms,
                duration_ms,
                **timing,
                stim_delay_ms=delay_ms,
                unconfirmed=self._tracker.unconfirmed,
            )
        )
        self.spikes.append((reading.spike_channel, reading.spike_ms + self._now_ms))

    def _recording(self, reading: Reading, duration_ms: float) -> Recording:
        index = np.full(self.profile.electrodes.num_channels, -1)
        index[self.profile.electrodes.usable_channels] = np.arange(self.electrodes.num_channels)
        channel = index[reading.spike_channel]
        known = channel >= 0
        start_ms = self._episode_ms
        self._now_ms += duration_ms
        self._episode_ms += duration_ms
        return self._view.recording(channel[known], reading.spike_ms[known], duration_ms=duration_ms, t0_ms=start_ms)


def _free(folder: Path, is_new: bool) -> None:
    """Remove an empty ledger, and the folder if it is new and empty, so that the next session can use it.

    A ledger is empty if the device could not be opened: nothing can have been sent.
    """
    ledger = folder / LEDGER
    if ledger.is_file() and not ledger.stat().st_size:
        ledger.unlink()
    if is_new and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
