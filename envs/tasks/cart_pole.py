"""The culture inside another environment's loop: it feels the state, its spikes act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.inner import InnerEnv
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA
from livn_gym.units import finite

MAX_RATE_HZ = 1000.0
"""Bound of a region's rate in the observation; no cell fires faster."""


class CartPole(Task):
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

    sees_culture: ClassVar[bool] = False

    def __init__(
        self, env: Env, *, inner: str | Mapping[str, Any], scales: Sequence[float] = (), exponent: float
    ) -> None:
        super().__init__(env)
        self.exponent = finite("exponent", exponent, above=0.0)
        if not isinstance(env.io, MEA) or env.io.electrode_coordinates is None:
            raise InvalidInput(f"{type(self).__name__} needs electrodes in a plane (an MEA), has {env.io!r}.")
        self.inner = InnerEnv(inner, scales)
        try:
            self.sides = self._sensory(env.io.electrode_coordinates)
            self.regions = self._motor(env.geometry.soma_um)
        except BaseException:
            self.inner.close()
            raise
        self.truncated = False
        self._acted = 0
        self._return = 0.0

    def action_space(self, commands: spaces.Box) -> spaces.Box:
        """Direct and crossed gains of every variable, -1 ... 1 ``[2 D]``."""
        self._silence, self._highest = commands.low.astype(np.float64), commands.high.astype(np.float64)
        return spaces.Box(-1.0, 1.0, (2 * self.inner.num_variables,), np.float32)

    def command(self, action: NDArray) -> NDArray:
        """What each electrode gets: the encoding's lower end where nothing is felt."""
        direct, crossed = (np.asarray(action, dtype=np.float64).reshape(2, -1) + 1.0) / 2.0
        felt = np.abs(self.inner.state) ** self.exponent
        right = np.where(self.inner.state > 0, direct, crossed) * felt
        left = np.where(self.inner.state > 0, crossed, direct) * felt
        share = self.sides[0] @ left + self.sides[1] @ right
        return self._silence + share * (self._highest - self._silence)

    def reset(self, np_random: np.random.Generator) -> None:
        """Begin an episode of the inner environment."""
        self.inner.reset(np_random)
        self.truncated = False
        self._acted, self._return = 0, 0.0

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """-1 ... 1 for the state, 0 ... 1000 Hz for the regions, ``[D + A]``."""
        variables, actions = self.inner.num_variables, self.inner.num_actions
        low = np.concatenate([-np.ones(variables), np.zeros(actions)])
        return low, np.concatenate([np.ones(variables), np.full(actions, MAX_RATE_HZ)])

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """State and rates of the motor regions, ``[D + A]``."""
        return np.concatenate([self.inner.state, self._rates(measurement)])

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Let the culture act; reward and termination of the inner environment."""
        rates = self._rates(measurement)
        if rates[self._acted] < rates.max():
            self._acted = int(rates.argmax())
        reward, terminated, self.truncated = self.inner.step(self._acted)
        self._return += reward
        return reward, terminated

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Latest action of the culture, and the inner return so far."""
        return {"inner_action": float(self._acted), "inner_return": self._return}

    def close(self) -> None:
        """Close the inner environment."""
        self.inner.close()

    def _rates(self, measurement: Measurement) -> NDArray[np.float64]:
        """Mean rate of a cell in each motor region during the step, Hz ``[A]``; 0 before there was one."""
        recording, regions = measurement.recording, self.inner.num_actions
        if recording is None:
            return np.zeros(regions)
        spikes = np.bincount(self.regions[recording.spikes[1]], minlength=regions)
        return spikes / np.bincount(self.regions, minlength=regions) / (recording.duration_ms * 1e-3)

    def _sensory(self, electrodes: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Which electrodes of the left and of the right half are whose variable's, ``[C, D]`` each, 0 or 1."""
        variables = self.inner.num_variables
        middle = (electrodes[:, 0].min() + electrodes[:, 0].max()) / 2
        halves = []
        for inside in (electrodes[:, 0] < middle, electrodes[:, 0] > middle):
            channels = np.flatnonzero(inside)
            channels = channels[np.lexsort((electrodes[channels, 0], electrodes[channels, 1]))]
            if len(channels) < variables:
                raise InvalidInput(
                    f"{self.system.name} has {len(channels)} electrodes in a half of its array, "
                    f"{variables} variables need one each."
                )
            half = np.zeros((len(electrodes), variables))
            for variable, own in enumerate(np.array_split(channels, variables)):
                half[own, variable] = 1.0
            halves.append(half)
        return halves[0], halves[1]

    def _motor(self, soma_um: NDArray) -> NDArray[np.int64]:
        """The motor region of every cell, ``[N]``, by its place from left to right."""
        cells, actions = len(soma_um), self.inner.num_actions
        if actions > cells:
            raise InvalidInput(f"{actions} actions need as many cells, {self.system.name} has {cells}.")
        region = np.empty(cells, dtype=np.int64)
        region[np.lexsort((soma_um[:, 1], soma_um[:, 0]))] = np.arange(cells) * actions // cells
        return region
