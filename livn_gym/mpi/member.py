"""A process of a team: what all ranks do together, each for the environments that it owns.

Rank 0 calls ``Member.perform`` with a request, the others call it with none and get rank 0's. A step is three
collectives on NumPy buffers: a header to all, every rank's rows of actions to it, its rows of results back.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from livn_gym.envs.group import Graph, Indices, LoopGroup
from livn_gym.envs.results import StepResult


class Op(IntEnum):
    """What rank 0 asks for."""

    MAKE, ADOPT, RESET, STEP, STATE, SET_STATE, REPORT, CLOSE, END = range(9)


class Head(IntEnum):
    """Fields of the header ``[int64]``."""

    OP, GROUP, CALL, DTYPE, LEARN, TIMED, WIDTH = range(7)


NOT_RUN, DONE, FAILED = 0.0, 1.0, 2.0
"""First column of a result's row."""

FIXED = 4
"""Columns of a result's row besides observation and infos: status, reward, termination, truncation."""


@dataclass
class Share:
    """What a rank knows of a group: who owns which environment, its own loops, and its results of the latest call.

    The latest results are kept because a call that a lost rank has broken is made again, and must not run twice.
    """

    system: str
    task: str
    graphs: Mapping[int, Graph]
    options: Mapping[str, Any]
    owners: Indices
    loops: LoopGroup | None = None
    held: set[int] = field(default_factory=set)
    names: tuple[str, ...] = ()
    call: int = -1
    results: dict[int, tuple[StepResult, int]] = field(default_factory=dict)
    error: str = ""
    exception: BaseException | None = None

    def own(self, rank: int) -> Indices:
        """The environments of a rank (numbered as at the start), ascending."""
        return np.flatnonzero(self.owners == rank)

    def take(self, rank: int) -> None:
        """Make the cultures that the rank owns and does not have yet."""
        missing = [i for i in self.own(rank).tolist() if i not in self.held]
        if missing and self.loops is None:
            self.loops = LoopGroup(self.system, self.task, {i: self.graphs[i] for i in missing}, self.options)
        elif missing and self.loops is not None:
            self.loops.adopt({i: self.graphs[i] for i in missing})
        self.held.update(missing)

    def guarded(self, work: Any) -> Any:
        """Do something; an exception is kept for rank 0, which asks for it."""
        try:
            return work()
        except (Exception, SystemExit) as exception:  # an exit of a rank by itself would be a hang
            self.error, self.exception = traceback.format_exc(), exception
            return None


class Member:
    """A rank of a team.

    Args:
        comm: The ranks; 0 leads.

    Attributes:
        rank: As at the start, however many have been lost since.
        lost: Ranks that died.
        seconds: Of this rank in MPI calls of steps, and waiting before them, when ``timed``.
    """

    def __init__(self, comm: MPI.Comm) -> None:
        self._comm = comm.Dup()
        self._first = self._comm.Get_group()
        self.rank = self._comm.rank
        self.ranks = list(range(self._comm.size))
        self.shares: dict[int, Share] = {}
        self.lost: list[int] = []
        self.timed = False
        self.seconds = {"communicating": 0.0, "waiting": 0.0}

    @property
    def leads(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def perform(self, head: NDArray[np.int64] | None = None, rows: NDArray | None = None, payload: Any = None) -> Any:
        """Take part in one request; rank 0 says which.

        Args:
            head: The header; None on the others.
            rows: Of ``RESET`` and ``STEP`` one row an environment, ``[num_envs, width]``.
            payload: Of the other requests anything picklable.

        Returns:
            On rank 0 the answer. On the others whether to go on.

        Raises:
            MPI.Exception: A rank is gone; ``regroup`` before anything else.
        """
        head = np.zeros(len(Head), dtype=np.int64) if head is None else head
        started = time.perf_counter()
        self._comm.Bcast(head)
        op, number = Op(head[Head.OP]), int(head[Head.GROUP])
        if op is Op.END:
            self._comm.Barrier()
            return False
        if op in (Op.RESET, Op.STEP):
            return self._run(op, self.shares[number], head, rows, started)
        if op is Op.CLOSE:
            share = self.shares.pop(number)
            if share.loops is not None:
                share.loops.close()
            return True
        if op is Op.SET_STATE:
            payload = self._comm.scatter(payload)
        else:
            payload = self._comm.bcast(payload)
        answer = None
        if op is Op.MAKE:
            self.shares[number] = Share(*payload)
        share = self.shares[number]
        if op is not Op.REPORT:
            share.error, share.exception = "", None
        if op is Op.ADOPT:
            share.owners = payload
        if op in (Op.MAKE, Op.ADOPT):
            share.guarded(lambda: share.take(self.rank))
        elif op is Op.SET_STATE and share.loops is not None:
            share.guarded(lambda: share.loops.set_state(payload))
        elif op is Op.STATE and share.loops is not None:
            answer = share.guarded(lambda: dict(zip(sorted(share.held), share.loops.state(), strict=True)))
        answers = self._comm.gather((self.rank, answer, share.error))
        return answers if self.leads else True

    def regroup(self) -> list[int]:
        """After a rank was lost: the ranks that are left, all of which call this; who is gone."""
        self._comm.Revoke()
        self._comm = self._comm.Shrink()
        group = self._comm.Get_group()
        now = MPI.Group.Translate_ranks(group, list(range(group.size)), self._first)
        gone = sorted(set(self.ranks) - set(now))
        self.ranks = list(now)
        self.lost += gone
        return gone

    def layout(self, share: Share) -> tuple[Indices, Indices]:
        """Environments in the order of the ranks that own them, and how many each rank has."""
        position = {rank: k for k, rank in enumerate(self.ranks)}
        at = np.array([position[owner] for owner in share.owners.tolist()])
        return np.argsort(at, kind="stable"), np.bincount(at, minlength=len(self.ranks))

    def _run(self, op: Op, share: Share, head: NDArray[np.int64], rows: NDArray | None, started: float) -> Any:
        own = share.own(self.rank)
        order, counts = self.layout(share)
        width, kind = int(head[Head.WIDTH]), np.dtype(np.uint64 if op is Op.RESET else np.float64)
        mine = np.empty((len(own), width), dtype=kind)
        sent = None if rows is None else [np.ascontiguousarray(rows[order]), counts * width]
        self._comm.Scatterv(sent, mine)
        computing = time.perf_counter()
        if share.call != head[Head.CALL]:
            share.call, share.results, share.error, share.exception = int(head[Head.CALL]), {}, "", None
        todo = [k for k, i in enumerate(own.tolist()) if mine[k, 0] and i not in share.results]
        if todo and share.loops is not None:
            loops, places, given = share.loops, own[todo], mine[todo, 1:]
            if op is Op.RESET:
                seeds = [int(seed) if code == 2 else None for code, seed in mine[todo].tolist()]
                results = share.guarded(lambda: loops.reset(places, seeds))
            else:
                actions = given.astype(np.dtype(chr(head[Head.DTYPE]))).reshape(-1, *loops.action_space.shape)
                results = share.guarded(lambda: loops.step(places, actions))
            if results is not None:
                share.results |= {i: (results, k) for k, i in enumerate(results.cultures.tolist())}
        if head[Head.LEARN]:
            here = next((tuple(results.infos[k]) for results, k in share.results.values()), ())
            share.names = next((names for names in self._comm.allgather(here) if names), ())
        reply = self._reply(share, own)
        done = time.perf_counter()
        if head[Head.TIMED]:
            self._comm.Barrier()
        met = time.perf_counter()
        width = reply.shape[1]  # of rank 0, which owns an environment always, as of every rank that has rows
        gathered = np.empty((len(order), width)) if self.leads else None
        self._comm.Gatherv(reply, None if gathered is None else [gathered, counts * width])
        self.seconds["communicating"] += computing - started + time.perf_counter() - met
        self.seconds["waiting"] += met - done
        if gathered is None:
            return True
        table = np.empty_like(gathered)
        table[order] = gathered
        return table

    def _reply(self, share: Share, own: Indices) -> NDArray[np.float64]:
        width = 0 if share.loops is None else (share.loops.observation_space.shape or (0,))[0]
        reply = np.zeros((len(own), FIXED + width + len(share.names)))
        for row, i in zip(reply, own.tolist(), strict=True):
            if share.error:
                row[0] = FAILED
            elif i in share.results:
                results, k = share.results[i]
                row[:FIXED] = DONE, results.rewards[k], results.terminated[k], results.truncated[k]
                row[FIXED : FIXED + width] = results.observations[k]
                info = results.infos[k]
                if tuple(info) != share.names:
                    row[0] = FAILED
                    share.error = f"info has the names {tuple(info)}, not {share.names} as before."
                row[FIXED + width :] = [info.get(name, np.nan) for name in share.names]
        return reply
