"""Run of a group of cultures by a team of threads or, with MPI, by the ranks that share the cultures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.native.delivery import Network
from livn_gym.backends.native.driver import AnyDrive, Group, LitDrive, Probe
from livn_gym.backends.native.group import CultureGroup, aligned
from livn_gym.backends.native.plasticity import Rules, Spikes
from livn_gym.backends.native.team import AT, CELL, LINE, STOP, Team
from livn_gym.backends.ranks import Ranks
from livn_gym.errors import RunStopped

LEAST_STEPS = 2000
"""Least number of steps of all blocks in a run by several threads, since to start them takes up to 0.1 ms."""


class Diverged(Exception):
    """A voltage is out of bounds.

    Args:
        culture: Index of the culture in the group.
        gid: Cell.
        step: Number of steps of the run after which it was detected.
    """

    def __init__(self, culture: int, gid: int, step: int) -> None:
        super().__init__(culture, gid, step)
        self.culture, self.gid, self.step = culture, gid, step


class Inputs(NamedTuple):
    """Arguments of a run that are the same for all its threads, in the order of the program's arguments."""

    parameters: tuple[NDArray, ...]
    network: Network
    rules: Rules
    drive: AnyDrive
    probe: Probe


class GroupRun:
    """Run of a group: every thread of a team calls ``advance``; ``finish`` follows when all calls have ended.

    Args:
        group: The cultures.
        program: The compiled kernels.
        inputs: Arguments of the kernels.
        window: Maximum number of steps between two exchanges of spikes.
        num_steps: Length of the run in steps.
        dt: Time step, ms.
        threads: Maximum number of threads.
    """

    def __init__(
        self,
        group: CultureGroup,
        program: Callable[..., Any],
        inputs: Inputs,
        window: int,
        num_steps: int,
        dt: float,
        threads: int,
    ) -> None:
        self.group, self._program, self._inputs = group, program, inputs
        self._time = window, num_steps, dt
        long = group.group.num_blocks * num_steps >= LEAST_STEPS
        self.allows_team = long and group.threads > 1
        """True if several threads may advance the group together."""
        self.threads = min(threads, group.threads) if long else 1
        self.control: NDArray[np.int64] = np.full(1 + 2 * self.threads, -1)
        self.control[STOP] = 0
        self._spikes: Spikes | None = None
        if group.ranks is None:
            self._team, parts = _divided(group, self.threads, window)
            self._calls = [self._thread_arguments(thread, part) for thread, part in enumerate(parts)]

    def advance(self, thread: int) -> None:
        """Advance the blocks of a thread, together with the other threads of the team.

        It must not be called in the main thread: compiled code calls Python when it returns its results, and an
        exception of a signal handler there would crash the interpreter.
        """
        try:
            if self.group.ranks is not None:
                self._exchange(self.group.ranks)
            else:
                results = self._program(*self._calls[thread], self._team, thread, *self._time)
                if thread == 0:
                    self._results = results
                if self.threads == 1 and not self._ended_early:
                    self._spikes = self._collected()  # here, while other groups run
        except BaseException:
            self.control[STOP] = 1  # the other threads wait for this one
            raise

    @property
    def crowded(self) -> bool:
        """True if threads often waited for each other for long, as they do where other programs need processors too."""
        windows, waits = self._team.progress[0, 0], self._team.progress[:, 2].sum()
        return self.threads > 1 and bool(4 * waits > windows)

    def finish(self) -> Spikes:
        """Return the cells and steps of the spikes in temporal order, after all threads have ended.

        Raises:
            RunStopped: ``control`` requested it; the states are inconsistent.
            Diverged: A voltage is out of bounds; the states are inconsistent.
        """
        self._check()
        return self._collected() if self._spikes is None else self._spikes

    def _collected(self) -> Spikes:
        """Store the results in the group, and return the cells and steps of its spikes."""
        group, (_, num_steps, _) = self.group, self._time
        group.flight, spikes, group.queue = self._results
        count = int(spikes.count[0])
        cell, step = spikes.cell[:count], spikes.step[:count]
        in_run = step < num_steps
        cells = np.concatenate([group.late, cell[in_run]])
        steps = np.concatenate([np.zeros(len(group.late), dtype=np.int64), step[in_run]])
        group.late = cell[~in_run]
        return Spikes(cells, steps, spikes.count)

    @property
    def _ended_early(self) -> bool:
        return bool(self.control[STOP]) or bool((self.control[CELL::2] >= 0).any())

    def _check(self) -> None:
        """Raise if a run ended early."""
        if self.control[STOP]:
            raise RunStopped("The run was stopped; it has no effect on the cultures.")
        cells, steps = self.control[CELL::2], self.control[AT::2]
        if (cells >= 0).any():
            cell = int(cells[cells >= 0].min())
            raise Diverged(*divmod(cell, self.group.group.size), int(steps[cells == cell][0]))

    def _thread_arguments(self, thread: int, part: Group) -> tuple[Any, ...]:
        """Return the arguments of the program for a thread: its part of the group, and copies of what all change.

        Thread 0 changes the arrays of the group. Copies are made before any thread starts.
        """
        group, inputs, flight, queue = self.group, self._inputs, self.group.flight, self.group.queue
        if thread > 0:
            part = part._replace(x=part.x.copy(), last=part.last.copy(), time=part.time.copy())
            inputs, flight, queue = inputs._replace(drive=_of_thread(inputs.drive)), _copied(flight), _copied(queue)
        return group.state, *_arguments(part, inputs, group), self.control, flight, _no_spikes(), queue

    def _exchange(self, ranks: Ranks) -> None:
        """Advance the cells of this rank by windows, and exchange spikes with the other ranks between them."""
        group, (window, num_steps, dt) = self.group, self._time
        fixed = (group.state, *_arguments(group.group, self._inputs, group), self.control)
        spikes, received = _no_spikes(), _received(np.empty(0, np.int64), np.empty(0, np.int64))
        before, step = 0, 0
        while True:
            stop = min(step + window, num_steps)
            varied = (group.flight, spikes, group.queue, received, num_steps, before, step, stop, dt)
            group.flight, spikes, group.queue, new_spikes = self._program(*fixed, *varied)
            self._check()
            if step == num_steps:
                self._results = group.flight, spikes, group.queue
                return
            count = new_spikes.count[0]
            received = _received(*ranks.all_spikes(new_spikes.cell[:count], new_spikes.step[:count]))
            before, step = step, stop


def typed_arguments(group: CultureGroup, inputs: Inputs) -> tuple[Any, ...]:
    """Return arguments with the types of all calls of the program."""
    control, none = np.zeros(3, np.int64), np.zeros(0, np.int64)
    fixed = (group.state, *_arguments(group.group, inputs, group), control, group.flight, _no_spikes(), group.queue)
    team = _received(none, none)
    return *fixed, team, *((0, 1, 1, 1.0) if group.ranks is None else (1, 0, 0, 1, 1.0))


def block_bounds(blocks: NDArray[np.int64], threads: int) -> NDArray[np.int64]:
    """Return the first block of every thread, and the number of blocks, int64 ``[threads + 1, populations]``.

    Numbers of blocks of a population differ by at most one between threads, and so do numbers of all blocks.
    """
    order = np.arange(threads)
    shares = []
    for number in blocks:
        rest = int(number) % threads
        share = np.full(threads, number // threads)
        share[order[:rest]] += 1
        order = np.roll(order, -rest)  # the next population continues with the threads that got no additional block
        shares.append(share)
    return np.concatenate([np.zeros((1, len(blocks)), np.int64), np.cumsum(np.array(shares).T, axis=0)])


def _divided(group: CultureGroup, threads: int, window: int) -> tuple[Team, list[Group]]:
    """Return a team for a group at the start of a run, and the group as each thread sees it; both are cached."""
    if (threads, window) not in group.teams:
        bounds = block_bounds(group.group.span[:, 1], threads)
        group.teams[threads, window] = (
            _team(bounds, group.lanes, window),
            [_part(group.group, *pair) for pair in pairwise(bounds)],
        )
    team, parts = group.teams[threads, window]
    team.progress[:] = 0
    team.progress[:, 1] = -2
    return team, parts


def _team(bounds: NDArray[np.int64], lanes: int, window: int) -> Team:
    start = bounds.sum(axis=1) * lanes * (window // 2 + 1)  # after a spike, a cell is below the threshold for a step
    size, threads, width = 2 * int(start[-1]), len(bounds) - 1, LINE * -(-(3 + 2 * bounds.shape[1]) // LINE)
    progress = aligned(threads * width, np.int64).reshape(threads, width)
    return Team(np.empty(size, np.int64), np.empty(size, np.int64), start, progress)


def _part(group: Group, first: NDArray[np.int64], last: NDArray[np.int64]) -> Group:
    """Return the group with the blocks from ``first`` to ``last`` of each population, those of a thread."""
    counts = last - first
    bucket = np.cumsum(counts) - counts - first
    block = np.full(len(group.block), -1, dtype=np.int32)
    for k, start in enumerate(group.bucket):
        own = (group.block >= start + first[k]) & (group.block < start + last[k])
        block[own] = group.block[own] - start + bucket[k]
    span = np.stack([first, last], axis=1)
    return group._replace(num_blocks=int(counts.sum()), span=span, bucket=bucket, block=block)


def _received(cell: NDArray[np.int64], step: NDArray[np.int64]) -> Team:
    """Return spikes of other ranks as the list of a single thread."""
    progress = np.array([[0, -1, 0, len(cell)]])
    return Team(cell, step, np.array([0, len(cell)]), progress)


def _arguments(part: Group, inputs: Inputs, group: CultureGroup) -> tuple[Any, ...]:
    return inputs.parameters, part, inputs.network, inputs.rules, group.learnt, inputs.drive, inputs.probe


def _of_thread(drive: AnyDrive) -> AnyDrive:
    """Return a drive with a workspace of its own."""
    electrical = drive.electrical if isinstance(drive, LitDrive) else drive
    electrical = electrical._replace(cursor=electrical.cursor.copy(), level=electrical.level.copy())
    if not isinstance(drive, LitDrive):
        return electrical
    return LitDrive(electrical, drive.light._replace(cursor=drive.light.cursor.copy()))


def _copied(arrays: Any) -> Any:
    return type(arrays)(*(array.copy() for array in arrays))


def _no_spikes() -> Spikes:
    return Spikes(np.empty(256, np.int64), np.empty(256, np.int64), np.zeros(1, np.int64))
