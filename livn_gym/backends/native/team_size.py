"""Division of cultures into groups, each of which a team of threads advances."""

from __future__ import annotations

from collections.abc import Sequence

GROUP_CELLS = 1024
"""Number of cells per thread in a group of several cultures: few enough to fit into the processor cache."""

_BLOCK_CELLS = 16
"""Number of cells in a block."""

LEAST_BLOCKS = {"float64": 3, "float32": 8}
"""Least number of blocks of a thread in a team, by precision; with fewer, threads wait for each other longer than they
work. In float64, a block takes some eight times as long."""

_MOST_RUNS = 64
"""Largest number of runs after which a team is tried again."""

_BARRIER_BLOCKS = 1
"""Number of blocks that could be advanced in the time in which a team waits for its slowest thread."""


def group_size(
    cultures: int, counts: Sequence[int], threads: int, precision: str, *, teams: bool = True
) -> tuple[int, int]:
    """Return the number of cultures per group and of threads per team with which a run is expected to end first.

    Args:
        cultures: Number of cultures, of which each group gets as many, but for the last one.
        counts: Number of cells of every population of a culture.
        threads: Number of threads.
        precision: Precision of the cultures' states.
        teams: Whether several threads may advance a group together.
    """
    candidates = []
    for parallel in range(min(cultures, threads), 0, -1):
        per_team = -(-cultures // parallel)
        most = threads // parallel if teams else 1
        team = max(1, min(most, _blocks(per_team, counts) // LEAST_BLOCKS[precision]))
        rounds = -(-per_team // max(1, team * GROUP_CELLS // sum(counts)))
        size = -(-cultures // (parallel * rounds))
        groups = -(-cultures // size)
        last = cultures - size * (groups - 1) if groups % parallel == 1 or parallel == 1 else size
        sizes = [size] * (-(-groups // parallel) - 1) + [last]
        time = sum(-(-_blocks(number, counts) // team) + _BARRIER_BLOCKS * (team > 1) for number in sizes)
        candidates.append((time, -parallel, size, team))
    return min(candidates)[2:]


class TeamChoice:
    """Choice between teams and one thread per group, on a machine on which other programs may be running.

    Threads of a team wait for the slowest. If they wait often, a run by one thread per group is tried, and the faster
    way is kept for a number of runs, which doubles each time.
    """

    def __init__(self) -> None:
        self.alone = False
        """True if one thread per group advances the next run."""
        self._remaining = self._kept = 0
        self._team_s = 0.0

    def note(self, seconds: float, *, crowded: bool) -> None:
        """Note a run for which a team was possible.

        Args:
            seconds: Its time per step.
            crowded: Whether threads often waited for each other for long.
        """
        if self._remaining > 0:
            self._remaining -= 1
            self.alone = self.alone and self._remaining > 0
        elif self.alone:
            self._kept = min(_MOST_RUNS, max(4, 2 * self._kept))
            self._remaining, self.alone = self._kept, seconds < self._team_s
        elif crowded:
            self._team_s, self.alone = seconds, True
        else:
            self._kept = 0


def _blocks(cultures: int, counts: Sequence[int]) -> int:
    return sum(-(-cultures * count // _BLOCK_CELLS) for count in counts)
