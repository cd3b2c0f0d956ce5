"""Serialisation of the calls of an ``Env``: each is completed or undone, also with threads and signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Self, TypeVar

from livn_gym.backends import Backend, Stoppable, Undoable
from livn_gym.backends.ranks import Ranks
from livn_gym.checks import checked
from livn_gym.errors import BackendError, ClosedError, InvalidInput, LivnError, RunStopped
from livn_gym.interrupts import CallLock, uninterrupted

_T = TypeVar("_T")
_PARAMETERS = ("apply_model_defaults", "set_weights", "set_noise", "set_params", "set_cells")
_PURPOSES = {"run": "run", "clear": "clear", "__call__": "encoding"} | dict.fromkeys(_PARAMETERS, "parameters")
"""Purpose that ranks which share cultures announce in the methods that all of them call."""


@dataclass
class Run:
    """Last run of the simulator, which is undone if its caller was interrupted.

    Attributes:
        steps: ``Env._steps`` before the run.
        interrupted: Whether the caller did not receive the recording.
    """

    steps: list[int]
    interrupted: bool = False


@checked
class Exclusive:
    """Mixin of ``Env`` that executes one call at a time on its cultures."""

    _backend: Backend | None
    _ranks: Ranks | None
    _closed: bool
    _lock: CallLock
    num_cultures: int
    _last: Run | None
    _steps: list[int]

    def stop(self) -> None:
        """End the current run from another thread; the run raises ``RunStopped``.

        With the native backend, that run has no effect on the cultures; with NEURON, ``clear`` builds them again.
        """
        backend = self._backend
        if isinstance(backend, Stoppable):
            backend.stop()

    def close(self) -> None:
        """Close the simulator and free its memory; further calls have no effect."""

        def close() -> None:
            self._closed = True
            backend, self._backend = self._backend, None
            if backend is not None:
                backend.close()

        self._exclusively(close)

    def __enter__(self) -> Self:
        """Return the environment itself; it is closed at the end of the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the environment."""
        self.close()

    def _exclusively(self, work: Callable[[], _T]) -> _T:
        """Execute ``work`` while no other call uses the cultures, so that Ctrl-C cannot interrupt it halfway."""
        stop_requested, running = [False], [False]

        def locked() -> _T:
            with self._lock:
                if stop_requested[0]:
                    raise RunStopped("The call was interrupted before it began.")
                running[0] = True
                try:
                    self._settle()
                    return work()
                finally:
                    running[0] = False

        def stop() -> None:
            stop_requested[0] = True
            if running[0]:
                self.stop()

        if self._ranks is None:
            return uninterrupted(locked, stop)
        if self._lock.forked:
            raise BackendError("MPI does not survive a fork: this process cannot use the Env of its parent.")
        # NEURON stays in the thread that built its culture.
        native = isinstance(self._backend, Undoable)
        return uninterrupted(locked, stop) if native and self._ranks.any_thread else locked()

    def _settle(self) -> None:
        """Undo the last run if its caller was interrupted before it received the recording."""
        last, self._last = self._last, None
        if last is not None and last.interrupted and isinstance(self._backend, Undoable):
            self._backend.undo()
            self._steps = last.steps

    def _together(self, purpose: str) -> AbstractContextManager[None]:
        """Return a context whose block fails on all ranks that share the cultures if it fails on one."""
        return nullcontext() if self._ranks is None else self._ranks.collective(purpose)

    def _tell_refused(self, method: str, error: LivnError) -> None:
        """Raise the error of refused arguments on all ranks that share the cultures."""
        purpose = _PURPOSES.get(method)
        if purpose is not None and getattr(self, "_ranks", None) is not None:
            with self._together(purpose):
                raise error

    def _culture_indices(self, cultures: Sequence[int] | None) -> list[int]:
        """Return the indices of the cultures that a call selects; None selects all.

        Raises:
            InvalidInput: The indices are out of range or not distinct.
        """
        indices = list(range(self.num_cultures)) if cultures is None else [int(b) for b in cultures]
        if not indices or any(not 0 <= b < self.num_cultures for b in indices) or len(set(indices)) != len(indices):
            raise InvalidInput(f"cultures must be distinct indices below {self.num_cultures}, got {cultures}.")
        return indices

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("This Env is closed; make a new one.")

    def _check_ready(self) -> Backend:
        self._check_open()
        if self._backend is None:
            raise ClosedError("Call init() before running: env = Env(...).init().")
        return self._backend
