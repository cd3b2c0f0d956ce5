"""Calls that Ctrl-C cannot interrupt half-way, and locks and threads that survive a fork.

Python runs signal handlers in the main thread, between any two instructions, and an exception of a handler
(``KeyboardInterrupt``, a timeout) aborts the call in progress. A call that must not be aborted half-way is therefore
executed in another thread, which no handler enters, while the main thread waits for it.
"""

from __future__ import annotations

import atexit
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from livn_gym.errors import BackendError

_T = TypeVar("_T")

_ASK_AGAIN_S = 0.05
"""Time between two requests to stop, which are repeated since one before the start of the call has no effect."""


def _nothing() -> None:
    """Do nothing."""


_in_place = False


def run_in_place() -> None:
    """Execute all later calls of this process in the thread that makes them, which takes less time.

    For processes whose cultures nobody uses after a signal: an exception of a signal handler then aborts a call
    anywhere.
    """
    global _in_place
    _in_place = True


def uninterrupted(work: Callable[[], _T], stop: Callable[[], object] = _nothing) -> _T:
    """Call a function where no signal handler can interrupt it, and return its result.

    In the main thread, an exception of a signal handler is raised as soon as ``work`` has returned or failed; if it has
    not started, it is not called. In other threads this is ``work()``.

    Args:
        work: Function that must not be interrupted half-way. It is called in another thread.
        stop: Function that requests ``work`` to end soon; it is called repeatedly and must be quick.
    """
    if _in_place or threading.current_thread() is not threading.main_thread():
        return work()
    call = _Call(work, stop)
    try:
        if not _submit(call):
            return work()
        call.wait()
    except BaseException:
        call.end()
        raise
    return call.outcome()


class _Call:
    """Call in another thread; the lock ``_claim`` decides whether it starts or is cancelled."""

    def __init__(self, work: Callable[[], Any], stop: Callable[[], object]) -> None:
        self.stop = stop
        self._work: Callable[[], Any] | None = work
        self._context: contextvars.Context | None = (
            contextvars.copy_context()
        )  # for one, NumPy's handling of floating-point errors
        self._claim, self._done = threading.Lock(), threading.Lock()
        self.began = self.finished = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._done.acquire()

    def run(self) -> None:
        """Execute the work, in the other thread."""
        if not self._claim.acquire(blocking=False):
            return
        self.began = True
        work, self._work = self._work, None
        try:
            self._result = self._context.run(work)  # type: ignore[union-attr, arg-type]
        except BaseException as error:
            self._error = error
        finally:
            del work
            self.stop = _nothing  # release all references
            self._context = None
            self.finished = True
            self._done.release()

    def wait(self, timeout_s: float = -1.0) -> None:
        """Wait until the call has ended."""
        if not self.finished and self._done.acquire(timeout=timeout_s):
            self._done.release()

    def end(self) -> None:
        """Cancel the work, or stop it and wait for its end, even if exceptions are raised meanwhile."""
        if self._claim.acquire(blocking=False):
            self._work, self.stop, self._context = None, _nothing, None
            self.finished = True
            return
        while not self.finished:
            try:
                self.stop()
                self.wait(_ASK_AGAIN_S)
            except BaseException:  # a further Ctrl-C requests what is already in progress
                continue
        self._result = self._error = None

    def outcome(self) -> Any:
        """Return the result or raise the exception of the work."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # the error's traceback holds this frame
        result, self._result = self._result, None
        return result


_calls: SimpleQueue[_Call] | None = None
_unfinished: list[_Call] = []


def _submit(call: _Call) -> bool:
    """Pass a call to the worker thread, which is started on first use; False if no thread can be started."""
    global _calls, _unfinished
    if _calls is None:
        calls: SimpleQueue[_Call] = SimpleQueue()
        try:
            threading.Thread(target=_serve, args=(calls,), name="livn_gym calls", daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down
            return False
        _calls = calls
    _unfinished = [*(other for other in _unfinished if not other.finished), call]
    _calls.put(call)
    return True


def _serve(calls: SimpleQueue[_Call]) -> None:
    while True:
        calls.get().run()


def _finish_at_exit() -> None:
    """End calls that a second Ctrl-C left running, since a thread in a kernel would crash at interpreter exit."""
    for call in _unfinished:
        if call.began:
            call.end()


def _forget_thread() -> None:
    global _calls, _unfinished
    _calls, _unfinished = None, []


atexit.register(_finish_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_thread)


class CallLock:
    """Re-entrant lock for calls that must not overlap; in a forked child it is a new lock.

    If a process is forked during a call, its child has the object in an inconsistent state, and the lock raises at
    every use. Copies and pickles have a new lock.

    Args:
        what: Name of the locked object, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._renew()

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._depth = 0

    @property
    def forked(self) -> bool:
        """True if this process is a forked child of the one in which the lock was made or last used."""
        return os.getpid() != self._process

    def __enter__(self) -> Self:
        """Wait until no other thread holds the lock.

        Raises:
            BackendError: The process was forked during a call.
        """
        if self.forked:
            if self._depth:
                raise BackendError(
                    f"This process was forked while another thread was using the {self._what}: make a new one here."
                )
            self._renew()
        self._lock.acquire()
        self._depth += 1
        return self

    def __exit__(self, *exception: object) -> None:
        """Release the lock."""
        self._depth -= 1
        self._lock.release()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy as a new lock."""
        return type(self), (self._what,)


_concurrent = contextvars.ContextVar("concurrent calls", default=1)


def concurrent_calls() -> int:
    """Return the number of calls that a ``Pool`` executes at once with the current one."""
    return _concurrent.get()


class Pool:
    """Thread pool, which is started on first use and started again in a forked process.

    Copies and pickles have their own threads.

    Args:
        size: Number of threads; with one, calls are executed in the calling thread.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._executor: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def map(
        self, call: Callable[..., _T], *arguments: Iterable[Any], stop: Callable[[], object] = _nothing
    ) -> list[_T]:
        """Call a function with every group of arguments; all calls have ended when this returns or raises.

        Calls start in order. As many calls as there are threads run at once, and they may wait for each other. In a
        thread other than the main one, the calling thread executes calls too.

        Args:
            call: Function to call.
            arguments: Arguments of all calls, one iterable per argument.
            stop: Function that requests calls to end; it is called if not all threads can be started.

        Raises:
            BaseException: Exception of the first call that failed.
        """
        calls = list(zip(*arguments, strict=True))
        threads = min(self.size, len(calls))
        if threads < 2:
            return [call(*group) for group in calls]
        if self._executor is None or self._process != os.getpid():
            self._executor, self._process = ThreadPoolExecutor(self.size, "livn_gym"), os.getpid()
        results: dict[int, _T] = {}
        errors: dict[int, BaseException] = {}
        waiting = deque(enumerate(calls))

        def serve() -> None:
            _concurrent.set(threads * concurrent_calls())
            while waiting:
                try:
                    k, group = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                try:
                    results[k] = call(*group)
                except BaseException as error:
                    errors[k] = error

        in_main = threading.current_thread() is threading.main_thread()
        futures: list[Future[None]] = []
        try:
            for _ in range(threads if in_main else threads - 1):
                futures.append(self._executor.submit(contextvars.copy_context().run, serve))
            if not in_main:
                contextvars.copy_context().run(serve)
        except BaseException:
            waiting.clear()
            stop()
            raise
        finally:
            wait(futures)
        if errors:
            try:
                raise errors[min(errors)]
            finally:
                errors.clear()  # the error's traceback holds this frame
        return [results[k] for k in range(len(calls))]

    def close(self) -> None:
        """End the threads; the next call starts new ones."""
        executor, self._executor = self._executor, None
        if executor is not None and self._process == os.getpid():
            executor.shutdown()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy as a new pool of the same size."""
        return type(self), (self.size,)
