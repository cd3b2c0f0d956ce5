"""Processors that this process may use."""

from __future__ import annotations

import os
from collections.abc import Sequence

from livn_gym.errors import InvalidInput


def usable() -> set[int]:
    """Return the indices of the usable processors; all of them on systems without CPU affinity, such as macOS."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def share(processors: Sequence[int], worker: int, count: int) -> set[int]:
    """Return the processors of one of ``count`` processes, which have none in common unless there are too few."""
    first, last = (len(processors) * k // count for k in (worker, worker + 1))
    return set(processors[first:last]) or {processors[worker % len(processors)]}


def requested() -> int | None:
    """Return the number of threads of the environment variable LIVN_GYM_THREADS; None if it is not set.

    Raises:
        InvalidInput: It is not a positive integer.
    """
    text = os.environ.get("LIVN_GYM_THREADS", "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InvalidInput(f"LIVN_GYM_THREADS must be a positive integer, got {text!r}.")
    return int(text)
