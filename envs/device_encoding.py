"""Encodings of tasks within the limits of a device."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from livn_gym import encoding as encodings
from livn_gym.device_profile import DeviceProfile
from livn_gym.encoding import Encoding
from livn_gym.time_steps import common_multiple_us, exact_us

_AMPLITUDES = ("max_amplitude_uA", "amplitude_uA")
_RATES = ("max_rate_hz", "rate_hz")


def encoding_for(profile: DeviceProfile, spec: encodings.Spec, dt: float) -> encodings.Spec:
    """Return the encoding of a task's config with the amplitude, phase and rate that a device can give.

    Where the device's currents are too small for the config's amplitude, phases become longer, so that their charge is
    the same, up to the device's limits of charge: 8 uA for 0.2 ms become 3 uA for 0.5 ms on a CL1, whose pulses have at
    most 3 nC in both phases. Electrodes that pulse in groups, one group after the other, pulse in more groups if the
    device stimulates through fewer electrodes at a time, with phases that end within the time of a group. What is
    within the limits is not changed.

    Args:
        profile: The device.
        spec: The encoding, as ``livn_gym.encoding.make`` takes it. An object, and an encoding without amplitude and
            phase, are returned unchanged.
        dt: Time step of the runs, ms; phases are multiples of it and of the device's step.
    """
    named: dict[str, Any] = dict(spec) if isinstance(spec, Mapping) else {"name": spec}
    if isinstance(spec, Encoding) or "name" not in named:
        return spec
    kind = encodings.ENCODINGS.find(named["name"]) if isinstance(named["name"], str) else named["name"]
    try:
        defaults = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
    except (TypeError, ValueError):  # functions written in C may have none
        return spec
    amplitude = next((name for name in _AMPLITUDES if name in defaults), None)
    if amplitude is None or "phase_ms" not in defaults:
        return spec
    values: dict[str, Any] = {**defaults, **named}
    limits = profile.stimulation
    for rate in _RATES:
        if rate in defaults:
            named[rate] = min(values[rate], limits.max_rate_hz)
    given_uA, phase_ms = float(values[amplitude]), float(values["phase_ms"])
    current_uA = min(given_uA, limits.max_amplitude_uA)
    if limits.amplitude_step_uA:
        current_uA = math.floor(current_uA / limits.amplitude_step_uA + 1e-9) * limits.amplitude_step_uA
    charge_nC = min(given_uA * phase_ms, limits.max_phase_charge_nC, limits.max_total_charge_nC / 2)
    step_ms = float(common_multiple_us(limits.phase_step_us, dt * 1e3) / 1000)
    longest_ms = min(charge_nC / current_uA, limits.max_phase_us * 1e-3)
    given = values.get("groups")
    if isinstance(given, int) and given > 1 and "rate_hz" in values:
        rate_hz = min(float(values["rate_hz"]), limits.max_rate_hz)
        groups = _groups(profile, given, rate_hz, dt)
        named["groups"] = groups
        if groups > given:  # the last group must end within the step, after the device's answer
            longest_ms = min(longest_ms, (1000.0 / (groups * rate_hz) - profile.response_ms) / 2)
    steps = max(math.floor(longest_ms / step_ms + 1e-9), math.ceil(limits.min_phase_us * 1e-3 / step_ms - 1e-9))
    return {**named, amplitude: current_uA, "phase_ms": round(steps * step_ms, 9)}


def _groups(profile: DeviceProfile, given: int, rate_hz: float, dt: float) -> int:
    """Return the smallest number of groups, at least the given one, that a device can stimulate one after the other.

    It is the given one if so many groups do not fit between two pulses of an electrode.
    """
    limits = profile.stimulation
    least = max(given, -(-profile.electrodes.num_channels // limits.max_channels))
    step_us = common_multiple_us(*(step for step in (limits.lead_step_us, dt * 1e3) if step > 0.0))
    period_us = Fraction(10**6) / exact_us(rate_hz)
    most = int(period_us / exact_us(profile.response_ms * 1e3 + 2 * limits.min_phase_us + 1e-3))
    fitting = (groups for groups in range(least, most + 1) if (period_us / groups / step_us).denominator == 1)
    return given if least == given else next(fitting, given)
