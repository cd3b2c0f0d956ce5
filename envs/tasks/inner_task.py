"""What tasks with another environment inside have in common: a culture that acts by the rates of motor regions."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA

MAX_RATE_HZ = 1000.0
"""Bound of a region's rate in the observation; no cell fires faster."""


class InnerTask(Task):
    """The motor region that fired most in a step acts on an inner environment, whose reward and ends are the task's.

    The agent sees the inner state ``[D]`` in shares of its scales and the rates of the motor regions ``[A]``, Hz.

    Args:
        env: The cultures.
        inner: The environment inside; the task closes it.

    Raises:
        InvalidInput: The culture has no electrodes in a plane, or regions cannot be made.
    """

    sees_culture: ClassVar[bool] = False

    def __init__(self, env: Env, inner: InnerEnv) -> None:
        super().__init__(env)
        self.inner = inner
        try:
            if not isinstance(env.io, MEA) or env.io.electrode_coordinates is None:
                raise InvalidInput(f"{type(self).__name__} needs electrodes in a plane (an MEA), has {env.io!r}.")
            self.sensory = self.sensory_electrodes(env.io.electrode_coordinates)
            self.regions = self.motor_regions(env.geometry.soma_um, env.io.electrode_coordinates)
            self._sizes = np.bincount(self.regions[self.regions >= 0], minlength=inner.num_actions)
            if not self._sizes.all():
                raise InvalidInput(
                    f"{self.system.name} has too few cells for {inner.num_actions} motor regions: {self._sizes}."
                )
        except BaseException:
            inner.close()
            raise
        self.truncated = False
        self._acted = 0
        self._return = 0.0

    @abstractmethod
    def sensory_electrodes(self, electrodes: NDArray) -> NDArray[np.float64]:
        """Which electrodes belong together, ``[groups..., C]``, 0 or 1, from their places, um ``[C, 3]``."""

    @abstractmethod
    def motor_regions(self, soma_um: NDArray, electrodes: NDArray) -> NDArray[np.int64]:
        """The action that each cell speaks for, ``[N]``; -1 for none."""

    @abstractmethod
    def shares(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each electrode gets as a share of the most, 0 ... 1 ``[C]``, for gains of 0 ... 1 ``[2, groups]``."""

    @property
    @abstractmethod
    def num_groups(self) -> int:
        """How many direct, and as many crossed, gains the agent chooses."""

    def action_space(self, commands: spaces.Box) -> spaces.Box:
        """Direct and crossed gains, -1 (none) ... 1 (the highest), one after the other."""
        if commands.shape != (self.sensory.shape[-1],):
            raise InvalidInput(f"{type(self).__name__} needs one input a channel, the encoding takes {commands.shape}.")
        self._silence, self._highest = commands.low.astype(np.float64), commands.high.astype(np.float64)
        return spaces.Box(-1.0, 1.0, (2 * self.num_groups,), np.float32)

    def command(self, action: NDArray) -> NDArray:
        """What each electrode gets: the encoding's lower end where nothing is felt."""
        gains = (np.asarray(action, dtype=np.float64).reshape(2, -1) + 1.0) / 2.0
        return self._silence + self.shares(gains) * (self._highest - self._silence)

    def reset(self, np_random: np.random.Generator) -> None:
        """Begin an episode of the inner environment."""
        self.inner.reset(np_random)
        self.truncated = False
        self._acted, self._return = 0, 0.0

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """-1 ... 1 for the state, 0 ... 1000 Hz for the regions, ``[D + A]``."""
        variables, actions = self.inner.num_variables, self.inner.num_actions
        low = np.concatenate([-np.ones(variables), np.zeros(actions)])
        return low, np.concatenate([np.ones(variables), np.full(actions, MAX_RATE_HZ)])

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """State and rates of the motor regions, ``[D + A]``."""
        return np.concatenate([self.inner.state, self._rates(measurement)])

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Let the culture act; reward and termination of the inner environment."""
        rates = self._rates(measurement)
        if rates[self._acted] < rates.max():
            self._acted = int(rates.argmax())
        reward, terminated, self.truncated = self.inner.step(self._acted)
        self._return += reward
        return reward, terminated

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Latest action of the culture, and the inner return so far."""
        return {"inner_action": float(self._acted), "inner_return": self._return}

    def close(self) -> None:
        """Close the inner environment."""
        self.inner.close()

    def _rates(self, measurement: Measurement) -> NDArray[np.float64]:
        """Mean rate of a cell in each motor region during the step, Hz ``[A]``; 0 before there was one."""
        recording = measurement.recording
        if recording is None:
            return np.zeros(len(self._sizes))
        region = self.regions[recording.spikes[1]]
        spikes = np.bincount(region[region >= 0], minlength=len(self._sizes))
        return spikes / self._sizes / (recording.duration_ms * 1e-3)
