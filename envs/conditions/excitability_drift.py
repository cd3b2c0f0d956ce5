"""The culture becomes more and less excitable over tens of seconds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.errors import unknown_name

DEPTHS = {0: 0.0, 1: 0.1, 2: 0.2}
"""Largest relative change of the noise by level."""

PERIOD_MS = (30_000.0, 90_000.0)


@checked
class ExcitabilityDrift(Condition):
    """The deviation of every cell's excitatory noise follows a slow sine, phase and period drawn every episode.

    Of all parameters the rate depends most on this one. Level 0 is no drift, level 1 changes it by up to 10 %, level 2
    by up to 20 %; periods are 30 to 90 s, so that a task of 20 s meets both an offset and a trend. The agent does not
    see it. Since parameters belong to all cultures of an engine, those of a vector run one after another, on one
    thread.

    Args:
        env: The cultures; their parameters as they stand are the middle of the drift.
        level: 0, 1 or 2.

    Raises:
        UnknownName: There is no such level.
    """

    def __init__(self, env: Env, *, level: int = 1) -> None:
        super().__init__(env)
        if isinstance(level, bool) or not isinstance(level, int | np.integer) or level not in DEPTHS:
            raise unknown_name("level", level, DEPTHS)
        self.depth = DEPTHS[level]
        self._middle = {f"noise-{name}-std_e": noise.std_e for name, noise in env.parameters.noise.items()}
        self._period_ms, self._phase = PERIOD_MS[0], 0.0

    def reset(self, np_random: np.random.Generator) -> None:
        """Draw period and phase."""
        self._period_ms, self._phase = np_random.uniform(*PERIOD_MS), np_random.uniform(0.0, 2 * np.pi)

    def factor(self, time_ms: float) -> float:
        """By how much the deviation is multiplied at a time."""
        return 1.0 + self.depth * float(np.sin(2 * np.pi * time_ms / self._period_ms + self._phase))

    def parameters(self, time_ms: float) -> Mapping[str, float]:
        """The deviations, nS."""
        if not self.depth:
            return {}
        factor = self.factor(time_ms)
        return {key: value * factor for key, value in self._middle.items()}
