"""Seconds from a new process's start to 100 ms of EI2: ``startup.py PROFILE PRECISION``, for the cache it is given."""

from __future__ import annotations

import sys
import time

_STARTED = time.perf_counter()


def main() -> None:
    """Import, build, run, and print how long that took."""
    from livn_gym import make

    env = make("EI2", seed=0, profile=sys.argv[1], precision=sys.argv[2], backend="native")
    env.record_spikes()
    env.run(100)
    print(time.perf_counter() - _STARTED)
    env.close()


if __name__ == "__main__":
    main()
