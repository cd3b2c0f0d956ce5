"""Folders of frames that spike sorters read: raw samples, the array, and what the numbers mean."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym.atomic import new_folder
from livn_gym.checks import checked, number_array
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput, shown
from livn_gym.io import layout

SAMPLES, PROBE, DESCRIPTION = "frames.raw", "probe.json", "frames.json"
"""Names of the files: int16 samples, little-endian, frame by frame; probeinterface JSON; a description."""


@checked
def write_frames(
    folder: str | Path,
    frames: Iterable[NDArray[np.int16]],
    profile: DeviceProfile,
    coordinates_um: ArrayLike | None = None,
) -> None:
    """Write frames of one culture to a new folder, part by part, without the unusable channels.

    SpikeInterface reads it with ``read_binary("frames.raw", ...)`` and the numbers in ``frames.json``, and the array
    with probeinterface's ``read_probeinterface("probe.json")``.

    Args:
        folder: The folder; it appears when it is complete.
        frames: Consecutive frames, int16 ``[T, C]`` each, as ``ElectrodeSignals.frames`` gives them for a culture.
        profile: The device.
        coordinates_um: Positions of the electrodes over the culture, um ``[C, 3]``; default those of the device.

    Raises:
        InvalidInput: The folder is not empty, a part has another shape or type, or there are no frames.
        StorageError: The folder cannot be written.
    """
    electrodes, recording = profile.electrodes, profile.recording
    given = electrodes.coordinates_um if coordinates_um is None else number_array("coordinates_um", coordinates_um)
    if given.shape != electrodes.coordinates_um.shape:
        raise InvalidInput(f"coordinates_um must be {electrodes.coordinates_um.shape}, got the shape {given.shape}.")
    usable = electrodes.usable_channels
    names = [electrodes.names[channel] for channel in usable]
    with new_folder(folder) as temporary:
        count = 0
        with (temporary / SAMPLES).open("wb") as file:
            for part in frames:
                if getattr(part, "dtype", None) != np.int16 or part.shape[1:] != (electrodes.num_channels,):
                    raise InvalidInput(f"Frames must be int16 [T, {electrodes.num_channels}], got {shown(part)}.")
                file.write(np.ascontiguousarray(part[:, usable], dtype="<i2").tobytes())
                count += len(part)
        if not count:
            raise InvalidInput("There are no frames to write.")
        layout.write(given[usable], temporary / PROBE, names)
        description = {
            "device": profile.name,
            "sampling_frequency": recording.sampling_hz,
            "num_channels": len(usable),
            "dtype": "int16",
            "gain_to_uV": recording.uV_per_unit,
            "offset_to_uV": 0.0,
            "channel_ids": names,
            "num_frames": count,
        }
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
