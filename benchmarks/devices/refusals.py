"""Print every stimulus that a device refuses, the limit by which it does, and the text of the error.

Run ``python benchmarks/devices/refusals.py [DEVICE]``. The tests use the same cases.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from livn_gym.device_profile import DeviceProfile, find
from livn_gym.errors import LimitExceeded
from livn_gym.pulses import Pulses
from livn_gym.stimulation_limits import check_stimulus
from livn_gym.stimulus import Stimulus

RUN_MS = 200.0


@dataclass(frozen=True)
class Refusal:
    """A stimulus that must be refused: its description, the limit, the stimulus."""

    what: str
    limit: str
    stimulus: Stimulus
    profile: DeviceProfile


def phases(profile: DeviceProfile, *given: tuple[int, float, float, float]) -> Stimulus:
    """Return a stimulus from (channel, start in ms, width in ms, current in uA) of every phase."""
    channel, start, width, value = (np.array(part, dtype=float) for part in zip(*given, strict=True))
    zero = np.zeros(len(given))
    pulses = Pulses(zero.astype(int), channel.astype(int), start, zero, width, value)
    return Stimulus.from_pulses(pulses, num_columns=profile.electrodes.num_channels, duration_ms=1000.0)


def pulse(channel: int, start: float, width: float, current: float) -> list[tuple[int, float, float, float]]:
    """Return the two phases of a charge-balanced pulse, cathodic first."""
    return [(channel, start, width, -current), (channel, start + width, width, current)]


def cases(device: str = "cl1") -> list[Refusal]:
    """Return one stimulus beyond each limit of a device."""
    profile = find(device)
    s = profile.stimulation
    usable = profile.electrodes.usable_channels.tolist()
    one, other = usable[:2]
    lead, step = s.lead_ms or s.lead_step_us * 1e-3, s.phase_step_us * 1e-3
    width = -(-200.0 // s.phase_step_us) * step
    small = (s.amplitude_step_uA or 0.1) * 10

    def case(what: str, limit: str, *given: tuple[int, float, float, float], of: DeviceProfile = profile) -> Refusal:
        return Refusal(what, limit, phases(of, *given), of)

    found = [
        case("a current above the largest", "max_amplitude_uA", *pulse(one, lead, step, s.max_amplitude_uA * 1.2)),
        case("a phase shorter than the shortest", "min_phase_us", *pulse(one, lead, s.min_phase_us / 2e3, small)),
        case("a phase between two steps", "phase_step_us", *pulse(one, lead, width + step / 2, small)),
        case(
            "too much charge in a phase",
            "max_phase_charge_nC",
            *pulse(one, lead, _steps(s.max_phase_charge_nC * 1.1 / s.max_amplitude_uA, step), s.max_amplitude_uA),
        ),
        case(
            "more phases than a pulse may have",
            "max_phases",
            *[(one, lead + k * width, width, small * (-1) ** (k + 1)) for k in range(2 * ((s.max_phases + 2) // 2))],
        ),
        case("a single phase", "charge_balanced", (one, lead, width, -small)),
        case("a pulse between two steps", "lead_step_us", *pulse(one, lead + s.lead_step_us / 2e3, width, small)),
        case(
            "two pulses sooner than the rate allows",
            "max_rate_hz",
            *pulse(one, lead, width, small),
            *pulse(one, lead + _steps(800.0 / s.max_rate_hz, s.lead_step_us * 1e-3), width, small),
        ),
        case("a pulse that ends after the run", "duration_ms", *pulse(one, RUN_MS - step, width, small)),
        Refusal(
            "light",
            "light",
            Stimulus(np.ones((10, 1)), 1.0, "light"),
            profile,
        ),
    ]
    if s.max_total_charge_nC < 2 * s.max_phase_charge_nC:
        third = _steps(s.max_total_charge_nC * 0.6 / s.max_amplitude_uA, step)
        given = pulse(one, lead, third, s.max_amplitude_uA)
        found.append(case("too much charge in all phases of a pulse", "max_total_charge_nC", *given))
    if s.lead_time_us:
        found.append(case("a pulse before the lead time", "lead_time_us", *pulse(one, lead / 2, width, small)))
    if s.amplitude_step_uA:
        given = pulse(one, lead, width, small + s.amplitude_step_uA / 2)
        found.append(case("a current between two steps", "amplitude_step_uA", *given))
    if np.isfinite(s.max_phase_us):
        given = pulse(one, lead, s.max_phase_us * 1e-3 + step, small)
        found.append(case("a phase longer than the longest", "max_phase_us", *given))
    if not profile.electrodes.usable.all():
        dead = int(np.flatnonzero(~profile.electrodes.usable)[0])
        found.append(case("a channel that cannot be used", "usable", *pulse(dead, lead, width, small)))
    narrow = profile.with_stimulation(max_channels=1, max_session_charge_uC=1.0)
    both = [*pulse(one, lead, width, small), *pulse(other, lead, width, small)]
    found.append(case("more channels at one time (limit 1)", "max_channels", *both, of=narrow))
    session = profile.with_stimulation(max_session_charge_uC=1e-6)
    found.append(
        case(
            "more charge in a session (limit 1 pC)",
            "max_session_charge_uC",
            *pulse(one, lead, width, small),
            of=session,
        )
    )
    return found


def refused(case: Refusal) -> LimitExceeded:
    """Return the error with which a stimulus is refused.

    Raises:
        AssertionError: It is not refused.
    """
    try:
        check_stimulus(case.profile, case.stimulus, RUN_MS)
    except LimitExceeded as error:
        return error
    raise AssertionError(f"{case.profile.name} does not refuse {case.what}.")


def _steps(value_ms: float, step_ms: float) -> float:
    """Return a time rounded up to whole steps, ms."""
    return float(-(-value_ms // step_ms) * step_ms)


def main() -> None:
    """Print the table in Markdown."""
    print("| command | limit | error |\n| --- | --- | --- |")
    for case in cases(*sys.argv[1:2]):
        error = refused(case)
        print(f"| {case.what} | `{error.limit}` | {error} |")


if __name__ == "__main__":
    main()
