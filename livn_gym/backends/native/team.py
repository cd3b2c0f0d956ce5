"""Threads that advance a group of cultures together: exchange of spikes, and a barrier, after every window.

Each thread of a team advances blocks of its own and keeps its own copy of the spikes in transit. After a window it
announces its new spikes and waits for the others; then all threads read the spikes of all. Lists of even and odd
windows are separate, so that one barrier per window is sufficient: a thread that is one window ahead writes to the
other list.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from livn_gym.backends.native.arithmetic import inlined
from livn_gym.backends.native.compiler import BORROWED
from livn_gym.backends.native.intrinsics import pause, peek, post, processor, sleep, yield_processor

STOP, CELL, AT = 0, 1, 2
"""Indices in the array ``control`` of a run, int64 ``[1 + 2 T]``: nonzero requests the run to end; then, for each of T
threads, the first of its cells whose voltage is out of bounds, and the step (-1 for none)."""

LINE = 8
"""Number of int64 in a cache line; what a thread writes and others read has lines of its own."""

_PAUSES, _LONG_PAUSES = 200, 4000
"""Number of short pauses in a barrier before a thread looks whether it shares a processor with the one for which it
waits, some microseconds; and before it sleeps, some hundred microseconds."""

_PLACING_WINDOWS = 32
"""Number of windows after which a thread leaves a processor that it shares with another thread of its team."""

borrowing = njit(**BORROWED)


class Team(NamedTuple):
    """Arrays that the T threads of a team share.

    ``cell`` and ``step`` hold the spikes of a window, those of even windows in the first half. The list of a thread
    starts at ``start[thread]``, int64 ``[T + 1]``, and has a part for each of P populations. ``progress``, int64
    ``[T, 3 + 2 P or more]``, holds in cache lines per thread the number of windows that it has finished, its processor
    (-1: unknown, -2: not started), the number of windows after which it had to wait for long, and the ends of the parts
    of its lists in the last even and the last odd window.
    """

    cell: Any
    step: Any
    start: Any
    progress: Any


@inlined
def shares_processor(own, other):
    """Return whether a thread may keep another one from its processor: it is on the same one, or has not started."""
    return own < 0 or other < 0 or other == own


@inlined
def meet(progress, thread, number, count, control):
    """Announce the end of a window and of its list of spikes, and wait for all threads; return False to end the run.

    A thread that has ended early requested all others to stop.
    """
    threads, width = progress.shape
    parts = len(count) - 1
    for k in range(parts):
        progress[thread, 3 + (number & 1) * parts + k] = count[1 + k]
    placing = threads > 1 and number % _PLACING_WINDOWS == 0
    if threads > 1:
        post(progress, thread * width + 1, processor())
    post(progress, thread * width, number + 1)
    proceed = peek(control, STOP) == 0
    other, waited = 0, 0
    while proceed and other < threads:
        if peek(progress, other * width) > number:
            other += 1
        else:
            proceed = peek(control, STOP) == 0
            waited += 1
            if waited <= _PAUSES:
                pause()
            elif shares_processor(processor(), peek(progress, other * width + 1)):
                if placing and thread > other:  # the system wakes a thread elsewhere as long as the other one is here
                    sleep()
                    placing = False
                else:
                    yield_processor()
            elif waited <= _LONG_PAUSES:
                pause()
            else:
                sleep()  # to yield would leave the processor to another program for milliseconds
    if waited > _PAUSES:
        progress[thread, 2] += 1
    return proceed


@borrowing
def sort_spikes(team, parts, number, found, position, step, steps):
    """Write the spikes of a window of all threads to ``found``, in the order (step, culture, gid).

    ``position`` is workspace, int64 ``[steps + 2]`` or longer.
    """
    threads, first_end = len(team.start) - 1, 3 + (number & 1) * parts
    offset, total = (number & 1) * team.start[threads], np.int64(0)
    for thread in range(threads):
        total += team.progress[thread, first_end + parts - 1] - team.start[thread] - offset
    found.count[0] = total
    if total == 0:
        return
    # Within a population, lists of threads and blocks are in the order (culture, gid) at every step, so that a stable
    # sort by step is sufficient: counts, then their cumulative sums, then the entries.
    for s in range(steps + 2):
        position[s] = 0
    for thread in range(threads):
        for k in range(team.start[thread] + offset, team.progress[thread, first_end + parts - 1]):
            position[team.step[k] - step + 1] += 1
    for s in range(1, steps + 2):
        position[s] += position[s - 1]
    for part in range(parts):
        for thread in range(threads):
            first = team.start[thread] + offset if part == 0 else team.progress[thread, first_end + part - 1]
            for k in range(first, team.progress[thread, first_end + part]):
                s = team.step[k] - step
                found.cell[position[s]], found.step[position[s]] = team.cell[k], team.step[k]
                position[s] += 1
