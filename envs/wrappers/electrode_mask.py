"""Only some electrodes may stimulate, and only some are heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.wrappers.base import boxes, inside
from livn_gym.errors import InvalidInput


class ElectrodeMask(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Takes electrodes out of the action and out of the observation; both spaces shrink.

    Electrodes that may not stimulate stay at the lower end of their action (no pulses). Rewards are those of the task,
    which hears every electrode.

    Args:
        env: An environment whose actions are one number a channel; where electrodes shall be deaf, one whose
            observation begins with the channels' rates.
        stimulate: Channels that the agent controls, ascending; None is all.
        hear: Channels that the agent sees, ascending; None is all.

    Raises:
        InvalidInput: Channels do not exist, repeat or descend, or the environment has other spaces.
    """

    def __init__(self, env: gym.Env, stimulate: Sequence[int] | None = None, hear: Sequence[int] | None = None) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, stimulate=stimulate, hear=hear)
        gym.Wrapper.__init__(self, env)
        acts, seen = boxes(env)
        channels, features = inside(env).culture.io.num_channels, inside(env).num_features
        if acts.shape != (channels,):
            raise InvalidInput(f"ElectrodeMask needs one action a channel ({channels}), the environment has {acts}.")
        if hear is not None and features != channels:
            raise InvalidInput("ElectrodeMask can make electrodes deaf only where each channel's rate is observed.")
        self._controlled = _channels("stimulate", stimulate, channels)
        heard = _channels("hear", hear, channels) if features == channels else np.arange(features)
        rest = np.arange(2 * features, seen.shape[0])
        self._kept = np.concatenate([heard, features + heard, rest])
        self._silence = acts.low.copy()
        self.action_space = spaces.Box(acts.low[self._controlled], acts.high[self._controlled], dtype=np.float32)
        self.observation_space = spaces.Box(seen.low[self._kept], seen.high[self._kept], dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray, dict]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation[self._kept], info

    def step(self, action: Any) -> tuple[NDArray, Any, bool, bool, dict]:
        """Stimulate through the electrodes that the agent controls.

        Raises:
            InvalidInput: The action has another shape.
        """
        given = np.asarray(action)
        if given.shape != self._controlled.shape:
            raise InvalidInput(f"An action must have the shape {self._controlled.shape}, got {given.shape}.")
        full = self._silence.copy()
        full[self._controlled] = given
        observation, reward, terminated, truncated, info = self.env.step(full)
        return observation[self._kept], reward, terminated, truncated, info


def _channels(name: str, given: Sequence[int] | None, count: int) -> NDArray[np.int64]:
    chosen = list(range(count)) if given is None else list(given)
    whole = all(isinstance(c, int | np.integer) and not isinstance(c, bool) for c in chosen)
    if not chosen or not whole or chosen != sorted(set(chosen)) or not 0 <= chosen[0] <= chosen[-1] < count:
        raise InvalidInput(f"{name} must be ascending channels in 0 ... {count - 1}, got {given!r}.")
    return np.array(chosen, dtype=np.int64)
