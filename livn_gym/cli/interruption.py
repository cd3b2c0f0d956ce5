"""Handling of Ctrl-C: a single press ends any command, and a message says how to continue."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EXIT_CODE = 130
"""Exit code by which shells report that Ctrl-C ended a command."""

TERMINATING = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command as Ctrl-C does, within ``terminable``; the second one is that of a closed terminal."""

CONTINUE = {
    "train": "the same command with --resume continues from the last checkpoint",
    "demo": "the same command continues from the last checkpoint",
    "benchmark": "the same command executes the missing runs",
    "tune": "the same command continues the study",
    "sample": "the same command generates the missing samples",
    "validate": "with --folder, the same command continues",
    "fit": "the same command continues the search",
    "deploy": "stimulation has stopped, and the folder of the session holds the ledger and results of what was sent",
}
"""How an interrupted command continues, or which files it leaves. Other commands write only when they finish."""

_asked = threading.Event()


@contextmanager
def interruptible() -> Iterator[None]:
    """Record that Ctrl-C was pressed, in addition to raising ``KeyboardInterrupt``.

    Python discards an exception that is raised in a destructor or in a callback of the garbage collector or of a C
    library. ``check``, called whenever a command reports its progress, raises it again. Outside the main thread, and
    where SIGINT is ignored or handled in another way, nothing changes.
    """
    _asked.clear()
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def check() -> None:
    """Raise if Ctrl-C was pressed and the command is still running.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if _asked.is_set() and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


@contextmanager
def terminable() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` with the name of the signal for ``TERMINATING``, so that a device is halted.

    A signal that is ignored, as SIGHUP by ``nohup``, stays so. Outside the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in TERMINATING}
    handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code by which shells report the signal that ended a command."""
    return next((128 + number for number in TERMINATING if number.name in error.args), EXIT_CODE)


def message(command: str | None, error: KeyboardInterrupt) -> str:
    """Return the message of a command that Ctrl-C or another signal ended."""
    what = f"interrupted by {error}" if error.args else "interrupted"
    return f"livn-gym: {what}; {CONTINUE.get(command or '', 'nothing was written')}."


def _terminate(number: int, _: Any) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _remember(*_: Any) -> None:
    _asked.set()
    raise KeyboardInterrupt
