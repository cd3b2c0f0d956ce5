"""What each entry of an observation is, so that wrappers can pick and replace entries in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ObservationLayout:
    """What the entries of an observation are; the arrays have the observation's shape.

    Attributes:
        recorded: Whether an entry comes from the recording, rather than from the task.
        channel: The channel whose recording an entry is; -1 where it is no single channel's.
        channels: Channels that are recorded from, ascending ``[H]``.
        current: Whether every entry is of the latest step, rather than of earlier ones.
    """

    recorded: NDArray[np.bool_]
    channel: NDArray[np.int64]
    channels: NDArray[np.int64]
    current: bool = True

    @property
    def by_channel(self) -> bool:
        """Whether there are recorded entries and each is a single channel's."""
        return bool(self.recorded.any() and (self.channel[self.recorded] >= 0).all())

    def with_task_entry(self) -> ObservationLayout:
        """One more entry that is not recorded, at the end of a flat observation."""
        return replace(self, recorded=np.append(self.recorded, False), channel=np.append(self.channel, -1))

    def reshaped(self, change: Callable[[NDArray], NDArray]) -> ObservationLayout:
        """The layout after the entries were moved as ``change`` moves an array."""
        return replace(self, recorded=change(self.recorded), channel=change(self.channel))

    def past(self) -> ObservationLayout:
        """The layout of entries that may be of earlier steps."""
        return replace(self, current=False)
