"""Channels of an array in the place of cells, by which decodings read detected spikes and recordings of devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked, number_array
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA, BoundElectrodes
from livn_gym.io.layout import pitch
from livn_gym.models import Geometry
from livn_gym.recording import Recording
from livn_gym.system import Population, System
from livn_gym.units import finite, whole_number

POPULATION = "CHANNEL"
"""Name of the one population of a view."""

_REACH = 0.25
"""Recording radius of a pseudo-cell's electrode in units of the pitch: it reaches its own position only."""


@checked
@dataclass(frozen=True, eq=False)
class ChannelView:
    """View of B cultures in which every channel of an array takes the place of a cell; a ``CultureView``.

    Each channel has one pseudo-cell at its electrode, with the number of the channel as gid, and records that cell
    alone: ``electrodes.channel_recording(gid, t)`` is the identity. Decodings, tasks, meters and agents that read
    recordings of an ``Env`` read recordings over this view in the same way. A rate per cell is a rate per channel.

    Attributes:
        num_cultures: B.
        dt: Time step in which stimuli and recordings are counted, ms.
        system: The pseudo-cells, one population ``CHANNEL``, without connections.
        electrodes: The electrodes of the channels.
        lights: None; a device has electrodes only.
    """

    num_cultures: int
    dt: float
    system: System
    electrodes: BoundElectrodes
    lights: None = None

    @classmethod
    def of_channels(
        cls,
        coordinates_um: ArrayLike,
        names: Sequence[str] | None = None,
        *,
        dt: float,
        num_cultures: int = 1,
        system_name: str = "channels",
    ) -> ChannelView:
        """Make the view of an array.

        Args:
            coordinates_um: Positions of the electrodes, um ``[C, 3]``.
            names: Names of the channels, ``[C]``; default their numbers as text.
            dt: Time step, ms.
            num_cultures: B.
            system_name: Name of the system, for messages and titles.

        Raises:
            InvalidInput: Positions, names or numbers are out of range.
        """
        positions = np.array(number_array("coordinates_um", coordinates_um), dtype=np.float64)
        if positions.ndim != 2 or positions.shape[1] != 3 or not len(positions):
            raise InvalidInput(f"coordinates_um must be [C, 3], got the shape {positions.shape}.")
        count = len(positions)
        reach_um = _REACH * (pitch(positions) or 100.0)
        system = System(
            name=system_name,
            populations=(Population(POPULATION, 0, count),),
            positions=positions,
            dendrites=np.tile([1.0, 0.0], (count, 1)),
            projections=(),
            electrodes=positions,
            bounding_box=np.array([positions.min(axis=0), positions.max(axis=0)]),
        )
        array = MEA(positions, output_radius=reach_um, channel_names=names).bind(system)
        bound = BoundElectrodes(array, Geometry(positions, positions))
        return cls(whole_number("num_cultures", num_cultures), finite("dt (ms)", dt, above=0.0), system, bound)

    @classmethod
    def of_device(cls, profile: DeviceProfile, num_cultures: int = 1) -> ChannelView:
        """Make the view of a device's usable channels, ``[U]``, which keep their names.

        Its time step is ``profile.tick_ms``. Channel k of the view is channel
        ``profile.electrodes.usable_channels[k]`` of the device.
        """
        electrodes = profile.of_usable().electrodes
        options: Any = {"dt": profile.tick_ms, "num_cultures": num_cultures, "system_name": profile.name}
        return cls.of_channels(electrodes.coordinates_um, electrodes.names, **options)

    @property
    def num_channels(self) -> int:
        """C, the number of channels of the view."""
        return self.electrodes.num_channels

    def recording(
        self,
        channel: ArrayLike,
        t_ms: ArrayLike,
        culture: ArrayLike | None = None,
        *,
        duration_ms: float,
        num_cultures: int | None = None,
        t0_ms: float = 0.0,
        dt: float | None = None,
    ) -> Recording:
        """Return detected spikes as a recording over this view.

        Args:
            channel: Channel of every spike, ``[S]``, in any order.
            t_ms: Time of every spike since the start of the run, ms ``[S]``.
            culture: Culture of every spike, ``[S]``; may be omitted for one culture.
            duration_ms: Length of the run.
            num_cultures: Number n of cultures that ran. Default: B.
            t0_ms: Start of the run.
            dt: Time step of the run, ms. Default: that of the view.

        Raises:
            InvalidInput: The arrays differ in length, a channel does not exist, or a time is outside the run.
        """
        channels, times = number_array("channel", channel, kinds="iu"), number_array("t_ms", t_ms)
        count = self.num_cultures if num_cultures is None else num_cultures
        if len(channels) and not 0 <= channels.min() <= channels.max() < self.num_channels:
            raise InvalidInput(f"channel must lie in 0 ... {self.num_channels - 1}.")
        cultures: NDArray[np.int64] | None = None
        if culture is not None:
            cultures = number_array("culture", culture, kinds="iu").astype(np.int64)
        step_ms = self.dt if dt is None else dt
        empty = Recording(t0_ms, duration_ms, step_ms, step_ms, count, populations=self.system.populations)
        return empty.with_spikes(channels.astype(np.int64), times.astype(np.float64), cultures)

    def gather(self, value: Any, root: int | None = 0) -> list[Any] | None:
        """Return the value in a list: no ranks share these cultures."""
        return [value]


@checked
def device_array(profile: DeviceProfile, system: System) -> MEA:
    """Return the usable electrodes of a device on a system whose electrodes have the shape of the device's array.

    The electrodes are at the system's positions, and have the names of the device's channels.

    Raises:
        InvalidInput: The system has another number of electrodes, or they have another shape.
    """
    electrodes = profile.electrodes
    if electrodes.scale(system.electrodes) is None:
        count, own = len(system.electrodes), electrodes.num_channels
        what = f"{count} electrodes" if count != own else f"{count} electrodes in another arrangement"
        raise InvalidInput(
            f"The array of {system.name} does not fit {profile.name}: it has {what}, {profile.name} has {own}. Use a "
            f"system whose electrodes have the shape of the device's, or make one: livn-gym generate --device "
            f"{profile.name}."
        )
    usable = electrodes.usable_channels
    radius_um = system.output_radius_um
    if radius_um is None:  # as for the whole array, of which the usable electrodes may be sparser
        whole_um = pitch(system.electrodes)
        radius_um = None if whole_um is None else whole_um / 2
    names = [electrodes.names[c] for c in usable]
    return MEA(system.electrodes[usable], system.input_radius_um, radius_um, channel_names=names)
