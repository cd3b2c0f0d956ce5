"""Calls that Ctrl-C cannot tear, locks and threads that survive a fork.

Python runs signal handlers in the main thread, between any two of its instructions, and what a handler raises
(``KeyboardInterrupt``, a timeout) leaves the call that happens to be under way. What must be done whole is therefore
done in another thread, which no handler enters, while the main thread waits for it.
"""

from __future__ import annotations

import atexit
import contextvars
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from livn_gym.errors import BackendError

_T = TypeVar("_T")

_ASK_AGAIN_S = 0.05
"""Time between two requests to stop: one that comes before the call has begun has no effect."""


def _nothing() -> None:
    """Do nothing."""


def uninterrupted(work: Callable[[], _T], stop: Callable[[], object] = _nothing) -> _T:
    """Call ``work`` where no signal handler can interrupt it, and return what it returns.

    In the main thread, what a signal handler raises is raised here as soon as ``work`` has returned or failed; a
    ``work`` that has not begun is not called. In other threads this is ``work()``.

    Args:
        work: What must be done whole. It is called in another thread.
        stop: Asks ``work`` to end soon; it is called repeatedly and must be quick.
    """
    if threading.current_thread() is not threading.main_thread():
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
    """A call in another thread; ``claim`` decides whether it begins or is cancelled."""

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
        """Do the work, in the other thread."""
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
            self.stop = _nothing  # what has ended must keep nothing alive
            self._context = None
            self.finished = True
            self._done.release()

    def wait(self, timeout_s: float = -1.0) -> None:
        """Wait for the end."""
        if not self.finished and self._done.acquire(timeout=timeout_s):
            self._done.release()

    def end(self) -> None:
        """Cancel the work, or have it stop and wait for that, whatever is raised meanwhile."""
        if self._claim.acquire(blocking=False):
            self._work, self.stop, self._context = None, _nothing, None
            self.finished = True
            return
        while not self.finished:
            try:
                self.stop()
                self.wait(_ASK_AGAIN_S)
            except BaseException:  # a further Ctrl-C asks for what is already under way
                continue
        self._result = self._error = None

    def outcome(self) -> Any:
        """The result, or raise the error."""
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
    """Hand a call to the thread for calls, which is started on first use; whether there can be such a thread."""
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
    """End what a second Ctrl-C left running: a thread inside a kernel does not survive the interpreter."""
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
    """A re-entrant lock for calls that must not overlap; in a forked child it is a new lock.

    A child of a process that forked in the middle of a call got half of what the call was doing: the lock refuses
    every use there. Copies and pickles hold a new lock.

    Args:
        what: What is locked, for messages.
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
        """Whether this process is a child of the one in which the lock was made or last used."""
        return os.getpid() != self._process

    def __enter__(self) -> Self:
        """Wait until no other thread holds the lock.

        Raises:
            BackendError: The process was forked in the middle of a call.
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
        """Let others in."""
        self._depth -= 1
        self._lock.release()

    def __reduce__(self) -> tuple[Any, ...]:
        """Make a new lock."""
        return type(self), (self._what,)


class Pool:
    """Threads among which calls are divided; they are started on first use, in every process anew.

    Copies and pickles have threads of their own.

    Args:
        size: Number of threads; with one, calls are made by the thread that asks for them.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._executor: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def map(self, call: Callable[..., _T], *arguments: Iterable[Any]) -> list[_T]:
        """Call with every group of arguments; all calls have ended when it returns or raises.

        Raises:
            BaseException: The error of the first call that failed.
        """
        groups = list(zip(*arguments, strict=True))
        if min(self.size, len(groups)) < 2:
            return [call(*group) for group in groups]
        if self._executor is None or self._process != os.getpid():
            self._executor, self._process = ThreadPoolExecutor(self.size, "livn_gym"), os.getpid()
        futures = [self._executor.submit(call, *group) for group in groups]
        wait(futures)
        return [future.result() for future in futures]

    def close(self) -> None:
        """End the threads; the next call starts new ones."""
        executor, self._executor = self._executor, None
        if executor is not None and self._process == os.getpid():
            executor.shutdown()

    def __reduce__(self) -> tuple[Any, ...]:
        """Make a new pool of this size."""
        return type(self), (self.size,)
