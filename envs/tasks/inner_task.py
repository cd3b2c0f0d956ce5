"""Base class of tasks with an inner environment, on which a culture acts by the late responses of its motor regions."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput


class InnerTask(Task):
    """A task with the reward and ends of an inner environment, on which the most active motor region acts.

    The rate of a motor region is the mean of the decoded rates of its electrodes. With the decoding ``EvokedRates``
    these are rates at 20-100 ms after the volley of a step: too late for cells that the field made fire. Sensory
    electrodes belong to no motor region, so that the field does not reach the cells of one either.

    The agent observes the inner state ``[D]`` in shares of its scales and the rates of the motor regions ``[A]``, Hz.

    Args:
        setup: Step length, spaces, system, electrodes and options.
        inner: The inner environment, which the task closes.

    Raises:
        InvalidInput: The electrodes have no positions, the encoding has not one input per channel or the decoding not
            one rate, or a motor region has no electrodes.
    """

    sees_culture: ClassVar[bool] = False

    def __init__(self, setup: TaskSetup, inner: InnerEnv) -> None:
        super().__init__(setup)
        self.inner = inner
        try:
            coordinates_um = setup.electrodes_um(type(self).__name__)
            setup.check_channels(type(self).__name__)
            self.sensory = self.sensory_electrodes(coordinates_um)
            self.regions = self.motor_regions(coordinates_um)
            self._sizes = np.bincount(self.regions[self.regions >= 0], minlength=inner.num_actions)
            if not self._sizes.all():
                raise InvalidInput(
                    f"{setup.system.name} has too few electrodes for {inner.num_actions} motor regions: {self._sizes}."
                )
            self._max_rate_hz = float(setup.features.high.max())
        except BaseException:
            inner.close()
            raise
        self._begin()

    def _begin(self) -> None:
        self._inner_action = 0
        self._return = self._reward = 0.0
        self._terminated = self._truncated = False

    @abstractmethod
    def sensory_electrodes(self, electrodes_um: NDArray) -> NDArray[np.float64]:
        """Return groups of electrodes, 0 or 1 ``[groups..., C]``, from their positions, um ``[C, 3]``."""

    @abstractmethod
    def motor_regions(self, electrodes_um: NDArray) -> NDArray[np.int64]:
        """Return the motor region of each electrode, which is the index of an action, ``[C]``; -1 for none."""

    @abstractmethod
    def shares(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the highest command by electrode, 0 to 1 ``[C]``, for gains of 0 to 1 ``[2, groups]``."""

    @property
    @abstractmethod
    def num_groups(self) -> int:
        """Number of direct gains, which equals the number of crossed gains."""

    @property
    def action_space(self) -> spaces.Box:
        """Space of the direct gains, then of the crossed gains, -1 (none) to 1 (the highest)."""
        return spaces.Box(-1.0, 1.0, (2 * self.num_groups,), np.float32)

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the inner state, -1 to 1, and of the regions' rates, from 0 to the decoding's bound, ``[D + A]``."""
        variables, actions = self.inner.num_variables, self.inner.num_actions
        low = np.concatenate([-np.ones(variables), np.zeros(actions)])
        high = np.concatenate([np.ones(variables), np.full(actions, self._max_rate_hz)])
        return spaces.Box(low.astype(np.float32), high.astype(np.float32))

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode of the inner environment."""
        self.inner.reset(rng)
        self._begin()

    def to_command(self, action: NDArray) -> NDArray:
        """Return the command of each electrode; the lower end of the encoding's range is no stimulation."""
        gains = (np.asarray(action, dtype=np.float64).reshape(2, -1) + 1.0) / 2.0
        low, high = self.setup.commands.low, self.setup.commands.high  # float32: products are of float64
        return low + self.shares(gains) * (high.astype(np.float64) - low)

    def after_step(self, measurement: Measurement) -> None:
        """Run one step of the inner environment with the action of the most active motor region."""
        rates = self._rates(measurement)
        if rates[self._inner_action] < rates.max():
            self._inner_action = int(rates.argmax())
        self._reward, self._terminated, self._truncated = self.inner.step(self._inner_action)
        self._return += self._reward

    @property
    def reward(self) -> float:
        """Reward of the inner environment."""
        return self._reward

    @property
    def terminated(self) -> bool:
        """True if the inner environment terminated."""
        return self._terminated

    @property
    def truncated(self) -> bool:
        """True if the inner environment truncated the episode."""
        return self._truncated

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the inner state and the rates of the motor regions, ``[D + A]``."""
        return np.concatenate([self.inner.state, self._rates(measurement)])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the latest action of the culture, and the inner return of the episode so far."""
        return {"inner_action": float(self._inner_action), "inner_return": self._return}

    def close(self) -> None:
        """Close the inner environment."""
        self.inner.close()

    def _rates(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the mean rate of the electrodes of each motor region, Hz ``[A]``."""
        motor = self.regions >= 0
        sums = np.bincount(self.regions[motor], weights=measurement.features[motor], minlength=len(self._sizes))
        return sums / self._sizes


@checked
def lines(positions: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
    """Return the distinct positions along an axis, ascending, and the index of each electrode's position.

    Args:
        positions: Positions of the electrodes along the axis ``[C]``.
    """
    distinct, index = np.unique(np.round(positions, 3), return_inverse=True)
    return distinct, index
