"""Spike counts: an observation of spikes per channel and time bin instead of rates."""

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
    """Replaces the decoded recording by spike counts of each channel in the step, in bins of equal length.

    The observation becomes ``[bins * H + K]``: channels within bins, earliest bin first, then the K entries that are
    not recorded, such as the task's. H is the number of channels that no ``ElectrodeMask`` inside has removed. The
    response to a pulse lasts some tens of ms, which a rate over a step does not resolve. Counts are of recorded spikes;
    unlike rates, they are not corrected for blanked times.

    Args:
        env: The environment.
        bins: Number of bins in a step.

    Raises:
        InvalidInput: The number of bins is not positive or larger than the number of time steps in a step; the
            observation is no one-dimensional box, holds earlier steps (a frame stack belongs outside), or a wrapper in
            between has changed it in an unknown way.
    """

    def __init__(self, env: gym.Env, bins: int = 1) -> None:
        self._inside = inside(env)
        self.bins = whole_number("bins", bins)
        max_bins = round(self._inside.step_ms / self._inside.view.dt)
        if self.bins > max_bins:
            raise InvalidInput(f"A control step has {max_bins} time steps, so at most as many bins, got {self.bins}.")
        gym.utils.RecordConstructorArgs.__init__(self, bins=self.bins)
        gym.ObservationWrapper.__init__(self, env)
        layout, space = flat_layout(env, "SpikeCounts"), flat_observation(env, "SpikeCounts")
        if not layout.current:
            raise InvalidInput("SpikeCounts replaces the latest step, and the observation holds earlier ones.")
        self._other_entries = np.flatnonzero(~layout.recorded)
        self._channels = layout.channels
        self._dtype = float_type(space)
        counts = self.bins * len(self._channels)
        self.observation_layout = ObservationLayout(
            np.arange(counts + len(self._other_entries)) < counts,
            np.concatenate([np.tile(self._channels, self.bins), np.full(len(self._other_entries), -1)]),
            self._channels,
        )
        cells = int(self._inside.view.electrodes.channel_cells().sum(axis=1).max())
        max_count = max(1, cells) * MAX_SPIKE_RATE_HZ * self._inside.step_ms * 1e-3
        self.observation_space = spaces.Box(
            np.concatenate([np.zeros(counts), space.low[self._other_entries]]).astype(self._dtype),
            np.concatenate([np.full(counts, max_count), space.high[self._other_entries]]).astype(self._dtype),
            dtype=self._dtype,
        )

    def observation(self, observation: NDArray) -> NDArray:
        """Return the observation with counts in place of the decoded recording."""
        view, recording = self._inside.view, self._inside.measurement.recording
        channels, step_ms = view.electrodes.num_channels, self._inside.step_ms
        counts = np.zeros((self.bins, channels))
        if recording is not None:  # there is none before a first step without settling
            _, gid, t = recording.spikes
            channel, when = view.electrodes.channel_recording(gid, t)
            bin_of = np.minimum((when / step_ms * self.bins).astype(np.int64), self.bins - 1)
            counts += np.bincount(bin_of * channels + channel, minlength=counts.size).reshape(counts.shape)
        recorded = counts[:, self._channels].ravel()
        return np.concatenate([recorded, observation[self._other_entries]]).astype(self._dtype)
