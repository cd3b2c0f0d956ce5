"""Handling of Ctrl-C: a single press ends any command, and a message says how to continue."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EXIT_CODE = 130
"""Exit code by which shells report that Ctrl-C ended a command."""

CONTINUE = {
    "train": "the same command with --resume continues from the last checkpoint",
    "demo": "the same command continues from the last checkpoint",
    "benchmark": "the same command executes the missing runs",
    "tune": "the same command continues the study",
    "sample": "the same command generates the missing samples",
    "validate": "with --folder, the same command continues",
    "fit": "the same command continues the search",
    "deploy": "stimulation has stopped, and the folder of the session holds its ledger and results",
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


def message(command: str | None) -> str:
    """Return the message of an interrupted command."""
    return f"livn-gym: interrupted; {CONTINUE.get(command or '', 'nothing was written')}."


def _remember(*_: Any) -> None:
    _asked.set()
    raise KeyboardInterrupt
