"""Pattern tracking: a target rate for every channel, which a hidden command has evoked before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Demonstration, Measurement, Task
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, whole_number

MAX_TARGET_HZ = 10_000.0
"""Upper bound of the targets in the observation; a channel records ten to forty cells, of 100 Hz at their strongest."""

PATTERN_SEED = 77
"""Seed of the hidden commands, the same for every culture and environment."""

MIN_ACTIVE_SHARE = 0.3
"""Smallest share of the range at which a channel of the hidden command is active; less evokes nothing."""

SKIP_MS = 1000.0
"""Time at the beginning of a demonstration that the mean leaves out, ms."""


class PatternTracking(Task):
    """Spatial control: each channel has a target rate, and one channel's pulses reach its neighbours' cells.

    ## Description
    The targets come from the culture itself. At every reset one of `patterns` hidden commands is drawn:
    1 to `most_active` of the channels, each at 0.3 to 1 of its range, the others silent. The culture gets it for
    `demonstration_ms`; the channels' mean rates after the first second are the targets. Then the culture settles
    unstimulated, and the episode begins. A command that meets the targets therefore always exists, on every graph. The
    commands are the same in every environment; with 0 patterns every reset draws a new one.

    ## Action Space
    `Box(-1, 1, (C,), float32)`: the amplitude of the pulses of each of C channels.

    | num       | action                            | min | max | at -1 | at 1 | unit |
    | --------- | --------------------------------- | --- | --- | ----- | ---- | ---- |
    | 0 ... C-1 | amplitude of the channel's pulses | -1  | 1   | 0     | 15   | uA   |

    ## Observation Space
    `Box(0, high, (3 C,), float32)`.

    | num         | observation                            | min | max            | unit |
    | ----------- | -------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1   | rate at the channel in the last step   | 0   | the decoding's | Hz   |
    | C ... 2C-1  | rate at the channel in the last second | 0   | the decoding's | Hz   |
    | 2C ... 3C-1 | target of the channel's rate           | 0   | 10,000         | Hz   |

    `info` also holds:

    | key          | meaning                                                 | unit |
    | ------------ | ------------------------------------------------------- | ---- |
    | `error`      | relative error of the last second, mean of the channels | -    |
    | `error_step` | relative error of the last step, mean of the channels   | -    |

    ## Rewards
    `-(error + error_step) / 2 - charge_cost * charge_fraction`, at most 0. The errors are
    `|rate - target| / max(target, floor_hz)`, means over the channels. Both count for the same reason as in
    `RateTracking`: the mean of a second is less noisy, and one burst per second does not meet the targets of steps.

    ## Starting State
    A culture that has got the hidden command and has then settled.

    ## Episode End
    The task never terminates. An episode is truncated after 100 steps (20 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name               | default | meaning                                                          | unit |
    | ------------------ | ------- | ---------------------------------------------------------------- | ---- |
    | `patterns`         | 8       | number of hidden commands; 0 draws a new one at every reset      | -    |
    | `most_active`      | 4       | largest number of active channels of a hidden command (EI3: 16)  | -    |
    | `demonstration_ms` | 4000    | duration of the hidden command, more than a second               | ms   |
    | `floor_hz`         | 10      | smallest divisor of the relative error: the rate of a channel of | Hz   |
    |                    |         | one or two cells is mostly noise                                 |      |
    | `charge_cost`      | 0.05    | reward lost by a step at the highest charge                      | -    |

    ## References
    Bakkum, Chao & Potter, J Neural Eng 5:310 (2008): spatially patterned stimulation of a culture in a closed loop.
    Wagenaar, Madhavan, Pine & Potter, J Neurosci 25:680 (2005): amplitudes tuned by electrode.

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A number is out of range.
        """

        patterns: int = 8
        most_active: int = 4
        demonstration_ms: float = 4000.0
        floor_hz: float = 10.0
        charge_cost: float = 0.05

        def __post_init__(self) -> None:
            """Check the ranges."""
            whole_number("patterns", self.patterns, minimum=0)
            whole_number("most_active", self.most_active)
            finite("demonstration_ms", self.demonstration_ms, above=SKIP_MS)
            finite("floor_hz", self.floor_hz, above=0.0)
            finite("charge_cost", self.charge_cost, minimum=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        setup.check_channels("PatternTracking")
        self.channels = setup.electrodes.num_channels
        if self.options.most_active > self.channels:
            raise InvalidInput(f"most_active must be at most {self.channels}, got {self.options.most_active}.")
        self.hidden = setup.commands.low.copy()
        """The hidden command, ``[C]``."""
        self._begin()

    def _begin(self) -> None:
        self.targets_hz = np.zeros(self.channels)
        self._errors = (0.0, 0.0)
        self._reward = 0.0

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the targets, 0 to 10,000 Hz ``[C]``."""
        return spaces.Box(0.0, MAX_TARGET_HZ, (self.channels,), np.float32)

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the hidden command; the targets follow from its demonstration."""
        if self.options.patterns:
            rng = np.random.default_rng([PATTERN_SEED, int(rng.integers(self.options.patterns))])
        active = rng.choice(self.channels, rng.integers(1, self.options.most_active + 1), replace=False)
        share = np.zeros(self.channels)
        share[active] = rng.uniform(MIN_ACTIVE_SHARE, 1.0, len(active))
        low, high = self.action_space.low, self.action_space.high
        self.hidden = np.asarray(low + share * (high - low), dtype=self.action_space.dtype)
        self._begin()

    @property
    def demonstration(self) -> Demonstration:
        """The hidden command; its first second is left out of the mean."""
        return Demonstration(self.hidden, self.options.demonstration_ms, skip_ms=SKIP_MS)

    def after_demonstration(self, features: NDArray[np.float64]) -> None:
        """Set the evoked rates as targets, Hz ``[C]``."""
        self.targets_hz = np.clip(features, 0.0, MAX_TARGET_HZ)

    def after_step(self, measurement: Measurement) -> None:
        """Compare the channels' rates with their targets."""
        scale_hz = np.maximum(self.targets_hz, self.options.floor_hz)
        second, step = (
            float(np.mean(np.abs(rates_hz - self.targets_hz) / scale_hz))
            for rates_hz in (measurement.features_1s, measurement.features)
        )
        self._errors = (second, step)
        self._reward = -(second + step) / 2.0 - self.options.charge_cost * measurement.charge_fraction

    @property
    def reward(self) -> float:
        """Negative relative error of the second and of the step, less the cost of charge."""
        return self._reward

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the targets, Hz ``[C]``."""
        return self.targets_hz.copy()

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the mean relative errors of the channels; 0 before the first step."""
        second, step = self._errors
        return {"error": second, "error_step": step}
