"""MPI job of this process: its ranks, their cores, and the rule by which a failed rank ends all ranks.

The ranks of a job wait for one another, so a rank that ends alone would leave the others waiting for ever. One rule
holds for every way of starting ranks: an exception that a rank's code does not handle, including Ctrl-C, is printed on
stderr with its traceback and ends the job with exit code 1. ``ending_all`` applies the rule to a block of code,
``watch`` to a script that the launcher runs on every rank. If a rank is killed, the launcher ends the job.
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

_exit_callbacks: list[Callable[[], object]] = []
_watching_process: int | None = None


def launched() -> bool:
    """Return whether an MPI launcher started this process; only then is mpi4py, which may be missing, imported."""
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
        # never ended. `Op.END` has a barrier of the remaining ranks instead.
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
            f"mpiexec started {started} ranks, but mpi4py's {library} sees one: use the mpiexec of that MPI."
        )
    return MPI.COMM_WORLD


def take_cores(comm: Any) -> None:
    """Divide the cores of a machine among its ranks unless the launcher has; warn if the cores are fewer."""
    from mpi4py import MPI

    machine = comm.Split_type(MPI.COMM_TYPE_SHARED)
    allowed = machine.allgather(processors.usable())
    cores = sorted(set().union(*allowed))
    if machine.rank == 0 and machine.size > len(cores):
        warnings.warn(
            f"{machine.size} ranks share {len(cores)} cores of this machine: they will wait for one another.",
            RuntimeWarning,
            stacklevel=3,
        )
    if hasattr(os, "sched_setaffinity") and sum(map(len, allowed)) > len(cores):
        first, last = (k * len(cores) // machine.size for k in (machine.rank, machine.rank + 1))
        os.sched_setaffinity(0, set(cores[first:last]) or {cores[machine.rank % len(cores)]})
    machine.Free()


@contextmanager
def ending_all(messages: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """End every rank if the block raises on one rank; no exception leaves the block.

    ``sys.exit(code)`` ends the job with that code, or with 1 if the code is 0, since the block is unfinished.

    Args:
        messages: Classes of exceptions whose message is printed without a traceback.
    """
    process = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != process:
            raise  # a forked child does not belong to its parent's job
        end_all(error, isinstance(error, messages))


def end_all(error: BaseException, message_only: bool = False) -> None:
    """Print the error of this rank and end every rank of the job; does not return."""
    from mpi4py import MPI

    if MPI.Is_finalized():
        raise error  # no rank waits for this one
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
    """Complete an exchange with other ranks before Ctrl-C is raised.

    If MPI may be called from the main thread only, Ctrl-C during the exchange ends the job.

    Args:
        work: The exchange.
        stop: Function that asks this rank's simulation in the exchange to end soon.
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


def watch(on_exit: Callable[[], object] | None = None) -> None:
    """End every rank if this process ends by an exception at any later time.

    This is for scripts that run on every rank, as in ``mpiexec -n 4 python script.py``. The interpreter prints the
    traceback as usual, by the ``sys.excepthook`` of the script.

    Args:
        on_exit: Function that is called if this process ends without an exception, before MPI is finalised; the latest
            one is called first.
    """
    global _watching_process
    if on_exit is not None:
        _exit_callbacks.append(on_exit)
    if _watching_process is None:
        _watching_process = os.getpid()
        atexit.register(_at_exit)


def forget(on_exit: Callable[[], object]) -> None:
    """Remove a function that was passed to ``watch``."""
    if on_exit in _exit_callbacks:
        _exit_callbacks.remove(on_exit)


def _at_exit() -> None:
    from mpi4py import MPI

    if os.getpid() != _watching_process or MPI.Is_finalized():
        return  # this is a forked child, or the script has finalised MPI
    # The interpreter keeps an exception that nothing handled (Python 3.11 under the second name only).
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if error is not None:
        world = MPI.COMM_WORLD
        print(f"livn_gym: rank {world.rank} of {world.size} failed, which ends all ranks.", file=sys.stderr)
        _abort(1)
    sys.stdout.flush()  # another rank may still fail and end this one
    sys.stderr.flush()
    while _exit_callbacks:
        try:
            _exit_callbacks.pop()()
        except BaseException as failure:
            end_all(failure)


def _abort(code: int) -> None:
    from mpi4py import MPI

    sys.stdout.flush()
    sys.stderr.flush()
    MPI.COMM_WORLD.Abort(code)
