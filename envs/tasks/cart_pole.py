"""CartPole: a culture balances a pole, by stimulation with the inner state and actions from its spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Task
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.envs.tasks.inner_task import InnerTask, lines
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, whole_number


class CartPole(InnerTask):
    """CartPole: a culture balances the pole; the agent sets how strongly each variable of the state stimulates it.

    ## Description
    **What acts**: the culture. The electrodes outside the sensory columns are divided from left to right into motor
    regions, one for each action of the inner environment (two: push left, push right). The region whose electrodes
    record the highest mean rate at 20-100 ms after the pulses acts; in a tie, the one that acted last. The field makes
    cells fire within a few milliseconds, so that only activity that synapses carry from the sensory to the motor
    electrodes acts.

    **What is seen by the culture**: the inner state. Every variable has up to `electrodes` sensory electrodes left of
    the middle and as many right of it, in columns that belong to no motor region (on EI3 the inner two of the four
    columns of each half, two rows for each variable of CartPole). Deviations z from the centre are shares of the
    variable's scale, within -1 to 1. The amplitude of the one pulse per step is `gain |z|^exponent` of the highest.

    **The loop**: gains, stimulation by the present state, `step_ms` of the culture, action, one step of the inner
    environment. The game's clock is slower than the culture's: the 500 ms of a step are 20 ms of CartPole. A culture
    needs this time to recover from depression. **The decoder is not trained**; it is the geometry above.

    **Share of the network**: 99 % (97 to 100) of the gain on `livn/EI3-CartPole-v0` (`livn-gym validate --tasks`).

    ## Action Space
    `Box(-1, 1, (2 D,), float32)`: two gains for each of D variables (CartPole: 4), from -1 (none) to 1 (the highest).

    | num        | action                                                         | min | max |
    | ---------- | -------------------------------------------------------------- | --- | --- |
    | 0 ... D-1  | direct gain: a positive z stimulates right, a negative z left  | -1  | 1   |
    | D ... 2D-1 | crossed gain: a positive z stimulates left, a negative z right | -1  | 1   |

    Silence is all at -1. Small gains are not enough: single electrodes and weak pulses evoke too little.

    ## Observation Space
    `Box(low, high, (D + A,), float32)`. The channels are not shown.

    | num         | observation                                     | min | max            | unit |
    | ----------- | ----------------------------------------------- | --- | -------------- | ---- |
    | 0 ... D-1   | variable of the inner state, as a share z       | -1  | 1              | -    |
    | D ... D+A-1 | mean rate at electrodes of the action's region  | 0   | the decoding's | Hz   |

    `info` also holds:

    | key            | meaning                                | unit |
    | -------------- | -------------------------------------- | ---- |
    | `inner_action` | latest action of the culture           | -    |
    | `inner_return` | return of the inner environment so far | -    |

    ## Rewards
    The reward of the inner environment: 1 for every step of CartPole.

    ## Starting State
    A settled culture, and a start of the inner environment whose seed is drawn.

    ## Episode End
    That of the inner environment: the pole falls (terminated), or its own time limit is reached (truncated). An
    episode is also truncated after 200 steps (100 s of the culture).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name         | default                                 | meaning                                      | unit |
    | ------------ | --------------------------------------- | -------------------------------------------- | ---- |
    | `inner`      | `"CartPole-v1"`                         | Gymnasium id, or a mapping with `id` and     | -    |
    |              |                                         | arguments of `gym.make`, of an environment   |      |
    |              |                                         | with a `Box` of observations and discrete    |      |
    |              |                                         | actions, as `"MountainCar-v0"`               |      |
    | `scales`     | `[]`                                    | deviation of each variable that counts as 1; | -    |
    |              |                                         | `[]` takes their spread under random actions |      |
    | `exponent`   | 0.25                                    | power of z in the amplitude; below 1, small  | -    |
    |              |                                         | deviations get a larger share                |      |
    | `electrodes` | 4                                       | largest number of sensory electrodes of a    | -    |
    |              |                                         | variable on each side                        |      |
    | `step_ms`    | 500                                     | length of a control step                     | ms   |
    | `encoding`   | `{"name": "pulse_amplitude",`           | one pulse per step, of up to 10 uA           | -    |
    |              | `"max_amplitude_uA": 10, "rate_hz": 2}` |                                              |      |
    | `decoding`   | `"evoked_rates"`                        | rates at 20-100 ms after the pulse           | -    |

    ## References
    Barto, Sutton & Anderson, IEEE Trans Syst Man Cybern 13:834 (1983): the pole. Robbins et al., Cell Reports (2026):
    an organoid balances it. Kagan et al., Neuron 110:3952 (2022): sensory and motor regions of a culture.

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A number is not positive.
        """

        inner: str | Mapping[str, Any] | gym.Env = "CartPole-v1"
        scales: Sequence[float] = ()
        exponent: float = 0.25
        electrodes: int = 4

        def __post_init__(self) -> None:
            """Check the ranges; the inner environment and its scales are checked together."""
            finite("exponent", self.exponent, above=0.0)
            whole_number("electrodes", self.electrodes)

    def __init__(self, setup: TaskSetup) -> None:
        self.exponent = finite("exponent", setup.options.exponent)
        super().__init__(setup, InnerEnv(setup.options.inner, setup.options.scales))

    @property
    def num_groups(self) -> int:
        """Number of variables of the inner state, D."""
        return self.inner.num_variables

    def shares(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the highest command by electrode, from the deviations of the variables, ``[C]``."""
        direct, crossed = gains
        magnitude = np.abs(self.inner.state) ** self.exponent
        right = np.where(self.inner.state > 0, direct, crossed) * magnitude
        left = np.where(self.inner.state > 0, crossed, direct) * magnitude
        return left @ self.sensory[0] + right @ self.sensory[1]

    def sensory_electrodes(self, electrodes_um: NDArray) -> NDArray[np.float64]:
        """Return the electrodes of each variable left and right of the middle, ``[2, D, C]``."""
        variables = self.inner.num_variables
        distance, sensory = _columns(electrodes_um)
        halves = np.zeros((2, variables, len(electrodes_um)))
        for half, inside in zip(halves, (sensory & (distance < 0), sensory & (distance > 0)), strict=True):
            channels = np.flatnonzero(inside)
            channels = channels[np.lexsort((electrodes_um[channels, 0], electrodes_um[channels, 1]))]
            if len(channels) < variables:
                raise InvalidInput(
                    f"{self.setup.system.name} has {len(channels)} sensory electrodes in a half of its array, "
                    f"{variables} variables need one each."
                )
            for variable, electrodes in enumerate(np.array_split(channels, variables)):
                half[variable, electrodes[: self.options.electrodes]] = 1.0
        return halves

    def motor_regions(self, electrodes_um: NDArray) -> NDArray[np.int64]:
        """Divide the electrodes outside the sensory columns from left to right into regions, one for each action."""
        motor = np.flatnonzero(~_columns(electrodes_um)[1])
        motor = motor[np.lexsort((electrodes_um[motor, 1], electrodes_um[motor, 0]))]
        region = np.full(len(electrodes_um), -1)
        region[motor] = np.arange(len(motor)) * self.inner.num_actions // max(1, len(motor))
        return region


def _columns(electrodes_um: NDArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the distance of each electrode's column from the middle, in columns, and whether it is a sensory one.

    The inner half of the columns of each side are sensory, at least one: of eight columns the second, third, sixth and
    seventh.
    """
    distinct, column = lines(electrodes_um[:, 0])
    side = len(distinct) // 2
    from_edge = np.minimum(column, len(distinct) - 1 - column)
    outer = max(1, side // 4)
    distance = column.astype(np.float64) - (len(distinct) - 1) / 2
    return distance, (from_edge >= outer) & (from_edge < outer + max(1, side // 2))
