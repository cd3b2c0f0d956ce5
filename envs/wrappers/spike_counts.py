"""The agent sees counts of spikes in bins of time instead of rates."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.decoding.rates import MAX_SPIKE_RATE_HZ
from livn_gym.envs.layout import ObservationLayout
from livn_gym.envs.wrappers.base import flat_layout, flat_observation, float_type, inside
from livn_gym.errors import InvalidInput
from livn_gym.units import whole_number


class SpikeCounts(gym.ObservationWrapper, gym.utils.RecordConstructorArgs):
    """Replaces the decoded recording by the spikes that each channel heard in the step, in bins of equal length.

    The observation becomes ``[bins * H + K]``: channels within bins, earliest bin first, then what is not recorded, as
    what the task adds. H channels are heard, all that no ``ElectrodeMask`` inside has made deaf. The answer to a pulse
    is over within tens of ms, which a rate over a step hides.

    Args:
        env: The environment.
        bins: How many bins a step has.

    Raises:
        InvalidInput: The number of bins is not positive or larger than the number of time steps in a step; the
            observation is no one-dimensional box, holds earlier steps (a frame stack belongs outside), or a wrapper in
            between has changed it in an unknown way.
    """

    def __init__(self, env: gym.Env, bins: int = 1) -> None:
        self._inside = inside(env)
        self.bins = whole_number("bins", bins)
        most_bins = round(self._inside.step_ms / self._inside.culture.dt)
        if self.bins > most_bins:
            raise InvalidInput(f"A control step has {most_bins} time steps, so at most as many bins, got {self.bins}.")
        gym.utils.RecordConstructorArgs.__init__(self, bins=self.bins)
        gym.ObservationWrapper.__init__(self, env)
        layout, seen = flat_layout(env, "SpikeCounts"), flat_observation(env)
        if not layout.current:
            raise InvalidInput("SpikeCounts replaces the latest step, and the observation holds earlier ones.")
        self._rest = np.flatnonzero(~layout.recorded)
        self._channels = layout.channels
        self._dtype = float_type(seen)
        counts = self.bins * len(self._channels)
        self.observation_layout = ObservationLayout(
            np.arange(counts + len(self._rest)) < counts,
            np.concatenate([np.tile(self._channels, self.bins), np.full(len(self._rest), -1)]),
            self._channels,
        )
        cells = int(self._inside.culture.electrodes.channel_cells().sum(axis=1).max())
        most = max(1, cells) * MAX_SPIKE_RATE_HZ * self._inside.step_ms * 1e-3
        self.observation_space = spaces.Box(
            np.concatenate([np.zeros(counts), seen.low[self._rest]]).astype(self._dtype),
            np.concatenate([np.full(counts, most), seen.high[self._rest]]).astype(self._dtype),
            dtype=self._dtype,
        )

    def observation(self, observation: NDArray) -> NDArray:
        """Counts in the place of the decoded recording."""
        culture, recording = self._inside.culture, self._inside.measurement.recording
        channels, step_ms = culture.electrodes.num_channels, self._inside.step_ms
        counts = np.zeros((self.bins, channels))
        if recording is not None:  # there is none before a first step without settling
            _, gid, t = recording.spikes
            channel, when = culture.electrodes.channel_recording(gid, t)
            bin_of = np.minimum((when / step_ms * self.bins).astype(np.int64), self.bins - 1)
            counts += np.bincount(bin_of * channels + channel, minlength=counts.size).reshape(counts.shape)
        heard = counts[:, self._channels].ravel()
        return np.concatenate([heard, observation[self._rest]]).astype(self._dtype)
