"""Entry points of MPI jobs: code on rank 0 that the other ranks serve, or the same code on every rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livn_gym import mpi_job
from livn_gym.errors import BackendError


def run_on_rank_0(body: Callable[[], None], comm: Any = None, messages: tuple[type[Exception], ...] = ()) -> None:
    """Run code on rank 0 while all ranks simulate the vector environments that it makes.

    Every rank calls this function; on the others it returns when rank 0 has finished. An exception on any rank and an
    exit of rank 0 end all ranks, see ``livn_gym.mpi_job``.

    Args:
        body: Ordinary code of one process.
        comm: Communicator of the ranks; default: all ranks of the job.
        messages: Classes of exceptions whose message is printed without a traceback.

    Raises:
        BackendUnavailable: mpi4py or an MPI library is missing.
        BackendError: Another MPI than mpi4py's started the ranks.
    """
    comm = mpi_job.communicator() if comm is None else comm
    from livn_gym.envs import batches
    from livn_gym.mpi.member import Member
    from livn_gym.mpi.team import Team

    with mpi_job.ending_all(messages):
        mpi_job.take_cores(comm)
        member = Member(comm)
        if not member.is_leader:
            return _serve(member)
        team = Team(member)
        batches.set_launcher(team)
        try:
            body()
        except SystemExit as exit_:
            if exit_.code not in (None, 0):
                raise
        batches.set_launcher(None)
        team.end()


def run_on_all_ranks(body: Callable[[Any], None], messages: tuple[type[Exception], ...] = ()) -> None:
    """Run ``body(comm)`` on every rank; an exception on one ends all, see ``livn_gym.mpi_job``.

    Without an MPI launcher, or with a single rank, this is ``body(None)`` and needs no mpi4py.

    Args:
        body: Code for every rank.
        messages: Classes of exceptions whose message is printed without a traceback.

    Raises:
        BackendUnavailable: mpi4py or an MPI library is missing.
        BackendError: Another MPI than mpi4py's started the ranks.
    """
    comm = mpi_job.communicator() if mpi_job.launched() else None
    if comm is None or comm.size == 1:
        return body(None)
    with mpi_job.ending_all(messages):
        mpi_job.take_cores(comm)
        body(comm)


def _serve(member: Any) -> None:
    """Take part in the requests of rank 0 until it ends the service."""
    from mpi4py import MPI

    from livn_gym.mpi.member import LOSSES

    while True:
        try:
            if not member.perform():
                return
        except MPI.Exception as error:
            if error.Get_error_class() not in LOSSES:
                raise
            member.regroup()
            if 0 not in member.ranks:
                raise BackendError("Rank 0 died.") from error
