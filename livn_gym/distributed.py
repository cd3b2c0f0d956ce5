"""Runs of ``Env`` over MPI workers: ``mpiexec -n 5 python script.py``, where every rank makes a ``DistributedEnv``."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial, wraps
from pathlib import Path
from typing import Any, Self

from livn_gym import backends, mpi_job
from livn_gym.configurable import Configurable
from livn_gym.decoding import Decoding, GatherAndMerge, Pipe
from livn_gym.env import Env
from livn_gym.errors import BackendError, ClosedError, InvalidInput, WorkerError
from livn_gym.numerics import checked_seeds
from livn_gym.recorder import Recorder
from livn_gym.system import System
from livn_gym.units import whole_number

_POLL_S = 0.0005
"""Time between two polls for a message, s. A rank that waits inside MPI would keep a core busy."""


def _on_every_worker(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method that calls the same method of ``Env`` on every worker, after all calls that were submitted."""

    @wraps(method)
    def forward(self: DistributedEnv, *args: Any, **kwargs: Any) -> DistributedEnv:
        if self.is_root():
            self._check_open()
            self._configure(method.__name__, args, kwargs)
        return self

    return forward


class DistributedEnv:
    """Runs calls of ``Env`` on MPI workers; the last rank is the controller, whose script submits the calls.

    All ranks run the same script. On a worker ``init`` serves the controller and returns after its ``shutdown``; later
    calls have no effect there. Only code that workers must not run needs an ``if env.is_root():``. An exception that
    the script does not handle ends every rank.

    Every call is a separate run: the culture starts at time 0, its noise from ``seed`` + the number of the call, and
    encoding and decoding come from the controller. The results therefore do not depend on the number of workers or of
    their ranks. If a worker has several ranks, the decoding gets the recording of all cells on the first of them.

    Args:
        system: Folder of a system, or a ``System``.
        seed: Seed of the first call's noise; call k has ``seed + k``.
        subworld_size: Number of ranks per worker, default 1: start ``workers * subworld_size + 1`` ranks.
        comm: Communicator of the ranks, all of which must make the environment; default: all ranks of the job.
        **options: Options of ``Env``: ``model``, ``io``, ``backend``, ``profile``, ``dt``, ``scheme``, ``precision``.

    Raises:
        BackendUnavailable: mpi4py or an MPI library is missing.
        InvalidInput: There is only one rank, the number of ranks does not fit, or an argument is out of range.
    """

    def __init__(
        self,
        system: System | str | Path,
        *,
        seed: int = 0,
        subworld_size: int | None = None,
        comm: Any = None,
        **options: Any,
    ) -> None:
        self.subworld_size = whole_number("subworld_size", 1 if subworld_size is None else subworld_size)
        self.seed = checked_seeds(seed, 1)[0]
        world = mpi_job.communicator() if comm is None else comm
        if world.Get_size() < 2:
            raise InvalidInput("DistributedEnv needs a controller and workers: mpiexec -n 1+WORKERS python script.py")
        if (world.Get_size() - 1) % self.subworld_size:
            raise InvalidInput(
                f"{world.Get_size()} ranks are no controller and workers of {self.subworld_size} ranks each: "
                f"start workers * {self.subworld_size} + 1."
            )
        self._comm = world.Dup()
        self._root = self._comm.size - 1
        self.num_workers = self._root // self.subworld_size
        self._team = self._comm.Split(self._comm.rank // self.subworld_size, self._comm.rank)
        self._backend = options.get("backend")
        self._make = lambda: Env(system, comm=self._team, **options).init()
        self._idle: list[int] = []
        self._running: dict[int, int] = {}  # task by worker
        self._waiting: deque[tuple[int, bytes, Any]] = deque()
        self._responses: dict[int, tuple[bytes, str]] = {}
        self._pending: list[int] = []  # submitted and not received, ascending
        self._pipelines: list[set[bytes]] = [set() for _ in range(self.num_workers)]
        self._submitted = 0
        self._started = self._closed = False
        self._process = os.getpid()
        mpi_job.watch()

    def is_root(self) -> bool:
        """Return whether this rank is the controller."""
        return bool(self._comm.rank == self._root)

    def init(self) -> Self:
        """Build the cultures; on a worker, serve until the controller's ``shutdown``.

        Raises:
            WorkerError: A culture could not be built.
        """
        if self._closed:
            raise ClosedError("This DistributedEnv is shut down; make a new one.")
        if self._started:
            return self
        self._started = True
        if self.is_root():
            mpi_job.watch(self.shutdown)  # without it, the end of the script would leave the workers waiting
        backends.prepare_ranks(self._backend, self.subworld_size)
        workers = self._comm.Split(int(self.is_root()), self._comm.rank)
        if not self.is_root():
            mpi_job.take_cores(workers)
        workers.Free()
        if self.is_root():
            try:
                self._collect(range(self.num_workers))
            except KeyboardInterrupt as error:  # workers that build their cultures cannot be interrupted
                mpi_job.end_all(error)
            self._idle = list(range(self.num_workers))
        else:
            with mpi_job.ending_all():  # a worker that stops serving would leave the controller waiting
                self._serve()
            self._closed = True
        return self

    record_spikes = _on_every_worker(Recorder.record_spikes)
    record_voltage = _on_every_worker(Recorder.record_voltage)
    record_membrane_current = _on_every_worker(Recorder.record_membrane_current)
    apply_model_defaults = _on_every_worker(Configurable.apply_model_defaults)
    set_weights = _on_every_worker(Configurable.set_weights)
    set_noise = _on_every_worker(Configurable.set_noise)
    set_params = _on_every_worker(Configurable.set_params)
    set_cells = _on_every_worker(Configurable.set_cells)

    def __call__(
        self, decoding: Decoding, inputs: Iterable[Any], encoding: Callable[..., Any] | None = None
    ) -> list[Any]:
        """Run once per input and return the decoded results in the order of the inputs.

        Raises:
            WorkerError: A run failed.
        """
        tasks = [self.submit_call(decoding, values, encoding) for values in inputs]
        return [self.receive_response(task) for task in tasks]

    def submit_call(self, decoding: Decoding, inputs: Any = None, encoding: Callable[..., Any] | None = None) -> int:
        """Submit a call of ``Env.__call__`` to the next free worker, without waiting.

        Returns:
            The number of the call, from 0.

        Raises:
            ClosedError: This is not the controller, ``init`` was not called, or ``shutdown`` was called.
        """
        self._check_open()
        task = self._submitted
        pipeline = pickle.dumps((decoding, encoding))
        self._waiting.append((task, pipeline, pickle.dumps(inputs)))
        self._submitted += 1
        self._pending.append(task)
        self._progress()
        return task

    def receive_response(self, task_id: int | None = None) -> Any:
        """Wait for the decoded result of a call, by default the earliest one that was not received yet.

        Raises:
            InvalidInput: There is no such call, or its response has already been received.
            WorkerError: The run failed; the message has the worker's traceback.
        """
        self._check_open()
        task = self._checked_task(task_id)
        while task not in self._responses:
            if not self._progress():
                time.sleep(_POLL_S)
        return self._take_response(task)

    def probe_response(self, task_id: int | None = None) -> Any:
        """Return the decoded result of a call, or None if its run has not ended; see ``receive_response``."""
        self._check_open()
        task = self._checked_task(task_id)
        self._progress()
        return self._take_response(task) if task in self._responses else None

    def shutdown(self) -> None:
        """End the workers after their present runs; may be called twice, and has no effect on a worker."""
        if self._closed or not self._started or os.getpid() != self._process or not self.is_root():
            return  # a forked child must not end the workers of its parent
        self._closed = True
        mpi_job.forget(self.shutdown)
        self._waiting.clear()
        while self._running:
            if not self._progress():
                time.sleep(_POLL_S)
        for worker in range(self.num_workers):
            self._send(("end",), worker)

    # The controller

    def _check_open(self) -> None:
        if os.getpid() != self._process:
            raise BackendError("MPI does not survive a fork: this process cannot use the DistributedEnv of its parent.")
        if not self.is_root():
            raise ClosedError("Only the controller runs cultures: check env.is_root() first.")
        if self._closed or not self._started:
            raise ClosedError("This DistributedEnv is shut down, or init() was not called.")

    def _checked_task(self, task_id: int | None) -> int:
        if not self._pending:
            raise InvalidInput("No call is waiting for its response: submit_call(...) first.")
        task = self._pending[0] if task_id is None else task_id
        if task not in self._pending:
            raise InvalidInput(f"There is no call {task!r} without a received response.")
        return task

    def _take_response(self, task: int) -> Any:
        self._pending.remove(task)
        result, error = self._responses.pop(task)
        if error:
            raise WorkerError(error)
        return pickle.loads(result)

    def _progress(self) -> bool:
        """Receive responses and send waiting calls to free workers; return whether a response has arrived."""
        arrived = [worker for worker in self._running if self._comm.iprobe(self._leader(worker))]
        if arrived or (self._idle and self._waiting):
            mpi_job.in_full(lambda: self._exchange(arrived))
        return bool(arrived)

    def _exchange(self, arrived: list[int]) -> None:
        for worker in arrived:
            self._responses[self._running.pop(worker)] = self._comm.recv(source=self._leader(worker))
            self._idle.append(worker)
        while self._idle and self._waiting:
            worker = self._idle.pop()
            task, pipeline, inputs = self._waiting.popleft()
            name = hashlib.sha256(pipeline).digest()
            is_new = name not in self._pipelines[worker]
            self._pipelines[worker].add(name)
            self._running[worker] = task
            self._send(("call", self.seed + task, name, pipeline if is_new else None, inputs), worker)

    def _configure(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        while self._running or self._waiting:
            if not self._progress():
                time.sleep(_POLL_S)

        def configure() -> None:
            for worker in range(self.num_workers):
                self._send(("configure", name, args, kwargs), worker)
            self._collect(range(self.num_workers))

        mpi_job.in_full(configure)

    def _leader(self, worker: int) -> int:
        """Return the first rank of a worker, which exchanges messages with the controller."""
        return worker * self.subworld_size

    def _send(self, request: tuple, worker: int) -> None:
        self._comm.send(request, self._leader(worker))

    def _collect(self, workers: Iterable[int]) -> None:
        errors = [error for _, error in [self._receive(self._leader(worker)) for worker in workers] if error]
        if errors:
            raise WorkerError(errors[0])

    def _receive(self, source: int) -> Any:
        while not self._comm.iprobe(source):
            time.sleep(_POLL_S)
        return self._comm.recv(source=source)

    # A worker

    def _serve(self) -> None:
        env: Any = None
        pipelines: dict[bytes, bytes] = {}

        def call(seed: int, name: bytes, pipeline: bytes | None, inputs: bytes) -> Any:
            if pipeline is not None:
                pipelines[name] = pipeline
            # Unpickled for every call, so that no state is shared between calls.
            decoding, encoding = pickle.loads(pipelines[name])
            env.clear(seed=seed)
            if self.subworld_size > 1 and not _gathers(decoding):
                decoding = GatherAndMerge(decoding.duration, decoding)
            return env(decoding, pickle.loads(inputs), encoding)

        def configure(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            getattr(env, name)(*args, **kwargs)

        env = self._answer(self._make, send_result=False)
        try:
            while (request := self._request())[0] != "end":
                kind, *arguments = request
                self._answer(partial(call if kind == "call" else configure, *arguments))
        finally:
            if env is not None:
                env.close()

    def _request(self) -> Any:
        """Receive the controller's next request; the first rank of a worker forwards it to the others."""
        if self._team.rank:
            return self._receive(self._comm.rank - self._team.rank)
        request = self._receive(self._root)
        for k in range(1, self._team.size):
            self._comm.send(request, self._comm.rank + k)
        return request

    def _answer(self, work: Callable[[], Any], send_result: bool = True) -> Any:
        """Call ``work`` and send its result or error to the controller."""
        result, error = None, ""
        try:
            result = work()
            answer = pickle.dumps(result if send_result else None)  # a result that cannot be pickled is an error
        except (Exception, SystemExit):  # if a worker exited, the controller would wait for it
            answer = pickle.dumps(None)
            error = f"Rank {self._comm.rank} failed:\n{traceback.format_exc().rstrip()}"
        if self._team.rank == 0:  # a call fails on all ranks of a worker
            self._comm.send((answer, error), self._root)
        return result


def _gathers(decoding: Decoding) -> bool:
    """Return whether a decoding merges the recordings of a worker's ranks itself."""
    return isinstance(decoding, GatherAndMerge) or (isinstance(decoding, Pipe) and _gathers(decoding.first))
