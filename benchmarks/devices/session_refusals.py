"""Print everything that a session on a device refuses or that stops it, and the text of the error.

Run ``python benchmarks/devices/session_refusals.py``. Stimuli that the device's profile refuses are in ``refusals.py``.
The tests use the same cases. The device is the toy of ``livn-gym new device``; its subclass ``Tissue`` says that it is
real, and is never opened.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym.device_profile import find
from livn_gym.devices.guard import STOP_FILE, reason_of
from livn_gym.devices.guarded_plant import GuardedPlant
from livn_gym.devices.limits import SessionLimits
from livn_gym.devices.permission import check_live, confirmed
from livn_gym.errors import LivnError
from livn_gym.stimulus import Stimulus
from livn_gym.templates.device import MyDevice

FILE = """
device = "cl1"
operator = "A. Name"
culture = "chip 17"
channels = [1, 2, 3]

[session]
max_session_charge_uC = 0.01
max_electrode_charge_uC = 0.008
max_minutes = 30.0

[stimulation]
max_amplitude_uA = 2.0

[watchdog]
max_late_ms = 20.0
heartbeat_ms = 500.0
"""

Case = tuple[str, str, Callable[[Path], object]]
"""Description, text that the error must contain, and the function that must raise it."""


class Tissue(MyDevice):
    """A device that is real, as far as it says; it cannot be opened."""

    def is_simulated(self) -> bool:
        """Return False."""
        return False

    def open(self, folder: Path | None) -> None:
        """Fail, since nothing may open it."""
        raise AssertionError("A real device was opened.")


class Clock:
    """A clock that stands still until it is set."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return the time, s."""
        return self.now_s


def pulses(amplitude_uA: float = 1.0, columns: tuple[int, ...] = (0,)) -> Stimulus:
    """Return one pulse at usable channels, by their place among these."""
    amplitudes = np.zeros(59)
    amplitudes[list(columns)] = amplitude_uA
    return Stimulus.pulse_train(amplitudes, duration_ms=200.0, rate_hz=5.0, phase_ms=0.5, start_ms=1.0)


def limits(folder: Path, text: str = FILE) -> SessionLimits:
    """Return the limits of a file for the CL1."""
    path = folder / "limits.toml"
    path.write_text(text, encoding="utf-8")
    return SessionLimits.read(path, find("cl1"))


def after(act: Callable[[GuardedPlant, Clock], object], stimulus: Stimulus | None = None) -> Callable[[Path], object]:
    """Return a function that sends a pulse after something has happened in a session."""

    def run(folder: Path) -> None:
        clock = Clock()
        with GuardedPlant(MyDevice(), limits(folder), folder=folder / "session", clock=clock) as plant:
            plant.run(200.0)
            act(plant, clock)
            plant.run(200.0, pulses() if stimulus is None else stimulus)

    return run


def spend(columns: tuple[int, ...]) -> Callable[[GuardedPlant, Clock], object]:
    """Return a function that sends pulses until it is refused."""

    def act(plant: GuardedPlant, clock: Clock) -> None:
        for _ in range(100):
            plant.run(200.0, pulses(1.0, columns))

    return act


def wait(seconds: float, between_episodes: bool) -> Callable[[GuardedPlant, Clock], object]:
    """Return a function that lets time pass, within an episode or between two."""

    def act(plant: GuardedPlant, clock: Clock) -> None:
        if between_episodes:
            plant.clear()
        clock.now_s += seconds

    return act


def fail(error: BaseException) -> Callable[[GuardedPlant, Clock], object]:
    """Return a function that ends a session by an exception, as its context does."""

    def act(plant: GuardedPlant, clock: Clock) -> None:
        plant.guard.stop(reason_of(error))

    return act


def permitted(driver: Any, text: str | None = FILE, typed: str | None = None) -> Callable[[Path], object]:
    """Return a function that opens a session, with what an operator typed."""

    def run(folder: Path) -> None:
        given = SessionLimits.of_profile(driver.profile) if text is None else limits(folder, text)
        permission = None if typed is None else confirmed(given, lambda question: typed)
        GuardedPlant(driver, given, folder=folder / "session", permission=permission).close()

    return run


def before(act: Callable[[Path], object]) -> Callable[[Path], object]:
    """Return a function that opens a session in whose folder something was done before."""

    def run(folder: Path) -> None:
        session = folder / "session"
        session.mkdir()
        act(session)
        GuardedPlant(MyDevice(), limits(folder), folder=session).close()

    return run


def cases() -> list[Case]:
    """Return all cases."""
    nothing = lambda plant, clock: None  # noqa: E731
    return [
        ("a current above the operator's limit", "max_amplitude_uA", after(nothing, pulses(2.5))),
        ("a channel that the operator did not permit", "usable", after(nothing, pulses(1.0, (20,)))),
        ("more charge at an electrode than its budget", "max_electrode_charge_uC", after(spend((0,)))),
        ("more charge than the session's budget", "max_session_charge_uC", after(spend((0, 1, 2)))),
        ("a pulse after the session's time", "max_minutes", after(wait(1801.0, True))),
        ("a waveform that is no pulse", "pulses", after(nothing, Stimulus(np.ones((10, 59)), 20.0, "electrode"))),
        ("the loop is late", "watchdog", after(lambda plant, clock: plant.guard.beat(25.0))),
        ("the loop gives no sign of life", "watchdog", after(wait(1.0, False))),
        ("an exception in the agent", "exception", after(fail(ZeroDivisionError("agent")))),
        ("Ctrl-C", "emergency stop", after(fail(KeyboardInterrupt()))),
        ("SIGTERM", "emergency stop: SIGTERM", after(fail(KeyboardInterrupt("SIGTERM")))),
        ("a file STOP", "emergency stop", after(lambda plant, clock: (plant.folder / STOP_FILE).touch())),
        ("a file STOP before the session", "remove it", before(lambda folder: (folder / STOP_FILE).touch())),
        ("a folder of another session", "not empty", before(lambda folder: (folder / "ledger.jsonl").touch())),
        ("a limits file wider than the profile", "wider", permitted(MyDevice(), FILE.replace("2.0", "4.0"))),
        (
            "a limits file without a budget",
            "limits of charge and time",
            permitted(MyDevice(), FILE.replace("max_minutes = 30.0", "")),
        ),
        ("a limits file of another device", "'mcs60'", permitted(MyDevice(), FILE.replace('"cl1"', '"mcs60"'))),
        ("a real device in a dry run", "--live", permitted(Tissue())),
        ("--live without a limits file", "--limits", lambda folder: check_live(find("cl1"), False)),
        ("--live, and another name is typed", "nothing was opened", permitted(Tissue(), typed="yes")),
        ("--live with a profile nobody verified", "verified", lambda folder: check_live(find("mcs60"), True)),
        ("--live where the API is a simulator's", "simulated culture", permitted(MyDevice(), typed="chip 17")),
    ]


def refused(case: Case) -> LivnError:
    """Return the error of a case.

    Raises:
        AssertionError: There is none.
    """
    what, text, act = case
    with tempfile.TemporaryDirectory() as folder:
        try:
            act(Path(folder))
        except LivnError as error:
            if text not in str(error):
                raise AssertionError(f"{what}: {error}") from error
            return type(error)(str(error).replace(folder, "..."))
    raise AssertionError(f"A session does not refuse {what}.")


def main() -> None:
    """Print the table in Markdown."""
    print("| event | error |\n| --- | --- |")
    for case in cases():
        print(f"| {case[0]} | {refused(case)} |")


if __name__ == "__main__":
    main()
