"""Only some electrodes may stimulate, and only some are recorded from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.actions import finite_numbers
from livn_gym.envs.wrappers.base import action_channels, flat_layout, inside, observation_layout
from livn_gym.errors import InvalidInput


class ElectrodeMask(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Takes electrodes out of the action and out of the observation; both spaces shrink.

    Electrodes that may not stimulate stay at the lower end of their action (no pulses). Rewards are those of the task,
    which hears every electrode. Channels have the numbers of the array, whatever wrappers are in between; a second
    mask takes further ones away.

    Args:
        env: An environment whose actions are one number per channel where ``stimulate`` is given, and whose recorded
            observations are each of one channel where ``hear`` is given.
        stimulate: Channels that the agent controls, ascending; None is all.
        hear: Channels that the agent sees, ascending; None is all.

    Raises:
        InvalidInput: Channels do not exist, were taken away by another mask, repeat or descend; actions or
            observations are not by channel, or a wrapper in between has changed them in an unknown way.
    """

    def __init__(self, env: gym.Env, stimulate: Iterable[int] | None = None, hear: Iterable[int] | None = None) -> None:
        inside(env)
        stimulate, hear = _listed("stimulate", stimulate), _listed("hear", hear)
        gym.utils.RecordConstructorArgs.__init__(self, stimulate=stimulate, hear=hear)
        gym.Wrapper.__init__(self, env)
        self._controlled: NDArray[np.int64] | None = None
        self._kept: NDArray[np.int64] | None = None
        self.action_channels = action_channels(env)
        self.observation_layout = observation_layout(env)
        if stimulate is not None:
            self._mask_actions(stimulate)
        if hear is not None:
            self._mask_observations(hear)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._seen(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict]:
        """Stimulate through the electrodes that the agent controls.

        Raises:
            InvalidInput: The action has another shape, or is not finite numbers.
        """
        if self._controlled is not None:
            given = finite_numbers(action)
            if given.shape != self._controlled.shape:
                raise InvalidInput(f"An action must have the shape {self._controlled.shape}, got {given.shape}.")
            action = self._silence.astype(np.result_type(given.dtype, self._silence.dtype))
            action[self._controlled] = given
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._seen(observation), reward, terminated, truncated, info

    def _mask_actions(self, stimulate: list[int]) -> None:
        space, channels = self.env.action_space, self.action_channels
        if channels is None or not isinstance(space, spaces.Box) or space.shape != channels.shape or channels.min() < 0:
            raise InvalidInput(f"ElectrodeMask needs one action a channel to mask stimulation, got {space}.")
        self._controlled = _positions("stimulate", stimulate, channels)
        self._silence = space.low.copy()
        self.action_channels = channels[self._controlled]
        low, high = space.low[self._controlled], space.high[self._controlled]
        self.action_space = spaces.Box(low, high, dtype=space.dtype)

    def _mask_observations(self, hear: list[int]) -> None:
        layout, space = flat_layout(self.env, "ElectrodeMask"), self.env.observation_space
        assert isinstance(space, spaces.Box)
        if not layout.by_channel:
            raise InvalidInput("ElectrodeMask can make electrodes deaf only where each channel's rate is observed.")
        heard = layout.channels[_positions("hear", hear, layout.channels)]
        kept = np.flatnonzero(~layout.recorded | np.isin(layout.channel, heard))
        self._kept = kept
        self.observation_layout = type(layout)(layout.recorded[kept], layout.channel[kept], heard, layout.current)
        self.observation_space = spaces.Box(space.low[kept], space.high[kept], dtype=space.dtype)

    def _seen(self, observation: Any) -> Any:
        return observation if self._kept is None else observation[self._kept]


def _listed(name: str, given: Iterable[int] | None) -> list[int] | None:
    """Channels as a list of ints, as a spec can hold them in JSON."""
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidInput(f"{name} must be ascending channels, got {given!r}.")
    channels = list(given)
    whole = all(isinstance(c, int | np.integer) and not isinstance(c, bool) for c in channels)
    if not channels or not whole or channels != sorted(set(channels)):
        raise InvalidInput(f"{name} must be ascending channels, at least one, got {given!r}.")
    return [int(c) for c in channels]


def _positions(name: str, given: list[int], channels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the channels are among those there are."""
    if not np.isin(given, channels).all():
        whole = len(channels) == channels[-1] - channels[0] + 1
        there = f"0 ... {channels[-1]}" if whole and channels[0] == 0 else str(channels.tolist())
        raise InvalidInput(f"{name} must be ascending channels in {there}, got {given!r}.")
    return np.searchsorted(channels, given).astype(np.int64)
