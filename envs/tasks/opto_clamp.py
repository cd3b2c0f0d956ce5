"""Optoclamp: light alone holds the culture's mean firing rate at a target."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.units import finite, finite_range

MAX_TARGET_HZ = 100.0
"""Upper bound of the target in the observation."""


class OptoClamp(Task):
    """Control of the firing rate by light: the mean rate of a cell is held at targets that step.

    ## Description
    Most excitatory cells of the culture have channelrhodopsin-2, which blue light opens. The agent sets the irradiance
    of a lamp, or of every spot of a `LightArray`, so that the mean rate of a cell equals a target. Light can only
    excite, so that targets lie above the rate at rest. The channels sag under constant light and recover within a
    second in the dark: the same light has less effect later.

    Light acts on the membrane of the cells directly, and direct activation is allowed here, unlike in the tasks with
    electrodes: a culture without synapses can be clamped too, by brighter light. With the default lamp, most of the
    added spikes come from the network, which amplifies weak light; `docs/tasks.md` has the shares. Light causes no
    artefact, so that no time is blanked; `direct_spikes` in `info` counts spikes evoked by electrodes only.

    **Share of the network**: 57 % (43 to 68) of the gain on `livn/EI2-OptoClamp-v0` (`livn-gym validate --tasks`).

    ## Action Space
    `Box(-1, 1, (L,), float32)`: the irradiance of each of L lights during the step; a lamp is one light.

    | num       | action                  | min | max | at -1 | at 1 | unit   |
    | --------- | ----------------------- | --- | --- | ----- | ---- | ------ |
    | 0 ... L-1 | irradiance of the light | -1  | 1   | 0     | 0.05 | mW/mm2 |
    |           | its dose in a step      |     |     | 0     | 0.01 | mJ/mm2 |

    ## Observation Space
    `Box(0, high, (2 C + 1,), float32)` for C channels.

    | num        | observation                            | min | max            | unit |
    | ---------- | -------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1  | rate at the channel in the last step   | 0   | the decoding's | Hz   |
    | C ... 2C-1 | rate at the channel in the last second | 0   | the decoding's | Hz   |
    | 2C         | target of the mean rate, next step     | 0   | 100            | Hz   |

    `info` also holds:

    | key             | meaning                                                   | unit   |
    | --------------- | --------------------------------------------------------- | ------ |
    | `dose_mJ_mm2`   | dose of all lights in the step                            | mJ/mm2 |
    | `dose_fraction` | the same as a share of that of the strongest action       | -      |
    | `target_hz`     | target of the next step                                   | Hz     |
    | `error_hz`      | absolute difference of rate and target, means over 1 s    | Hz     |
    | `error`         | the same divided by the mean target                       | -      |

    ## Rewards
    `-error - dose_cost * dose_fraction`, at most 0, with the relative error of the last second
    `|mean of (rate - target)| / mean target`. The rate of a single step is mostly the noise of a bursting culture.

    ## Starting State
    A settled culture in the dark. The targets are drawn at every reset.

    ## Episode End
    The task never terminates. An episode is truncated after 150 steps (30 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`), of which `opsin`, `light` and `encoding` set
    the light:

    | name        | default                         | meaning                                            | unit |
    | ----------- | ------------------------------- | -------------------------------------------------- | ---- |
    | `opsin`     | `"williams_2013"`               | opsin of the cells: ChR2(H134R)                    | -    |
    | `light`     | `"lamp"`                        | a lamp; `{"shape": [4, 4]}` for 16 spots           | -    |
    | `encoding`  | `{"name": "light_pulses",       | continuous light, up to 0.05 mW/mm2                | -    |
    |             | "max_irradiance_mW_mm2": 0.05,  |                                                    |      |
    |             | "rate_hz": 5.0, "duty": 1.0}`   |                                                    |      |
    | `target_hz` | `[4, 15]`                       | target, or the range from which they are drawn     | Hz   |
    | `period_ms` | 10000                           | time for which a target holds                      | ms   |
    | `dose_cost` | 0.05                            | reward lost by a step of the strongest light       | -    |

    ## References
    Newman, Fong, Millard, Whitmire, Stanley & Potter, eLife 4:e07192 (2015): the optoclamp. Williams et al., PLoS
    Comput Biol 9:e1003220 (2013): the channel.

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A target is not in (0, 100] Hz or a range is reversed; the period is not positive; the cost is
                negative.
        """

        target_hz: float | Sequence[float] = (4.0, 15.0)
        period_ms: float = 10000.0
        dose_cost: float = 0.05

        def __post_init__(self) -> None:
            """Check the ranges."""
            finite_range("target_hz", self.target_hz, above=0.0, maximum=MAX_TARGET_HZ)
            finite("period_ms", self.period_ms, above=0.0)
            finite("dose_cost", self.dose_cost, minimum=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        self.range_hz = finite_range("target_hz", self.options.target_hz, maximum=MAX_TARGET_HZ)
        self.reset(np.random.default_rng(0))

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the target, 0 to 100 Hz for every range of targets."""
        return spaces.Box(0.0, MAX_TARGET_HZ, (1,), np.float32)

    @property
    def action_channels(self) -> NDArray[np.int64]:
        """No channel for any action: actions are lights."""
        return np.full(self.action_space.shape, -1)

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the first target, and the seed of all later ones."""
        self._rng = np.random.default_rng(rng.integers(2**63))
        self._period = 0
        self.target_hz = float(self._rng.uniform(*self.range_hz))
        # The second before the first step counts as if its target had been the first one.
        steps = self.setup.steps_per_second
        self._past_targets_hz = deque([self.target_hz] * steps, maxlen=steps)
        self._errors = (0.0, 0.0)
        self._reward = 0.0

    def after_step(self, measurement: Measurement) -> None:
        """Compare the rate of the last second with its targets, and set the next target."""
        self._past_targets_hz.append(self.target_hz)
        mean_hz = float(np.mean(list(self._past_targets_hz)))
        error_hz = abs(measurement.rate_1s_hz - mean_hz)
        self._errors = error_hz, error_hz / mean_hz
        self._reward = -error_hz / mean_hz - self.options.dose_cost * measurement.dose_fraction
        period = int(measurement.time_ms / self.options.period_ms + 1e-9)
        while self._period < period:
            self._period += 1
            self.target_hz = float(self._rng.uniform(*self.range_hz))

    @property
    def reward(self) -> float:
        """Negative relative error of the last second, less the cost of the dose."""
        return self._reward

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the target of the next step, Hz ``[1]``."""
        return np.array([self.target_hz])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the target of the next step, and the error of the last second (0 before the first step)."""
        return {"target_hz": self.target_hz, "error_hz": self._errors[0], "error": self._errors[1]}
