"""Potentials in a homogeneous volume conductor, and distances."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, unknown_name

Electrode = Literal["disk", "point"]

RESISTIVITY_OHM_M = 3.5
POINT_OFFSET_UM = 5.0
"""Added to the distance from a point electrode, so that the potential stays finite."""

DISK_RADIUS_UM = 15.0
DISK_HEIGHT_UM = 50.0
"""Height of the cells above a planar array's disks."""

CONDUCTIVITY_S_PER_M = 0.3
MIN_SOURCE_DISTANCE_UM = 7.5
"""Smallest distance between an electrode and a membrane current. A disk of radius a records the mean over its area,
which for a source at its centre is the potential at a / 2."""


@checked
def distances(points_um: NDArray, electrodes_um: NDArray) -> NDArray[np.float64]:
    """Return the distance between every point ``[N, D]`` and every electrode ``[C, D]``, um ``[N, C]``."""
    if points_um.ndim != 2 or electrodes_um.ndim != 2 or electrodes_um.shape[1] < points_um.shape[1]:
        raise InvalidInput(f"Positions must be [N, D] and [C, D], got {points_um.shape} and {electrodes_um.shape}.")
    square = np.zeros((len(points_um), len(electrodes_um)))
    for axis in range(points_um.shape[1]):
        difference = np.subtract.outer(points_um[:, axis], electrodes_um[:, axis])
        square += difference * difference
    return np.sqrt(square)


@checked
def unit_potential(distance_um: NDArray, electrode: Electrode) -> NDArray[np.float64]:
    """Return the potential around an electrode that carries 1 uA, mV.

    It is ``rho I / (4 pi (r + 5 um))`` for a point and ``rho I / (4 pi sqrt(r**2 + a**2 + h**2))`` for a disk, at the
    distance r, and has the shape of the distances.
    """
    if electrode not in get_args(Electrode):
        raise unknown_name("electrode model", electrode, get_args(Electrode))
    if electrode == "point":
        effective_um = distance_um + POINT_OFFSET_UM
    else:
        effective_um = np.sqrt(distance_um * distance_um + (DISK_RADIUS_UM**2 + DISK_HEIGHT_UM**2))
    # ohm m * uA / um is a volt
    return 1e3 * RESISTIVITY_OHM_M / (4.0 * math.pi) / effective_um


@checked
def source_potential(distance_um: NDArray) -> NDArray[np.float64]:
    """Return the potential of a membrane current of 1 nA at a distance: ``I / (4 pi sigma r)``, mV."""
    # nA / (S/m * um) is a millivolt
    return 1.0 / (4.0 * math.pi * CONDUCTIVITY_S_PER_M) / np.maximum(distance_um, MIN_SOURCE_DISTANCE_UM)
