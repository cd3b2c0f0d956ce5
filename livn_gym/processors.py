"""Processors that this process may use."""

from __future__ import annotations

import os


def usable() -> set[int]:
    """Return the indices of the usable processors; all of them on systems without CPU affinity, such as macOS."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))
