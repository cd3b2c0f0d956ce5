"""Groups that hold only some cultures of a batch, for a run of these cultures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.native.delivery import Flight
from livn_gym.backends.native.group import CultureGroup
from livn_gym.backends.native.plasticity import Spikes

_MOST_IDLE = 1 / 8
"""Largest share of threads that may be idle while whole groups run."""

_LONG_STEPS = 2000
"""Least length of a run, in steps, for which it takes less time to copy cultures than to leave threads idle."""

Move = tuple[CultureGroup, list[int], CultureGroup, list[int]]
"""A group and the indices of cultures in it, and the temporary group and the indices to which they are copied."""


class Selection:
    """Groups of the selected cultures, in their order.

    A group of which all cultures are selected is used itself, unless threads would be idle in a long run. The cultures
    of other groups are copied to temporary groups, since those beside them must not be stepped; ``store`` copies them
    back.

    Args:
        groups: Groups of all cultures.
        cultures: Indices of the selected cultures, ascending.
        make: Function that makes groups of cultures with the given indices, for all threads.
        threads: Number of threads.
        num_steps: Length of the run in steps.
    """

    def __init__(
        self,
        groups: Sequence[CultureGroup],
        cultures: Sequence[int],
        make: Callable[[Sequence[int]], list[CultureGroup]],
        threads: int,
        num_steps: int,
    ) -> None:
        self.groups: list[CultureGroup] = []
        self._moves: list[Move] = []
        waiting: list[tuple[CultureGroup, int]] = []
        waiting_cultures: list[int] = []
        ends = np.cumsum([group.count for group in groups])
        bounds = np.searchsorted(cultures, [0, *ends]).tolist()
        whole = [group for group, selected in zip(groups, np.diff(bounds), strict=True) if selected == group.count]
        busy = sum(group.threads for group in whole)
        use_whole = num_steps < _LONG_STEPS or len(whole) == len(groups) or -busy % threads <= _MOST_IDLE * busy
        for group, end, start, stop in zip(groups, ends.tolist(), bounds[:-1], bounds[1:], strict=True):
            if use_whole and stop - start == group.count:
                self._take(waiting, make, waiting_cultures)
                self.groups.append(group)
                waiting, waiting_cultures = [], []
            else:
                waiting += [(group, b - end + group.count) for b in cultures[start:stop]]
                waiting_cultures += cultures[start:stop]
        self._take(waiting, make, waiting_cultures)

    def _take(
        self,
        sources: Sequence[tuple[CultureGroup, int]],
        make: Callable[[Sequence[int]], list[CultureGroup]],
        cultures: Sequence[int],
    ) -> None:
        """Copy cultures to temporary groups."""
        if not sources:
            return
        temporary = make(cultures)
        targets = [(group, d) for group in temporary for d in range(group.count)]
        for _, pairs in groupby(zip(sources, targets, strict=True), lambda pair: (id(pair[0][0]), id(pair[1][0]))):
            origins, copies = zip(*pairs, strict=True)
            move = (origins[0][0], [c for _, c in origins], copies[0][0], [d for _, d in copies])
            copy_cultures(*move)
            self._moves.append(move)
        self.groups += temporary

    def store(self) -> None:
        """Copy the cultures of temporary groups back."""
        for group, cultures, temporary, indices in self._moves:
            copy_cultures(temporary, indices, group, cultures)


def copy_cultures(source: CultureGroup, cultures: Sequence[int], target: CultureGroup, indices: Sequence[int]) -> None:
    """Copy the states of cultures of a group over those of cultures of another group of the same system.

    Args:
        source: Group from which they are copied.
        cultures: Indices of the cultures in it, ascending.
        target: Group to which they are copied.
        indices: Indices of the cultures in it, ascending.
    """
    size = source.group.size
    read, write = np.asarray(cultures, dtype=np.int64), np.asarray(indices, dtype=np.int64)
    for layout in source.layouts:
        gids, variables = (
            slice(layout.start, layout.start + layout.count),
            np.arange(0, layout.size, layout.lanes)[:, None, None],
        )
        addresses = [
            group.group.address.reshape(-1, size)[selected, gids] + variables
            for group, selected in ((source, read), (target, write))
        ]
        target.state[addresses[1]] = source.state[addresses[0]]
    for ours, theirs in ((target.group.x, source.group.x), (target.group.last, source.group.last)):
        ours.reshape(-1, size)[write] = theirs.reshape(-1, size)[read]
    target.group.time[write] = source.group.time[read]
    if source.learns:
        target.own_synapses()
        for ours, theirs in zip(target.learnt[:5], source.learnt[:5], strict=True):
            ours[write] = theirs[read]
    index_of = np.full(source.count, -1)
    index_of[read] = write
    target.drop_spikes(write)
    target.late = np.sort(np.concatenate([target.late, *_moved([source.late], index_of, size)]))
    target.flight = Flight(*_joined(target.flight, source.flight, index_of, size))
    target.queue = Spikes(*_joined(target.queue, source.queue, index_of, size))


def _moved(arrays: Sequence[NDArray], index_of: NDArray[np.int64], size: int) -> list[NDArray]:
    """Return the spikes of copied cultures, cells first, with the cells of the other group."""
    culture = index_of[arrays[0] // size]
    copied = culture >= 0
    return [culture[copied] * size + arrays[0][copied] % size, *(array[copied] for array in arrays[1:])]


def _joined(target: Flight | Spikes, source: Flight | Spikes, index_of: NDArray[np.int64], size: int) -> list[NDArray]:
    """Return the spikes of a group and those copied to it in the order (step, cell), and their number."""
    own, others = ([array[: spikes.count[0]] for array in spikes[:-1]] for spikes in (target, source))
    pairs = zip(own, _moved(others, index_of, size), strict=True)
    arrays = [np.concatenate(pair) for pair in pairs]
    order = np.lexsort((arrays[0], arrays[1]))
    return [*(array[order] for array in arrays), np.array([len(order)], dtype=np.int64)]
