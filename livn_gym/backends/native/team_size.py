"""Division of cultures into groups, each of which a team of threads advances."""

from __future__ import annotations

from collections.abc import Sequence

from livn_gym.backends.native.layout import W

GROUP_CELLS = 1024
"""Number of cells per thread in a group of several cultures: few enough to fit into the processor cache."""

LEAST_BLOCKS = 8
"""Least number of blocks of a thread in a team; with fewer, threads wait for each other longer than they work."""

_BARRIER_BLOCKS = 1
"""Number of blocks that could be advanced in the time in which a team waits for its slowest thread."""


def group_size(cultures: int, counts: Sequence[int], threads: int) -> tuple[int, int]:
    """Return the number of cultures per group and of threads per team with which a run is expected to end first.

    Args:
        cultures: Number of cultures, of which each group gets as many, but for the last one.
        counts: Number of cells of every population of a culture.
        threads: Number of threads.
    """
    candidates = []
    for teams in range(min(cultures, threads), 0, -1):
        most = threads // teams
        per_team = -(-cultures // teams)
        team = max(1, min(most, _blocks(per_team, counts) // LEAST_BLOCKS))
        rounds = -(-per_team // max(1, team * GROUP_CELLS // sum(counts)))
        size = -(-cultures // (teams * rounds))
        time = rounds * (-(-_blocks(size, counts) // team) + _BARRIER_BLOCKS * (team > 1))
        candidates.append((time, -teams, size, team))
    return min(candidates)[2:]


def _blocks(cultures: int, counts: Sequence[int]) -> int:
    return sum(-(-cultures * count // W) for count in counts)
