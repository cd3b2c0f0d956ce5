"""MPI ranks that share one culture: the cells of each rank, exchange of spikes, failures that all ranks notice."""

from __future__ import annotations

import traceback
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import mpi_job
from livn_gym.errors import InvalidInput, WorkerError, shown
from livn_gym.system import Population

_FAILED, _LEFT = -1, -2
_SPIKES = zlib.crc32(b"spikes")
_INLINE_SPIKES = 16
"""Number of spikes of a rank that fit into the announcement of a collective call; more need a second exchange."""


class Ranks:
    """The ranks of a communicator, all of which make the same calls in the same order.

    Every collective call begins with the same ``Allgather``, in which each rank announces the call. The other ranks
    therefore notice at their next collective call if a rank has failed or its script has ended. An unhandled exception
    ends every rank of the job (``livn_gym.mpi_job``).

    Args:
        comm: mpi4py's communicator, of two ranks or more.
    """

    _open: list[Any] = []
    """Communicators whose ranks synchronise when their scripts end."""

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self.comm = comm
        self.rank, self.size = int(comm.Get_rank()), int(comm.Get_size())
        self._world = MPI.COMM_WORLD
        self.any_thread = MPI.Query_thread() >= MPI.THREAD_SERIALIZED
        """True if any thread may call MPI, one thread at a time."""
        self._announcement = np.zeros(2 + 2 * _INLINE_SPIKES, dtype=np.int64)
        self._announcements = np.empty((self.size, len(self._announcement)), dtype=np.int64)
        if comm not in Ranks._open:
            Ranks._open.append(comm)
            mpi_job.watch(self._leave)

    @classmethod
    def of(cls, comm: Any, subworld_size: int | None = None) -> Ranks | None:
        """Return the ranks that share a culture with this one; None if this rank simulates whole cultures.

        Args:
            comm: Communicator, or None.
            subworld_size: Number of consecutive ranks that share a culture; default: all.

        Raises:
            InvalidInput: ``comm`` is not a communicator, or ``subworld_size`` does not divide its number of ranks.
        """
        if comm is not None and not hasattr(comm, "Get_size"):
            raise InvalidInput(f"comm must be a communicator of mpi4py, got {shown(comm)}.")
        ranks = 1 if comm is None else int(comm.Get_size())
        size = ranks if subworld_size is None else subworld_size
        if not isinstance(size, int) or size < 1 or ranks % size:
            raise InvalidInput(f"subworld_size must divide the number of ranks, which is {ranks}; got {subworld_size}.")
        if size == 1:
            return None
        return cls(comm if size == ranks else comm.Split(int(comm.Get_rank()) // size, int(comm.Get_rank())))

    # Cells

    def ranges(self, populations: Sequence[Population]) -> dict[str, tuple[int, int]]:
        """Return the gids ``(start, stop)`` of this rank's cells by population; ranks differ by at most one cell."""
        ranges, next_rank = {}, 0  # the rank that gets the next cell of a remainder
        for population in populations:
            quotient, remainder = divmod(population.count, self.size)
            counts = [quotient + ((rank - next_rank) % self.size < remainder) for rank in range(self.size)]
            start = population.start + sum(counts[: self.rank])
            ranges[population.name] = (start, start + counts[self.rank])
            next_rank = (next_rank + remainder) % self.size
        return ranges

    # Collective calls

    def meet(self, purpose: str) -> None:
        """Wait for all ranks.

        Raises:
            WorkerError: A rank has failed, has ended its script, or is about to do something else.
        """
        self._announce(zlib.crc32(purpose.encode()), purpose)

    @contextmanager
    def collective(self, purpose: str) -> Iterator[None]:
        """Run a block on all ranks; if it fails on one rank it fails on all.

        Ctrl-C inside the block ends the job, since it may have interrupted an exchange. Calls that Ctrl-C may interrupt
        without ending the job run their block in another thread (``livn_gym.interrupts``).

        Raises:
            WorkerError: The block failed on another rank; the message has that rank's traceback.
        """
        try:
            yield
        except WorkerError:
            raise  # all ranks know
        except (Exception, SystemExit):
            try:
                self._announce(_FAILED, purpose, f"Rank {self._world.rank} failed:\n{traceback.format_exc().rstrip()}")
            except WorkerError:
                pass  # the exception of this rank has the cause
            raise
        except BaseException as error:
            mpi_job.end_all(error)
        else:
            self.meet(purpose)

    def all_spikes(self, cell: NDArray[np.int64], step: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
        """Exchange spikes; returns cells and steps of the spikes of all ranks, sorted by step and cell."""
        n = min(len(cell), _INLINE_SPIKES)
        self._announcement[2 : 2 + n] = cell[:n]
        self._announcement[2 + _INLINE_SPIKES : 2 + _INLINE_SPIKES + n] = step[:n]
        counts = self._announce(_SPIKES, "spikes", count=len(cell))
        if counts.max() <= _INLINE_SPIKES:
            cells = self._announcements[:, 2 : 2 + _INLINE_SPIKES]
            steps = self._announcements[:, 2 + _INLINE_SPIKES :]
            filled = np.arange(_INLINE_SPIKES) < counts[:, None]
            spikes = np.stack([cells[filled], steps[filled]], axis=1)
        else:
            spikes = np.empty((int(counts.sum()), 2), dtype=np.int64)
            self.comm.Allgatherv(np.stack([cell, step], axis=1), [spikes, 2 * counts])
        order = np.lexsort((spikes[:, 0], spikes[:, 1]))
        return spikes[order, 0], spikes[order, 1]

    def gather(self, value: Any, root: int | None) -> list[Any] | None:
        """Return the values of all ranks on the root and None on the others; without a root, on all ranks."""
        self.meet("gather")
        return self.comm.allgather(value) if root is None else self.comm.gather(value, root=root)

    def _announce(self, kind: int, purpose: str, failure: str = "", count: int = 0) -> NDArray[np.int64]:
        """Exchange announcements; returns the ``count`` of every rank.

        Raises:
            WorkerError: A rank has failed, has ended its script, or has announced something else.
        """
        self._announcement[0], self._announcement[1] = kind, count
        self.comm.Allgather(self._announcement, self._announcements)
        kinds = self._announcements[:, 0]
        if kind != _FAILED and (kinds == kind).all():
            return self._announcements[:, 1]
        if (kinds == _FAILED).any():
            raise WorkerError(next(text for text in self.comm.allgather(failure) if text))
        if (kinds == _LEFT).any():
            left = np.flatnonzero(kinds == _LEFT).tolist()
            raise WorkerError(f"The script of rank {', '.join(map(str, left))} has ended; {purpose!r} needs all ranks.")
        raise WorkerError(
            f"Rank {self._world.rank} came to {purpose!r} while others came to something else: "
            "all ranks that share a culture must make the same calls."
        )

    def _leave(self) -> None:
        """Announce that this rank's script has ended, until the scripts of all ranks have."""
        while self.comm:  # false once the script has freed it
            try:
                self._announce(_LEFT, "end of the script")
            except WorkerError:
                continue  # which the others raise as well
            return
