"""What every electrode hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.decoding.base import SpikeDecoding

if TYPE_CHECKING:
    from livn_gym.env import Env


@checked
class ChannelRecording(SpikeDecoding):
    """Channel (int64) and time (ms, float64) of every spike that an electrode hears, ``[S']`` each.

    As ``env.io.channel_recording`` gives them: sorted by time and channel; a spike heard by two electrodes
    stands there twice, one heard by none is missing.
    """

    def decode(
        self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """One culture's spikes by channel; see the class."""
        return env.io.channel_recording(env.geometry, gid, t)
