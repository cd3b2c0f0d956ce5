"""Turns of a batch of cultures: one step or reset at a time, and a record of incomplete ones."""

from __future__ import annotations

import threading
from collections.abc import Sequence
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
        self._owner: dict[str, int] = {}
        self._cultures: Any = slice(None)
        self._committed = False

    def of(self, cultures: Sequence[int] | NDArray) -> Turn:
        """Begin a step or reset of some cultures; use the result in a ``with`` statement at once.

        Raises:
            OverlappingCall: Another thread is in a step or reset.
        """
        # One instruction decides which thread is first. A thread that is the owner already was interrupted before.
        if self._owner.setdefault("thread", threading.get_ident()) != threading.get_ident():
            raise OverlappingCall(
                "Another thread is in a step or reset of this environment: use one thread, or an environment each."
            )
        self._cultures = cultures
        return self

    def check(self, cultures: Sequence[int] | NDArray) -> None:
        """Refuse a step of cultures whose latest step or reset is incomplete.

        Raises:
            ResetNeeded: A culture is incomplete.
        """
        if self._incomplete[cultures].any() and self._owner.get("thread") in (None, threading.get_ident()):
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle only the incomplete cultures; the copy has a new lock."""
        return _restored, (self._incomplete.copy(),)


def _restored(incomplete: NDArray[np.bool_]) -> Turn:
    turn = Turn(len(incomplete))
    turn._incomplete[:] = incomplete
    return turn
