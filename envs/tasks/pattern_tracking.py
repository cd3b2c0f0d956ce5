"""Pattern tracking: the late response of the regions of the array is to match a pattern that was evoked before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.decoding import MAX_SPIKE_RATE_HZ
from livn_gym.envs.tasks.base import Demonstration, Measurement, Task
from livn_gym.envs.tasks.inner_task import lines
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.units import finite, whole_number

PATTERN_SEED = 77
"""Seed of the hidden commands, the same for every culture and environment."""

MAX_ACTIVE = 2
"""Largest number of regions that a hidden command stimulates."""

MIN_ACTIVE_SHARE = 0.7
"""Smallest share of the range at which a hidden command stimulates; much less evokes nothing in other cells."""

SKIP_MS = 1000.0
"""Time at the beginning of a demonstration that the mean leaves out, ms."""

REGIONS_PER_SIDE = 4
"""Number of regions along each side of the array; fewer where there are fewer rows or columns of electrodes."""


class PatternTracking(Task):
    """Spatial control: the regions of the array are to respond to the pulses of a step as in a target pattern.

    ## Description
    The array is divided into R regions of neighbouring electrodes (EI3: 16 of four). The rate of a region is the mean
    rate of the cells that its electrodes record at 20-100 ms after the one pulse of a step. By then the cells that the
    field made fire are silent again, and the pattern is what synapses have made of it.

    The targets come from the culture itself. At every reset one of `patterns` hidden commands is drawn: one or two
    regions, whose electrodes get 0.7 to 1 of their range. The culture gets it for `demonstration_ms`; the regions'
    mean rates after the first second are the targets. Then the culture settles unstimulated, and the episode begins. A
    command that meets the targets therefore always exists, on every graph. The commands are the same in every
    environment; with 0 patterns every reset draws a new one.

    **Share of the network**: 100 % (100 to 100) of the gain on `livn/EI3-PatternTracking-v0` (`livn-gym validate
    --tasks`).

    ## Action Space
    `Box(-1, 1, (C,), float32)`: the amplitude of the pulse of each of C channels.

    | num       | action                            | min | max | at -1 | at 1 | unit |
    | --------- | --------------------------------- | --- | --- | ----- | ---- | ---- |
    | 0 ... C-1 | amplitude of the channel's pulse  | -1  | 1   | 0     | 10   | uA   |

    ## Observation Space
    `Box(0, high, (2 C + R,), float32)`.

    | num           | observation                            | min | max            | unit |
    | ------------- | -------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1     | late rate at the channel, last step    | 0   | the decoding's | Hz   |
    | C ... 2C-1    | its mean over the last second          | 0   | the decoding's | Hz   |
    | 2C ... 2C+R-1 | target mean rate of the region's cells | 0   | 1000           | Hz   |

    `info` also holds:

    | key           | meaning                                                         | unit |
    | ------------- | --------------------------------------------------------------- | ---- |
    | `correlation` | partial correlation of the regions' rates with the targets      | -    |

    ## Rewards
    `correlation - charge_cost * charge_fraction`. The correlation is 0 if all regions or all targets are equal. It asks
    for the pattern only: it is the partial correlation given the mean response to the strongest pulses at one region
    after the other, which is measured for every graph before its first episode. So pulses that have nothing to do with
    the target earn hardly anything, although some regions respond more than others wherever the pulse is.

    ## Starting State
    A culture that has got the hidden command and has then settled.

    ## Episode End
    The task never terminates. An episode is truncated after 60 steps (30 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name               | default                       | meaning                                        | unit |
    | ------------------ | ----------------------------- | ---------------------------------------------- | ---- |
    | `patterns`         | 8                             | number of hidden commands; 0 draws a new one   | -    |
    |                    |                               | at every reset                                 |      |
    | `demonstration_ms` | 5000                          | duration of the hidden command, more than 1000 | ms   |
    | `charge_cost`      | 0.05                          | reward lost by a step at the highest charge    | -    |
    | `step_ms`          | 500                           | length of a control step                       | ms   |
    | `encoding`         | `{"name": "pulse_amplitude",` | one pulse per step, of up to 10 uA             | -    |
    |                    | `"max_amplitude_uA": 10,`     |                                                |      |
    |                    | `"rate_hz": 2}`               |                                                |      |
    | `decoding`         | `"evoked_rates"`              | rates at 20-100 ms after the pulse             | -    |

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
        demonstration_ms: float = 5000.0
        charge_cost: float = 0.05

        def __post_init__(self) -> None:
            """Check the ranges."""
            whole_number("patterns", self.patterns, minimum=0)
            finite("demonstration_ms", self.demonstration_ms, above=SKIP_MS)
            finite("charge_cost", self.charge_cost, minimum=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        setup.check_channels("PatternTracking")
        electrodes_um = setup.electrodes_um("PatternTracking")
        self.regions = _regions(electrodes_um)
        """Region of each channel, from left to right and from below, ``[C]``."""
        self.num_regions = int(self.regions.max()) + 1
        channel, _ = setup.electrodes.channel_cell_pairs()
        cells = np.bincount(channel, minlength=len(self.regions))
        self._cells = np.maximum(1, np.bincount(self.regions, weights=cells))
        self.hidden = setup.commands.low.copy()
        """The hidden command, ``[C]``."""
        self._begin()

    def _begin(self) -> None:
        self.targets_hz = np.zeros(self.num_regions)
        self._correlation = self._reward = 0.0

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the targets, 0 to 1000 Hz ``[R]``."""
        return spaces.Box(0.0, MAX_SPIKE_RATE_HZ, (self.num_regions,), np.float32)

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the hidden command; the targets follow from its demonstration."""
        if self.options.patterns:
            rng = np.random.default_rng([PATTERN_SEED, int(rng.integers(self.options.patterns))])
        largest = min(MAX_ACTIVE, self.num_regions)
        active = rng.choice(self.num_regions, rng.integers(1, largest + 1), replace=False)
        share = np.zeros(self.num_regions)
        share[active] = rng.uniform(MIN_ACTIVE_SHARE, 1.0, len(active))
        low, high = self.action_space.low, self.action_space.high
        self.hidden = np.asarray(low + share[self.regions] * (high - low), dtype=self.action_space.dtype)
        self._begin()

    @property
    def demonstration(self) -> Demonstration:
        """The hidden command; its first second is left out of the mean."""
        return Demonstration(self.hidden, self.options.demonstration_ms, skip_ms=SKIP_MS)

    def after_demonstration(self, features: NDArray[np.float64]) -> None:
        """Set the evoked rates as targets, Hz ``[R]``."""
        self.targets_hz = np.clip(self._rates(features), 0.0, MAX_SPIKE_RATE_HZ)

    @property
    def calibration(self) -> NDArray:
        """The strongest command of one region after the other, ``[R, C]``."""
        at_region = self.regions == np.arange(self.num_regions)[:, None]
        return np.where(at_region, self.setup.commands.high, self.setup.commands.low)

    def calibrated(self, measurements: Sequence[Measurement]) -> NDArray[np.float64]:
        """Return the regions' mean rates over these commands, Hz ``[R]``: the response wherever the pulse is."""
        return np.mean([self._rates(measurement.features) for measurement in measurements], axis=0)

    def after_step(self, measurement: Measurement) -> None:
        """Compare the regions' rates with their targets."""
        self._correlation = partial_correlation(
            self._rates(measurement.features), self.targets_hz, self.setup.calibrated
        )
        self._reward = self._correlation - self.options.charge_cost * measurement.charge_fraction

    @property
    def reward(self) -> float:
        """Partial correlation of the step's rates with the targets, less the cost of charge."""
        return self._reward

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the targets, Hz ``[R]``."""
        return self.targets_hz.copy()

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the correlation of the last step; 0 before the first step."""
        return {"correlation": self._correlation}

    def _rates(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean rate of a recorded cell of every region, Hz ``[R]``."""
        return np.bincount(self.regions, weights=features) / self._cells


def correlation(rates: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Return Pearson's correlation of two patterns, ``[R]`` each; 0 if one of them has no differences."""
    rates, targets = rates - rates.mean(), targets - targets.mean()
    size = np.sqrt((rates @ rates) * (targets @ targets))
    return float(np.clip(rates @ targets / size, -1.0, 1.0)) if size > 1e-9 else 0.0


def partial_correlation(
    rates: NDArray[np.float64], targets: NDArray[np.float64], common: NDArray[np.float64] | None
) -> float:
    """Return the partial correlation of two patterns given a third, ``[R]`` each; None stands for equal entries."""
    if common is not None:
        common = common - common.mean()
        square = float(common @ common)
        if square > 1e-9:
            rates, targets = (x - x @ common / square * common for x in (rates, targets))
    return correlation(rates, targets)


def _regions(electrodes_um: NDArray) -> NDArray[np.int64]:
    """Return the region of each electrode, ``[C]``: up to ``REGIONS_PER_SIDE`` equal parts along each axis."""
    parts = []
    for axis in (0, 1):
        distinct, index = lines(electrodes_um[:, axis])
        parts.append(index * min(REGIONS_PER_SIDE, len(distinct)) // len(distinct))
    return parts[1] * (int(parts[0].max()) + 1) + parts[0]
