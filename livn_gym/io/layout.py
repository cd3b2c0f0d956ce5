"""Electrode layouts: coordinates, grids, pitch, and conversion to and from probeinterface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.atomic import replacing
from livn_gym.checks import checked, number_array
from livn_gym.errors import InvalidInput, shown
from livn_gym.io.fields import DISK_RADIUS_UM, distances
from livn_gym.reading import damage, read_json
from livn_gym.system.system import check_distinct
from livn_gym.units import finite, whole_number

if TYPE_CHECKING:
    from probeinterface import Probe

MAX_ELECTRODES = 1_000_000
"""Largest number of electrodes of an array; the densest real arrays have about 26,000."""

_UM = {"um": 1.0, "mm": 1e3, "m": 1e6}


def coordinates(positions: ArrayLike) -> NDArray[np.float64]:
    """Convert electrode positions to um ``[C, 3]``, from ``[C, 3]``, ``[C, 2]`` (z = 0) or rows ``(id, x, y, z)``.

    Rows with ids may come in any order; channel c is the row with id c.

    Raises:
        InvalidInput: The positions have another shape or are NaN, ids are not 0 ... C-1, or two electrodes coincide.
    """
    rows = np.array(number_array("electrode_coordinates", positions, only_finite=False), dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] not in (2, 3, 4) or not len(rows):
        raise InvalidInput(
            "electrode_coordinates must be [C, 3] in um, [C, 2], or rows (id, x, y, z), "
            f"got the shape {list(rows.shape)}."
        )
    if not np.isfinite(rows).all():
        raise InvalidInput("electrode_coordinates must be finite; they hold NaN or infinity.")
    if rows.shape[1] == 4:
        order = np.argsort(rows[:, 0], kind="stable")
        if not np.array_equal(rows[order, 0], np.arange(len(rows))):
            raise InvalidInput(f"Electrode ids must be 0 ... {len(rows) - 1}, each once; got {rows[:, 0].tolist()}.")
        rows = rows[order, 1:]
    if rows.shape[1] == 2:
        rows = np.column_stack([rows, np.zeros(len(rows))])
    check_distinct(rows)
    rows.flags.writeable = False
    return rows


@checked
def pitch(electrodes_um: NDArray) -> float | None:
    """Return the smallest distance between two electrodes, um; None if there are fewer than two."""
    if len(electrodes_um) < 2:
        return None
    smallest = np.inf
    for start in range(0, len(electrodes_um), 256):  # blocks, for arrays of many thousand electrodes
        block = distances(electrodes_um[start : start + 256], electrodes_um)
        block[np.arange(len(block)), start + np.arange(len(block))] = np.inf
        smallest = min(smallest, block.min())
    return float(smallest)


def grid(area: ArrayLike, shape: Sequence[int], pitch: float | None = None) -> NDArray[np.float64]:
    """Return the positions of a grid centred on an area, um ``[rows * columns, 3]``, row by row from the lower left.

    Args:
        area: ``(width, height)`` from the origin, or a bounding box ``[2, 2]`` or ``[2, 3]``, um. All electrodes
            have the z of the lower corner.
        shape: ``(rows, columns)``.
        pitch: Distance between neighbours, um; by default, the grid fills the area, with half a spacing to the
            borders.

    Raises:
        InvalidInput: The area or the shape is invalid, or the grid does not fit into the area.
    """
    try:
        box = np.array(number_array("area", area, only_finite=False), dtype=np.float64)
    except InvalidInput as error:
        raise InvalidInput(f"area must be (width, height) or a bounding box, got {shown(area)}.") from error
    if box.shape == (2,):
        box = np.array([[0.0, 0.0], box])
    if box.shape not in ((2, 2), (2, 3)) or not np.isfinite(box).all() or (box[1, :2] <= box[0, :2]).any():
        raise InvalidInput(f"area must be (width, height) or a bounding box of positive size, got {shown(area)}.")
    try:
        rows, columns = (whole_number("rows or columns", n) for n in shape)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"shape must be two positive integers (rows, columns), got {shown(shape)}.") from error
    if rows * columns > MAX_ELECTRODES:
        raise InvalidInput(f"An array has at most {MAX_ELECTRODES} electrodes, got {rows} x {columns}.")
    size, count = box[1, :2] - box[0, :2], np.array([columns, rows])
    step = size / count if pitch is None else np.full(2, finite("pitch (um)", pitch, above=0.0))
    if (step * (count - 1) > size).any():
        raise InvalidInput(
            f"{rows} x {columns} electrodes at {step[0]:g} um do not fit into {size[0]:g} x {size[1]:g} um."
        )
    x, y = (
        box[0, axis] + size[axis] / 2 + (np.arange(count[axis]) - (count[axis] - 1) / 2) * step[axis] for axis in (0, 1)
    )
    z = np.full(rows * columns, box[0, 2] if box.shape[1] == 3 else 0.0)
    return np.rint(np.column_stack([np.tile(x, rows), np.repeat(y, columns), z]) * 1e3) / 1e3


@checked
def has_cell(electrodes_um: NDArray, somata_um: NDArray, radius_um: float) -> NDArray[np.bool_]:
    """Return the mask of the electrodes that have a soma within a radius, in the plane, ``[C]``."""
    if somata_um.ndim != 2 or electrodes_um.ndim != 2 or min(somata_um.shape[1], electrodes_um.shape[1]) < 2:
        raise InvalidInput(f"Positions must be [C, 2] or more, got {electrodes_um.shape} and {somata_um.shape}.")
    somata = somata_um[np.argsort(somata_um[:, 0], kind="stable"), :2]
    x = electrodes_um[:, 0]
    first = np.searchsorted(somata[:, 0], x - radius_um, side="left")
    last = np.searchsorted(somata[:, 0], x + radius_um, side="right")
    square = radius_um * radius_um
    mask = np.zeros(len(electrodes_um), dtype=bool)
    for c, (position, a, b) in enumerate(zip(electrodes_um[:, :2], first, last, strict=True)):
        offset = somata[a:b] - position  # of somata within the radius along x
        mask[c] = (np.einsum("ij,ij->i", offset, offset) <= square).any()
    return mask


@checked
def check_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the names of channels as a tuple.

    Raises:
        InvalidInput: There is not one name per channel, or two are equal.
    """
    if len(names) != count or len(set(names)) != count:
        raise InvalidInput(f"channel_names must be {count} distinct names, got {shown(list(names))}.")
    return tuple(str(name) for name in names)


@checked
def to_probe(electrodes_um: NDArray, names: Sequence[str] | None = None) -> Probe:
    """Make a probeinterface probe whose device channels are 0 ... C-1."""
    from probeinterface import Probe  # slow to import

    if electrodes_um.ndim != 2 or electrodes_um.shape[1] != 3 or not len(electrodes_um):
        raise InvalidInput(f"electrodes_um must be [C, 3], got the shape {electrodes_um.shape}.")
    count = len(electrodes_um)
    probe = Probe(ndim=3, si_units="um", name="MEA")
    probe.set_contacts(
        electrodes_um,
        shapes="circle",
        shape_params={"radius": DISK_RADIUS_UM},
        plane_axes=np.tile(np.eye(3)[:2], (count, 1, 1)),
    )
    probe.set_device_channel_indices(np.arange(count))
    if names is not None:
        probe.set_contact_ids(list(check_names(names, count)))
    return probe


@checked
def from_probe(probe: Probe) -> NDArray[np.float64]:
    """Return the electrode positions of a probe, um ``[C, 3]``, ordered by device channel if the probe is wired.

    Contacts whose device channel is -1 are not connected and are omitted. Positions in mm or m are converted.

    Raises:
        InvalidInput: The probe has another unit, two contacts coincide, or none is connected.
    """
    try:
        contacts, unit, wiring = probe.contact_positions, probe.si_units, probe.device_channel_indices
    except AttributeError as error:
        raise InvalidInput(f"probe must be a probeinterface Probe, got {shown(probe)}.") from error
    if contacts is None or unit not in _UM:
        raise InvalidInput(f"A probe needs contacts, in um, mm or m; got {shown(contacts)} in {shown(unit)}.")
    position = np.asarray(contacts, dtype=np.float64) * _UM[unit]
    return coordinates(position if wiring is None else position[_connected(wiring)])


@checked
def contact_names(probe: Probe) -> tuple[str, ...] | None:
    """Return the contact ids of a probe in the order of ``from_probe``; None if the probe has no distinct ids.

    Raises:
        InvalidInput: The argument is no probe.
    """
    try:
        ids, wiring = probe.contact_ids, probe.device_channel_indices
    except AttributeError as error:
        raise InvalidInput(f"probe must be a probeinterface Probe, got {shown(probe)}.") from error
    if ids is None or len(set(map(str, ids))) != len(ids):
        return None
    return tuple(map(str, ids if wiring is None else np.asarray(ids)[_connected(wiring)]))


def _connected(wiring: ArrayLike) -> NDArray[np.int64]:
    """Return the contacts that are connected, in the order of their device channels."""
    channels = np.asarray(wiring)
    return np.argsort(channels, kind="stable")[np.count_nonzero(channels < 0) :]


@checked
def write(electrodes_um: NDArray, path: str | Path, names: Sequence[str] | None = None) -> None:
    """Write electrode positions, and names if there are any, as a probeinterface JSON file."""
    from probeinterface import write_probeinterface

    with replacing(path) as temporary:
        write_probeinterface(temporary, to_probe(electrodes_um, names))


@checked
def read_probe(path: str | Path) -> Probe:
    """Read a probeinterface JSON file that holds one probe.

    Raises:
        InvalidInput: There is no such file, or it holds another number of probes.
        CorruptData: It is not a probeinterface JSON file.
    """
    from probeinterface import ProbeGroup

    message = "is no probeinterface JSON"
    content = read_json(path, message)
    with damage(path, message):
        if content["specification"] != "probeinterface":
            raise ValueError(f"its specification is {content['specification']!r}")
        probes: list[Any] = ProbeGroup.from_dict(content).probes
    if len(probes) != 1:
        raise InvalidInput(f"An electrode array is one probe, {path} holds {len(probes)}.")
    return probes[0]
