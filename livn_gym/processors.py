"""Which of the machine's processors this process may use."""

from __future__ import annotations

import os


def usable() -> set[int]:
    """Numbers of the processors; on systems without affinity, such as macOS, all of them."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))
