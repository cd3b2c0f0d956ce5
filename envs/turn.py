"""Steps and resets of a batch of cultures, one at a time, and which of them came to their end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput, OverlappingCall


class Turn:
    """Lets one thread step or reset at a time, and remembers cultures whose last step or reset was broken off.

    ``with turn.of(cultures): ...`` encloses what must be whole: an exception in it, Ctrl-C among them, leaves these
    cultures torn, until they go through another such block (a reset). ``InvalidInput`` says that nothing was changed.

    Args:
        num_cultures: B.
    """

    def __init__(self, num_cultures: int) -> None:
        self._torn = np.zeros(num_cultures, dtype=np.bool_)
        self._owner: dict[str, int] = {}
        self._cultures: Any = slice(None)

    def of(self, cultures: Sequence[int] | NDArray) -> Turn:
        """Take the turn for some cultures; to be entered at once.

        Raises:
            OverlappingCall: Another thread has it.
        """
        # One instruction decides which thread comes first. A thread that finds itself was interrupted before.
        if self._owner.setdefault("thread", threading.get_ident()) != threading.get_ident():
            raise OverlappingCall(
                "Another thread is in a step or reset of this environment: use one thread, or an environment each."
            )
        self._cultures = cultures
        return self

    def check(self, cultures: Sequence[int] | NDArray) -> None:
        """Refuse a step of cultures whose last step or reset was broken off.

        Raises:
            ResetNeeded: There is one.
        """
        if self._torn[cultures].any() and self._owner.get("thread") in (None, threading.get_ident()):
            raise gym.error.ResetNeeded("The last step or reset was interrupted or failed half way: call reset().")

    def __enter__(self) -> None:
        """Begin."""
        self._torn[self._cultures] = True

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """End, whole or torn."""
        if kind is None or issubclass(kind, InvalidInput):
            self._torn[self._cultures] = False
        self._owner.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles have a turn of their own and are torn where this is."""
        return _restored, (self._torn.copy(),)


def _restored(torn: NDArray[np.bool_]) -> Turn:
    turn = Turn(len(torn))
    turn._torn[:] = torn
    return turn
