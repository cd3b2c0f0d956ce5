"""Recordings of a Cortical Labs CL1, or of its simulator, as HDF5 files.

The table ``spikes`` has the columns ``timestamp`` (frame) and ``channel``, and so has ``stims``; attributes of the root
give the number of channels, the frames per second, the first frame and the number of frames. Amplitudes of stimuli are
not in the file. Raw samples are not read.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livn_gym import device_profile
from livn_gym.errors import CorruptData
from livn_gym.formats.foreign.assembly import MAX_CHANNELS, Events
from livn_gym.hdf5 import MAX_PARTLY_READ_BYTES, Hdf5

PLACES = "spikes", "stims"
"""What is read of a file."""

_RELATIVE = re.compile(rb"stim_and_spike_timestamps_relative_to_start\s+p\d+\s+I0([01])")
"""Entry of the attribute ``file_format``, which is a pickle and is therefore not loaded."""


def is_cl1(file: Hdf5) -> bool:
    """Return whether an HDF5 file is such a recording."""
    attributes = "channel_count", "frames_per_second", "duration_frames"
    return file.holds("spikes") and all(file.attribute(name) is not None for name in attributes)


def read(path: Path) -> Events:
    """Read spikes and stimuli.

    Raises:
        CorruptData: The file is damaged.
    """
    with Hdf5(path, limit=MAX_PARTLY_READ_BYTES) as file:
        channels, frames = (_whole(file, name) for name in ("channel_count", "duration_frames"))
        rate_hz = _number(file, "frames_per_second")
        if not 0.0 < rate_hz < 1e9 or not 0 < frames < 2**53:
            raise CorruptData(f"{path} is damaged: it states {frames} frames at {rate_hz:g} frames per second.")
        if not 0 < channels <= MAX_CHANNELS:
            raise CorruptData(f"{path} is damaged: it states {channels} channels.")
        start = _whole(file, "start_timestamp") if file.attribute("start_timestamp") is not None else 0
        spikes, channel = file.columns("spikes", "timestamp", "channel")
        none = np.zeros(0, np.int64)
        stims, stim_channel = file.columns("stims", "timestamp", "channel") if file.holds("stims") else (none, none)
        relative = _relative(file)
    first = 0 if relative or (relative is None and _within(spikes, frames)) else start
    spikes, stims = spikes - first, stims - first
    inside = (stims >= 0) & (stims < frames)  # a stimulus may be scheduled for after the end
    frame_ms = np.float64(1000.0 / rate_hz)
    return Events(
        t_ms=spikes * frame_ms,
        channel=channel,
        names=[str(k) for k in range(channels)],
        coordinates_um=_coordinates(channels),
        stim_t_ms=stims[inside] * frame_ms,
        stim_channel=stim_channel[inside],
        duration_ms=float(frames * frame_ms),
        metadata={"frames_per_second": rate_hz, "start_timestamp": start},
    )


def _number(file: Hdf5, name: str) -> float:
    value = file.attribute(name)
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise CorruptData(f"{file.path} is damaged: its attribute {name} is {value!r:.40}, expected a number.")
    return float(value)


def _whole(file: Hdf5, name: str) -> int:
    value = _number(file, name)
    if not value.is_integer():
        raise CorruptData(f"{file.path} is damaged: its attribute {name} is {value:g}, expected a whole number.")
    return int(value)


def _relative(file: Hdf5) -> bool | None:
    """Return whether timestamps count from the first frame; None if the file does not say."""
    layout = file.attribute("file_format")
    entry = _RELATIVE.search(bytes(layout)) if isinstance(layout, bytes | np.bytes_) else None
    return None if entry is None else entry[1] == b"1"


def _within(timestamps: NDArray[np.int64], frames: int) -> bool:
    return not len(timestamps) or bool(timestamps.max() < frames)


def _coordinates(channels: int) -> NDArray[np.float64] | None:
    electrodes = device_profile.find("cl1").electrodes
    return electrodes.coordinates_um if electrodes.num_channels == channels else None
