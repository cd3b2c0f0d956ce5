"""The planar multi-electrode array."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked
from livn_gym.errors import ClosedError, ElectrodeWarning, InvalidInput, NotRecorded, unknown_name
from livn_gym.io import layout
from livn_gym.io.base import IO
from livn_gym.io.fields import Electrode, distances, source_potential, unit_potential
from livn_gym.models import Geometry
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import System
from livn_gym.units import finite

if TYPE_CHECKING:
    from probeinterface import Probe

INPUT_RADIUS_UM = 100.0
"""Default radius within which a cell counts as stimulated, for display and selection only, um."""

LONE_OUTPUT_RADIUS_UM = 50.0
"""Recording radius of a single electrode, um."""


def _extent(positions_um: NDArray) -> str:
    """Return the range of x and y, for messages."""
    ranges = zip(positions_um[:, :2].min(axis=0), positions_um[:, :2].max(axis=0), strict=True)
    return " x ".join(f"{low:g} ... {high:g}" for low, high in ranges)


@checked
class MEA(IO):
    """Electrodes that stimulate through the extracellular field and record the spikes of nearby cells.

    A field acts on a cell through the difference of the potential between dendrite and soma: a cathodic (negative)
    current at the soma depolarises the soma. The field reaches every cell. Create a new array instead of changing the
    attributes of one, since results that depend on them are computed once.

    Args:
        electrode_coordinates: Positions, um ``[C, 3]``, ``[C, 2]`` or rows ``(id, x, y, z)``; default the electrodes
            of the system.
        input_radius: Radius within which a cell counts as stimulated, for display and selection only, um; default that
            of the system, otherwise 100.
        output_radius: Recording radius of an electrode, in the plane, um; default that of the system, otherwise half
            the distance of the closest two electrodes, so that at most one electrode records a cell.
        electrode: Model of the field: ``"disk"`` for electrodes on a planar array, or ``"point"``.
        channel_names: Names of the channels, ``[C]``; default their numbers as text.

    Attributes:
        electrode_coordinates: Positions, um ``[C, 3]``; None if not specified, until the array is bound.
        input_radius: um; None if not specified, until the array is bound.
        output_radius: um; None if not specified, until the array is bound.
        electrode: Model of the field.

    Raises:
        InvalidInput: The coordinates have another shape, a radius is not positive, or names are not one per channel.
        UnknownName: There is no such electrode model.
    """

    def __init__(
        self,
        electrode_coordinates: ArrayLike | None = None,
        input_radius: float | None = None,
        output_radius: float | None = None,
        *,
        electrode: Electrode = "disk",
        channel_names: Sequence[str] | None = None,
    ) -> None:
        if electrode not in get_args(Electrode):
            raise unknown_name("electrode model", electrode, get_args(Electrode))
        self.electrode_coordinates = (
            None if electrode_coordinates is None else layout.coordinates(electrode_coordinates)
        )
        self.input_radius = None if input_radius is None else finite("input_radius", input_radius, above=0.0)
        self.output_radius = None if output_radius is None else finite("output_radius", output_radius, above=0.0)
        self.electrode: Electrode = electrode
        self._names = None if channel_names is None else tuple(channel_names)
        if self.electrode_coordinates is not None:
            self._check_names()
        self._cached_for: Geometry | None = None
        self._cache: dict[str, NDArray] = {}

    # Layouts

    @classmethod
    def grid(cls, area: ArrayLike, shape: Sequence[int], pitch: float | None = None, **options: Any) -> Self:
        """Create an array of ``(rows, columns)`` electrodes centred on an area; see ``livn_gym.io.layout.grid``.

        Args:
            area: ``(width, height)`` from the origin, or a bounding box ``[2, 2]`` or ``[2, 3]``, um.
            shape: ``(rows, columns)``; channel = row * columns + column.
            pitch: Distance between neighbours, um; default spreads them over the area.
            **options: Further arguments of ``MEA``.
        """
        return cls(layout.grid(area, shape, pitch), **options)

    @classmethod
    def from_probe(cls, probe: Probe, **options: Any) -> Self:
        """Create an array from a probeinterface probe; contacts that are not wired are omitted.

        The channels have the contact ids as names.
        """
        coordinates = layout.from_probe(probe)
        return cls(coordinates, **{"channel_names": layout.contact_names(probe)} | options)

    def to_probe(self) -> Probe:
        """Return the layout as a probeinterface probe."""
        return layout.to_probe(self._value_of("electrode_coordinates"), self._names)

    @classmethod
    def read(cls, path: str | Path, **options: Any) -> Self:
        """Create an array from a probeinterface JSON file.

        Raises:
            InvalidInput: There is no such file, or it does not hold one probe.
            CorruptData: It is not a probeinterface JSON file.
        """
        return cls.from_probe(layout.read_probe(path), **options)

    def write(self, path: str | Path) -> None:
        """Write the layout as a probeinterface JSON file."""
        layout.write(self._value_of("electrode_coordinates"), path, self._names)

    def bind(self, system: System) -> Self:
        """Return a copy for a system, with the system's coordinates and radii for those that were not specified.

        Warns with ``ElectrodeWarning`` about electrodes that have no cell within either radius, and if no electrode
        records any cell.
        """
        bound = copy.copy(self)
        bound._cached_for, bound._cache = None, {}
        if bound.electrode_coordinates is None:
            bound.electrode_coordinates = system.electrodes
            bound._check_names()
        if bound.input_radius is None:
            bound.input_radius = system.input_radius_um or INPUT_RADIUS_UM
        if bound.output_radius is None:
            pitch = layout.pitch(bound.electrode_coordinates)
            bound.output_radius = system.output_radius_um or (pitch / 2 if pitch else LONE_OUTPUT_RADIUS_UM)
        bound._warn_of_idle_electrodes(system)
        return bound

    def _warn_of_idle_electrodes(self, system: System) -> None:
        """Warn about electrodes without cells, as in a layout in another unit."""
        electrodes, count = self._value_of("electrode_coordinates"), self.num_channels
        if not count:
            return
        radii = (self._value_of("output_radius"), self._value_of("input_radius"))
        recording, near = (layout.has_cell(electrodes, system.positions, radius) for radius in (radii[0], max(radii)))
        if not recording.any():
            idle, within = f"None of {count} electrodes has a cell", radii[0]
        elif not near.all():
            idle, within = f"{count - near.sum()} of {count} electrodes have no cell", max(radii)
        else:
            return
        warnings.warn(
            f"{idle} of {system.name} within {within:g} um: electrodes lie at {_extent(electrodes)} um, cells at "
            f"{_extent(system.positions)} um. Positions are in micrometres.",
            ElectrodeWarning,
            stacklevel=4,
        )

    @property
    def num_channels(self) -> int:
        """C, the number of electrodes."""
        return len(self._value_of("electrode_coordinates"))

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, ``[C]``; by default the channel numbers as text."""
        return super().channel_names if self._names is None else self._names

    def _check_names(self) -> None:
        if self._names is not None:
            layout.check_names(self._names, self.num_channels)

    @property
    def coordinates_um(self) -> NDArray[np.float64]:
        """Positions of the electrodes, um ``[C, 3]``."""
        return self._value_of("electrode_coordinates")

    # Stimulation

    def transfer(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return potential at the dendrite minus potential at the soma for 1 uA per electrode, mV ``[N, C]``."""

        def compute() -> NDArray:
            electrodes = self._value_of("electrode_coordinates")
            dendrite, soma = (
                unit_potential(distances(position, electrodes), self.electrode)
                for position in (geometry.dendrite_um, geometry.soma_um)
            )
            return dendrite - soma

        return self._cached(geometry, "transfer", compute)

    def cell_stimulus(self, geometry: Geometry, stimulus: Stimulus) -> Stimulus:
        """Compute the extracellular stimulus (mV) at the cells from electrode currents (uA).

        The result shares the time course of the currents.

        Raises:
            InvalidInput: The stimulus has another mode, or another number of columns than there are electrodes.
        """
        if stimulus.mode != "electrode":
            raise InvalidInput(f"cell_stimulus takes a stimulus in the mode 'electrode' (uA), got {stimulus.mode!r}.")
        if stimulus.num_columns != self.num_channels:
            raise InvalidInput(
                f"An electrode stimulus needs {self.num_channels} columns, one for each channel, "
                f"got {stimulus.num_columns}."
            )
        return stimulus.with_gain(self.transfer(geometry), "extracellular")

    def selected_cells(self, geometry: Geometry) -> NDArray[np.bool_]:
        """Return the mask of the somata within ``input_radius`` of each electrode, in the plane, ``[C, N]``."""
        return self._within(geometry, self._value_of("input_radius"))

    # Recording

    def channel_cells(self, geometry: Geometry) -> NDArray[np.bool_]:
        """Return the mask of the somata within ``output_radius`` in the plane, which are recorded, ``[C, N]``."""
        return self._cached(geometry, "recorded", lambda: self._within(geometry, self._value_of("output_radius")))

    def potential_recording(self, geometry: Geometry, recording: Recording) -> NDArray[np.float64]:
        """Compute the extracellular potential at the electrodes, mV ``[C, T]``, or ``[B, C, T]`` of several cultures.

        The potential is the sum of ``I / (4 pi sigma r)`` over the somata and dendrites of all recorded cells, with
        sigma 0.3 S/m and r at least 7.5 um (see ``livn_gym.io.fields``). Cells that were not recorded contribute
        nothing.

        Raises:
            NotRecorded: Membrane currents were not recorded.
        """
        soma, dendrite, gids = recording.current_soma, recording.current_dendrite, recording.current_gid
        if soma is None or dendrite is None or gids is None:
            raise NotRecorded("Membrane currents were not recorded: call record_membrane_current() before the run.")
        electrodes = self._value_of("electrode_coordinates")
        from_soma, from_dendrite = (
            source_potential(distances(position[gids], electrodes)).T
            for position in (geometry.soma_um, geometry.dendrite_um)
        )
        potential = from_soma @ soma + from_dendrite @ dendrite
        return potential[0] if recording.num_cultures == 1 else potential

    # Shared by several methods

    def _within(self, geometry: Geometry, radius_um: float) -> NDArray[np.bool_]:
        electrodes = self._value_of("electrode_coordinates")
        return (distances(geometry.soma_um[:, :2], electrodes[:, :2]) <= radius_um).T

    def _cached(self, geometry: Geometry, name: str, compute: Callable[[], NDArray]) -> NDArray:
        """Return the result of ``compute``, cached until another geometry is used."""
        if self._cached_for is not geometry:
            self._cached_for, self._cache = geometry, {}
        if name not in self._cache:
            self._cache[name] = compute()
            self._cache[name].flags.writeable = False
        return self._cache[name]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the array without results that are cached for a geometry."""
        return {**self.__dict__, "_cached_for": None, "_cache": {}}

    def _value_of(self, name: str) -> Any:
        value = getattr(self, name)
        if value is None:
            raise ClosedError(f"This MEA has no {name} yet: pass it, or call bind(system) as Env does.")
        return value
