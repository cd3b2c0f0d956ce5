"""The agent sees counts of spikes in bins of time instead of rates."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.decoding.rates import MAX_RATE_HZ
from livn_gym.envs.wrappers.base import boxes, inside
from livn_gym.units import whole_number


class SpikeCounts(gym.ObservationWrapper, gym.utils.RecordConstructorArgs):
    """Replaces the decoded recording by the spikes that each channel heard in the step, in bins of equal length.

    The observation becomes ``[bins * C + K]``: channels within bins, earliest bin first, then what the task adds. The
    answer to a pulse is over within tens of ms, which a rate over a step hides.

    Args:
        env: The environment.
        bins: How many bins a step has.

    Raises:
        InvalidInput: The number of bins is not positive, or the spaces are no one-dimensional boxes.
    """

    def __init__(self, env: gym.Env, bins: int = 1) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, bins=bins)
        gym.ObservationWrapper.__init__(self, env)
        self._inside = inside(env)
        _, seen = boxes(env)
        self.bins = whole_number("bins", bins)
        self._first = 2 * self._inside.num_features
        io, geometry = self._inside.culture.io, self._inside.culture.geometry
        most = max(1, int(io.channel_cells(geometry).sum(axis=1).max())) * MAX_RATE_HZ * self._inside.step_ms * 1e-3
        counts = self.bins * io.num_channels
        self.observation_space = spaces.Box(
            np.concatenate([np.zeros(counts), seen.low[self._first :]]).astype(np.float32),
            np.concatenate([np.full(counts, most), seen.high[self._first :]]).astype(np.float32),
            dtype=np.float32,
        )

    def observation(self, observation: NDArray) -> NDArray[np.float32]:
        """Counts in the place of the decoded recording."""
        culture, recording = self._inside.culture, self._inside.measurement.recording
        channels, step_ms = culture.io.num_channels, self._inside.step_ms
        counts: Any = np.zeros(self.bins * channels)
        if recording is not None:  # there is none before a first step without settling
            _, gid, t = recording.spikes
            channel, when = culture.io.channel_recording(culture.geometry, gid, t)
            bin_of = np.minimum((when / step_ms * self.bins).astype(np.int64), self.bins - 1)
            counts = np.bincount(bin_of * channels + channel, minlength=self.bins * channels)
        return np.concatenate([counts, observation[self._first :]]).astype(np.float32)
