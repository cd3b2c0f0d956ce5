"""The guard: every stimulus for a device passes it, and it stops the session when something is wrong.

A stimulus is checked against the limits of the session, written to the ledger and only then delivered. The charge of
every electrode and of all together is added up over the session. A guard stops once, for an emergency stop, an
exception, a late control loop, a lost heartbeat or a refused stimulus; it then halts the device and refuses
everything. There is no way to start it again: a new session needs a new guard.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from livn_gym.devices.commands import Command, commands_of
from livn_gym.devices.ledger import Ledger
from livn_gym.devices.limits import SessionLimits, checked_delivery, exceeded
from livn_gym.errors import BackendError, DeviceStopped, InvalidInput
from livn_gym.stimulation_limits import Delivered
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite

STOP_FILE = "STOP"
"""Name of the file in the folder of a session whose creation, by any program, is an emergency stop."""


class Guard:
    """Checks, counts and records what is sent to a device in one session.

    Use it as a context: leaving the block by an exception stops the session.

    Args:
        limits: Limits of the session.
        ledger: Ledger of the session.
        halt: Function that ends all stimulation of the device, also queued pulses. It may be called by any thread, and
            more than once.
        stop_on_refusal: Whether a refused stimulus stops the session, as it must on tissue. Otherwise refusals are
            only counted.
        stop_file: File whose existence is an emergency stop.
        clock: Monotonic time, s.
    """

    def __init__(
        self,
        limits: SessionLimits,
        ledger: Ledger,
        halt: Callable[[], object],
        *,
        stop_on_refusal: bool = True,
        stop_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.profile = limits.profile
        self.refusals: list[str] = []
        """Messages of all refused stimuli."""
        self.pulses_sent = 0
        """Number of pulses that were sent, counted per channel."""
        self._ledger, self._halt, self._clock = ledger, halt, clock
        self._stop_on_refusal, self._stop_file = stop_on_refusal, stop_file
        self._lock = threading.RLock()
        self._started_s = clock()
        self._reason: str | None = None
        self._closed = False
        self._halt_error: str | None = None
        self._beat_s: float | None = None
        self._delivered = Delivered.none(1, self.profile.electrodes.num_channels)
        ledger.write(
            "opened",
            device=self.profile.name,
            device_hash=self.profile.hash,
            operator=limits.operator,
            culture=limits.culture,
            limits=limits.as_json(),
        )

    @property
    def stopped(self) -> str | None:
        """The reason for which the session was stopped or has ended; None while it runs."""
        return self._reason

    @property
    def electrode_charge_nC(self) -> NDArray[np.float64]:
        """Absolute charge that was sent to each electrode, all phases counted, nC ``[C]``."""
        return self._delivered.charge_nC[0]

    @property
    def charge_uC(self) -> float:
        """Absolute charge that was sent to all electrodes, uC."""
        return float(self.electrode_charge_nC.sum()) * 1e-3

    def send(
        self,
        stimulus: Stimulus | None,
        duration_ms: float,
        deliver: Callable[[Iterator[Command]], object],
        *,
        start_ms: float = 0.0,
    ) -> list[Command]:
        """Check a stimulus, record it and deliver it.

        Args:
            stimulus: Stimulus of the next run; None for none.
            duration_ms: Length of the run.
            deliver: Function that sends the commands to the device. It gets them one by one, so that a stop in the
                middle ends the delivery.
            start_ms: Start of the run in the device's time, for the ledger.

        Returns:
            What was delivered.

        Raises:
            DeviceStopped: The session was stopped, before or during the delivery.
            LimitExceeded: A limit would be exceeded; the message names it. Nothing was sent.
            InvalidInput: The device cannot give such a stimulus. Nothing was sent.
        """
        with self._lock:
            self.require_running()
            try:
                commands, delivered = self._checked(stimulus, finite("duration_ms", duration_ms, above=0.0))
            except InvalidInput as error:
                self._refuse(error)
                raise
            if commands:
                charge_uC = float(delivered.charge_nC.sum()) * 1e-3
                self._ledger.write(
                    "sent",
                    start_ms=start_ms,
                    duration_ms=duration_ms,
                    charge_nC=(charge_uC - self.charge_uC) * 1e3,
                    session_charge_uC=charge_uC,
                    commands=[command.as_json() for command in commands],
                )
            self._delivered = delivered
            self.pulses_sent += sum(command.count * len(command.channels) for command in commands)
        try:  # without the lock, so that another thread can stop a delivery that hangs
            deliver(self._while_running(commands))
        except DeviceStopped:
            raise
        except BaseException as error:
            self.stop(reason_of(error))
            raise
        if self._reason is not None:  # commands may have arrived after the stop
            self._halt_device()
            self.require_running()
        return commands

    def preview(self, stimulus: Stimulus | None, duration_ms: float) -> None:
        """Check a stimulus against the limits without sending, counting or refusing it.

        Raises:
            LimitExceeded: A limit would be exceeded; the message names it.
            InvalidInput: The device cannot give such a stimulus.
        """
        self._checked(stimulus, finite("duration_ms", duration_ms, above=0.0))

    def stop(self, reason: str) -> None:
        """Stop the session and halt the device; calls after the first only halt the device again.

        Args:
            reason: Why, for the ledger and the messages of everything that is refused from now on.

        Raises:
            BackendError: The device did not confirm; the message says what to do.
        """
        with self._lock:
            first = self._reason is None
            if first:
                self._reason = str(reason)
        self._halt_device()
        if first:
            self._ledger.write("stopped", reason=self._reason, halted=self._halt_error is None)
        if self._halt_error is not None:
            raise BackendError(
                f"The device did not confirm that stimulation has ended ({self._halt_error}): switch it off by hand. "
                f"Reason of the stop: {self._reason}."
            )

    def beat(self, late_ms: float = 0.0) -> None:
        """Report that the control loop is alive; from the first call on, ``check`` expects the next one in time.

        Args:
            late_ms: Delay of the loop behind the device, ms.

        Raises:
            DeviceStopped: The session was stopped, for example because this delay is too long.
        """
        self.check()  # the time until now, before it is forgotten
        self._beat_s = self._clock()
        if self._reason is None and not late_ms <= self.limits.max_late_ms:  # also stops for NaN
            self.stop(f"watchdog: the control loop is {late_ms:.1f} ms late (max_late_ms {self.limits.max_late_ms:g})")
        self.require_running()

    def rest(self) -> None:
        """Report that the control loop has ended for now, so that no heartbeat is expected."""
        self._beat_s = None

    def check(self) -> None:
        """Stop the session if the heartbeat is lost or the stop file exists; ``send`` checks the time limit.

        The watchdog's thread calls this, so nothing is raised: what fails here is raised by the next call of the loop.
        """
        if self._reason is not None:
            return
        silence_ms = 0.0 if self._beat_s is None else (self._clock() - self._beat_s) * 1e3
        try:
            if silence_ms > self.limits.heartbeat_ms:
                self.stop(f"watchdog: no heartbeat for {silence_ms:.0f} ms (heartbeat_ms {self.limits.heartbeat_ms:g})")
            elif self._stop_file is not None and self._stop_file.exists():
                self.stop(f"emergency stop: {self._stop_file} exists")
        except BackendError:
            return  # the halt's error is kept, and require_running shows it

    def require_running(self) -> None:
        """Raise if the session is stopped, or is to be stopped now.

        Raises:
            DeviceStopped: The session is stopped.
        """
        self.check()
        if self._reason is not None:
            failed = "" if self._halt_error is None else f" THE DEVICE DID NOT CONFIRM IT: {self._halt_error}."
            raise DeviceStopped(f"The session is stopped: {self._reason}.{failed} A new session is needed.")

    def close(self) -> None:
        """End the session and write its totals to the ledger; may be called twice."""
        self.rest()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._reason is None:
                self._reason = "it has ended"
                self._halt_device()
                stopped = None
            else:
                stopped = self._reason
            self._ledger.write(
                "closed",
                stopped=stopped,
                halted=self._halt_error is None,
                session_charge_uC=self.charge_uC,
                refused=len(self.refusals),
            )

    def __enter__(self) -> Self:
        """Return the guard."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the session if the block ended by an exception, and close it."""
        self.rest()
        try:
            if error is not None and self._reason is None:
                self.stop(reason_of(error))
        finally:
            self.close()

    def _checked(self, stimulus: Stimulus | None, duration_ms: float) -> tuple[list[Command], Delivered]:
        """Return the commands of a stimulus, and what has been delivered after them."""
        delivered = checked_delivery(self.limits, stimulus, duration_ms, self._delivered)
        if stimulus is None:
            return [], delivered
        minutes = (self._clock() - self._started_s) / 60.0
        if minutes > self.limits.max_minutes:
            raise exceeded("max_minutes", f"the session has lasted {minutes:.2f} minutes", self.limits.max_minutes)
        device = self.profile.stimulation
        return commands_of(stimulus, device.lead_step_us, device.phase_step_us), delivered

    def _refuse(self, error: InvalidInput) -> None:
        self.refusals.append(str(error))
        self._ledger.write("refused", reason=str(error))
        if self._stop_on_refusal:
            self.stop(f"refused: {error}")

    def _while_running(self, commands: Sequence[Command]) -> Iterator[Command]:
        for command in commands:
            if self._reason is not None:
                self.require_running()
            yield command

    def _halt_device(self) -> None:
        try:
            self._halt()
        except Exception as error:  # noqa: BLE001 - whatever a device's library raises must not hide the stop
            self._halt_error = f"{type(error).__name__}: {error}"


def reason_of(error: BaseException) -> str:
    """Return the reason of a stop by an exception.

    A ``KeyboardInterrupt`` is an emergency stop: Ctrl-C, unless its message names another signal.
    """
    if isinstance(error, KeyboardInterrupt):
        return f"emergency stop: {str(error) or 'Ctrl-C'}"
    return f"exception: {type(error).__name__}: {error}"


class Watchdog(threading.Thread):
    """Thread that checks a guard at regular intervals until it is closed.

    Args:
        guard: The guard.
    """

    def __init__(self, guard: Guard) -> None:
        super().__init__(name="livn_gym watchdog", daemon=True)
        self._guard, self._closed = guard, threading.Event()
        self._period_s = min(guard.limits.heartbeat_ms / 4.0, 50.0) * 1e-3

    def run(self) -> None:
        """Check the guard until the watchdog is closed or the session is stopped."""
        while not self._closed.wait(self._period_s) and self._guard.stopped is None:
            self._guard.check()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self.is_alive():
            self.join()
