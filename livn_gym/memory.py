"""How much memory the machine has, and refusing what does not fit before it is allocated."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from livn_gym.errors import InvalidInput

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_UNKNOWN = 2**38
"""Where the system does not tell: 256 GB, so that absurd sizes are refused."""


@cache
def total_bytes() -> int:
    """Memory that this process can have at most: the machine's, or its container's limit where that is lower."""
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
    """Check that something fits into the machine's memory.

    Args:
        what: The subject of the message, e.g. ``"A matrix"``.
        num_bytes: How much it needs.

    Raises:
        InvalidInput: It needs more than the machine has.
    """
    if num_bytes > total_bytes():
        raise InvalidInput(
            f"{what} would need {num_bytes / 2**30:.3g} GiB of memory, the machine has {total_bytes() / 2**30:.3g} GiB."
        )
