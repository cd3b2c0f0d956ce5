"""Worker processes of NEURON cultures, as seen by the parent."""

from __future__ import annotations

import os
import subprocess
import weakref
from typing import IO, Any

from livn_gym import child
from livn_gym.backends.neuron import simulator
from livn_gym.backends.neuron.library import temporary_file
from livn_gym.backends.neuron.worker import receive, send
from livn_gym.errors import BackendError

# With these variables, a child of an MPI rank would wait for the launcher.
_MPI_VARIABLES = ("OMPI_", "PMIX_", "PRTE_", "PMI_")


class Worker:
    """Worker process, which runs until ``close`` or the end of this object.

    Its pipes are closed in forked children of this process, which must neither write to them nor keep them open.
    """

    def __init__(self) -> None:
        environment = {k: v for k, v in simulator.environment().items() if not k.startswith(_MPI_VARIABLES)}
        environment["NEURON_MODULE_OPTIONS"] = "-nogui"
        self._log = temporary_file()
        self._process = subprocess.Popen(
            child.command("livn_gym.backends.neuron.worker"),
            bufsize=0,  # a forked child would write a buffer a second time
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            process_group=0,  # a terminal sends Ctrl-C to its whole process group
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._finalizer = weakref.finalize(self, _end, os.getpid(), self._process, self._stdin, self._stdout, self._log)
        _workers.add(self)

    def send(self, name: str, arguments: tuple) -> None:
        """Send a call to the worker.

        Raises:
            BackendError: The process has ended.
        """
        try:
            send(self._stdin, (name, arguments))
        except OSError as error:
            raise self._died() from error

    def receive(self) -> Any:
        """Wait for the answer to the earliest unanswered call; return kind, value and text.

        Raises:
            BackendError: The process has ended.
        """
        try:
            return receive(self._stdout)
        except (EOFError, OSError) as error:
            raise self._died() from error

    def kill(self) -> None:
        """Kill the process; a thread that waits for its answer receives an error."""
        self._process.kill()

    def close(self) -> None:
        """End the process and release its resources; further calls have no effect."""
        self._finalizer()

    def leave(self) -> None:
        """Close the pipes in a forked child; the process belongs to the parent."""
        for stream in (self._stdin, self._stdout, self._log):
            stream.close()

    def _died(self) -> BackendError:
        code = self._process.wait()
        self._log.seek(0)
        output = self._log.read().decode(errors="replace")[-4000:]
        return BackendError(f"A NEURON worker ended with exit code {code}. Its output:\n{output}")


def _end(owner: int, process: subprocess.Popen, stdin: IO[bytes], stdout: IO[bytes], log: IO[bytes]) -> None:
    if os.getpid() != owner:
        return
    process.kill()
    for stream in (stdin, stdout, log):
        stream.close()
    process.wait()


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def _leave_all() -> None:
    for worker in list(_workers):
        worker.leave()
    _workers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)
