"""Limits of a session of stimulation: the operator's limits file within the limits of the device's profile.

The file is TOML. ``device``, ``operator``, ``culture`` and the table ``session`` are required, the rest is optional::

    device = "cl1"
    operator = "A. Name"
    culture = "chip 17"            # typed by the operator to confirm a session on tissue
    channels = [9, 10, 17, 18]     # channels that may be stimulated; default: all usable ones

    [session]
    max_session_charge_uC = 200.0    # absolute charge of all electrodes together
    max_electrode_charge_uC = 10.0   # absolute charge of one electrode
    max_minutes = 30.0

    [stimulation]                  # limits of the device's profile, none wider than there
    max_amplitude_uA = 2.0
    max_rate_hz = 20.0

    [watchdog]
    max_late_ms = 20.0             # a control loop that is later than this stops the session
    heartbeat_ms = 500.0           # so does one that gives no sign of life for so long
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym.checks import checked
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput, LimitExceeded, shown, unknown_name
from livn_gym.reading import read_toml
from livn_gym.stimulation_limits import Delivered, check_stimulus
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite, whole_number

NARROWABLE = (
    "max_amplitude_uA",
    "max_phase_charge_nC",
    "max_total_charge_nC",
    "max_phase_us",
    "max_rate_hz",
    "max_channels",
)
"""Limits of a profile that a file can narrow, under their names there."""

SESSION_CHARGE = "max_session_charge_uC"
"""Limit of a profile that every file must give."""

MAX_LATE_MS = 50.0
"""Default of the watchdog: largest delay of the control loop, ms."""

HEARTBEAT_MS = 1000.0
"""Default of the watchdog: longest time without a sign of life of the control loop, ms."""

_PATIENT_LATE_MS, _PATIENT_HEARTBEAT_MS = 1000.0, 60_000.0

_TABLES: dict[str, tuple[str, ...]] = {
    "session": ("max_session_charge_uC", "max_electrode_charge_uC", "max_minutes"),
    "stimulation": NARROWABLE,
    "watchdog": ("max_late_ms", "heartbeat_ms"),
}
_TEXTS = ("device", "operator", "culture")

_ROUNDING = 1.0 + 1e-9


@checked
@dataclass(frozen=True)
class SessionLimits:
    """Limits of the stimuli that may be sent to a culture in one session.

    Attributes:
        profile: The device, with its stimulation limits narrowed to those of the operator, among them the charge of
            the session, and only the permitted channels usable.
        max_electrode_charge_uC: Largest absolute charge of one electrode in the session, uC; infinite without a limit.
        max_minutes: Longest time from the start of the session to its last stimulus, minutes.
        max_late_ms: Largest delay of the control loop, ms.
        heartbeat_ms: Longest time without a sign of life of the control loop, ms.
        operator: Person who is responsible for the session; empty for limits of a profile alone.
        culture: Name of the culture.
        digest: SHA-256 of the limits file; empty for limits of a profile alone.
    """

    profile: DeviceProfile
    max_electrode_charge_uC: float = math.inf
    max_minutes: float = math.inf
    max_late_ms: float = MAX_LATE_MS
    heartbeat_ms: float = HEARTBEAT_MS
    operator: str = ""
    culture: str = ""
    digest: str = ""

    @classmethod
    def of_profile(cls, profile: DeviceProfile) -> SessionLimits:
        """Return the limits of the device alone, for sessions on simulated cultures.

        The watchdog is patient: a simulation may have to be compiled, or share its processors.
        """
        return cls(profile, max_late_ms=_PATIENT_LATE_MS, heartbeat_ms=_PATIENT_HEARTBEAT_MS)

    @classmethod
    def read(cls, path: str | Path, profile: DeviceProfile) -> SessionLimits:
        """Read an operator's limits file.

        Args:
            path: The file, see the module's description.
            profile: Profile of the device that will be used.

        Raises:
            InvalidInput: There is no such file, an entry is missing, unknown or no positive number, the file is for
                another device, or a limit is wider than that of the profile. The message names every wider limit.
        """
        content = read_toml(path)
        _check_entries(path, content)
        if content["device"] != profile.name:
            raise InvalidInput(f"{path} is for the device {content['device']!r}, not for {profile.name!r}.")
        session = dict(content["session"])
        narrower = content.get("stimulation", {}) | {SESSION_CHARGE: session.pop(SESSION_CHARGE)}
        channels = _channels(path, content.get("channels"), profile)
        wider = replace(profile.stimulation, **narrower).wider_than(profile.stimulation)
        if wider:
            raise InvalidInput(f"{path} is wider than the profile {profile.name!r}: {'; '.join(wider)}.")
        electrodes = replace(profile.electrodes, usable=channels)
        return cls(
            replace(profile, electrodes=electrodes).with_stimulation(**narrower),
            **{name: float(value) for name, value in (session | content.get("watchdog", {})).items()},
            operator=content["operator"],
            culture=content["culture"],
            digest=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the limits for a ledger; None for no limit."""
        names = ("max_electrode_charge_uC", "max_minutes", "max_late_ms", "heartbeat_ms")
        values = {name: getattr(self, name) for name in names}
        values |= {name: getattr(self.profile.stimulation, name) for name in (*NARROWABLE, SESSION_CHARGE)}
        return {
            **{name: None if value == math.inf else value for name, value in values.items()},
            "channels": self.profile.electrodes.usable_channels.tolist(),
            "file_sha256": self.digest,
        }


def checked_delivery(
    limits: SessionLimits, stimulus: Stimulus | None, duration_ms: float, delivered: Delivered
) -> Delivered:
    """Check a stimulus against the limits of a session, all but its length in time.

    Args:
        limits: Limits of the session.
        stimulus: Stimulus of the next run; None for none.
        duration_ms: Length of the run.
        delivered: What was given before.

    Returns:
        What has been given after the run.

    Raises:
        LimitExceeded: A limit would be exceeded; the message names it.
        InvalidInput: The device cannot give such a stimulus.
    """
    after = check_stimulus(limits.profile, stimulus, duration_ms, delivered)
    charges_uC = after.charge_nC[0] * 1e-3
    worst = int(charges_uC.argmax())
    if stimulus is not None and charges_uC[worst] > limits.max_electrode_charge_uC * _ROUNDING:
        text = f"channel {worst} would have given {charges_uC[worst]:g} uC in this session"
        raise exceeded("max_electrode_charge_uC", text, limits.max_electrode_charge_uC, worst)
    return after


def exceeded(limit: str, given: str, allowed: float, channel: int | None = None) -> LimitExceeded:
    """Return the error of a limit of the session."""
    error = LimitExceeded(
        f"The guard refuses the stimulus by its limit {limit}: {given}, at most {allowed:g} is allowed."
    )
    error.limit, error.channel = limit, channel
    return error


def _check_entries(path: str | Path, content: Mapping[str, Any]) -> None:
    known = (*_TEXTS, "channels", *_TABLES)
    for name in content:
        if name not in known:
            raise unknown_name(f"key in the limits file {path}:", name, known)
    for name in (*_TEXTS, "session"):
        if name not in content:
            raise InvalidInput(f"{path} needs {name!r}; required are {', '.join((*_TEXTS, 'session'))}.")
    for name in _TEXTS:
        if not isinstance(content[name], str) or not content[name].strip():
            raise InvalidInput(f"{path}: {name} must be text that is not empty, got {shown(content[name])}.")
    for table, allowed in _TABLES.items():
        entries = content.get(table, {})
        if not isinstance(entries, Mapping):
            raise InvalidInput(f"{path}: {table} must be a table, got {shown(entries)}.")
        for name, value in entries.items():
            if name not in allowed:
                raise unknown_name(f"key in [{table}] of the limits file {path}:", name, allowed)
            finite(f"{path}: {table}.{name}", value, above=0.0)
            if name == "max_channels":
                whole_number(f"{path}: {table}.{name}", value)
        missing = [name for name in allowed if table == "session" and name not in entries]
        if missing:
            raise InvalidInput(
                f"{path} needs {', '.join(missing)} in [session]: sessions on tissue have limits of charge and time."
            )


def _channels(path: str | Path, given: Any, profile: DeviceProfile) -> Any:
    """Return the mask of the channels that may be stimulated, bool ``[C]``."""
    usable = np.asarray(profile.electrodes.usable)
    if given is None:
        return usable
    if not isinstance(given, list) or not given:
        raise InvalidInput(f"{path}: channels must be a list of channel numbers, got {shown(given)}.")
    for channel in given:
        whole_number(f"{path}: a channel", channel, minimum=0)
        if channel >= len(usable) or not usable[channel]:
            raise InvalidInput(f"{path} is wider than the profile {profile.name!r}: channel {channel} is not usable.")
    mask = np.zeros_like(usable)
    mask[given] = True
    return mask
