"""What an interface is: channels that stimulate cells and hear them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked
from livn_gym.models import Geometry
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import System


@checked
class IO(ABC):
    """C channels between a culture's cells and the world."""

    @property
    @abstractmethod
    def num_channels(self) -> int:
        """C."""

    @abstractmethod
    def bind(self, system: System) -> Self:
        """A copy that is ready for a system, with what was left open taken from it."""

    @abstractmethod
    def cell_stimulus(self, geometry: Geometry, stimulus: Stimulus) -> Stimulus:
        """What the cells get from commands to the channels.

        Args:
            geometry: Where the compartments lie.
            stimulus: Mode ``"electrode"``, C columns.

        Returns:
            A stimulus of N neurons in a mode that a backend takes.

        Raises:
            InvalidInput: Another mode or number of columns.
        """

    @abstractmethod
    def channel_cells(self, geometry: Geometry) -> NDArray[np.bool_]:
        """Which cells each channel hears, ``[C, N]``."""

    @abstractmethod
    def channel_recording(
        self, geometry: Geometry, gids: ArrayLike | None, times: ArrayLike | None
    ) -> tuple[NDArray, NDArray]:
        """The spikes that the channels hear.

        Args:
            geometry: Where the compartments lie.
            gids: Cell of every spike, ``[S]``.
            times: Time of every spike, ms ``[S]``.

        Returns:
            Channel and time of every detection, sorted by time and then channel. A spike heard by two
            channels is in it twice, one heard by none is not.

        Raises:
            NotRecorded: The spikes are None.
        """

    @abstractmethod
    def potential_recording(self, geometry: Geometry, recording: Recording) -> NDArray:
        """The extracellular potential at the channels.

        Args:
            geometry: Where the compartments lie.
            recording: A recording with membrane currents; cells without them add nothing.

        Returns:
            Potentials, mV, ``[C, T]`` of a single culture and ``[B, C, T]`` of several.

        Raises:
            NotRecorded: Membrane currents were not recorded.
        """
