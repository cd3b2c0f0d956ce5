"""Electrodes of one culture: an interface bound to the positions of the culture's cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked, number_array
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.io.base import IO
from livn_gym.io.fields import distances
from livn_gym.models import Geometry
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_number
from livn_gym.values import unchangeable


@checked
@dataclass(frozen=True, eq=False)
class BoundElectrodes:
    """Electrodes of a culture: an ``IO`` together with the ``Geometry`` of the cells.

    Encodings, decodings, tasks and conditions get the electrodes in this form, so that they never pass a geometry. The
    cells that each channel records are computed once.

    Attributes:
        io: The interface, bound to the system (``io.bind(system)``).
        geometry: Positions of the cells' compartments.
    """

    io: IO
    geometry: Geometry

    def __post_init__(self) -> None:
        """Check the number of the channels, their names and their positions."""
        what, channels = type(self.io).__name__, self.io.num_channels
        whole_number(f"{what}.num_channels", channels, minimum=0)
        if len(set(self.io.channel_names)) != channels:
            raise InvalidInput(f"{what} needs {channels} distinct channel_names, got {shown(self.io.channel_names)}.")
        if self.io.coordinates_um is not None:
            shape = number_array(f"{what}.coordinates_um", self.io.coordinates_um).shape
            if shape != (channels, 3):
                raise InvalidInput(f"{what}.coordinates_um must be {(channels, 3)}, got the shape {shape}.")

    @property
    def num_channels(self) -> int:
        """C, the number of channels."""
        return self.io.num_channels

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, ``[C]``: contact ids of the probe, or the channel numbers as text."""
        return self.io.channel_names

    @property
    def coordinates_um(self) -> NDArray[np.float64] | None:
        """Positions of the electrodes, um ``[C, 3]``; None for an interface without positions."""
        return self.io.coordinates_um

    @cached_property
    def _channel_cells(self) -> NDArray[np.bool_]:
        cells = np.asarray(self.io.channel_cells(self.geometry))
        expected = (self.num_channels, len(self.geometry.soma_um))
        if cells.dtype != np.bool_ or cells.shape != expected:
            raise InvalidInput(
                f"{type(self.io).__name__}.channel_cells must be a mask of the shape {expected}, got {cells.dtype} of "
                f"the shape {cells.shape}."
            )
        return unchangeable(cells)

    @cached_property
    def _channel_cell_pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        channel, cell = np.nonzero(self.channel_cells())
        return unchangeable(channel), unchangeable(cell)

    @cached_property
    def _blanking_channels(self) -> NDArray[np.int64]:
        soma_um, electrodes_um = self.geometry.soma_um[:, :2], self.coordinates_um
        if electrodes_um is None or not len(electrodes_um):
            records = np.concatenate([self.channel_cells(), np.ones((1, len(soma_um)), dtype=np.bool_)])
            first = records.argmax(axis=0)
            return unchangeable(np.where(first < self.num_channels, first, -1))
        parts = range(0, len(soma_um), 1000)  # the distances of 10,000 cells to 1,024 electrodes take 80 MB
        nearest = [distances(soma_um[k : k + 1000], electrodes_um[:, :2]).argmin(axis=1) for k in parts]
        return unchangeable(np.concatenate(nearest))

    def blanking_channels(self) -> NDArray[np.int64]:
        """Return the channel with which each cell is blanked, ``[N]``: the electrode nearest to it in the plane.

        If the interface has no positions, it is the first channel that records the cell, and -1 for a cell that no
        channel records, which is never blanked.
        """
        return self._blanking_channels

    def channel_cells(self) -> NDArray[np.bool_]:
        """Return the mask of the cells that each channel records, ``[C, N]``."""
        return self._channel_cells

    def channel_cell_pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return channel and cell of every pair in which the channel records the cell, ``[P]`` each, by channel."""
        return self._channel_cell_pairs

    def channels(self, names: Sequence[int | str]) -> NDArray[np.int64]:
        """Return the numbers of channels, from their numbers or names.

        Args:
            names: Channel numbers (int) and channel names (str), in any mixture and order.

        Raises:
            UnknownName: There is no channel of that name.
            InvalidInput: There is no channel of that number, or a channel occurs twice.
        """
        known = {name: k for k, name in enumerate(self.channel_names)}
        numbers = []
        for name in names:
            if isinstance(name, str):
                if name not in known:
                    raise unknown_name("channel", name, known)
                numbers.append(known[name])
            elif 0 <= name < len(known):
                numbers.append(int(name))
            else:
                raise InvalidInput(f"A channel is 0 ... {len(known) - 1} or a name of channel_names, got {name}.")
        if len(set(numbers)) != len(numbers):
            raise InvalidInput(f"channels must be distinct, got {list(names)}.")
        return np.array(numbers, dtype=np.int64)

    def gids(self, channels: Sequence[int | str]) -> NDArray[np.int64]:
        """Return the cells that channels record, ascending; ``recording.select(electrodes.gids(["A1"]))`` selects them.

        Args:
            channels: Channel numbers (int) and channel names (str).

        Raises:
            UnknownName: There is no channel of that name.
            InvalidInput: There is no channel of that number, or a channel occurs twice.
        """
        return np.flatnonzero(self.channel_cells()[self.channels(channels)].any(axis=0))

    def cell_stimulus(self, stimulus: Stimulus) -> Stimulus:
        """Compute the stimulus at the cells from commands to the channels (mode ``"electrode"``, uA).

        Raises:
            InvalidInput: The stimulus has another mode or another number of columns.
        """
        at_cells = self.io.cell_stimulus(self.geometry, stimulus)
        if not isinstance(at_cells, Stimulus):
            raise InvalidInput(f"{type(self.io).__name__}.cell_stimulus must be a Stimulus, got {shown(at_cells)}.")
        return at_cells

    def channel_recording(
        self, gids: ArrayLike | None, times: ArrayLike | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Assign spikes to the channels that record them.

        Args:
            gids: Cell of every spike, ``[S]``.
            times: Time of every spike, ms ``[S]``.

        Returns:
            Channel and time (ms) of every detection, sorted by time and then channel.

        Raises:
            NotRecorded: The spikes are None.
        """
        return self.io.channel_recording(self.geometry, gids, times)

    def potential_recording(self, recording: Recording) -> NDArray[np.float64]:
        """Compute the extracellular potential at the channels, mV ``[C, T]``, or ``[B, C, T]`` of several cultures.

        Raises:
            NotRecorded: Membrane currents were not recorded.
        """
        return self.io.potential_recording(self.geometry, recording)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the interface and the geometry without cached results."""
        return {"io": self.io, "geometry": self.geometry}
