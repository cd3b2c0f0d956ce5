"""Ctrl-C: one is enough, whatever the command is doing, and a line says how to continue."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EXIT_CODE = 130
"""What shells give a command that Ctrl-C ended."""

CONTINUE = {
    "train": "the same command with --resume continues from the last checkpoint",
    "demo": "the same command continues from the last checkpoint",
    "benchmark": "the same command does the runs that are missing",
    "tune": "the same command continues the study",
    "sample": "the same command makes the samples that are missing",
    "validate": "with --folder, the same command continues",
}
"""How to continue a command; the others have written nothing."""

_asked = threading.Event()


@contextmanager
def interruptible() -> Iterator[None]:
    """Remember that Ctrl-C was pressed, besides raising ``KeyboardInterrupt``.

    Python drops an exception that is raised in a destructor, in a callback of the garbage collector or in one of a
    C library. ``check`` raises it again where a command reports its progress. Ctrl-C stays ignored where it is.
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
        KeyboardInterrupt: It was.
    """
    if _asked.is_set() and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def message(command: str | None) -> str:
    """What an interrupted command says."""
    return f"livn-gym: interrupted; {CONTINUE.get(command or '', 'nothing was written')}."


def _remember(*_: Any) -> None:
    _asked.set()
    raise KeyboardInterrupt
