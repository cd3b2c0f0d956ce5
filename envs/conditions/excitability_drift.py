"""Excitability drift: the cells' noise changes slowly, over tens of seconds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition, ConditionedRun
from livn_gym.errors import unknown_name
from livn_gym.plant import Plant

DEPTHS = {0: 0.0, 1: 0.1, 2: 0.2}
"""Largest relative change of the noise by level."""

PERIOD_MS = (30_000.0, 90_000.0)


@checked
class ExcitabilityDrift(Condition):
    """Modulates the standard deviation of every cell's excitatory noise by a slow sine, drawn for every episode.

    Of all parameters the firing rate depends most on this one. Level 0 is no drift, level 1 changes it by up to 10 %,
    level 2 by up to 20 %. The period is 30 to 90 s and the phase random, so that a task of 20 s meets both an offset
    and a trend. The agent does not observe the drift.

    Args:
        env: The cultures; the drift is around the parameters that they have when the loop is made.
        level: 0, 1 or 2.

    Raises:
        UnknownName: There is no such level.
    """

    def __init__(self, env: Plant, *, level: int = 1) -> None:
        super().__init__(env)
        if isinstance(level, bool) or not isinstance(level, int | np.integer) or level not in DEPTHS:
            raise unknown_name("level", level, DEPTHS)
        self.depth = DEPTHS[level]

    def begin(self, np_random: np.random.Generator) -> tuple[float, float]:
        """Draw the period (ms) and the phase (rad)."""
        return np_random.uniform(*PERIOD_MS), np_random.uniform(0.0, 2 * np.pi)

    def factors(self, run: ConditionedRun) -> Mapping[str, NDArray[np.float64]]:
        """Return the factor of the noise's standard deviation at the end of the run, for every population."""
        if not self.depth:
            return {}
        factor = np.array([self._factor(b, time_ms) for b, time_ms in zip(run.cultures, run.time_ms, strict=True)])
        return {f"noise-{name}-std_e": factor for name in self.env.system.population_names}

    def _factor(self, culture: int, time_ms: float) -> float:
        period_ms, phase = self.states[culture]
        return 1.0 + self.depth * float(np.sin(2 * np.pi * time_ms / period_ms + phase))
