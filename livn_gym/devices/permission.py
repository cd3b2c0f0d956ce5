"""Who may open a device: simulated cultures always, living ones only with limits and a typed confirmation.

The same API reaches a simulator and tissue. A session is checked before anything is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livn_gym.device_profile import DeviceProfile
from livn_gym.devices.limits import SessionLimits
from livn_gym.errors import InvalidInput, LivingTissue


@dataclass(frozen=True)
class Permission:
    """What an operator confirmed by typing the culture's name; made by ``confirmed``.

    Attributes:
        operator: Name of the operator in the limits file.
        culture: Name of the culture in the limits file.
        digest: SHA-256 of the limits file.
    """

    operator: str
    culture: str
    digest: str


def question(limits: SessionLimits) -> str:
    """Return what an operator must read before a session on tissue."""
    stimulation = limits.profile.stimulation
    return (
        f"This stimulates living tissue: {limits.culture!r} on a {limits.profile.title}, operator {limits.operator}.\n"
        f"Limits: {stimulation.max_amplitude_uA:g} uA, {stimulation.max_phase_charge_nC:g} nC per phase, "
        f"{stimulation.max_total_charge_nC:g} nC per pulse, {stimulation.max_rate_hz:g} Hz per channel, "
        f"{len(limits.profile.electrodes.usable_channels)} channels;\n"
        f"in the session {limits.max_electrode_charge_uC:g} uC per electrode, "
        f"{stimulation.max_session_charge_uC:g} uC in all, {limits.max_minutes:g} minutes.\n"
        "Emergency stop: Ctrl-C, or create the file STOP in the folder of the session.\n"
        f"Type the name of the culture to begin"
    )


def confirmed(limits: SessionLimits, ask: Callable[[str], str]) -> Permission:
    """Ask the operator to type the name of the culture.

    Args:
        limits: Limits that were read from an operator's file.
        ask: Function that shows a text and returns what the operator types.

    Raises:
        InvalidInput: The limits are not those of a file, or something else was typed.
    """
    if not limits.digest:
        raise InvalidInput("Tissue is stimulated only with an operator's limits file: give --limits FILE.")
    typed = ask(question(limits))
    if typed.strip() != limits.culture:
        raise InvalidInput(f"The culture is {limits.culture!r}, {typed.strip()!r} was typed: nothing was opened.")
    return Permission(limits.operator, limits.culture, limits.digest)


def check_live(profile: DeviceProfile, has_limits: bool) -> None:
    """Check, before anything is loaded, what live stimulation needs.

    Raises:
        InvalidInput: The profile is not verified, or there is no limits file.
    """
    _check_verified(profile)
    if not has_limits:
        raise InvalidInput("Tissue is stimulated only with an operator's limits file: give --limits FILE.")


def _check_verified(profile: DeviceProfile) -> None:
    if not profile.verified:
        raise InvalidInput(
            f"The profile {profile.name!r} is not verified (verified = false): it is for simulation only. Nothing is "
            "sent to a real device with it."
        )


def check_permitted(
    profile: DeviceProfile, limits: SessionLimits, permission: Permission | None, *, simulated: bool
) -> None:
    """Check, before a device is opened, that a session may begin.

    Args:
        profile: Profile of the device.
        limits: Limits of the session.
        permission: What the operator confirmed; None for nothing.
        simulated: Whether the API reaches a simulated culture.

    Raises:
        LivingTissue: The device is real and nothing was confirmed, or something for other limits.
        InvalidInput: The profile is not verified, the limits are of another device, or a permission was given for a
            simulated culture.
    """
    if limits.profile.name != profile.name:
        raise InvalidInput(f"The limits are for the device {limits.profile.name!r}, not for {profile.name!r}.")
    if simulated:
        if permission is not None:
            raise InvalidInput("The API reaches a simulated culture: there is nothing to stimulate live.")
        return
    _check_verified(profile)
    if permission is None:
        raise LivingTissue(
            f"The API of {profile.name} reaches a real device; nothing was opened. Real stimulation needs "
            "livn-gym deploy --live, an operator's limits file and a typed confirmation."
        )
    if permission.digest != limits.digest or not limits.digest:
        raise LivingTissue("The operator confirmed other limits than those of this session; nothing was opened.")
