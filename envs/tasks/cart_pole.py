"""The culture inside another environment's loop: it feels the state, its spikes act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.envs.tasks.inner_task import InnerTask
from livn_gym.errors import InvalidInput
from livn_gym.units import finite


class CartPole(InnerTask):
    """A culture balances the pole; the agent chooses how strongly it feels each variable of the pole's state.

    **What acts on the inner environment** is the culture. Its cells, ordered from left to right, are divided into as
    many motor regions of equal size as there are actions (two: push left, push right). The region that fired most in
    the step acts; of equal ones, the one that acted last.

    **What the culture feels** is the inner state. Every variable owns some sensory electrodes in the left half of
    the array and as many in the right half (on EI2 a row of the array). Deviations z from the centre are taken as
    shares of the variable's scale, within -1 ... 1. The amplitude is ``gain |z|^exponent`` of the highest.

    **What the agent chooses** is two gains for every variable, -1 (none) ... 1 (the highest): the ``direct`` one lets
    a positive z stimulate the right and a negative z the left electrodes, the ``crossed`` one the other way round.
    The actions are ``[direct of the D variables, crossed of the D variables]``. Silence is all at -1. Little is
    not enough, and everything at once is too much: the fields of many electrodes add up to one that excites the whole
    culture, so that its sides no longer differ.

    **What the agent sees**: the inner state ``[D]`` as shares of the scales, and the rates of the motor regions in the
    step, Hz ``[A]``. It does not see the channels.

    **The loop**: gains -> stimulation by the state as it is -> ``step_ms`` of the culture -> action -> one step of the
    inner environment, whose reward is the reward, and whose end (terminated or truncated) is the end. The culture is
    slower than the pole: the 50 ms of a step are 20 ms of CartPole. **Nothing is trained in the decoder**; it is the
    geometry above.

    Args:
        env: The cultures.
        inner: Gymnasium id, or a mapping with ``id`` and arguments of ``gym.make``, of an environment with a ``Box`` of
            observations and discrete actions; ``inner="MountainCar-v0"`` is all it takes to replace the pole.
        scales: Deviation of each variable that counts as 1; empty takes the spread under random actions.
        exponent: Of the amplitude as a function of the deviation; below 1, small deviations are felt more.

    Raises:
        InvalidInput: The inner environment has other spaces, more variables than there are electrodes in a half, or
            more actions than cells; a number is out of range.

    References:
        Barto, Sutton & Anderson, IEEE Trans Syst Man Cybern 13:834 (1983): the pole. Robbins et al., Cell Reports
        (2026): an organoid balances it. Kagan et al., Neuron 110:3952 (2022): sensory and motor regions of a culture.
    """

    def __init__(
        self, env: Env, *, inner: str | Mapping[str, Any], scales: Sequence[float] = (), exponent: float
    ) -> None:
        self.exponent = finite("exponent", exponent, above=0.0)
        super().__init__(env, InnerEnv(inner, scales))

    @property
    def num_groups(self) -> int:
        """One for every variable."""
        return self.inner.num_variables

    def shares(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """The variables' deviations, each on its electrodes of one half."""
        direct, crossed = gains
        felt = np.abs(self.inner.state) ** self.exponent
        right = np.where(self.inner.state > 0, direct, crossed) * felt
        left = np.where(self.inner.state > 0, crossed, direct) * felt
        return left @ self.sensory[0] + right @ self.sensory[1]

    def sensory_electrodes(self, electrodes: NDArray) -> NDArray[np.float64]:
        """Those of the left and of the right half that are each variable's, ``[2, D, C]``."""
        variables = self.inner.num_variables
        middle = (electrodes[:, 0].min() + electrodes[:, 0].max()) / 2
        halves = np.zeros((2, variables, len(electrodes)))
        for half, inside in zip(halves, (electrodes[:, 0] < middle, electrodes[:, 0] > middle), strict=True):
            channels = np.flatnonzero(inside)
            channels = channels[np.lexsort((electrodes[channels, 0], electrodes[channels, 1]))]
            if len(channels) < variables:
                raise InvalidInput(
                    f"{self.system.name} has {len(channels)} electrodes in a half of its array, "
                    f"{variables} variables need one each."
                )
            for variable, own in enumerate(np.array_split(channels, variables)):
                half[variable, own] = 1.0
        return halves

    def motor_regions(self, soma_um: NDArray, electrodes: NDArray) -> NDArray[np.int64]:
        """As many regions of equal size as there are actions, from left to right."""
        cells = len(soma_um)
        region = np.empty(cells, dtype=np.int64)
        region[np.lexsort((soma_um[:, 1], soma_um[:, 0]))] = np.arange(cells) * self.inner.num_actions // cells
        return region
