"""Discrimination: two input patterns whose responses a fixed linear decoder should tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.units import finite

MAX_MARGIN = 20.0
"""Upper bound of a margin's absolute value, so that a reward is at least about -20."""


class Discrimination(Task):
    """Discrimination of two patterns: the agent shapes the cued one so that a fixed decoder recognises it.

    ## Description
    Every step is a trial. One of two patterns is cued: the two colours of a checkerboard of electrodes. Only the
    electrodes of the cued pattern stimulate, with one pulse at the start of the trial; the others' actions have no
    effect. A linear decoder that never changes then guesses which pattern it was from the rates at 20-100 ms after the
    pulse: `margin = cue * weights . rates / scale_hz`. Its weights are independent of the culture: 1 in the left
    half of the array and -1 in the right one. Neighbouring electrodes have different colours, so that both patterns
    reach both halves, and uniform amplitudes give a small margin. The agent must find for each pattern the
    electrodes whose late response the decoder assigns to it. Strong pulses at many electrodes set off a burst of the
    whole culture, which on some graphs does not depend on where the pulses were.

    **What acts** is the culture's late response: the cells that the field makes fire do so within a few milliseconds.
    **What is seen** are the rates of that window, and the cue. **The decoder is not trained.**

    **Share of the network**: 100 % (100 to 100) of the gain on `livn/EI3-Discrimination-v0` (`livn-gym validate
    --tasks`).

    ## Action Space
    `Box(-1, 1, (C,), float32)`: the amplitude of the pulses of each of C channels.

    | num       | action                            | min | max | at -1 | at 1 | unit |
    | --------- | --------------------------------- | --- | --- | ----- | ---- | ---- |
    | 0 ... C-1 | amplitude of the channel's pulse  | -1  | 1   | 0     | 10   | uA   |

    ## Observation Space
    `Box(low, high, (2 C + 1,), float32)`.

    | num        | observation                            | min | max            | unit |
    | ---------- | -------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1  | late rate at the channel, last trial   | 0   | the decoding's | Hz   |
    | C ... 2C-1 | its mean over the last second          | 0   | the decoding's | Hz   |
    | 2C         | cue of the next trial                  | -1  | 1              | -    |

    `info` also holds:

    | key        | meaning                                                         | unit |
    | ---------- | --------------------------------------------------------------- | ---- |
    | `cue`      | cue of the last trial; 0 before the first                       | -    |
    | `margin`   | margin of the last trial                                        | -    |
    | `accuracy` | share of right guesses in the episode; 0 before the first trial | -    |

    ## Rewards
    `log(1 / (1 + exp(-margin))) - charge_cost * charge_fraction`, the log-probability that the decoder gives the cue;
    -0.69 is chance.

    ## Starting State
    A settled culture. Cues are drawn, both with the same probability.

    ## Episode End
    The task never terminates. An episode is truncated after 60 steps (30 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name          | default                       | meaning                                             | unit |
    | ------------- | ----------------------------- | --------------------------------------------------- | ---- |
    | `weights`     | `[]`                          | the decoder's weight of every channel's rate, one   | -    |
    |               |                               | for each channel; `[]` are the halves               |      |
    | `scale_hz`    | 2500                          | output of the decoder that counts as a margin of 1  | Hz   |
    | `charge_cost` | 0.05                          | reward lost by a step at the highest charge         | -    |
    | `step_ms`     | 500                           | length of a control step                            | ms   |
    | `encoding`    | `{"name": "pulse_amplitude",` | one pulse per step, of up to 10 uA                  | -    |
    |               | `"max_amplitude_uA": 10,`     |                                                     |      |
    |               | `"rate_hz": 2}`               |                                                     |      |
    | `decoding`    | `"evoked_rates"`              | rates at 20-100 ms after the pulse                  | -    |

    ## References
    Dockendorf, Park, He, Principe & DeMarse, Biosystems 95:90 (2009): separability of spatial patterns in cultured
    networks by a linear readout. Maass, Natschlaeger & Markram, Neural Comput 14:2531 (2002): fixed networks and
    linear readouts.

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A number is out of range.
        """

        weights: Sequence[float] = ()
        scale_hz: float = 2500.0
        charge_cost: float = 0.05

        def __post_init__(self) -> None:
            """Check the ranges."""
            finite("scale_hz", self.scale_hz, above=0.0)
            finite("charge_cost", self.charge_cost, minimum=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        setup.check_channels("Discrimination")
        channels, weights = setup.electrodes.num_channels, self.options.weights
        if len(weights) not in (0, channels):
            raise InvalidInput(f"weights must have one entry for each of {channels} channels, got {len(weights)}.")
        electrodes_um = setup.electrodes_um("Discrimination")
        given = np.array([finite("weights", weight) for weight in weights])
        self.weights = given if len(weights) else halves(electrodes_um)
        self.pattern = checkerboard(electrodes_um)
        self.cue = 1
        self._begin(np.random.default_rng(0))

    def _begin(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._trials = self._correct = 0
        self._last_cue = self._margin = 0.0
        self._reward = 0.0

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the cue, -1 to 1."""
        return spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the first cue, and the seed of all later ones."""
        self._begin(np.random.default_rng(rng.integers(2**63)))
        self.cue = self._draw_cue()

    def to_command(self, action: NDArray) -> NDArray:
        """Return the action on the electrodes of the cued pattern and no pulses on the others, ``[C]``."""
        return np.where(self.pattern == self.cue, action, self.setup.commands.low)

    def after_step(self, measurement: Measurement) -> None:
        """Decode the response, and draw the next cue."""
        margin = float(self.cue * (self.weights @ measurement.features) / self.options.scale_hz)
        margin = min(MAX_MARGIN, max(-MAX_MARGIN, margin))
        self._trials += 1
        self._correct += margin > 0
        self._last_cue, self._margin = float(self.cue), margin
        self._reward = -float(np.log1p(np.exp(-margin))) - self.options.charge_cost * measurement.charge_fraction
        self.cue = self._draw_cue()

    @property
    def reward(self) -> float:
        """Log-probability of the cue, less the cost of charge."""
        return self._reward

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the cue of the next trial, -1 or 1 ``[1]``."""
        return np.array([float(self.cue)])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return cue and margin of the last trial and the share of right guesses; 0 before the first trial."""
        accuracy = self._correct / max(1, self._trials)
        return {"cue": self._last_cue, "margin": self._margin, "accuracy": accuracy}

    def _draw_cue(self) -> int:
        return 1 if self._rng.random() < 0.5 else -1


@checked_options
def checkerboard(electrodes_um: NDArray) -> NDArray[np.int64]:
    """Return the colour of every electrode on a checkerboard, -1 or 1 ``[C]``.

    Args:
        electrodes_um: Positions of the electrodes, um ``[C, 3]``.

    Raises:
        InvalidInput: The positions have another shape.
    """
    _check_shape(electrodes_um)
    column, row = (np.unique(np.round(electrodes_um[:, axis], 3), return_inverse=True)[1] for axis in (0, 1))
    return np.where((row + column) % 2 == 0, -1, 1)


@checked_options
def halves(electrodes_um: NDArray) -> NDArray[np.float64]:
    """Return 1 for electrodes left of the middle of an array, -1 for those right of it, 0 between, ``[C]``.

    Args:
        electrodes_um: Positions of the electrodes, um ``[C, 3]``.

    Raises:
        InvalidInput: The positions have another shape.
    """
    _check_shape(electrodes_um)
    x_um = electrodes_um[:, 0]
    return -np.sign(np.round(x_um - (x_um.min() + x_um.max()) / 2.0, 3))


def _check_shape(electrodes_um: NDArray) -> None:
    if electrodes_um.ndim != 2 or electrodes_um.shape[1] < 2 or not len(electrodes_um):
        raise InvalidInput(f"electrodes_um must be [C, 3] with C > 0, got the shape {electrodes_um.shape}.")
