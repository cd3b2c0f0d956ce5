"""Scripts for the CL API in a process of their own, on a simulated culture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from livn_gym import child
from livn_gym.checks import checked
from livn_gym.devices.cl import check_simulator, prepare
from livn_gym.devices.cl_culture import SourceReport
from livn_gym.devices.cl_settings import CultureSettings, environment
from livn_gym.reading import regular_file

_GRACE_S = 5.0
"""Time in which a process ends after a signal, before it gets a stronger one; cl-sdk takes up to 3 s to end its own."""


@dataclass(frozen=True)
class ScriptResult:
    """Exit code of a script, and the report of every source that it opened and that was closed.

    Attributes:
        exit_code: Exit code; 128 + n if signal n ended the script, as shells count.
        reports: One report per source, in the order in which they were closed.
    """

    exit_code: int
    reports: tuple[SourceReport, ...]


@checked
def run_script(
    script: str | Path, arguments: Sequence[str] = (), *, settings: CultureSettings, accelerated: bool = False
) -> ScriptResult:
    """Run a script for the CL API on a simulated culture, as the main program of a new process of this Python.

    Args:
        script: Path of the script.
        arguments: Its arguments.
        settings: Settings of the culture.
        accelerated: Whether simulated time passes as fast as it is computed and read, instead of in real time.

    Raises:
        InvalidInput: There is no such file, or a setting is out of range.
        LivnError: cl-sdk is missing or reaches a real device, or the culture cannot be built.
    """
    path = regular_file(script)
    check_simulator()
    prepare(settings, accelerated=accelerated)
    with TemporaryDirectory(prefix="livn-gym-cl-") as folder:
        report = Path(folder) / "report.jsonl"
        settings = replace(settings, report=str(report))
        # The script is checked again there, where it imports the module cl.
        command = child.command("livn_gym.devices.cl_script", str(path), *arguments)
        process = subprocess.Popen(command, env=os.environ | environment(settings, accelerated=accelerated))
        with _terminable():
            try:
                code = process.wait()
            except KeyboardInterrupt:  # mostly, the terminal has sent it to the script as well
                _end(process, None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
                raise
            except BaseException:
                _end(process, signal.SIGTERM, signal.SIGKILL)
                raise
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    return ScriptResult(128 - code if code < 0 else code, tuple(SourceReport(**json.loads(line)) for line in lines))


@contextmanager
def _terminable() -> Iterator[None]:
    """Raise ``SystemExit`` at SIGTERM, so that the script does not outlive this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def exit_by_signal(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, exit_by_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(process: subprocess.Popen, *signals: signal.Signals | None) -> None:
    """Send signals until the process has ended; None only waits, since it should be ending."""
    for number in signals:
        if number is not None:
            process.send_signal(number)
        try:
            process.wait(_GRACE_S)
            return
        except subprocess.TimeoutExpired:
            continue
