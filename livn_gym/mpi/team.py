"""Team of ranks, which simulate batches of environments; this is rank 0's view, and rank 0 is a member."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from livn_gym import mpi_job
from livn_gym.envs.batches import BatchSpec, EnvironmentBatch
from livn_gym.envs.local_batch import LocalBatch
from livn_gym.errors import InvalidInput, WorkerError
from livn_gym.mpi.batch import MPIBatch
from livn_gym.mpi.member import LOSSES, Head, Member, Op


class Team:
    """Launcher of rank 0, which makes batches on all ranks and repairs them after the loss of a rank.

    Args:
        member: Rank 0 as a member of the team.
    """

    def __init__(self, member: Member) -> None:
        self.member = member
        self.batches: dict[int, MPIBatch] = {}
        self._num_calls = 0
        self._num_made = 0
        self._process = os.getpid()

    @property
    def forked(self) -> bool:
        """True if this process is a forked child of rank 0, which does not belong to its parent's job."""
        return os.getpid() != self._process

    def make_batch(self, spec: BatchSpec) -> EnvironmentBatch:
        """Make a batch on all ranks; in a forked child of rank 0, in that process alone.

        Raises:
            InvalidInput: The batch should continue after failures, but MPI was launched without fault tolerance.
            WorkerError: Another rank could not make its cultures; an error of rank 0 is raised unchanged.
        """
        if self.forked:
            return LocalBatch(spec.loop, spec.graphs)
        return mpi_job.in_full(lambda: self._make_batch(spec))

    def _make_batch(self, spec: BatchSpec) -> MPIBatch:
        if spec.continue_on_failure and os.environ.get("OMPI_MCA_mpi_ft_enable") != "1":
            raise InvalidInput(
                'on_worker_failure="truncate" needs a fault-tolerant launch: mpiexec --with-ft ulfm (Open MPI 5).'
            )
        number, self._num_made = self._num_made, self._num_made + 1
        # Rank 0 is in the first block, so it always owns an environment.
        blocks = np.array_split(np.arange(len(spec.graphs)), len(self.member.ranks))
        owners = np.repeat(self.member.ranks, [len(block) for block in blocks])
        # The batch is listed only when every rank has it: an incomplete one cannot be repaired.
        self.ask(Op.MAKE, number, (spec, owners))
        self.batches[number] = MPIBatch(self, number)
        return self.batches[number]

    def head(self, op: Op, number: int = 0, **fields: int) -> NDArray[np.int64]:
        """Return the header of a request."""
        head = np.zeros(len(Head), dtype=np.int64)
        head[Head.OP], head[Head.BATCH] = op, number
        for name, value in fields.items():
            head[Head[name]] = value
        return head

    def call_number(self) -> int:
        """Return a new number, from which ranks recognise repeated calls."""
        self._num_calls += 1
        return self._num_calls

    def ask(self, op: Op, number: int, payload: Any = None) -> list[Any]:
        """Make a request other than a reset or step, and return the answers in the order of the ranks.

        Raises:
            WorkerError: A rank failed.
        """
        answers = self.member.perform(self.head(op, number), payload=payload)
        errors = [(rank, text) for rank, _, text in answers if text]
        exception = self.member.batches[number].exception
        if errors and op is Op.MAKE:
            self.member.perform(self.head(Op.CLOSE, number))
        self._raise(exception, errors)
        return [answer for _, answer, _ in answers]

    def raise_reported(self, number: int) -> None:
        """Request the error of the latest reset or step from the ranks, and raise it.

        Raises:
            WorkerError: Another rank failed; an error of rank 0 is raised unchanged.
        """
        answers = self.member.perform(self.head(Op.REPORT, number))
        self._raise(self.member.batches[number].exception, [(rank, text) for rank, _, text in answers if text])

    def repair(self, error: MPI.Exception) -> None:
        """Reassign the environments of lost ranks to other ranks after a failed call, again if more ranks are lost.

        Raises:
            WorkerError: A batch does not continue after failures, or its cultures cannot be made on another rank.
            MPI.Exception: The error was not the loss of a rank.
        """
        while True:
            if error.Get_error_class() not in LOSSES:
                raise error
            lost = self.member.regroup()
            if any(not batch.continue_on_failure for batch in self.batches.values()):
                raise WorkerError(
                    f"Rank {', '.join(map(str, lost))} died. Vector environments made with "
                    'on_worker_failure="truncate" continue without it.'
                ) from error
            try:
                for number, batch in self.batches.items():
                    owners, orphans = self._reassigned(self.member.batches[number].owners)
                    batch.mark_lost(orphans)
                    self.ask(Op.REASSIGN, number, owners)
            except MPI.Exception as further:
                error = further
            else:
                return

    def end(self) -> None:
        """End the service of the other ranks."""
        self.member.perform(self.head(Op.END))

    def _reassigned(self, owners: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return new owners, with each orphan on the rank with the fewest environments, and the orphans."""
        owners, ranks = owners.copy(), self.member.ranks
        orphans = np.flatnonzero(~np.isin(owners, ranks))
        for i in orphans:
            owners[i] = ranks[int(np.argmin([(owners == rank).sum() for rank in ranks]))]
        return owners, orphans

    @staticmethod
    def _raise(exception: BaseException | None, errors: Sequence[tuple[int, str]]) -> None:
        """Raise the exception of rank 0 if there is one, otherwise an error that another rank reported."""
        if exception is not None:
            raise exception
        if errors:
            rank, text = errors[0]
            raise WorkerError(f"Rank {rank} failed:\n{text.rstrip()}")
