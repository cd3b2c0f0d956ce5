"""Lights above a culture: spots of a projector or of micro-LEDs, or a single lamp that reaches every cell."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym import numerics
from livn_gym.checks import checked
from livn_gym.errors import ClosedError, InvalidInput, unknown_name
from livn_gym.io import layout
from livn_gym.io.fields import distances
from livn_gym.models import Geometry
from livn_gym.registry import check_options
from livn_gym.stimulus import Stimulus
from livn_gym.system import System
from livn_gym.units import finite

Profile = Literal["gaussian", "disk"]

MAX_IRRADIANCE_MW_MM2 = 10.0
"""Default limit of the irradiance of a light, up to which the model of channelrhodopsin is used."""

_LEAST_SHARE = 1e-4
"""Share of the irradiance at the centre of a spot below which a cell counts as dark."""


@checked
class LightArray:
    """L lights, each a spot of blue light on the culture, or one lamp that illuminates all cells equally.

    The irradiance of a cell is that at its soma, summed over all lights. Light has no effect on the recording.

    Args:
        spots: Centres of the spots, um ``[L, 2]`` or ``[L, 3]``; None for a grid or a lamp.
        shape: ``(rows, columns)`` of a grid of spots over the area of the culture; None for ``spots`` or a lamp.
        radius_um: Radius of a spot, um: where a Gaussian beam has 1 / e**2 of the irradiance at its centre, or where
            a disk ends.
        profile: ``"gaussian"`` or ``"disk"`` (constant irradiance within the radius).
        max_irradiance_mW_mm2: Largest irradiance of a light at its centre.
        max_dose_mJ_mm2: Largest dose of a light in a run; None for no limit.

    Raises:
        InvalidInput: Both spots and a shape are given, positions have another shape, or a number is not positive.
        UnknownName: There is no such profile.
    """

    def __init__(
        self,
        spots: ArrayLike | None = None,
        shape: Sequence[int] | None = None,
        *,
        radius_um: float = 100.0,
        profile: Profile = "gaussian",
        max_irradiance_mW_mm2: float = MAX_IRRADIANCE_MW_MM2,
        max_dose_mJ_mm2: float | None = None,
    ) -> None:
        if spots is not None and shape is not None:
            raise InvalidInput("A LightArray has either spots or the shape of a grid, got both.")
        if profile not in get_args(Profile):
            raise unknown_name("profile of a spot", profile, get_args(Profile))
        self.spots_um = None if spots is None else layout.coordinates(spots)
        self.shape = None if shape is None else tuple(shape)
        self.radius_um = finite("radius_um", radius_um, above=0.0)
        self.profile: Profile = profile
        self.max_irradiance_mW_mm2 = finite("max_irradiance_mW_mm2", max_irradiance_mW_mm2, above=0.0)
        self.max_dose_mJ_mm2 = (
            None if max_dose_mJ_mm2 is None else finite("max_dose_mJ_mm2", max_dose_mJ_mm2, above=0.0)
        )

    @property
    def is_lamp(self) -> bool:
        """True for a single lamp that illuminates all cells equally."""
        return self.spots_um is None and self.shape is None

    @property
    def num_lights(self) -> int:
        """L, the number of lights."""
        if self.spots_um is not None:
            return len(self.spots_um)
        return 1 if self.shape is None else int(np.prod(self.shape))

    @property
    def coordinates_um(self) -> NDArray[np.float64] | None:
        """Centres of the spots, um ``[L, 3]``; None for a lamp.

        Raises:
            ClosedError: The grid is not bound to a system.
        """
        if self.spots_um is None and self.shape is not None:
            raise ClosedError("This LightArray has no spots yet: call bind(system) as Env does.")
        return self.spots_um

    def bind(self, system: System) -> Self:
        """Return a copy for a system, with a grid of spots over its area if a shape was given."""
        bound = copy.copy(self)
        if self.spots_um is None and self.shape is not None:
            bound.spots_um = layout.grid(system.bounding_box, self.shape)
        return bound

    def transfer(self, geometry: Geometry) -> NDArray[np.float64]:
        """Return the irradiance of every cell for 1 mW/mm2 at the centre of every light, mW/mm2 ``[N, L]``."""
        spots_um = self.coordinates_um
        if spots_um is None:
            return np.ones((len(geometry.soma_um), 1))
        distance_um = distances(geometry.soma_um[:, :2], spots_um[:, :2])
        if self.profile == "disk":
            return (distance_um <= self.radius_um).astype(np.float64)
        relative = np.minimum(distance_um / self.radius_um, 10.0)
        share = numerics.exp(-2.0 * relative * relative)
        return np.where(share < _LEAST_SHARE, 0.0, share)

    def check(self, stimulus: Stimulus) -> None:
        """Check the irradiance and the dose of a stimulus in the mode ``"light"``.

        Raises:
            InvalidInput: A limit is exceeded, or the number of columns is not that of the lights.
        """
        if stimulus.num_columns != self.num_lights:
            raise InvalidInput(
                f"A stimulus of light needs {self.num_lights} columns, one for each light, got {stimulus.num_columns}."
            )
        highest = stimulus.waveform.values.max(initial=0.0)
        if highest > self.max_irradiance_mW_mm2 * (1 + 1e-9):
            raise InvalidInput(
                f"A light reaches {highest:g} mW/mm2; at most {self.max_irradiance_mW_mm2:g} mW/mm2 are allowed."
            )
        if self.max_dose_mJ_mm2 is not None:
            dose = stimulus.dose_mJ_mm2().max(initial=0.0)
            if dose > self.max_dose_mJ_mm2 * (1 + 1e-9):
                raise InvalidInput(
                    f"A light gives {dose:g} mJ/mm2 in a run; at most {self.max_dose_mJ_mm2:g} mJ/mm2 are allowed."
                )


@checked
@dataclass(frozen=True, eq=False)
class BoundLights:
    """Lights of a culture: a ``LightArray`` together with the ``Geometry`` of the cells.

    Attributes:
        array: The lights, bound to the system.
        geometry: Positions of the cells' compartments.
    """

    array: LightArray
    geometry: Geometry

    @classmethod
    def of(cls, lights: Spec | None, opsin: object, system: System, geometry: Geometry) -> Self | None:
        """Bind lights to a culture; None is a lamp for cells with an opsin, and no light for others.

        Raises:
            InvalidInput: There are lights, but the cells have no opsin.
        """
        if opsin is None:
            if lights is not None:
                raise InvalidInput("Light acts on cells with an opsin: give opsin=, such as 'williams_2013'.")
            return None
        return cls(make_lights("lamp" if lights is None else lights).bind(system), geometry)

    @property
    def num_lights(self) -> int:
        """L, the number of lights."""
        return self.array.num_lights

    @property
    def coordinates_um(self) -> NDArray[np.float64] | None:
        """Centres of the spots, um ``[L, 3]``; None for a lamp."""
        return self.array.coordinates_um

    @cached_property
    def _transfer(self) -> NDArray[np.float64]:
        transfer = self.array.transfer(self.geometry)
        transfer.flags.writeable = False
        return transfer

    def cell_stimulus(self, stimulus: Stimulus) -> Stimulus:
        """Compute the irradiance of the cells from that of the lights (mode ``"light"``, mW/mm2).

        Raises:
            InvalidInput: The stimulus has another mode, another number of columns, or exceeds a limit.
        """
        if stimulus.mode != "light":
            raise InvalidInput(f"Lights take a stimulus in the mode 'light' (mW/mm2), got {stimulus.mode!r}.")
        self.array.check(stimulus)
        return stimulus.with_gain(self._transfer, "irradiance")

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the lights and the geometry without cached results."""
        return {"array": self.array, "geometry": self.geometry}


Spec = LightArray | str | Mapping[str, Any]
"""Arguments that ``make_lights`` accepts."""


@checked
def make_lights(lights: Spec) -> LightArray:
    """Make lights from ``"lamp"`` or from a mapping with the arguments of ``LightArray``; an object is not changed.

    Raises:
        UnknownName: There is no such name.
        UnknownOption: ``LightArray`` has no argument of that name.
        InvalidInput: A value is out of range.
    """
    if isinstance(lights, LightArray):
        return lights
    if isinstance(lights, str):
        if lights != "lamp":
            raise unknown_name("light", lights, ("lamp",))
        return LightArray()
    check_options("LightArray", LightArray, lights)
    return LightArray(**lights)
