"""Parts of a device's profile: electrodes, recording, stimulation and artefact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.checks import checked, checked_types, number_array
from livn_gym.errors import InvalidInput, shown
from livn_gym.io.fields import distances
from livn_gym.io.layout import check_names, coordinates, to_probe
from livn_gym.time_steps import exact_us
from livn_gym.units import number, whole_number

if TYPE_CHECKING:
    from probeinterface import Probe

_STEPS = ("_step_us", "_step_uA")
"""Ends of the names of limits of which others must be multiples."""

_LARGEST_UM = 1e6
"""Largest distance of an electrode from the origin, 1 m: what is further away was written in another unit."""

_LONGEST_WAVEFORM_MS = 100.0

_EXACT = 1e-3
"""Relative difference of distances between electrodes up to which two arrays have the same shape."""


_ROUNDING = 1e-6
"""Relative rounding of a multiple."""

_DIGITS = 1e-5
"""Relative rounding of a time in a file: 33.3333 us is 100/3 us."""


def check_positive(part: str, values: object, *names: str, zero: tuple[str, ...] = ()) -> None:
    """Check that attributes are finite and above 0, or at least 0 for those in ``zero``.

    The longest phase may be infinite: without it, the charge of a phase limits its length.
    """
    for name in names:
        label = f"{part}.{name}" if part else name
        value = number(label, getattr(values, name))
        if not (value > 0.0 or (name in zero and value == 0.0)):
            bound = "at least" if name in zero else "greater than"
            raise InvalidInput(f"{label} must be {bound} 0, got {value:g}.")
        if math.isinf(value) and name != "max_phase_us":
            raise InvalidInput(f"{label} must be a finite number, got {value:g}.")
        object.__setattr__(values, name, value)


def _is_multiple(value: float, step: float) -> bool:
    """Return whether a positive value is a whole multiple of a step, up to rounding."""
    steps = value / step
    return round(steps) >= 1 and abs(steps - round(steps)) <= _ROUNDING * steps


@checked
@dataclass(frozen=True, eq=False)
class DeviceElectrodes:
    """The electrodes of a device; channel c is electrode c.

    Attributes:
        coordinates_um: Positions, um ``[C, 3]``.
        usable: Whether each channel records and stimulates, bool ``[C]``.
        names: Names of the channels, ``[C]``.
        radius_um: Radius of an electrode, um.

    Raises:
        InvalidInput: Positions, names and usable channels differ in number, or no channel is usable.
    """

    coordinates_um: NDArray[np.float64]
    usable: NDArray[np.bool_]
    names: tuple[str, ...]
    radius_um: float

    def __post_init__(self) -> None:
        """Check the numbers of channels, and make the arrays read-only."""
        object.__setattr__(self, "coordinates_um", coordinates(self.coordinates_um))
        if np.abs(self.coordinates_um).max() > _LARGEST_UM:
            raise InvalidInput(
                f"electrodes must lie within {_LARGEST_UM:g} um of the origin, got "
                f"{np.abs(self.coordinates_um).max():g} um."
            )
        usable = np.array(self.usable, dtype=np.bool_)
        if usable.shape != (self.num_channels,) or not usable.any():
            raise InvalidInput(
                f"electrodes.usable must be [{self.num_channels}] with at least one usable channel, "
                f"got {shown(self.usable)}."
            )
        usable.flags.writeable = False
        object.__setattr__(self, "usable", usable)
        object.__setattr__(self, "names", check_names(self.names, self.num_channels))
        check_positive("electrodes", self, "radius_um")

    @property
    def num_channels(self) -> int:
        """C, the number of channels, unusable ones included."""
        return len(self.coordinates_um)

    @cached_property
    def usable_channels(self) -> NDArray[np.int64]:
        """Usable channels, ascending ``[U]``."""
        return np.flatnonzero(self.usable)

    def probe(self) -> Probe:
        """Return the electrodes as a probeinterface probe; unusable channels are not wired (-1)."""
        probe = to_probe(self.coordinates_um, self.names)
        probe.set_contacts(
            self.coordinates_um,
            shapes="circle",
            shape_params={"radius": self.radius_um},
            plane_axes=np.tile(np.eye(3)[:2], (self.num_channels, 1, 1)),
            contact_ids=list(self.names),
        )
        probe.set_device_channel_indices(np.where(self.usable, np.arange(self.num_channels), -1))
        return probe

    def scale(self, coordinates_um: ArrayLike) -> float | None:
        """Return the factor from this array to another one of the same shape; None if the shape differs.

        Two arrays have the same shape if all distances between their electrodes are proportional: one may be larger,
        shifted, turned or mirrored. Channel c is compared with channel c.

        Args:
            coordinates_um: Positions of the other array, um ``[C, 3]``.
        """
        other = number_array("coordinates_um", coordinates_um)
        if other.shape != self.coordinates_um.shape:
            return None
        own_um, other_um = distances(self.coordinates_um, self.coordinates_um), distances(other, other)
        if not own_um.any():  # a single electrode
            return 1.0
        factor = float(other_um.sum() / own_um.sum())
        return factor if np.allclose(other_um, factor * own_um, rtol=_EXACT, atol=0.0) else None


@checked
@dataclass(frozen=True)
class DeviceRecording:
    """Frames of a device, and its detection of spikes.

    Attributes:
        sampling_hz: Frames per second.
        uV_per_unit: Microvolts per unit of a frame.
        bits: Bits of the signed units of a frame, at most 16.
        noise_uV: Standard deviation of the noise, uV; 0 for a device without noise, whose threshold then rests on the
            rounding to units and on the signal itself.
        threshold_sd: A spike is detected this many standard deviations of the noise below 0; positive.
        refractory_ms: Time after a detection in which a channel detects nothing.
        highpass_hz: Cut-off of the high-pass filter before the detection, Hz; 0 for none.
        waveform_before: Number of samples of a spike's waveform before that of the spike.
        waveform_after: Number of samples after it.
    """

    sampling_hz: float
    uV_per_unit: float
    bits: int
    noise_uV: float
    threshold_sd: float
    refractory_ms: float
    highpass_hz: float
    waveform_before: int
    waveform_after: int

    def __post_init__(self) -> None:
        """Check the ranges."""
        zero = ("noise_uV", "refractory_ms", "highpass_hz")
        check_positive("recording", self, "sampling_hz", "uV_per_unit", "threshold_sd", *zero, zero=zero)
        if whole_number("recording.bits", self.bits, minimum=2) > 16:
            raise InvalidInput(f"recording.bits must be at most 16, got {self.bits}.")
        if self.highpass_hz >= self.sampling_hz / 2:
            raise InvalidInput(
                f"recording.highpass_hz must be below half of the {self.sampling_hz:g} Hz of sampling, "
                f"got {self.highpass_hz:g}."
            )
        for name in ("waveform_before", "waveform_after"):
            samples = whole_number(f"recording.{name}", getattr(self, name), minimum=0)
            if samples > _LONGEST_WAVEFORM_MS * 1e-3 * self.sampling_hz:
                raise InvalidInput(
                    f"recording.{name} must be at most {_LONGEST_WAVEFORM_MS:g} ms long, got {samples} samples."
                )
        largest_uV, threshold_uV = self.uV_per_unit * 2 ** (self.bits - 1), self.threshold_sd * self.noise_uV
        if largest_uV <= threshold_uV:
            raise InvalidInput(
                f"recording.uV_per_unit = {self.uV_per_unit:g} with {self.bits} bits holds at most {largest_uV:g} uV, "
                f"and the threshold is {threshold_uV:g} uV: nothing would be detected."
            )


@checked_types
@dataclass(frozen=True)
class DeviceStimulation:
    """Limits and steps of a device's stimulation; a pulse is a sequence of phases without gaps.

    Attributes:
        max_amplitude_uA: Largest current of a phase, uA.
        max_phases: Largest number of phases of a pulse.
        min_phase_us: Shortest phase, us.
        phase_step_us: Step of the length of a phase, us: whole ns, or a fraction with a denominator of at most 1000,
            such as 100/3 for 33.3333.
        max_phase_charge_nC: Largest charge of a phase, nC.
        max_total_charge_nC: Largest charge of all phases of a pulse, each counted positively, nC.
        max_rate_hz: Largest rate of pulses of a channel: the inverse of the shortest time between two onsets, Hz.
        max_channels: Largest number of channels through which current flows at one time.
        lead_time_us: Shortest time from the start of a run to the first pulse, us.
        lead_step_us: Step of the onsets of pulses since the start of the run, us; as ``phase_step_us``.
        charge_balanced: Whether the charges of a pulse's phases must cancel.
        amplitude_step_uA: Step of the current, uA; 0 for any value.
        max_phase_us: Longest phase, us; infinite if only the charge limits it.
        max_session_charge_uC: Largest charge of all channels in a session, all phases counted, uC; None for no limit.
    """

    max_amplitude_uA: float
    max_phases: int
    min_phase_us: float
    phase_step_us: float
    max_phase_charge_nC: float
    max_total_charge_nC: float
    max_rate_hz: float
    max_channels: int
    lead_time_us: float
    lead_step_us: float
    charge_balanced: bool
    amplitude_step_uA: float = 0.0
    max_phase_us: float = math.inf
    max_session_charge_uC: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        whole_number("stimulation.max_phases", self.max_phases)
        whole_number("stimulation.max_channels", self.max_channels)
        zero = ("lead_time_us", "amplitude_step_uA")
        positive = ("max_amplitude_uA", "min_phase_us", "phase_step_us", "max_phase_us", "max_phase_charge_nC")
        session = ("max_session_charge_uC",) if self.max_session_charge_uC is not None else ()
        rest = ("max_total_charge_nC", "max_rate_hz", "lead_step_us", *session)
        check_positive("stimulation", self, *positive, *rest, *zero, zero=zero)
        if self.min_phase_us > self.max_phase_us:
            raise InvalidInput(
                f"stimulation.min_phase_us = {self.min_phase_us:g} exceeds max_phase_us = {self.max_phase_us:g}."
            )

        if self.amplitude_step_uA > self.max_amplitude_uA:
            raise InvalidInput(
                f"stimulation.amplitude_step_uA = {self.amplitude_step_uA:g} exceeds max_amplitude_uA = "
                f"{self.max_amplitude_uA:g}: no current would be possible."
            )
        if self.charge_balanced and self.max_phases < 2:
            raise InvalidInput(
                "stimulation.charge_balanced = true needs max_phases = 2 or more: one phase is not balanced."
            )
        for name in ("phase_step_us", "lead_step_us", "min_phase_us", "lead_time_us"):
            given_us = getattr(self, name)
            exact = float(exact_us(given_us))
            if abs(exact - given_us) <= _DIGITS * given_us:
                object.__setattr__(self, name, exact)
            elif name.endswith("_step_us"):
                raise InvalidInput(
                    f"stimulation.{name} must be a whole number of ns or a simple fraction of us, such as 33.3333, "
                    f"got {given_us:g} us."
                )
        if not _is_multiple(self.min_phase_us, self.phase_step_us):
            raise InvalidInput(
                f"stimulation.min_phase_us = {self.min_phase_us:g} is not a multiple of phase_step_us = "
                f"{self.phase_step_us:g}."
            )

    def wider_than(self, other: DeviceStimulation) -> list[str]:
        """Return what these limits allow and others do not, a text per limit; empty if they are nowhere wider."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__}
        wider = []
        for name, (value, allowed) in pairs.items():
            if name == "charge_balanced":
                is_wider = allowed and not value
            elif name.startswith("max_"):
                is_wider = (math.inf if value is None else value) > (math.inf if allowed is None else allowed)
            elif name.endswith(_STEPS):
                is_wider = allowed > 0.0 and not (value > 0.0 and _is_multiple(value, allowed))
            else:
                is_wider = value < allowed
            if is_wider:
                texts = ["none" if x is None else f"{x:g}" for x in (value, allowed)]
                wider.append(f"{name} is {texts[0]}, the profile allows {texts[1]}")
        return wider

    @property
    def lead_ms(self) -> float:
        """Earliest onset of a pulse that the device can give after the start of a run, ms."""
        return math.ceil(self.lead_time_us / self.lead_step_us - 1e-9) * self.lead_step_us * 1e-3


@checked
@dataclass(frozen=True)
class DeviceArtefact:
    """Artefact of a stimulus in the frames.

    Attributes:
        saturation_uV: Voltage at which a channel is cut off, uV.
        stimulated_ms: Time after current in which a channel through which it flowed records nothing.
        others_ms: The same for all other channels, at most ``stimulated_ms``.
        decay_ms: Time constant with which the artefact then decays.
    """

    saturation_uV: float
    stimulated_ms: float
    others_ms: float
    decay_ms: float

    def __post_init__(self) -> None:
        """Check the ranges."""
        times = ("stimulated_ms", "others_ms", "decay_ms")
        check_positive("artefact", self, "saturation_uV", *times, zero=times)
        if self.others_ms > self.stimulated_ms:
            raise InvalidInput(
                f"artefact.others_ms = {self.others_ms:g} exceeds stimulated_ms = {self.stimulated_ms:g}."
            )

    @property
    def blank_ms(self) -> tuple[float, float]:
        """Blank times of stimulated and of other electrodes, ms, as ``livn_gym.blanking.blanked`` takes them."""
        return self.stimulated_ms, self.others_ms
