"""Running something on rank 0 while the other ranks serve it."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from livn_gym import processors
from livn_gym.errors import BackendError, BackendUnavailable, LivnError

RANK_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")
"""Set by MPI launchers; without them mpi4py, which may not be there, is left alone."""


def together(body: Callable[[], None]) -> None:
    """Run something on rank 0; what vector environments it makes are simulated by all ranks.

    Every rank calls it; on the others it returns when rank 0 is done. An exception or exit on rank 0 ends every rank.

    Args:
        body: Ordinary code of one process, for rank 0.

    Raises:
        BackendUnavailable: There is no mpi4py or no MPI library.
        BackendError: The ranks were started by another MPI than mpi4py's.
    """
    comm = communicator()
    from livn_gym.envs.group import made_by
    from livn_gym.mpi.member import Member
    from livn_gym.mpi.vector import Team

    take_cores(comm)
    member = Member(comm)
    if not member.leads:
        try:
            _serve(member)
        except BaseException:
            _abort(comm, f"rank {member.rank}")
        return
    team = Team(member)
    code: Any = None
    try:
        with made_by(team.make):
            body()
    except SystemExit as exit_:
        code = exit_.code
        if code not in (None, 0):
            if isinstance(code, str):
                print(code, file=sys.stderr)
            _abort(comm, "", code if isinstance(code, int) else 1)
    except BaseException:
        _abort(comm, "")
    try:
        team.end()
    except BaseException:
        _abort(comm, "")


def on_all_ranks(body: Callable[[Any], None]) -> None:
    """Run ``body(comm)`` on every rank; an exception on one ends all.

    Without a launcher, or with a single rank, it is ``body(None)`` and needs no mpi4py.

    Raises:
        BackendUnavailable: There is no mpi4py or no MPI library.
        BackendError: The ranks were started by another MPI than mpi4py's.
    """
    comm = communicator() if any(name in os.environ for name in RANK_VARIABLES) else None
    if comm is None or comm.size == 1:
        return body(None)
    take_cores(comm)
    try:
        body(comm)
    except LivnError as error:
        print(f"livn_gym: rank {comm.rank}: {error}", file=sys.stderr, flush=True)
        comm.Abort(1)
    except BaseException:
        _abort(comm, f"rank {comm.rank}")


def communicator() -> Any:
    """All ranks.

    Raises:
        BackendUnavailable: There is no mpi4py or no MPI library.
        BackendError: The ranks were started by another MPI than mpi4py's.
    """
    if find_spec("mpi4py") is None:
        raise BackendUnavailable('Running on several ranks needs the extra mpi: pip install "livn_gym[mpi]"')
    if os.environ.get("OMPI_MCA_mpi_ft_enable") == "1":
        # MPI_Finalize waits for all processes of the start; on a busy machine it did not always learn that one was dead
        # and never ended. `Op.END` has a barrier of the living in its place.
        os.environ.setdefault("OMPI_MCA_async_mpi_finalize", "1")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise BackendUnavailable(
            f'mpi4py finds no MPI library ({error}): pip install "livn_gym[mpi]", or load your system\'s.'
        ) from error
    started = next((os.environ[name] for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE") if name in os.environ), "1")
    if int(started) > 1 and MPI.COMM_WORLD.size == 1:
        library = MPI.Get_library_version().split(",")[0]
        raise BackendError(
            f"mpiexec started {started} ranks, of which mpi4py's {library} knows nothing: take that MPI's own mpiexec."
        )
    return MPI.COMM_WORLD


def take_cores(comm: Any) -> None:
    """Divide this machine's cores among its ranks, unless the launcher has; warn when there are too few."""
    from mpi4py import MPI

    here = comm.Split_type(MPI.COMM_TYPE_SHARED)
    allowed = here.allgather(processors.usable())
    cores = sorted(set().union(*allowed))
    if here.rank == 0 and here.size > len(cores):
        warnings.warn(
            f"{here.size} ranks share {len(cores)} cores of this machine: they will wait for one another.",
            RuntimeWarning,
            stacklevel=3,
        )
    if hasattr(os, "sched_setaffinity") and sum(len(own) for own in allowed) > len(cores):
        first, last = (k * len(cores) // here.size for k in (here.rank, here.rank + 1))
        os.sched_setaffinity(0, set(cores[first:last]) or {cores[here.rank % len(cores)]})
    here.Free()


def _serve(member: Any) -> None:
    from mpi4py import MPI

    while True:
        try:
            if not member.perform():
                return
        except MPI.Exception as error:
            if error.Get_error_class() not in (MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING, MPI.ERR_REVOKED):
                raise
            member.regroup()
            if 0 not in member.ranks:
                raise BackendError("Rank 0 died.") from error


def _abort(comm: Any, who: str, code: int = 1) -> None:
    """Say what happened and end every rank."""
    if sys.exc_info()[0] is not SystemExit:
        if who:
            print(f"livn_gym: {who} failed:", file=sys.stderr)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    comm.Abort(code)
