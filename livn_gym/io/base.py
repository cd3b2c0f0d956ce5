"""The base class of electrode interfaces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import check_members, checked, number_array
from livn_gym.errors import InvalidInput, NotRecorded
from livn_gym.models import Geometry
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import System
from livn_gym.units import whole_number


@checked
class IO(ABC):
    """Interface of C channels that stimulate and record a culture's cells.

    A subclass implements ``num_channels``, ``bind``, ``cell_stimulus`` and ``channel_cells``; ``coordinates_um`` if its
    channels have positions, and ``potential_recording`` if it records potentials.

    An interface describes a device, not a culture: every method that depends on the cells gets their positions as a
    ``Geometry``. Users of an interface call ``Env.electrodes``, which has both (``BoundElectrodes``).
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Check that properties are written as such, and methods as methods.

        Raises:
            InvalidInput: One is written as the other.
        """
        super().__init_subclass__(**keywords)
        check_members(cls, IO)

    @property
    @abstractmethod
    def num_channels(self) -> int:
        """C, the number of channels."""

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, ``[C]``; the channel numbers as text unless the device names its channels."""
        return tuple(map(str, range(self.num_channels)))

    @property
    def coordinates_um(self) -> NDArray[np.float64] | None:
        """Positions of the electrodes, um ``[C, 3]``; None for an interface without positions."""
        return None

    @abstractmethod
    def bind(self, system: System) -> Self:
        """Return a copy for a system, with the system's values for everything that was not specified."""

    @abstractmethod
    def cell_stimulus(self, geometry: Geometry, stimulus: Stimulus) -> Stimulus:
        """Compute the stimulus at the cells from commands to the channels.

        Args:
            geometry: Positions of the cells' compartments.
            stimulus: Mode ``"electrode"``, C columns.

        Returns:
            A stimulus of N neurons in a mode that a backend takes.

        Raises:
            InvalidInput: The stimulus has another mode or another number of columns.
        """

    @abstractmethod
    def channel_cells(self, geometry: Geometry) -> NDArray[np.bool_]:
        """Return the mask of the cells that each channel records, ``[C, N]``."""

    def channel_recording(
        self, geometry: Geometry, gids: ArrayLike | None, times: ArrayLike | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Assign spikes to the channels that record them.

        Args:
            geometry: Positions of the cells' compartments.
            gids: Cell of every spike, ``[S]``.
            times: Time of every spike, ms ``[S]``.

        Returns:
            Channel and time of every detection, sorted by time and then channel. A spike that two channels record
            appears twice; a spike that no channel records is omitted.

        Raises:
            NotRecorded: The spikes are None.
            InvalidInput: A gid does not exist, or the arrays differ in length.
        """
        if gids is None or times is None:
            raise NotRecorded("Spikes were not recorded: call record_spikes() before the run.")
        cells, t = number_array("gids", gids, kinds="iu"), number_array("times", times)
        count = len(geometry.soma_um)
        if cells.shape != t.shape or cells.ndim != 1:
            raise InvalidInput(f"Spikes need gids and times [S], got {cells.shape} and {t.shape}.")
        if len(cells) and not 0 <= cells.min() <= cells.max() < count:
            raise InvalidInput(f"Spiking gids must lie in 0 ... {count - 1}.")
        owner, channel = np.nonzero(self.channel_cells(geometry).T)
        spike, channels = detections(cells, owner, channel, count)
        t_detection = t[spike]
        order = np.lexsort((channels, t_detection))
        return channels[order], t_detection[order]

    def potential_recording(self, geometry: Geometry, recording: Recording) -> NDArray:
        """Compute the extracellular potential at the channels.

        Args:
            geometry: Positions of the cells' compartments.
            recording: A recording with membrane currents; cells without them contribute nothing.

        Returns:
            Potentials, mV, ``[C, T]`` of a single culture and ``[B, C, T]`` of several.

        Raises:
            NotRecorded: Membrane currents were not recorded, or the interface does not record potentials.
        """
        raise NotRecorded(f"{type(self).__name__} does not record potentials.")


@checked
def detections(
    gids: NDArray, owner: NDArray, channel: NDArray, num_cells: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return spike and channel of every detection: a spike is detected by each channel that records its cell.

    Args:
        gids: Cell of every spike, ``[S]``.
        owner: Cell of every pair of a cell and a channel that records it, ascending, ``[P]``.
        channel: Channel of every pair, ``[P]``.
        num_cells: Number of cells N.

    Returns:
        Index of the spike, ascending, and channel of every detection, ``[D]`` each.

    Raises:
        InvalidInput: Owners and channels differ in number, or a gid is no cell.
    """
    whole_number("num_cells", num_cells, minimum=0)
    if owner.shape != channel.shape:
        raise InvalidInput(f"owner and channel must have one shape, got {owner.shape} and {channel.shape}.")
    if len(gids) and not 0 <= gids.min() <= gids.max() < num_cells:
        raise InvalidInput(f"gids must lie in 0 ... {num_cells - 1}.")
    first = np.searchsorted(owner, np.arange(num_cells + 1))
    cells = gids.astype(np.int64)
    number = np.diff(first)[cells]
    # The k-th detection of a spike is on the k-th channel of its cell.
    k = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    spike = np.repeat(np.arange(len(cells)), number)
    return spike, channel[first[cells[spike]] + k]
