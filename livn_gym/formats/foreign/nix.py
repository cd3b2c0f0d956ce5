"""Spike trains of Neo in NIX files.

The channel of a train is its annotation ``channel``, ``channel_id``, ``electrode`` or another of ``CHANNEL_KEYS``;
if a train has none, every train is a channel of its own. Stimuli are events with ``stim`` in their name: the array
annotation ``channel`` or the labels are the channels, and the array annotation ``amplitude_uA`` is their amplitude.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput
from livn_gym.formats.foreign.assembly import Events, numbered, trains
from livn_gym.formats.neo_blocks import blocks, from_neo
from livn_gym.formats.session import Session
from livn_gym.reading import damage

CHANNEL_KEYS = "channel", "channel_id", "channel_index", "ch_idx", "electrode", "electrode_id", "channel_name"


def read(path: Path) -> Events | Session:
    """Read the spike trains and the stimuli of the only segment of a file; of a file by livn_gym, the session.

    Raises:
        InvalidInput: The file has several segments, or no spike trains.
        CorruptData: The file is damaged.
    """
    found = blocks(path)
    if len(found) == 1 and "livn_gym" in found[0].annotations:
        return from_neo(found[0])
    segments = [segment for block in found for segment in block.segments]
    if len(segments) != 1:
        raise InvalidInput(f"{path} has {len(segments)} segments; write the one to read to a file of its own.")
    return of_segment(path, segments[0])


def of_segment(path: Path, segment: Any) -> Events:
    """Convert a segment of Neo.

    Raises:
        InvalidInput: It has no spike trains.
        CorruptData: The content is damaged.
    """
    if not len(segment.spiketrains):
        raise InvalidInput(f"{path} has no spike trains; signals must be sorted or thresholded first.")
    with damage(path, "is a damaged NIX file"):
        labels = [_channel(train) for train in segment.spiketrains]
        by_train = any(label is None for label in labels)
        if by_train:
            labels = [str(train.name or f"train {k}") for k, train in enumerate(segment.spiketrains)]
            numbers, names = np.arange(len(labels)), list(labels)
        else:
            numbers, names = numbered(labels)
        t_ms, channel = trains((_ms(train) for train in segment.spiketrains), numbers.tolist())
        start_ms = min(float(train.t_start.rescale("ms")) for train in segment.spiketrains)
        stop_ms = max(float(train.t_stop.rescale("ms")) for train in segment.spiketrains)
        stim_t_ms, stim_label, amplitude_uA, ignored = _stimuli(segment)
    index = {name: k for k, name in enumerate(names)}
    for label in stim_label:  # an electrode that stimulates need not record
        if label not in index:
            index[label] = len(names)
            names.append(label)
    return Events(
        t_ms=t_ms,
        channel=channel,
        names=names,
        stim_t_ms=stim_t_ms,
        stim_channel=np.array([index[label] for label in stim_label], dtype=np.int64),
        stim_amplitude_uA=amplitude_uA,
        start_ms=start_ms,
        duration_ms=stop_ms - start_ms,
        metadata={"channels_are": "spike trains" if by_train else "electrodes", "ignored_events": ignored},
    )


def _ms(train: Any) -> NDArray[np.float64]:
    return np.asarray(train.rescale("ms").magnitude, dtype=np.float64)


def _channel(train: Any) -> Any:
    """Return the channel that a train's annotations name; None if there is none."""
    for key in CHANNEL_KEYS:
        value = train.annotations.get(key)
        value = value.item() if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1 else value
        if isinstance(value, int | str) and not isinstance(value, bool):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
    return None


def _stimuli(segment: Any) -> tuple[NDArray, list[str], NDArray | None, list[str]]:
    """Return times, labels of channels and amplitudes of the stimuli, and the names of events that are none."""
    times, labels, ignored = [np.zeros(0)], list[str](), list[str]()
    amplitudes: list[Any] = []
    for event in segment.events:
        channels = event.array_annotations.get("channel", event.labels)
        if "stim" not in str(event.name).lower() or len(channels) != len(event) or not all(map(_text, channels)):
            ignored.append(str(event.name))
            continue
        times.append(np.asarray(event.times.rescale("ms").magnitude, dtype=np.float64))
        labels.extend(_text(channel) for channel in channels)
        amplitudes.append(event.array_annotations.get("amplitude_uA"))
    known = any(amplitude is not None for amplitude in amplitudes)
    if known and any(amplitude is None for amplitude in amplitudes):
        raise ValueError("some events of stimuli have amplitude_uA, others do not")
    values = np.concatenate([np.asarray(a, dtype=np.float64).ravel() for a in amplitudes]) if known else None
    return np.concatenate(times), labels, values, ignored


def _text(channel: Any) -> str:
    return str(int(channel) if isinstance(channel, float | np.floating) and float(channel).is_integer() else channel)
