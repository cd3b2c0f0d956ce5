"""Profiles of recording and stimulation devices: electrodes, signals, and limits of stimulation."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from livn_gym import config
from livn_gym.checks import checked
from livn_gym.device_file import read_device, tables_of
from livn_gym.device_parts import (
    DeviceArtefact,
    DeviceElectrodes,
    DeviceRecording,
    DeviceStimulation,
    check_positive,
)
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.reading import read_toml
from livn_gym.registry import Kind
from livn_gym.time_steps import common_divisor_us
from livn_gym.values import flag


@checked
@dataclass(frozen=True, eq=False)
class DeviceProfile:
    """A device: what it records, what it can give, and how long it takes. ``find`` reads the shipped ones.

    Attributes:
        name: Name of the profile, that of its file.
        title: Name of the device.
        verified: Whether the limits of stimulation were read from the device or its software. Other profiles are for
            simulation only.
        sources: Where the values come from.
        assumptions: Values that no source states, as ``"recording.noise_uV"``.
        electrodes: Positions and names of the electrodes.
        recording: Frames and detection.
        stimulation: Limits of stimulation.
        artefact: Artefact of a stimulus.
        latency_ms: Time from the end of a reading to the first possible onset of the stimulus that answers it.
    """

    name: str
    title: str
    verified: bool
    sources: tuple[str, ...]
    assumptions: tuple[str, ...]
    electrodes: DeviceElectrodes
    recording: DeviceRecording
    stimulation: DeviceStimulation
    artefact: DeviceArtefact
    latency_ms: float

    def __post_init__(self) -> None:
        """Check title, sources and latency, and that assumptions are names of values."""
        for name, texts in (("title", [self.title]), ("sources", self.sources)):
            if not all(text.strip() for text in texts):
                raise InvalidInput(f"{name} of the device {self.name!r} must not be empty, got {shown(texts)}.")
        if self.verified and not self.sources:
            raise InvalidInput(
                f"The device {self.name!r} is verified, so its sources must say where its limits were read."
            )
        check_positive("", self, "latency_ms", zero=("latency_ms",))
        known = [f"electrodes.{key}" for key in tables_of()["electrodes"]] + ["latency_ms"]
        for part in ("recording", "stimulation", "artefact"):
            known += [f"{part}.{key}" for key in getattr(self, part).__dataclass_fields__]
        for assumption in self.assumptions:
            if assumption not in known:
                raise unknown_name(f"assumption of the device {self.name!r}", assumption, known)

    @cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits that depend on every value except the title, the sources and the assumptions."""
        values = {part: asdict(getattr(self, part)) for part in ("recording", "stimulation", "artefact")}
        electrodes = [array.tolist() for array in (self.electrodes.coordinates_um, self.electrodes.usable)]
        content = [values, electrodes, self.electrodes.names, self.electrodes.radius_um, self.latency_ms, self.verified]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def of_usable(self) -> DeviceProfile:
        """Return the profile of the usable channels alone, ``[U]``, which keep their names; itself if all are usable.

        Environments and plants see these channels only: there is nothing to command or to record elsewhere.
        """
        electrodes = self.electrodes
        if electrodes.usable.all():
            return self
        chosen = electrodes.usable_channels
        names = tuple(electrodes.names[c] for c in chosen)
        kept = DeviceElectrodes(
            electrodes.coordinates_um[chosen], electrodes.usable[chosen], names, electrodes.radius_um
        )
        return replace(self, electrodes=kept)

    @property
    def tick_ms(self) -> float:
        """Longest time of which frames, phases and onsets of pulses are whole multiples, ms.

        For frames at 30 kHz and phases in steps of 20 us it is 1/150 ms.
        """
        times_us = (1e6 / self.recording.sampling_hz, self.stimulation.phase_step_us, self.stimulation.lead_step_us)
        return float(common_divisor_us(*times_us) / 1000)

    @property
    def response_ms(self) -> float:
        """Earliest onset, after the start of a run, of a pulse that responds to the previous reading, ms."""
        step_ms = self.stimulation.lead_step_us * 1e-3
        return max(self.stimulation.lead_ms, math.ceil(self.latency_ms / step_ms - 1e-9) * step_ms)

    def with_stimulation(self, **limits: Any) -> DeviceProfile:
        """Return the profile with narrower values of ``stimulation``, for example an operator's limits.

        Raises:
            UnknownName: There is no such limit.
            InvalidInput: A limit is out of range, or wider than that of the profile; the message names every such one.
        """
        for name in limits:
            if name not in DeviceStimulation.__dataclass_fields__:
                raise unknown_name("limit of stimulation", name, DeviceStimulation.__dataclass_fields__)
        stimulation = replace(self.stimulation, **limits)
        wider = stimulation.wider_than(self.stimulation)
        if wider:
            raise InvalidInput(
                f"Limits may be narrower than those of the profile {self.name!r}, not wider: {'; '.join(wider)}. A "
                "device with other limits has a profile of its own, a TOML file: see docs/devices.md."
            )
        return replace(self, stimulation=stimulation)


def from_tables(table: Mapping[str, Any], name: str) -> DeviceProfile:
    """Make a profile from the tables of a file in the layout of ``configs/devices``; see ``docs/devices.md``.

    Raises:
        UnknownName: A key does not exist.
        InvalidInput: A key is missing, or a value is out of range.
    """
    top, electrodes = read_device(table, name)
    return DeviceProfile(
        name=name,
        title=top["title"],
        verified=top["verified"],
        sources=tuple(top["sources"]),
        assumptions=tuple(top.get("assumptions", ())),
        electrodes=DeviceElectrodes(**electrodes),
        recording=DeviceRecording(**top["recording"]),
        stimulation=DeviceStimulation(**top["stimulation"]),
        artefact=DeviceArtefact(**top["artefact"]),
        latency_ms=top["latency_ms"],
    )


def _shipped() -> dict[str, Any]:
    return {name: partial(_load, name) for name in config.names("devices")}


def _load(name: str) -> DeviceProfile:
    return from_tables(config.load("devices", name), name)


DEVICES: Kind[DeviceProfile] = Kind("device", DeviceProfile, _shipped)


def names() -> list[str]:
    """Return the names of the shipped profiles and of those of installed packages."""
    return DEVICES.names()


ALL_TASKS = "all_tasks"
"""Key of a mapping that names a device or a plant. If True, environments also accept the tasks that they otherwise
refuse with that device, for measurements; it changes no limit."""

Spec = str | Path | DeviceProfile | Mapping[str, Any]
"""Types that ``find`` accepts."""


def find(device: Spec) -> DeviceProfile:
    """Return a profile by name, path, reference or object.

    Args:
        device: A shipped profile (``"cl1"``), one of an installed package, a TOML file in the layout of
            ``configs/devices``, a reference ``"module:attribute"``, or a profile. Or a mapping with a ``name``, which
            is any of these, and narrower values of the limits of ``DeviceStimulation``.

    Raises:
        UnknownName: There is no such profile or limit, or a key of the file does not exist.
        InvalidInput: A key of the file is missing, a value is out of range, or a limit is wider than in the profile.
    """
    if isinstance(device, Mapping):
        limits = dict(device)
        if "name" not in limits:
            raise InvalidInput(f"A device given as a mapping needs a 'name', got {shown(device)}.")
        profile = find(limits.pop("name"))
        for name in limits:
            if not isinstance(name, str):
                raise unknown_name("limit of stimulation", name, DeviceStimulation.__dataclass_fields__)
        offers_all_tasks(device)
        limits.pop(ALL_TASKS, None)
        return profile.with_stimulation(**limits) if limits else profile
    if isinstance(device, Path) or (isinstance(device, str) and device.endswith(".toml")):
        path = Path(device)
        return from_tables(read_toml(path), path.stem)
    return DEVICES.make(device)


def offers_all_tasks(spec: Any) -> bool:
    """Return whether a device or a plant is given as a mapping with ``all_tasks``.

    Raises:
        InvalidInput: ``all_tasks`` is neither True nor False.
    """
    return isinstance(spec, Mapping) and flag(ALL_TASKS, spec.get(ALL_TASKS, False))


__all__ = [
    "ALL_TASKS",
    "DEVICES",
    "DeviceArtefact",
    "DeviceElectrodes",
    "DeviceProfile",
    "DeviceRecording",
    "DeviceStimulation",
    "Spec",
    "find",
    "from_tables",
    "names",
    "offers_all_tasks",
]
