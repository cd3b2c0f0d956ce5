"""Spikes by electrode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.recording import Recording
from livn_gym.view import CultureView


@checked
class ChannelRecording(Decoding):
    """Channel (int64) and time (ms, float64) of every spike that an electrode records, ``[S']`` each.

    Sorted by time and channel. A spike that two electrodes record appears twice; a spike that none records is omitted.
    The results of B cultures are a list of B pairs.
    """

    def decode(self, view: CultureView, recording: Recording) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Channels and times of every culture."""
        return [view.electrodes.channel_recording(gid, t) for gid, t in self.trains(view, recording)]
