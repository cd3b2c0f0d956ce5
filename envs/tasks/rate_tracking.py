"""Hold the culture's mean firing rate at a target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.errors import InvalidInput
from livn_gym.units import finite

MAX_TARGET_HZ = 100.0
"""Bound of the target's place in the observation; the published culture at its strongest stays below it."""


class RateTracking(Task):
    """Reward ``-|rate_1s - target| / target - charge_cost * charge_fraction``; it never terminates.

    The rate of the last second is scored, since that of a 200 ms step is mostly noise. The relative error
    makes a low target count as much as a high one. Ending the episode at the target would make algorithms
    bootstrap wrongly, so that only the time limit ends it.

    Args:
        env: The cultures.
        target_hz: Mean rate of a cell, Hz; or a range from which each episode draws its own uniformly.
        charge_cost: Reward lost by a step at the highest charge.

    Raises:
        InvalidInput: A target is not in (0, 100] Hz or a range is reversed; the cost is negative.
    """

    def __init__(self, env: Env, *, target_hz: float | Sequence[float], charge_cost: float) -> None:
        super().__init__(env)
        self.range_hz = _range(target_hz)
        self.charge_cost = finite("charge_cost", charge_cost, minimum=0.0)
        self.target_hz = self.range_hz[0]

    def reset(self, np_random: np.random.Generator) -> None:
        """Draw the target."""
        self.target_hz = float(np_random.uniform(*self.range_hz))

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """0 ... 100 Hz whatever the range, so that a policy fits every variant of the task."""
        return np.array([0.0]), np.array([MAX_TARGET_HZ])

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """The target, Hz ``[1]``."""
        return np.array([self.target_hz])

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Relative error of the 1 s rate and cost of charge; never terminated."""
        error = abs(measurement.rate_1s_hz - self.target_hz) / self.target_hz
        return -error - self.charge_cost * measurement.charge_fraction, False

    def info(self, measurement: Measurement) -> dict[str, float]:
        """The target, Hz."""
        return {"target_hz": self.target_hz}


def _range(target_hz: float | Sequence[float]) -> tuple[float, float]:
    pair = [target_hz, target_hz] if np.ndim(target_hz) == 0 else list(target_hz)  # type: ignore[arg-type]
    if len(pair) != 2:
        raise InvalidInput(f"target_hz must be a rate or a (low, high) range in Hz, got {target_hz!r}.")
    low, high = (finite("target_hz", value, above=0.0) for value in pair)
    if not low <= high <= MAX_TARGET_HZ:
        raise InvalidInput(f"target_hz must rise and not exceed {MAX_TARGET_HZ:g} Hz, got {target_hz!r}.")
    return low, high
