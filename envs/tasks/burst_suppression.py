"""Keep a bursting culture from bursting, with little charge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.bursts import BIN_MS, BURST_HZ, Onsets, bin_rates, check_bins
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.units import finite

MAX_QUIET_S = 10.0
"""Upper bound of the time since a burst, s; an episode begins with it."""

MAX_PEAK_HZ = 1000.0
"""Upper bound of the rate of a cell in a bin."""


class BurstSuppression(Task):
    """Suppression of bursts: a culture that bursts every three seconds should not burst.

    ## Description
    Pulses that are distributed over the electrodes and in time suppress the bursts, as in cultures on a dish: each
    electrode pulses five times a second, in one of sixteen groups that pulse in turn. Pulses also cost charge, so the
    agent must find where and when the smallest charge suffices. Weak pulses evoke further bursts. The culture is the
    variant `bursting`.

    **Share of the network**: 100 % (100 to 100) of the gain on `livn/EI2-BurstSuppression-v0` (`livn-gym validate
    --tasks`).

    ## Action Space
    `Box(-1, 1, (C,), float32)`: the amplitude of the pulses of each of C channels.

    | num       | action                            | min | max | at -1 | at 1 | unit |
    | --------- | --------------------------------- | --- | --- | ----- | ---- | ---- |
    | 0 ... C-1 | amplitude of the channel's pulses | -1  | 1   | 0     | 15   | uA   |

    ## Observation Space
    `Box(0, high, (2 C + 2,), float32)`.

    | num        | observation                                 | min | max            | unit |
    | ---------- | ------------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1  | rate at the channel in the last step        | 0   | the decoding's | Hz   |
    | C ... 2C-1 | rate at the channel in the last second      | 0   | the decoding's | Hz   |
    | 2C         | highest mean rate of a cell in a 50 ms bin  | 0   | 1000           | Hz   |
    | 2C+1       | time since the last burst                   | 0   | 10             | s    |

    `info` also holds:

    | key           | meaning                                         | unit |
    | ------------- | ----------------------------------------------- | ---- |
    | `burst_share` | share of the step's bins that belong to a burst | -    |
    | `bursts`      | bursts that began in the step                   | -    |
    | `peak_hz`     | highest mean rate of a cell in a 50 ms bin      | Hz   |

    ## Rewards
    `-burst_cost * burst_share - charge_cost * charge_fraction`, at most 0. A bin of 50 ms belongs to a burst if the
    mean rate of a cell in it is above 30 Hz. A seizure counts as a burst without end, so that driving the culture into
    one gains nothing.

    ## Starting State
    A settled culture; nothing is drawn.

    ## Episode End
    The task never terminates. An episode is truncated after 150 steps (30 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name          | default                      | meaning                                                    | unit |
    | ------------- | ---------------------------- | ---------------------------------------------------------- | ---- |
    | `burst_cost`  | 10                           | reward lost by a step whose bins all belong to a burst     | -    |
    | `charge_cost` | 0.3                          | reward lost by a step at the highest charge                | -    |
    | `variant`     | `"bursting"`                 | parameters of the culture                                  | -    |
    | `encoding`    | `{"name":                    | each electrode pulses five times a second, in one of 16    | -    |
    |               | "pulse_amplitude",           | groups that pulse in turn                                  |      |
    |               | "rate_hz": 5, "groups": 16}` |                                                            |      |

    ## References
    Wagenaar, Madhavan, Pine & Potter, Controlling bursting in cortical cultures with closed-loop multi-electrode
    stimulation, J Neurosci 25:680 (2005): stimulation spread over many electrodes abolishes bursts.

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A cost is negative.
        """

        burst_cost: float = 10.0
        charge_cost: float = 0.3

        def __post_init__(self) -> None:
            """Check the ranges."""
            finite("burst_cost", self.burst_cost, minimum=0.0)
            finite("charge_cost", self.charge_cost, minimum=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        check_bins(setup.step_ms)
        self._begin()

    def _begin(self) -> None:
        self._share = 0.0
        self._peak_hz = 0.0
        self._bursts = 0
        self._quiet_s = MAX_QUIET_S
        self._onsets = Onsets()
        self._reward = 0.0

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the peak rate, 0 to 1000 Hz, and of the time since a burst, 0 to 10 s."""
        return spaces.Box(np.zeros(2, np.float32), np.array([MAX_PEAK_HZ, MAX_QUIET_S], np.float32))

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode; nothing is drawn."""
        self._begin()

    def after_step(self, measurement: Measurement) -> None:
        """Detect the bursts of the step."""
        rates_hz = bin_rates(measurement, self.setup.step_ms, self.setup.system.num_neurons)
        above = rates_hz > BURST_HZ
        self._share = float(above.mean())
        self._peak_hz = float(rates_hz.max())
        self._bursts = self._onsets.count(above)
        if above.any():
            self._quiet_s = float((len(rates_hz) - 1 - np.flatnonzero(above)[-1]) * BIN_MS / 1e3)
        else:
            self._quiet_s += self.setup.step_ms / 1e3
        costs = self.options
        self._reward = -costs.burst_cost * self._share - costs.charge_cost * measurement.charge_fraction

    @property
    def reward(self) -> float:
        """Cost of bursts and of charge."""
        return self._reward

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the highest 50 ms mean rate of a cell, Hz, and the time since the last burst, 0 to 10 s ``[2]``."""
        return np.array([min(MAX_PEAK_HZ, self._peak_hz), min(MAX_QUIET_S, self._quiet_s)])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the share of bins in bursts, bursts that began, and the highest mean rate in a 50 ms bin, Hz."""
        return {"burst_share": self._share, "bursts": float(self._bursts), "peak_hz": self._peak_hz}
