"""Observation layout: the meaning of each entry, so that wrappers can select and replace entries in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ObservationLayout:
    """Meaning of each entry of an observation; the arrays have the observation's shape.

    Attributes:
        recorded: Whether each entry comes from the recording, not from the task.
        channel: Channel of each entry; -1 where there is no single one.
        channels: Channels that are recorded from, ascending ``[H]``.
        current: Whether all entries belong to the latest step, none to earlier ones.
    """

    recorded: NDArray[np.bool_]
    channel: NDArray[np.int64]
    channels: NDArray[np.int64]
    current: bool = True

    @property
    def by_channel(self) -> bool:
        """True if there are recorded entries and each belongs to a single channel."""
        return bool(self.recorded.any() and (self.channel[self.recorded] >= 0).all())

    def with_task_entry(self) -> ObservationLayout:
        """Return the layout with one more entry that is not recorded, at the end of a flat observation."""
        return replace(self, recorded=np.append(self.recorded, False), channel=np.append(self.channel, -1))

    def reshaped(self, change: Callable[[NDArray], NDArray]) -> ObservationLayout:
        """Return the layout after ``change`` has moved the entries, as it moves the entries of an array."""
        return replace(self, recorded=change(self.recorded), channel=change(self.channel))

    def past(self) -> ObservationLayout:
        """Return the layout of an observation with entries of earlier steps."""
        return replace(self, current=False)


def observation_box(features: spaces.Box | None, task: spaces.Box) -> spaces.Box:
    """Return the space of a loop's observation: decoded recording of the step and the last second, then the task's.

    Args:
        features: Space of one culture's decoded recording, ``[F]``; None if it is not observed.
        task: Space of the task's entries, ``[K]``.
    """
    boxes = [task] if features is None else [features, features, task]
    low, high = (np.concatenate([getattr(box, bound) for box in boxes]) for bound in ("low", "high"))
    return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)


def loop_layout(num_features: int, num_entries: int, num_channels: int, per_channel: bool) -> ObservationLayout:
    """Return the layout of a loop's observation.

    Args:
        num_features: F, the length of a decoded recording in the observation; 0 if it is not observed.
        num_entries: Length of the observation.
        num_channels: C.
        per_channel: Whether there is one feature per channel, in the order of the channels.
    """
    channel = np.arange(num_features) if per_channel else np.full(num_features, -1)
    task = num_entries - 2 * num_features
    return ObservationLayout(
        np.repeat([True, False], [2 * num_features, task]),
        np.concatenate([channel, channel, np.full(task, -1)]),
        np.arange(num_channels),
    )
