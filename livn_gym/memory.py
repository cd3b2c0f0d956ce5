"""Memory of the machine, and a check that an allocation fits into it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from livn_gym.errors import InvalidInput

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_UNKNOWN = 2**38
"""Assumed memory if the system does not report it: 256 GiB, so that absurd sizes are refused."""


@cache
def total_bytes() -> int:
    """Return the memory available to this process: that of the machine, or the limit of its container if lower."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        total = _UNKNOWN
    try:
        limit = _CONTAINER_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        limit = "max"
    return min(total, int(limit)) if limit.isdigit() else total


def require(what: str, num_bytes: float) -> None:
    """Check that an allocation fits into the memory of the machine.

    Args:
        what: The subject of the message, e.g. ``"A matrix"``.
        num_bytes: Size of the allocation.

    Raises:
        InvalidInput: The size exceeds the memory of the machine.
    """
    if num_bytes > total_bytes():
        raise InvalidInput(
            f"{what} would need {num_bytes / 2**30:.3g} GiB of memory, the machine has {total_bytes() / 2**30:.3g} GiB."
        )
