"""Turns of a batch of cultures: one step or reset at a time, and a record of incomplete ones."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput, OverlappingCall


class Turn:
    """Allows one step or reset at a time, and records the cultures whose latest step or reset is incomplete.

    ``with turn.of(cultures): ...`` encloses a step or reset. If an exception ends the block, Ctrl-C included, these
    cultures are incomplete until they complete another block (a reset). ``InvalidInput`` means that nothing changed,
    unless ``commit`` was called before.

    Args:
        num_cultures: B.
    """

    def __init__(self, num_cultures: int) -> None:
        self._incomplete = np.zeros(num_cultures, dtype=np.bool_)
        self._owner: dict[str, tuple[int, FrameType]] = {}
        self._cultures: Any = slice(None)
        self._committed = False

    def of(self, cultures: Sequence[int] | NDArray) -> Turn:
        """Begin a step or reset of some cultures; use the result in a ``with`` statement at once.

        Raises:
            OverlappingCall: A step or reset is going on.
        """
        caller = threading.get_ident(), sys._getframe(1)
        # One instruction decides which thread is first.
        if self._owner.setdefault("caller", caller) is not caller:
            self.check_idle()
            self._owner["caller"] = caller  # the thread was interrupted before it gave its turn back
        self._cultures = cultures
        return self

    def check_idle(self) -> None:
        """Refuse a call during a step or reset, such as one of a signal handler.

        Raises:
            OverlappingCall: A step or reset is going on.
        """
        thread, frame = self._owner.get("caller", (0, None))
        if frame is None:
            return
        if thread != threading.get_ident():
            raise OverlappingCall(
                "Another thread is in a step, reset or state() of this environment: use one thread, or an environment "
                "for each."
            )
        caller: FrameType | None = sys._getframe(1)
        while caller is not None:
            if caller is frame:
                raise OverlappingCall(
                    "This environment is in a step, reset or state(), which a signal handler interrupted."
                )
            caller = caller.f_back

    def check(self, cultures: Sequence[int] | NDArray) -> None:
        """Refuse a step of cultures whose latest step or reset is incomplete.

        Raises:
            ResetNeeded: A culture is incomplete.
            OverlappingCall: A step or reset is going on.
        """
        if self._incomplete[cultures].any():
            self.check_idle()
            raise gym.error.ResetNeeded("The last step or reset was interrupted or failed half way: call reset().")

    def __enter__(self) -> None:
        """Mark the cultures as incomplete."""
        self._incomplete[self._cultures] = True
        self._committed = False

    def commit(self) -> None:
        """State that the cultures have changed: any exception from here on leaves them incomplete."""
        self._committed = True

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """End the step or reset, complete or not."""
        if kind is None or (issubclass(kind, InvalidInput) and not self._committed):
            self._incomplete[self._cultures] = False
        self._owner.clear()

    @property
    def incomplete(self) -> list[bool]:
        """Whether the latest step or reset of each culture is incomplete, ``[B]``."""
        return self._incomplete.tolist()

    @incomplete.setter
    def incomplete(self, incomplete: Sequence[bool]) -> None:
        self._incomplete[:] = incomplete

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle only the incomplete cultures; the copy has a new lock.

        Raises:
            OverlappingCall: A step or reset is going on.
        """
        self.check_idle()
        return _restored, (self.incomplete,)


def _restored(incomplete: Sequence[bool]) -> Turn:
    turn = Turn(len(incomplete))
    turn.incomplete = incomplete
    return turn
