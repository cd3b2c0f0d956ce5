"""The part of an ``Env`` that encodings, decodings and tasks read."""

from __future__ import annotations

from typing import Any, Protocol

from livn_gym.io import BoundElectrodes
from livn_gym.system import System


class CultureView(Protocol):
    """Read-only view of B cultures of one system; an ``Env`` is one.

    An encoding or a decoding that reads nothing else works with any object that has these members: an ``Env``, a
    recorded session, or a device.
    """

    @property
    def num_cultures(self) -> int:
        """B, the number of cultures."""

    @property
    def dt(self) -> float:
        """Simulation time step, ms."""

    @property
    def system(self) -> System:
        """The system that all cultures are made of."""

    @property
    def electrodes(self) -> BoundElectrodes:
        """The electrodes, bound to the positions of the cells."""

    def gather(self, value: Any, root: int | None = 0) -> list[Any] | None:
        """Collect a value from every MPI rank that shares the cultures, in the order of the ranks.

        Args:
            value: The value of this rank.
            root: Rank that gets the list; None for all of them.

        Returns:
            The values; None on the ranks that do not get them. In a single process, a list of one.
        """
