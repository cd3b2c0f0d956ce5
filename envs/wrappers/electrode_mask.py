"""Electrode mask: an agent that controls, and records from, a selection of the electrodes."""

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
    """Removes electrodes from the action and from the observation; both spaces shrink.

    Electrodes that the agent does not control stay at the lower end of their action (no pulses). Rewards are the
    task's, which records from every electrode. Channels are numbered as in the array, whatever wrappers are in between;
    a second mask removes further ones.

    Args:
        env: The environment. With ``stimulate`` its actions must be one number per channel; with ``hear`` each recorded
            entry of its observation must belong to one channel.
        stimulate: Channels that the agent controls, ascending; None is all.
        hear: Channels that the agent observes, ascending; None is all.

    Raises:
        InvalidInput: Channels do not exist, were removed by another mask, repeat or descend; actions or observations
            are not by channel, or a wrapper in between has changed them in an unknown way.
    """

    def __init__(self, env: gym.Env, stimulate: Iterable[int] | None = None, hear: Iterable[int] | None = None) -> None:
        inside(env)
        stimulate, hear = _listed("stimulate", stimulate), _listed("hear", hear)
        gym.utils.RecordConstructorArgs.__init__(self, stimulate=stimulate, hear=hear)
        gym.Wrapper.__init__(self, env)
        self._controlled: NDArray[np.int64] | None = None
        self._observed: NDArray[np.int64] | None = None
        self.action_channels = action_channels(env)
        self.observation_layout = observation_layout(env)
        if stimulate is not None:
            self._mask_actions(stimulate)
        if hear is not None:
            self._mask_observations(hear)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._masked(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict]:
        """Stimulate through the electrodes that the agent controls.

        Raises:
            InvalidInput: The action has another shape, or is not finite numbers.
        """
        if self._controlled is not None:
            numbers = finite_numbers(action)
            if numbers.shape != self._controlled.shape:
                raise InvalidInput(f"An action must have the shape {self._controlled.shape}, got {numbers.shape}.")
            action = self._silence.astype(np.result_type(numbers.dtype, self._silence.dtype))
            action[self._controlled] = numbers
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._masked(observation), reward, terminated, truncated, info

    def _mask_actions(self, stimulate: list[int]) -> None:
        space, channels = self.env.action_space, self.action_channels
        if channels is None or not isinstance(space, spaces.Box) or space.shape != channels.shape or channels.min() < 0:
            raise InvalidInput(f"ElectrodeMask needs one action per channel to mask stimulation, got {space}.")
        self._controlled = _positions("stimulate", stimulate, channels)
        self._silence = space.low.copy()
        self.action_channels = channels[self._controlled]
        low, high = space.low[self._controlled], space.high[self._controlled]
        self.action_space = spaces.Box(low, high, dtype=space.dtype)

    def _mask_observations(self, hear: list[int]) -> None:
        layout, space = flat_layout(self.env, "ElectrodeMask"), self.env.observation_space
        assert isinstance(space, spaces.Box)
        if not layout.by_channel:
            raise InvalidInput("ElectrodeMask can mask recordings only if each recorded entry belongs to one channel.")
        channels = layout.channels[_positions("hear", hear, layout.channels)]
        entries = np.flatnonzero(~layout.recorded | np.isin(layout.channel, channels))
        self._observed = entries
        recorded, channel = layout.recorded[entries], layout.channel[entries]
        self.observation_layout = type(layout)(recorded, channel, channels, layout.current)
        self.observation_space = spaces.Box(space.low[entries], space.high[entries], dtype=space.dtype)

    def _masked(self, observation: Any) -> Any:
        return observation if self._observed is None else observation[self._observed]


def _listed(name: str, channels: Iterable[int] | None) -> list[int] | None:
    """Return channels as a list of ints, which a spec can hold in JSON."""
    if channels is None:
        return None
    scalar = isinstance(channels, np.ndarray) and channels.ndim == 0
    if isinstance(channels, str) or scalar or not isinstance(channels, Iterable):
        raise InvalidInput(f"{name} must be ascending channels, got {channels!r}.")
    listed = list(channels)
    integers = all(isinstance(c, int | np.integer) and not isinstance(c, bool) for c in listed)
    if not listed or not integers or listed != sorted(set(listed)):
        raise InvalidInput(f"{name} must be ascending channels, at least one, got {channels!r}.")
    return [int(c) for c in listed]


def _positions(name: str, selected: list[int], channels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of the selected channels in ``channels``."""
    if not np.isin(selected, channels).all():
        contiguous = len(channels) == channels[-1] - channels[0] + 1
        allowed = f"0 ... {channels[-1]}" if contiguous and channels[0] == 0 else str(channels.tolist())
        raise InvalidInput(f"{name} must be ascending channels in {allowed}, got {selected!r}.")
    return np.searchsorted(channels, selected).astype(np.int64)
