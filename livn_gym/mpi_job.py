"""The MPI job that this process belongs to: its ranks, their cores, and how the end of one rank ends all.

The ranks of a job wait for one another, so a rank that ends alone would leave the others waiting for ever. One rule
holds for every way of starting ranks: an exception that a rank's code does not handle, including Ctrl-C, is printed on
stderr with its traceback and ends the job with exit code 1. ``ending_all`` applies the rule to a block of code,
``watch`` to a script that every rank runs by itself. The launcher notices a rank that is killed and ends the job.
"""

from __future__ import annotations

import atexit
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

from livn_gym import processors
from livn_gym.errors import BackendError, BackendUnavailable
from livn_gym.interrupts import uninterrupted

_T = TypeVar("_T")

_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Environment variables in which MPI launchers put the number of ranks."""

_RANK_VARIABLES = (*_SIZE_VARIABLES, "PMIX_RANK")

_farewells: list[Callable[[], object]] = []
_watching_process: int | None = None


def launched() -> bool:
    """Whether an MPI launcher started this process; otherwise mpi4py, which may not be installed, is left alone."""
    return any(name in os.environ for name in _RANK_VARIABLES)


def communicator() -> Any:
    """Return mpi4py's communicator of all ranks.

    Raises:
        BackendUnavailable: mpi4py or an MPI library is missing.
        BackendError: Another MPI than mpi4py's started the ranks.
    """
    if find_spec("mpi4py") is None:
        raise BackendUnavailable('Running on several ranks needs the extra mpi: pip install "livn_gym[mpi]"')
    if os.environ.get("OMPI_MCA_mpi_ft_enable") == "1":
        # MPI_Finalize waits for all processes of the start. On a busy machine it could miss that one was dead, and
        # never ended. `Op.END` has a barrier of the ranks that are left instead.
        os.environ.setdefault("OMPI_MCA_async_mpi_finalize", "1")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise BackendUnavailable(
            f'mpi4py finds no MPI library ({error}): pip install "livn_gym[mpi]", or load your system\'s.'
        ) from error
    started = next((os.environ[name] for name in _SIZE_VARIABLES if name in os.environ), "1")
    if int(started) > 1 and MPI.COMM_WORLD.size == 1:
        library = MPI.Get_library_version().split(",")[0]
        raise BackendError(
            f"mpiexec started {started} ranks, of which mpi4py's {library} knows nothing: take that MPI's own mpiexec."
        )
    return MPI.COMM_WORLD


def take_cores(comm: Any) -> None:
    """Divide the cores of this machine among its ranks unless the launcher has; warn if there are more ranks."""
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


@contextmanager
def ending_all(messages: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Run a block whose failure on one rank ends every rank; nothing that is raised in it leaves it.

    ``sys.exit(code)`` ends the job with that code, or with 1 if the code is 0: the block was not finished.

    Args:
        messages: Exceptions of which the message is printed without a traceback.
    """
    process = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != process:
            raise  # a forked child has no part in its parent's job
        end_all(error, isinstance(error, messages))


def end_all(error: BaseException, message_only: bool = False) -> None:
    """Print what ended this rank and end every rank of the job; does not return."""
    from mpi4py import MPI

    if MPI.Is_finalized():
        raise error  # nobody waits for this rank
    world, code = MPI.COMM_WORLD, 1
    rank = f"livn_gym: rank {world.rank} of {world.size}"
    if isinstance(error, SystemExit):
        if isinstance(error.code, int) and error.code:
            code = error.code
        print(f"{rank} exited: {error.code}", file=sys.stderr)
    elif message_only:
        print(f"{rank} failed: {error}", file=sys.stderr)
    else:
        print(f"{rank} failed:", file=sys.stderr)
        traceback.print_exception(error)
    _abort(code)


def in_full(work: Callable[[], _T], stop: Callable[[], object] = lambda: None) -> _T:
    """Exchange messages with other ranks in full before Ctrl-C is raised.

    Where MPI may be called from the main thread only, Ctrl-C during the exchange ends the job.

    Args:
        work: The exchange.
        stop: Asks what this rank does in the exchange to end soon.
    """
    from mpi4py import MPI

    if MPI.Query_thread() >= MPI.THREAD_SERIALIZED:
        return uninterrupted(work, stop)
    try:
        return work()
    except Exception:
        raise
    except BaseException as error:
        end_all(error)
        raise


def watch(farewell: Callable[[], object] | None = None) -> None:
    """From now on, end every rank when this process ends by an exception.

    For scripts that every rank runs by itself, as ``mpiexec -n 4 python script.py`` does. The interpreter prints the
    traceback as usual, by whatever ``sys.excepthook`` the script has.

    Args:
        farewell: Called when this process ends otherwise, before MPI is finalised; the latest one first.
    """
    global _watching_process
    if farewell is not None:
        _farewells.append(farewell)
    if _watching_process is None:
        _watching_process = os.getpid()
        atexit.register(_at_exit)


def forget(farewell: Callable[[], object]) -> None:
    """Do not call a farewell of ``watch`` any more."""
    if farewell in _farewells:
        _farewells.remove(farewell)


def _at_exit() -> None:
    from mpi4py import MPI

    if os.getpid() != _watching_process or MPI.Is_finalized():
        return  # this is a forked child, or the script has ended its part itself
    # The interpreter keeps an exception that nothing handled (Python 3.11 under the second name only).
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if error is not None:
        world = MPI.COMM_WORLD
        print(f"livn_gym: rank {world.rank} of {world.size} failed, which ends all ranks.", file=sys.stderr)
        _abort(1)
    sys.stdout.flush()  # another rank may still fail and end this one
    sys.stderr.flush()
    while _farewells:
        try:
            _farewells.pop()()
        except BaseException as failure:
            end_all(failure)


def _abort(code: int) -> None:
    from mpi4py import MPI

    sys.stdout.flush()
    sys.stderr.flush()
    MPI.COMM_WORLD.Abort(code)
