"""Member of a team of ranks: the collective calls of a request, in which each rank simulates its environments.

Rank 0 calls ``Member.perform`` with a request; the other ranks call it without one and receive that of rank 0. A step
has three collectives on NumPy buffers: a header to all ranks, the rows of actions to the ranks that own the
environments, the rows of results back.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from livn_gym.envs.local_batch import LocalBatch
from livn_gym.envs.results import StepResult
from livn_gym.mpi.rank_batch import RankBatch


class Op(IntEnum):
    """Kind of a request."""

    MAKE, REASSIGN, RESET, STEP, STATE, SET_STATE, REPORT, CLOSE, END = range(9)


class Head(IntEnum):
    """Fields of the header ``[int64]``: kind, batch, call, type of actions, whether info is new, length of a row."""

    OP, BATCH, CALL, DTYPE, NEW_INFO, WIDTH = range(6)


LOSSES = (MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING, MPI.ERR_REVOKED)
"""MPI error classes for the loss of a rank."""

NEXT_TRIAL, SEEDED = 1, 2
"""First column of a row of ``RESET``; with 0 the environment is not reset."""


class Member:
    """Member of a team of ranks.

    Args:
        comm: Communicator of the team; rank 0 is the leader.

    Attributes:
        rank: Number of this rank at the start of the job; the loss of other ranks does not change it.
        ranks: The remaining ranks, numbered as at the start.
        batches: The open batches by number.
    """

    def __init__(self, comm: MPI.Comm) -> None:
        self._comm = comm.Dup()
        self._group_at_start = self._comm.Get_group()
        self.rank = self._comm.rank
        self.ranks = list(range(self._comm.size))
        self.batches: dict[int, RankBatch] = {}

    @property
    def is_leader(self) -> bool:
        """True on rank 0."""
        return self.rank == 0

    def perform(self, head: NDArray[np.int64] | None = None, rows: NDArray | None = None, payload: Any = None) -> Any:
        """Take part in one request of rank 0.

        Args:
            head: The header; None on the other ranks.
            rows: One row per environment for ``RESET`` and ``STEP``, ``[num_envs, width]``.
            payload: Anything picklable for the other requests.

        Returns:
            The answer on rank 0; on the other ranks whether to continue.

        Raises:
            MPI.Exception: A rank is lost; call ``regroup`` next.
        """
        head = np.zeros(len(Head), dtype=np.int64) if head is None else head
        self._comm.Bcast(head)
        op, number = Op(head[Head.OP]), int(head[Head.BATCH])
        if op is Op.END:
            self._comm.Barrier()
            return False
        if op in (Op.RESET, Op.STEP):
            return self._run(op, self.batches[number], head, rows)
        if op is Op.CLOSE:
            local = self.batches.pop(number).local
            if local is not None:
                local.close()
            return True
        payload = self._comm.scatter(payload) if op is Op.SET_STATE else self._comm.bcast(payload)
        if op is Op.MAKE:
            self.batches[number] = RankBatch(*payload)
        answer = self._answer(op, self.batches[number], payload)
        answers = self._comm.gather((self.rank, answer, self.batches[number].error))
        return answers if self.is_leader else True

    def regroup(self) -> list[int]:
        """Continue with the remaining ranks, all of which must call this; return the lost ranks."""
        self._comm.Revoke()
        self._comm = self._comm.Shrink()
        group = self._comm.Get_group()
        remaining = MPI.Group.Translate_ranks(group, list(range(group.size)), self._group_at_start)
        lost = sorted(set(self.ranks) - set(remaining))
        self.ranks = list(remaining)
        return lost

    def _answer(self, op: Op, batch: RankBatch, payload: Any) -> Any:
        local = batch.local
        if op is not Op.REPORT:
            batch.forget_failure()
        if op is Op.REASSIGN:
            batch.owners = payload
        if op in (Op.MAKE, Op.REASSIGN):
            batch.guarded(lambda: batch.make_missing(self.rank))
        elif op is Op.SET_STATE and local is not None:
            batch.guarded(lambda: local.set_state(payload))
        elif op is Op.STATE and local is not None:
            return batch.guarded(lambda: dict(zip(local.environment_indices, local.state(), strict=True)))
        return None

    def _run(self, op: Op, batch: RankBatch, head: NDArray[np.int64], rows: NDArray | None) -> Any:
        owned = batch.owned(self.rank)
        order, counts = self._layout(batch)
        width, dtype = int(head[Head.WIDTH]), np.dtype(np.uint64 if op is Op.RESET else np.float64)
        received = np.empty((len(owned), width), dtype=dtype)
        sent = None if rows is None else [np.ascontiguousarray(rows[order]), counts * width]
        self._comm.Scatterv(sent, received)
        batch.begin(int(head[Head.CALL]))

        def work(local: LocalBatch, due: NDArray[np.int64]) -> StepResult:
            if op is Op.RESET:
                seeds = [int(seed) if code == SEEDED else None for code, seed in received[due].tolist()]
                return local.reset(owned[due], seeds)
            actions = received[due, 1:].astype(np.dtype(chr(head[Head.DTYPE])))
            return local.step(owned[due], actions.reshape(-1, *local.action_space.shape))

        batch.run(owned, received[:, 0] != 0, work)
        if head[Head.NEW_INFO]:
            names = self._comm.allgather(batch.first_info_names())
            batch.info_names = next(filter(None, names), ())
        reply = batch.reply(owned)
        width = reply.shape[1]  # rank 0 always owns an environment, so its width is that of every rank with rows
        gathered = np.empty((len(order), width)) if self.is_leader else None
        self._comm.Gatherv(reply, None if gathered is None else [gathered, counts * width])
        if gathered is None:
            return True
        table = np.empty_like(gathered)
        table[order] = gathered
        return table

    def _layout(self, batch: RankBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the environments in the order of the ranks that own them, and the number of environments per rank."""
        position = {rank: k for k, rank in enumerate(self.ranks)}
        owners = np.array([position[owner] for owner in batch.owners.tolist()])
        return np.argsort(owners, kind="stable"), np.bincount(owners, minlength=len(self.ranks))
