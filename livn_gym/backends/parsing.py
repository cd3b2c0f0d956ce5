"""Parse Python source in one thread at a time."""

from __future__ import annotations

import ast
import os
import threading

_lock = threading.Lock()


def parsed(text: str) -> ast.Module:
    """Return ``ast.parse(text)``.

    CPython 3.11 counts the depth of the tree for all threads together, and can raise ``SystemError`` if two parse at
    the same time.
    """
    with _lock:
        return ast.parse(text)


def _unlock() -> None:
    """Forget that another thread of the parent was parsing."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
