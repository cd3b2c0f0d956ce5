"""Limits of a device's stimulation: every stimulus that the device could not give is refused, none is changed.

The checks are those of a ``DeviceProfile``: amplitude, phases, charge, rate, simultaneous channels and time of the
first pulse. Environments with ``device=``, plants and the guard before a real device call the same function.

References:
    Shannon, IEEE Trans Biomed Eng 39:424 (1992) and Cogan, Annu Rev Biomed Eng 10:275 (2008): limits of charge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.copies import altered
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput, LimitExceeded
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite

_ROUNDING = 1e-6
"""Relative rounding of times and currents that is no violation."""

_INSTANT_MS = 1e-6
"""Times that differ by less are equal, ms."""


@dataclass(frozen=True, eq=False)
class Delivered:
    """What a device has given to B cultures so far, for limits that hold across runs.

    Attributes:
        since_onset_ms: Time since the onset of the last pulse of each channel, ms ``[B, C]``; infinite before the
            first one.
        charge_nC: Charge of all phases of each channel in the session, nC ``[B, C]``.
    """

    since_onset_ms: NDArray[np.float64]
    charge_nC: NDArray[np.float64]

    @classmethod
    def none(cls, num_cultures: int, num_channels: int) -> Delivered:
        """Return the state before the first stimulus of a session."""
        shape = num_cultures, num_channels
        return cls(np.full(shape, np.inf), np.zeros(shape))


@dataclass(frozen=True, eq=False)
class _Phases:
    """Phases sorted by culture, channel and start, and the pulses that they make; times in ms.

    ``first`` holds the index of each pulse's first phase, ``pulse`` the pulse of each phase.
    """

    culture: NDArray[np.int64]
    channel: NDArray[np.int64]
    start: NDArray[np.float64]
    width: NDArray[np.float64]
    value: NDArray[np.float64]
    first: NDArray[np.int64]
    pulse: NDArray[np.int64]

    def summed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of a value per phase over each pulse."""
        return np.bincount(self.pulse, values, minlength=len(self.first)).astype(np.float64, copy=False)


@checked
def check_stimulus(
    profile: DeviceProfile,
    stimulus: Stimulus | None,
    duration_ms: float,
    carried: Delivered | None = None,
    *,
    commanded: bool = True,
) -> Delivered:
    """Check that a device can give a stimulus in the next run.

    A pulse is a sequence of phases of one channel without a gap. The first limit that is exceeded is reported.

    Args:
        profile: The device.
        stimulus: Currents at the electrodes, uA, of one or several cultures; None for none.
        duration_ms: Length of the run.
        carried: What was given before. Default: nothing, to one culture or as many as the stimulus has.
        commanded: False for currents that were changed on their way to the culture, as by a fault of an electrode: the
            steps, the shortest phase and the lead time of the device are then not checked.

    Returns:
        What has been given after the run.

    Raises:
        LimitExceeded: The device cannot give the stimulus; ``limit`` is the name of the limit, as ``max_rate_hz``.
        InvalidInput: The stimulus is not one of the electrodes, or has another number of channels or cultures.
    """
    duration = finite("duration_ms", duration_ms, above=0.0)
    channels = profile.electrodes.num_channels
    if carried is None:
        carried = Delivered.none((stimulus.num_cultures if stimulus is not None else None) or 1, channels)
    if stimulus is None:
        return altered(carried, since_onset_ms=carried.since_onset_ms + duration)
    _check_kind(profile, stimulus, len(carried.charge_nC))
    phases = _phases(stimulus, len(carried.charge_nC))
    if len(phases.value):
        _check_phases(profile, phases, duration, commanded)
        _check_pulses(profile, phases)
        _check_onsets(profile, phases, carried, commanded)
        _check_simultaneous(profile, phases)
    return _after(profile, phases, duration, carried)


def _check_kind(profile: DeviceProfile, stimulus: Stimulus, cultures: int) -> None:
    electrical, light = stimulus.parts
    if light is not None or electrical is None:
        raise _exceeded(profile, "light", "it has no lights, and the stimulus holds light")
    if electrical.mode != "electrode":
        raise InvalidInput(f"A device gives currents at electrodes (mode 'electrode'), got {electrical.mode!r}.")
    if electrical.num_columns != profile.electrodes.num_channels:
        raise InvalidInput(
            f"A stimulus of {profile.name} needs {profile.electrodes.num_channels} channels, "
            f"got {electrical.num_columns}."
        )
    if stimulus.num_cultures not in (None, cultures):
        raise InvalidInput(f"The stimulus is of {stimulus.num_cultures} cultures, the device's state of {cultures}.")


def _phases(stimulus: Stimulus, cultures: int) -> _Phases:
    pulses = stimulus.pulses
    if pulses is None:
        pulses = _of_rows(stimulus)
    pulses = pulses.select(pulses.value != 0.0)
    if stimulus.num_cultures is None and cultures > 1:
        copies = [altered(pulses, culture=np.full_like(pulses.culture, b)) for b in range(cultures)]
        pulses = Pulses.joined(copies)
    start = pulses.onset_ms + pulses.offset_ms
    order = np.lexsort((start, pulses.column, pulses.culture))
    culture, channel, start = pulses.culture[order], pulses.column[order], start[order]
    width, value = pulses.width_ms[order], pulses.value[order]
    begins = np.ones(len(order), dtype=np.bool_)
    same = (culture[1:] == culture[:-1]) & (channel[1:] == channel[:-1])
    begins[1:] = ~(same & (start[1:] - (start + width)[:-1] <= _INSTANT_MS))
    return _Phases(culture, channel, start, width, value, np.flatnonzero(begins), np.cumsum(begins) - 1)


def _of_rows(stimulus: Stimulus) -> Pulses:
    """Return the phases of a dense stimulus: rows of equal current that follow each other are one."""
    schedule = stimulus.schedule(stimulus.dt)
    order = np.lexsort((schedule.step, schedule.column, schedule.culture))
    culture, column, step, value = (
        getattr(schedule, name)[order] for name in ("culture", "column", "step", "value")
    )  # every column ends with a change to 0, so that the next change of a value other than 0 is of its own column
    on = np.flatnonzero(value != 0.0)
    onset_ms, stop_ms = step[on] * stimulus.dt, step[on + 1] * stimulus.dt
    return Pulses(culture[on], column[on], onset_ms, np.zeros(len(on)), stop_ms - onset_ms, value[on])


def _check_phases(profile: DeviceProfile, phases: _Phases, duration_ms: float, commanded: bool) -> None:
    limits, stop = profile.stimulation, phases.start + phases.width
    size, width_us = np.abs(phases.value), phases.width * 1e3
    charge = size * phases.width

    def refuse(bad: NDArray[np.bool_], limit: str, given: NDArray, text: str) -> None:
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            raise _exceeded(profile, limit, text.format(given[k]), int(phases.culture[k]), int(phases.channel[k]))

    refuse(~profile.electrodes.usable[phases.channel], "usable", size, "it cannot be used, got {:g} uA")
    text = "got {:g} uA, at most " + f"{limits.max_amplitude_uA:g} uA are possible"
    refuse(size > limits.max_amplitude_uA * (1 + _ROUNDING), "max_amplitude_uA", size, text)
    if limits.amplitude_step_uA and commanded:
        text = "got {:.9g} uA, which is no multiple of " + f"{limits.amplitude_step_uA:g} uA"
        refuse(_off_step(size, limits.amplitude_step_uA), "amplitude_step_uA", size, text)
    if commanded:
        text = "got a phase of {:g} us, at least " + f"{limits.min_phase_us:g} us are possible"
        refuse(width_us < limits.min_phase_us * (1 - _ROUNDING), "min_phase_us", width_us, text)
    text = "got a phase of {:g} us, at most " + f"{limits.max_phase_us:g} us are possible"
    refuse(width_us > limits.max_phase_us * (1 + _ROUNDING), "max_phase_us", width_us, text)
    if commanded:
        text = "got a phase of {:.9g} us, which is no multiple of " + f"{limits.phase_step_us:g} us"
        refuse(_off_step(width_us, limits.phase_step_us), "phase_step_us", width_us, text)
    text = "got {:g} nC in a phase, at most " + f"{limits.max_phase_charge_nC:g} nC are allowed"
    refuse(charge > limits.max_phase_charge_nC * (1 + _ROUNDING), "max_phase_charge_nC", charge, text)
    text = "got a phase that ends at {:g} ms, after the run of " + f"{duration_ms:g} ms"
    refuse(stop > duration_ms + _INSTANT_MS, "duration_ms", stop, text)
    overlaps = np.zeros(len(stop), dtype=np.bool_)
    same = phases.pulse[1:] == phases.pulse[:-1]
    overlaps[1:] = same & (phases.start[1:] < stop[:-1] - _INSTANT_MS)
    refuse(overlaps, "max_phases", phases.start, "got phases that overlap at {:g} ms")


def _check_pulses(profile: DeviceProfile, phases: _Phases) -> None:
    limits, first = profile.stimulation, phases.first
    charge = phases.value * phases.width
    total, net = phases.summed(np.abs(charge)), phases.summed(charge)
    count = phases.summed(np.ones(len(charge)))

    def refuse(bad: NDArray[np.bool_], limit: str, given: NDArray, text: str) -> None:
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            culture, channel = int(phases.culture[first[k]]), int(phases.channel[first[k]])
            raise _exceeded(profile, limit, text.format(given[k]), culture, channel)

    text = "got a pulse of {:g} phases, at most " + f"{limits.max_phases} are possible"
    refuse(count > limits.max_phases, "max_phases", count, text)
    text = "got {:g} nC in all phases of a pulse, at most " + f"{limits.max_total_charge_nC:g} nC are allowed"
    refuse(total > limits.max_total_charge_nC * (1 + _ROUNDING), "max_total_charge_nC", total, text)
    if limits.charge_balanced:
        text = "got a pulse whose phases leave {:g} nC, they must cancel"
        refuse(np.abs(net) > _ROUNDING * total, "charge_balanced", net, text)


def _check_onsets(profile: DeviceProfile, phases: _Phases, carried: Delivered, commanded: bool) -> None:
    limits, first = profile.stimulation, phases.first
    culture, channel, onset = phases.culture[first], phases.channel[first], phases.start[first]
    onset_us = onset * 1e3

    def refuse(bad: NDArray[np.bool_], limit: str, given: NDArray, text: str) -> None:
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            raise _exceeded(profile, limit, text.format(given[k]), int(culture[k]), int(channel[k]))

    if commanded:
        text = "got a pulse {:g} us after the start of the run, at least " + f"{limits.lead_time_us:g} us are needed"
        refuse(onset_us < limits.lead_time_us * (1 - _ROUNDING), "lead_time_us", onset_us, text)
        text = "got a pulse at {:.9g} us, which is no multiple of " + f"{limits.lead_step_us:g} us"
        refuse(_off_step(onset_us, limits.lead_step_us), "lead_step_us", onset_us, text)
    gap = onset + carried.since_onset_ms[culture, channel]
    same = (culture[1:] == culture[:-1]) & (channel[1:] == channel[:-1])
    gap[1:][same] = np.diff(onset)[same]
    text = "got pulses {:g} ms apart, " + f"{limits.max_rate_hz:g} Hz allow {1e3 / limits.max_rate_hz:g} ms"
    refuse(gap * limits.max_rate_hz < 1e3 * (1 - _ROUNDING), "max_rate_hz", gap, text)


def _check_simultaneous(profile: DeviceProfile, phases: _Phases) -> None:
    limit = profile.stimulation.max_channels
    if limit >= int(profile.electrodes.usable.sum()):
        return
    first = phases.first
    last = np.append(first[1:], len(phases.start)) - 1
    culture = phases.culture[first]
    onset, stop = phases.start[first], (phases.start + phases.width)[last] - _INSTANT_MS
    times = np.concatenate([onset, stop])
    change = np.repeat([1, -1], len(first))
    both = np.concatenate([culture, culture])
    order = np.lexsort((change, times, both))  # at one time, ends come before onsets
    running = np.cumsum(change[order])  # cultures follow each other, and each ends with 0
    worst = int(running.argmax())
    if running[worst] > limit:
        where = int(both[order][worst])
        text = (
            f"got {running[worst]} channels with current at {times[order][worst]:g} ms, at most {limit} are possible: "
            "let electrodes pulse in groups, one after the other, such as an encoding's option groups does"
        )
        raise _exceeded(profile, "max_channels", text, where)


def _after(profile: DeviceProfile, phases: _Phases, duration_ms: float, carried: Delivered) -> Delivered:
    since, charge = carried.since_onset_ms + duration_ms, carried.charge_nC.copy()
    np.add.at(charge, (phases.culture, phases.channel), np.abs(phases.value) * phases.width)
    first = phases.first  # sorted by time within a channel, so that the last onset stays
    since[phases.culture[first], phases.channel[first]] = duration_ms - phases.start[first]
    limit = profile.stimulation.max_session_charge_uC
    if limit is not None:
        total_uC = charge.sum(axis=1) * 1e-3
        if total_uC.max() > limit * (1 + _ROUNDING):
            text = f"got {total_uC.max():g} uC in the session, at most {limit:g} uC are allowed"
            raise _exceeded(profile, "max_session_charge_uC", text, int(total_uC.argmax()))
    return Delivered(since, charge)


def _off_step(values: NDArray[np.float64], step: float) -> NDArray[np.bool_]:
    steps = values / step
    return np.abs(steps - np.rint(steps)) > _ROUNDING * np.maximum(1.0, np.abs(steps))


def _exceeded(
    profile: DeviceProfile, limit: str, text: str, culture: int | None = None, channel: int | None = None
) -> LimitExceeded:
    where = "" if channel is None else f"channel {profile.electrodes.names[channel]}"
    if culture:
        where += (" of " if where else "") + f"culture {culture}"
    at = f", {where}" if where else ""
    error = LimitExceeded(f"{profile.name} refuses the stimulus by its limit {limit}{at}: {text}.")
    error.limit, error.channel = limit, channel
    return error
