"""Rate tracking: the culture's mean firing rate follows a target."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite, finite_range

MIN_TARGET_HZ, MAX_TARGET_HZ = 0.1, 100.0
"""Bounds of targets. Errors are relative to the target, so it must not be 0."""

REST_S, ONSET_S, STRONGEST_S = 4, 1, 4
"""Times of the calibration, s: at rest, and under the strongest stimulation before and while its rate is measured."""

SHAPES = ("constant", "step", "ramp", "sine")
"""Courses of a target through an episode; ``"mixed"`` draws one of the last three for each episode."""


class RateTracking(Task):
    """Control of the firing rate: the mean rate of a cell follows a target that jumps, ramps or swings.

    ## Description
    A culture fires spontaneously at a few Hz and in bursts. The electrodes pulse in interleaved groups. A pulse makes
    some cells fire, which is not recorded, since amplifiers are blanked at that time. What is recorded is the activity
    that these cells then evoke through their synapses. The agent sets the amplitude of every channel's pulses so that
    the mean rate of a cell follows a target.

    Targets are shares of the range from the rate at rest (0) to the rate under the strongest action (1). Before a
    culture's first episode the range is measured: 4 s at rest, then 4 s under the strongest action after its first
    second, always with the same noise. It depends on graph, parameters, encoding, blanking and profile, but not on
    conditions, so that an episode with cut synapses has the targets of the intact culture. `target_hz` sets targets in
    Hz instead.

    EI1 has a single electrode, which hardly changes the rate of the culture: `livn/EI1-v0` is for quick checks of
    code, not for control.

    **Share of the network**: 100 % (100 to 100) of the gain on `livn/EI2-v0` (`livn-gym validate --tasks`).

    ## Action Space
    `Box(-1, 1, (C,), float32)`: the amplitude of the pulses of each of C channels.

    | num       | action                            | min | max | at -1 | at 1 | unit         |
    | --------- | --------------------------------- | --- | --- | ----- | ---- | ------------ |
    | 0 ... C-1 | amplitude of the channel's pulses | -1  | 1   | 0     | 15   | uA           |
    |           | its charge                        |     |     | 0     | 3    | nC per phase |

    On EI3 and EI4 the highest amplitude is 8 uA (1.6 nC per phase).

    ## Observation Space
    `Box(0, high, (2 C + 1,), float32)`.

    | num        | observation                            | min | max            | unit |
    | ---------- | -------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1  | rate at the channel in the last step   | 0   | the decoding's | Hz   |
    | C ... 2C-1 | rate at the channel in the last second | 0   | the decoding's | Hz   |
    | 2C         | target of the mean rate, next step     | 0   | 100            | Hz   |

    `info` also holds:

    | key             | meaning                                                      | unit |
    | --------------- | ------------------------------------------------------------ | ---- |
    | `target_hz`     | target of the next step                                      | Hz   |
    | `error_hz`      | absolute difference of rate and target, means over 1 s       | Hz   |
    | `error_step_hz` | absolute difference of rate and target in the step           | Hz   |
    | `rest_hz`       | measured rate at rest; only without `target_hz`              | Hz   |
    | `strongest_hz`  | measured rate under the strongest action, likewise           | Hz   |

    ## Rewards
    `-(1 - step_weight) * error_1s - step_weight * error_step - charge_cost * charge_fraction`, at most 0. Both errors
    are relative: `|mean of (rate - target)| / mean target` over the last second, and `|rate - target| / target` of the
    step alone. By default only the second counts: the rate of a step of 200 ms varies by chance and with bursts that
    no controller foresees. A larger `step_weight` rewards steadiness: one burst per second meets the mean of a second
    as well as a steady rate does. Relative errors make a low target count as much as a high one.

    ## Starting State
    A settled culture. The course of the target and its levels are drawn at every reset.

    ## Episode End
    The task never terminates: an end at the target would make algorithms bootstrap wrongly. An episode is truncated
    after 100 steps (20 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name          | default                      | meaning                                                    | unit |
    | ------------- | ---------------------------- | ---------------------------------------------------------- | ---- |
    | `target`      | `[0.2, 0.8]`                 | target, or the range from which targets are drawn          | -    |
    |               |                              | uniformly, as shares of the range of rates                 |      |
    | `target_hz`   | `None`                       | target, or the range of targets, instead of `target`       | Hz   |
    | `shape`       | `"mixed"`                    | `"constant"`; `"step"`: a new target every period;         | -    |
    |               |                              | `"ramp"`: straight lines between such targets; `"sine"`:   |      |
    |               |                              | between two targets, two periods per cycle; `"mixed"`: one |      |
    |               |                              | of the last three is drawn                                 |      |
    | `period_ms`   | 5000                         | time between steps or corners, half a cycle of a sine      | ms   |
    | `step_weight` | 0.0                          | weight of the error of a step; the rest is that of the     | -    |
    |               |                              | second                                                     |      |
    | `charge_cost` | 0.02                         | reward lost by a step at the highest charge                | -    |
    | `encoding`    | `{"name": "pulse_amplitude", | each electrode pulses five times a second, in one of 16    | -    |
    |               | "max_amplitude_uA": 15,      | groups that pulse in turn; EI3 and EI4 up to 8 uA; EI1 20  |      |
    |               | "rate_hz": 5, "groups": 16}` | times a second                                             |      |

    ## References
    Wagenaar, Madhavan, Pine & Potter, J Neurosci 25:680 (2005): closed-loop control of a culture's rate. Newman et
    al., eLife 4:e07192 (2015): clamping a culture's rate at targets that step and swing.

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A target is not from 0 to 1 or from 0.1 to 100 Hz, or a range is reversed; a time is not
                positive; the weight is not from 0 to 1; the cost is negative.
            UnknownName: There is no such shape.
        """

        target: float | Sequence[float] = (0.2, 0.8)
        target_hz: float | Sequence[float] | None = None
        shape: str = "mixed"
        period_ms: float = 5000.0
        step_weight: float = 0.0
        charge_cost: float = 0.02

        def __post_init__(self) -> None:
            """Check the ranges."""
            finite_range("target", self.target, minimum=0.0, maximum=1.0)
            if self.target_hz is not None:
                finite_range("target_hz", self.target_hz, minimum=MIN_TARGET_HZ, maximum=MAX_TARGET_HZ)
            if self.shape not in (*SHAPES, "mixed"):
                raise unknown_name("shape", self.shape, (*SHAPES, "mixed"))
            finite("period_ms", self.period_ms, above=0.0)
            if finite("step_weight", self.step_weight, minimum=0.0) > 1.0:
                raise InvalidInput(f"step_weight must be from 0 to 1, got {self.step_weight:g}.")
            finite("charge_cost", self.charge_cost, minimum=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        self._begin(np.random.default_rng(0), "constant")

    @property
    def calibration(self) -> NDArray | None:
        """Commands at rest and then under the strongest stimulation; None if the targets are given in Hz."""
        if self.options.target_hz is not None:
            return None
        per_second, commands = self.setup.steps_per_second, self.setup.commands
        steps = [(REST_S * per_second, commands.low), ((ONSET_S + STRONGEST_S) * per_second, commands.high)]
        return np.concatenate([np.repeat(command[None], count, axis=0) for count, command in steps])

    def calibrated(self, measurements: Sequence[Measurement]) -> tuple[float, float]:
        """Return the mean rate of a cell at rest and under the strongest stimulation, Hz."""
        per_second = self.setup.steps_per_second
        rates_hz = [measurement.rate_hz for measurement in measurements]
        rest_hz, strongest_hz = rates_hz[: REST_S * per_second], rates_hz[-STRONGEST_S * per_second :]
        return sum(rest_hz) / len(rest_hz), sum(strongest_hz) / len(strongest_hz)

    @property
    def range_hz(self) -> tuple[float, float]:
        """Lowest and highest target, Hz."""
        if self.options.target_hz is not None:
            return finite_range("target_hz", self.options.target_hz, maximum=MAX_TARGET_HZ)
        rest_hz, strongest_hz = self.setup.calibrated or (MIN_TARGET_HZ, MIN_TARGET_HZ)
        shares = finite_range("target", self.options.target, maximum=1.0)
        ends_hz = sorted(rest_hz + share * (strongest_hz - rest_hz) for share in shares)
        low_hz, high_hz = (min(max(end_hz, MIN_TARGET_HZ), MAX_TARGET_HZ) for end_hz in ends_hz)
        return low_hz, high_hz

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the target, 0 to 100 Hz for every range of targets, so that a policy fits all of them."""
        return spaces.Box(0.0, MAX_TARGET_HZ, (1,), np.float32)

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the course of the target, its first levels, and the seed of all later ones."""
        rng = np.random.default_rng(rng.integers(2**63))
        shape = self.options.shape
        self._begin(rng, str(rng.choice(SHAPES[1:])) if shape == "mixed" else shape)

    def _begin(self, rng: np.random.Generator, shape: str) -> None:
        self._rng, self._shape = rng, shape
        self._levels_hz = [float(level) for level in rng.uniform(*self.range_hz, 2)]
        self._phase = float(rng.uniform(0.0, 2.0)) if shape == "sine" else 0.0
        self.target_hz = self._target(0.0)
        # The second before the first step counts as if its target had been the first one.
        steps = self.setup.steps_per_second
        self._past_targets_hz = deque([self.target_hz] * steps, maxlen=steps)
        self._errors_hz = (0.0, 0.0)
        self._reward = 0.0

    def after_step(self, measurement: Measurement) -> None:
        """Compare the rates with the targets of the same time, and set the next target."""
        target_hz = self.target_hz
        self._past_targets_hz.append(target_hz)
        past_hz = np.array(list(self._past_targets_hz))
        mean_hz = float(np.add.reduce(past_hz)) / len(past_hz)  # as np.mean, but faster
        error_1s_hz = abs(measurement.rate_1s_hz - mean_hz)
        error_step_hz = abs(measurement.rate_hz - target_hz)
        self._errors_hz = (error_1s_hz, error_step_hz)
        weight = self.options.step_weight
        error = (1.0 - weight) * error_1s_hz / mean_hz + weight * error_step_hz / target_hz
        self._reward = -error - self.options.charge_cost * measurement.charge_fraction
        self.target_hz = self._target(measurement.time_ms)

    @property
    def reward(self) -> float:
        """Negative relative error of the second and of the step, less the cost of charge."""
        return self._reward

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the target of the next step, Hz ``[1]``."""
        return np.array([self.target_hz])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the target of the next step, both errors of the last step, and the measured range if it is used."""
        error_hz, error_step_hz = self._errors_hz
        info = {"target_hz": self.target_hz, "error_hz": error_hz, "error_step_hz": error_step_hz}
        if self.options.target_hz is None:
            info["rest_hz"], info["strongest_hz"] = self.setup.calibrated
        return info

    def _target(self, time_ms: float) -> float:
        """Return the target of the step that begins ``time_ms`` after the first observation, Hz."""
        periods = time_ms / self.options.period_ms + self._phase
        if self._shape == "sine":
            first, second = self._levels_hz
            return first + (second - first) * (1.0 - float(np.cos(np.pi * periods))) / 2.0
        if self._shape == "constant":
            return self._levels_hz[0]
        index = int(periods + 1e-9)
        while len(self._levels_hz) < index + 2:
            self._levels_hz.append(float(self._rng.uniform(*self.range_hz)))
        first, second = self._levels_hz[index : index + 2]
        return first + (second - first) * (periods - index) if self._shape == "ramp" else first
