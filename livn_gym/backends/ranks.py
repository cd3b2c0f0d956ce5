"""The MPI ranks that share one culture: who has which cells, spikes for all, and failures that reach all."""

from __future__ import annotations

import sys
import traceback
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput, WorkerError, shown
from livn_gym.system import Population

_FAILED = -1
_SPIKES = zlib.crc32(b"spikes")
_FEW = 16
"""Spikes of a rank that travel with what it says; more take a second collective."""


class Ranks:
    """The ranks of a communicator, all of which make the same calls in the same order.

    Every meeting begins with the same collective, in which a rank says what it is about to do. So a rank that failed
    is noticed at the next meeting, whatever the others are waiting for. From now on an exception that nothing catches
    ends every rank of the job.

    Args:
        comm: mpi4py's communicator, of two ranks or more.
    """

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self.comm = comm
        self.rank, self.size = int(comm.Get_rank()), int(comm.Get_size())
        self._world = MPI.COMM_WORLD
        self.any_thread = MPI.Query_thread() >= MPI.THREAD_SERIALIZED
        """Whether MPI may be called from any thread, by one at a time."""
        self._own = np.zeros(2 + 2 * _FEW, dtype=np.int64)
        self._said = np.empty((self.size, len(self._own)), dtype=np.int64)
        sys.excepthook = partial(end_all_ranks, self._world)

    @classmethod
    def of(cls, comm: Any, subworld_size: int | None = None) -> Ranks | None:
        """The ranks that share a culture with this one; None where it has a culture alone.

        Args:
            comm: Communicator, or None.
            subworld_size: Consecutive ranks that share a culture; default all.

        Raises:
            InvalidInput: The ranks are no multiple of the subworld's size.
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
        """This rank's part ``[start, stop)`` of every population; the ranks' numbers of cells differ by one at most."""
        found, first = {}, 0  # the rank that gets the next cell that is left over
        for population in populations:
            each, left = divmod(population.count, self.size)
            counts = [each + ((rank - first) % self.size < left) for rank in range(self.size)]
            start = population.start + sum(counts[: self.rank])
            found[population.name] = (start, start + counts[self.rank])
            first = (first + left) % self.size
        return found

    # Meetings

    def meet(self, purpose: str) -> None:
        """Wait for all ranks.

        Raises:
            WorkerError: One has failed, or is about to do something else.
        """
        self._meet(zlib.crc32(purpose.encode()), purpose)

    @contextmanager
    def together(self, purpose: str) -> Iterator[None]:
        """A block that all ranks pass, and that fails on all when it fails on one.

        Raises:
            WorkerError: It failed on another rank; the message has that rank's traceback.
        """
        try:
            yield
        except WorkerError:
            raise  # all know
        except (Exception, SystemExit):
            try:
                self._meet(_FAILED, purpose, f"Rank {self._world.rank} failed:\n{traceback.format_exc().rstrip()}")
            except WorkerError:
                pass  # what happened here says more
            raise
        else:
            self.meet(purpose)

    def all_spikes(self, cell: NDArray[np.int64], step: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
        """The spikes of all ranks from those of each, sorted by step and cell."""
        few = min(len(cell), _FEW)
        self._own[2 : 2 + few], self._own[2 + _FEW : 2 + _FEW + few] = cell[:few], step[:few]
        counts = self._meet(_SPIKES, "spikes", count=len(cell))
        if counts.max() <= _FEW:
            cells, steps = self._said[:, 2 : 2 + _FEW], self._said[:, 2 + _FEW :]
            there = np.arange(_FEW) < counts[:, None]
            whole = np.stack([cells[there], steps[there]], axis=1)
        else:
            whole = np.empty((int(counts.sum()), 2), dtype=np.int64)
            self.comm.Allgatherv(np.stack([cell, step], axis=1), [whole, 2 * counts])
        order = np.lexsort((whole[:, 0], whole[:, 1]))
        return whole[order, 0], whole[order, 1]

    def gather(self, value: Any, root: int | None) -> list[Any] | None:
        """Every rank's value, on the root (None on the others) or, without one, on all."""
        self.meet("gather")
        return self.comm.allgather(value) if root is None else self.comm.gather(value, root=root)

    def abort(self) -> None:
        """Say what happened and end every rank, which may be waiting where no failure can be told."""
        end_all_ranks(self._world, *sys.exc_info())

    def _meet(self, what: int, purpose: str, failure: str = "", count: int = 0) -> NDArray[np.int64]:
        self._own[0], self._own[1] = what, count
        self.comm.Allgather(self._own, self._said)
        said = self._said[:, 0]
        if what != _FAILED and (said == what).all():
            return self._said[:, 1]
        if (said == _FAILED).any():
            raise WorkerError(next(text for text in self.comm.allgather(failure) if text))
        raise WorkerError(
            f"Rank {self._world.rank} came to {purpose!r} while others came to something else: "
            "all ranks that share a culture must make the same calls."
        )


def end_all_ranks(comm: Any, kind: Any, error: Any, trace: Any) -> None:
    """Say what happened and end every rank, which would wait for this one; for ``sys.excepthook``."""
    print(f"livn_gym: rank {comm.rank} of {comm.size} failed:", file=sys.stderr)
    traceback.print_exception(kind, error, trace)
    sys.stdout.flush()
    sys.stderr.flush()
    comm.Abort(1)
