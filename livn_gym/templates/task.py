"""A task: the aim of an agent, its observation besides the recording, and its reward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks import Measurement, Task
from livn_gym.units import finite

MAX_RATE_HZ = 1000.0
"""Upper bound of a rate; no cell fires faster."""


class MyTask(Task):
    """The mean firing rate of a cell should reach a level, drawn for every episode, and stay there.

    One object is the task of one culture. Only `reset` and `after_step` change its state; all other methods and
    properties only read it. Random numbers come only from the generator that `reset` gets, so that an episode depends
    on the seed of the environment alone.
    """

    @dataclass(frozen=True)
    class Options:
        """Options of the task, which are arguments of `gym.make`.

        Attributes:
            lowest_hz: Lowest level, Hz.
            highest_hz: Highest level, Hz.
            charge_cost: Reward lost by a step with the largest charge that an action can give.
        """

        lowest_hz: float = 5.0
        highest_hz: float = 15.0
        charge_cost: float = 0.1

        def __post_init__(self) -> None:
            """Check the numbers before a culture is built."""
            finite("highest_hz", self.highest_hz, above=finite("lowest_hz", self.lowest_hz, above=0.0))
            finite("charge_cost", self.charge_cost, minimum=0.0)

    @property
    def observation_space(self) -> spaces.Box:
        """Bounds of `observe`, whose entries follow the decoded recording in the observation."""
        return spaces.Box(0.0, MAX_RATE_HZ, (1,), np.float64)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode: draw its level."""
        self.level_hz = float(rng.uniform(self.options.lowest_hz, self.options.highest_hz))
        self.error = 0.0
        self.charge_fraction = 0.0

    def after_step(self, measurement: Measurement) -> None:
        """Update the state by a step of the culture: rates, charge, and the recording in `measurement.recording`."""
        self.error = abs(measurement.rate_1s_hz - self.level_hz) / self.level_hz
        self.charge_fraction = measurement.charge_fraction

    @property
    def reward(self) -> float:
        """Negative relative error of the rate over the last second, less the cost of charge; at most 0."""
        return -self.error - self.options.charge_cost * self.charge_fraction

    # `terminated` is False and `truncated` is False unless a task defines these properties. The limit of steps is
    # the environment's: gym.make(..., max_episode_steps=100).

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the level of the episode, Hz ``[1]``."""
        return np.array([self.level_hz])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the task's entries of `info`: always the same names, one number each."""
        return {"level_hz": self.level_hz, "relative_error": self.error}


if __name__ == "__main__":  # python my_task.py runs the conformance suite
    from livn_gym.testing import conform

    print("passed:", ", ".join(conform("livn/Culture-v0", system="EI1", task=__file__, settle_ms=400.0)))
