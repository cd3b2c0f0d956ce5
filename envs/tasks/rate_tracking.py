"""Make the culture's mean firing rate follow a target."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.errors import unknown_name
from livn_gym.units import finite, finite_range

MAX_TARGET_HZ = 100.0
"""Bound of the target's place in the observation; the published culture at its strongest stays below it."""

SHAPES = ("constant", "step", "ramp", "sine")
"""How a target may run through an episode; ``"mixed"`` draws one of the last three for each."""


@checked_options
class RateTracking(Task):
    """The mean rate of a cell shall follow a target that jumps, ramps or swings within ``target_hz``.

    **What acts**: the encoding's own inputs, by default one pulse amplitude a channel. **What is seen**: the decoded
    recording of the last step and of the last second, and the target of the step that comes.

    **Reward**: ``-(error_1s + error_step) / 2 - charge_cost * charge_fraction``. Both errors are relative:
    ``|mean of (rate - target)| / mean target`` over the last second, and ``|rate - target| / target`` of the step
    alone. The rate of a step is noisy, that of a second is not; but a second's mean alone is also met by one burst a
    second, and holding a rate means a steady one. The relative error makes a low target count as much as a high one.
    It never terminates: an end at the target would make algorithms bootstrap wrongly.

    Args:
        env: The cultures.
        target_hz: Mean rate of a cell, Hz, which is then held; or the range from which targets are drawn uniformly.
        shape: ``"constant"``: one target an episode. ``"step"``: a new one every ``period_ms``. ``"ramp"``: straight
            lines between such targets. ``"sine"``: between two targets that are drawn, ``2 * period_ms`` a cycle, from
            a phase that is drawn. ``"mixed"``: each episode draws one of the last three.
        period_ms: Time between changes, ms.
        charge_cost: Reward lost by a step at the highest charge.

    Raises:
        InvalidInput: A target is not in (0, 100] Hz or a range is reversed; a time is not positive; the cost is
            negative.
        UnknownName: There is no such shape.

    References:
        Wagenaar, Madhavan, Pine & Potter, J Neurosci 25:680 (2005): closed-loop control of a culture's rate. Newman
        et al., eLife 4:e07192 (2015): clamping a culture's rate at targets that step and swing.
    """

    def __init__(
        self,
        env: Env,
        *,
        target_hz: float | Sequence[float],
        shape: str,
        period_ms: float,
        charge_cost: float,
    ) -> None:
        super().__init__(env)
        self.range_hz = finite_range("target_hz", target_hz, above=0.0, maximum=MAX_TARGET_HZ)
        if shape not in (*SHAPES, "mixed"):
            raise unknown_name("shape", shape, (*SHAPES, "mixed"))
        self.shape = shape
        self.period_ms = finite("period_ms", period_ms, above=0.0)
        self.charge_cost = finite("charge_cost", charge_cost, minimum=0.0)
        self.target_hz = self.range_hz[0]
        self._rng = np.random.default_rng(0)
        self._past: deque[float] = deque()
        self._follow("constant")

    def reset(self, np_random: np.random.Generator) -> None:
        """Draw the shape and the first targets; later ones follow from a seed drawn here."""
        self._rng = np.random.default_rng(np_random.integers(2**63))
        self._follow(str(self._rng.choice(SHAPES[1:])) if self.shape == "mixed" else self.shape)

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """0 ... 100 Hz whatever the range, so that a policy fits every variant of the task."""
        return np.array([0.0]), np.array([MAX_TARGET_HZ])

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Target of the step that comes, Hz ``[1]``."""
        return np.array([self.target_hz])

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Relative errors of the second and of the step, and cost of charge; never terminated."""
        target_hz = self.target_hz
        if not self._past:  # the second before the first step counts as if its target had been the first one
            steps = round(1000.0 / measurement.time_ms)
            self._past = deque([target_hz] * steps, maxlen=steps)
        self._past.append(target_hz)
        mean_hz = float(np.mean(self._past))
        error_1s_hz = measurement.rate_1s_hz - mean_hz
        error_step_hz = measurement.rate_hz - target_hz
        self._errors_hz = (abs(error_1s_hz), abs(error_step_hz))
        self.target_hz = self._target(measurement.time_ms)
        error = (abs(error_1s_hz) / mean_hz + abs(error_step_hz) / target_hz) / 2.0
        return -error - self.charge_cost * measurement.charge_fraction, False

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Target of the step that comes, and both errors of the last step, Hz; 0 before the first."""
        error_hz, error_step_hz = self._errors_hz
        return {"target_hz": self.target_hz, "error_hz": error_hz, "error_step_hz": error_step_hz}

    def _follow(self, shape: str) -> None:
        """Begin with a shape and its first targets."""
        self._now = shape
        low, high = self.range_hz
        self._levels = [float(level) for level in self._rng.uniform(low, high, 2)]
        self._phase = float(self._rng.uniform(0.0, 2.0)) if shape == "sine" else 0.0
        self._errors_hz = (0.0, 0.0)
        self._past = deque()
        self.target_hz = self._target(0.0)

    def _target(self, time_ms: float) -> float:
        """Target of the step that begins so long after the first observation, Hz."""
        periods = time_ms / self.period_ms + self._phase
        if self._now == "sine":
            first, second = self._levels
            return first + (second - first) * (1.0 - float(np.cos(np.pi * periods))) / 2.0
        if self._now == "constant":
            return self._levels[0]
        index = int(periods + 1e-9)
        while len(self._levels) < index + 2:
            self._levels.append(float(self._rng.uniform(*self.range_hz)))
        first, second = self._levels[index : index + 2]
        return first + (second - first) * (periods - index) if self._now == "ramp" else first
