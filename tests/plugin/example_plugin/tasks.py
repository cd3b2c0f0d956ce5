"""A task that has no config."""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from livn_gym.envs.tasks import Task


class StayQuiet(Task):
    """As few spikes as possible; a step above the limit ends the episode."""

    loop_defaults = {"step_ms": 100.0}
    measure = "rate_hz"

    @dataclass(frozen=True)
    class Options:
        limit_hz: float = 40.0

    @property
    def observation_space(self):
        return spaces.Box(0.0, 1e6, (1,), np.float64)

    def reset(self, rng):
        self.steps, self.rate_hz = 0, 0.0

    def after_step(self, measurement):
        self.steps += 1
        self.rate_hz = measurement.rate_hz

    @property
    def reward(self):
        return -self.rate_hz / self.options.limit_hz

    @property
    def terminated(self):
        return self.rate_hz > self.options.limit_hz

    def observe(self, measurement):
        return np.array([self.steps])

    def info(self, measurement):
        return {"steps": float(self.steps)}
