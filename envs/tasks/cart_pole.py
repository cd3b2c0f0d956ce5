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
from livn_gym.envs.tasks.inner_task import InnerTask
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.units import finite


class CartPole(InnerTask):
    """CartPole: a culture balances the pole; the agent sets how strongly each variable of the state stimulates it.

    ## Description
    **Motor output**: the culture acts on the inner environment. Its cells, ordered from left to right, are divided into
    motor regions of equal size, one for each action (two: push left, push right). The region that fired most in the
    step acts; in a tie, the one that acted last.

    **Sensory input**: the inner state stimulates the culture. Every variable has some sensory electrodes in the left
    half of the array and as many in the right half (on EI2 a row of the array). Deviations z from the centre are shares
    of the variable's scale, within -1 to 1. The amplitude is `gain |z|^exponent` of the highest.

    **The loop**: gains, stimulation by the present state, `step_ms` of the culture, action, one step of the inner
    environment. The culture is slower than the pole: the 50 ms of a step are 20 ms of CartPole. **The decoder is not
    trained**; it is the geometry above.

    ## Action Space
    `Box(-1, 1, (2 D,), float32)`: two gains for each of D variables (CartPole: 4), from -1 (none) to 1 (the highest).

    | num        | action                                                         | min | max |
    | ---------- | -------------------------------------------------------------- | --- | --- |
    | 0 ... D-1  | direct gain: a positive z stimulates right, a negative z left  | -1  | 1   |
    | D ... 2D-1 | crossed gain: a positive z stimulates left, a negative z right | -1  | 1   |

    Silence is all at -1. Small gains are not enough, and all gains at once are too much: the fields of many electrodes
    add up to one that excites the whole culture, so that its sides no longer differ.

    ## Observation Space
    `Box(low, high, (D + A,), float32)`. The channels are not shown.

    | num         | observation                                 | min | max  | unit |
    | ----------- | ------------------------------------------- | --- | ---- | ---- |
    | 0 ... D-1   | variable of the inner state, as a share z   | -1  | 1    | -    |
    | D ... D+A-1 | rate of a cell of the action's motor region | 0   | 1000 | Hz   |

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
    episode is also truncated after 500 steps (25 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name        | default                                      | meaning                                      | unit |
    | ----------- | -------------------------------------------- | -------------------------------------------- | ---- |
    | `inner`     | `"CartPole-v1"`                              | Gymnasium id, or a mapping with `id` and     | -    |
    |             |                                              | arguments of `gym.make`, of an environment   |      |
    |             |                                              | with a `Box` of observations and discrete    |      |
    |             |                                              | actions, as `"MountainCar-v0"`               |      |
    | `scales`    | `[]`                                         | deviation of each variable that counts as 1; | -    |
    |             |                                              | `[]` takes their spread under random actions |      |
    | `exponent`  | 0.5                                          | power of z in the amplitude; below 1, small  | -    |
    |             |                                              | deviations get a larger share               |      |
    | `step_ms`   | 50                                           | length of a control step                     | ms   |
    | `settle_ms` | 1000                                         | unstimulated time before an episode          | ms   |
    | `encoding`  | `{"name": "pulse_amplitude", "rate_hz": 40}` | two pulses per step                          | -    |

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
            InvalidInput: The exponent is not positive.
        """

        inner: str | Mapping[str, Any] | gym.Env = "CartPole-v1"
        scales: Sequence[float] = ()
        exponent: float = 0.5

        def __post_init__(self) -> None:
            """Check the range; the inner environment and its scales are checked together."""
            finite("exponent", self.exponent, above=0.0)

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
        """Return the electrodes of each variable in the left and in the right half, ``[2, D, C]``."""
        variables = self.inner.num_variables
        middle = (electrodes_um[:, 0].min() + electrodes_um[:, 0].max()) / 2
        halves = np.zeros((2, variables, len(electrodes_um)))
        for half, inside in zip(halves, (electrodes_um[:, 0] < middle, electrodes_um[:, 0] > middle), strict=True):
            channels = np.flatnonzero(inside)
            channels = channels[np.lexsort((electrodes_um[channels, 0], electrodes_um[channels, 1]))]
            if len(channels) < variables:
                raise InvalidInput(
                    f"{self.setup.system.name} has {len(channels)} electrodes in a half of its array, "
                    f"{variables} variables need one each."
                )
            for variable, electrodes in enumerate(np.array_split(channels, variables)):
                half[variable, electrodes] = 1.0
        return halves

    def motor_regions(self, soma_um: NDArray, electrodes_um: NDArray) -> NDArray[np.int64]:
        """Divide the cells from left to right into regions of equal size, one for each action."""
        cells = len(soma_um)
        region = np.empty(cells, dtype=np.int64)
        region[np.lexsort((soma_um[:, 1], soma_um[:, 0]))] = np.arange(cells) * self.inner.num_actions // cells
        return region
