"""Agents without learning: what a result must beat. Nothing, chance, a constant, a controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.errors import InvalidInput
from livn_gym.units import finite


class Agent(Protocol):
    """Anything that acts: ``reset`` once an episode, then ``act`` once a step."""

    def reset(self, env: gym.Env, info: Mapping[str, float]) -> None:
        """Begin an episode; called after the environment's ``reset`` with the info it returned."""

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]`` for an observation and the info that came with it."""


class Constant:
    """The same amplitude on every channel at every step.

    Args:
        strength: 0 is the action space's lower end (no pulses), 1 its upper end (the strongest).

    Raises:
        InvalidInput: The strength lies outside 0 ... 1.
    """

    def __init__(self, strength: float) -> None:
        self.strength = finite("strength", strength, minimum=0.0)
        if self.strength > 1.0:
            raise InvalidInput(f"strength must lie in 0 ... 1, got {strength:g}.")

    def reset(self, env: gym.Env, info: Mapping[str, float]) -> None:
        """Take the action space."""
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]``."""
        return _uniform_action(self._space, self.strength)


class Silent(Constant):
    """Never stimulates: what the culture does by itself."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Random:
    """Draws every action uniformly from the action space.

    Args:
        seed: Of its own generator, which goes on from episode to episode; the environment's is left alone.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._generator = np.random.default_rng(seed)

    def reset(self, env: gym.Env, info: Mapping[str, float]) -> None:
        """Take the action space."""
        self._space = _box(env)

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]``."""
        space = self._space
        return self._generator.uniform(space.low, space.high).astype(np.float32)


class ProportionalIntegral:
    """A proportional-integral controller of the mean rate: one amplitude for all channels.

    ``strength = K (e + 1/Ti * integral of e)`` with the error ``e = target_hz - rate_hz`` of the last step,
    both from ``info``. The integral is held within what the actuator can do (anti-windup), so that a target
    out of reach leaves nothing to unwind.

    The defaults suit steps of 200 ms, in which a culture answers at once and, where it is steepest, with some
    60 Hz for the whole range of strengths: K 0.02 already makes EI2 jump between two rates from step to step.

    Args:
        gain: K, share of the highest amplitude per Hz of error.
        integral_s: Ti, seconds.

    Reference:
        Newman et al., eLife 4:e07192 (2015): proportional-integral clamp of a culture's firing rate.
    """

    def __init__(self, gain: float = 0.006, integral_s: float = 0.3) -> None:
        self.gain = finite("gain (1/Hz)", gain, above=0.0)
        self.integral_s = finite("integral_s", integral_s, above=0.0)

    def reset(self, env: gym.Env, info: Mapping[str, float]) -> None:
        """Take the action space and the length of a step, and forget the last episode."""
        self._space = _box(env)
        self._step_s = env.get_wrapper_attr("step_ms") / 1000.0
        self._integral = 0.0

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action ``[C]``."""
        error = info["target_hz"] - info["rate_hz"]
        self._integral = _share(self._integral + self.gain * error * self._step_s / self.integral_s)
        return _uniform_action(self._space, _share(self.gain * error + self._integral))


def _box(env: gym.Env) -> spaces.Box:
    space: Any = env.action_space
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise InvalidInput(f"The baselines need a bounded Box of actions, got {space}.")
    return space


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _uniform_action(space: spaces.Box, strength: float) -> NDArray[np.float32]:
    return (space.low + strength * (space.high - space.low)).astype(np.float32)
