"""Make two input patterns evoke responses that a fixed linear decoder tells apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA
from livn_gym.units import finite

MAX_MARGIN = 20.0
"""Margins beyond it count as it, so that a reward is at least about -20."""


@checked_options
class Discrimination(Task):
    """Every step is a trial: one of two patterns is cued, the agent shapes it, a fixed decoder guesses which it was.

    **The patterns** are the two colours of a checkerboard of electrodes. In a trial only the electrodes of the cued
    one stimulate; the others' actions have no effect.

    **What acts**: the agent chooses the amplitude of every electrode, one action a channel. **What is seen**: the
    channels' rates in the last trial and in the last second, and the cue of the trial that comes, -1 or 1.

    **The decoder** is linear in the channels' rates and is not trained: ``margin = cue * weights . rates / scale_hz``,
    with the weights and the scale that stand in the config. They are random signs and know nothing of the culture. So
    a uniform pattern says little: the agent has to find those electrodes of each pattern whose response the decoder
    reads as that pattern's, and how strong they may be before they reach the neighbours.

    **Reward**: ``log(1 / (1 + exp(-margin))) - charge_cost * charge_fraction``, the log-probability that the decoder
    gives the cue; -0.69 is chance. It never terminates.

    Args:
        env: The cultures.
        weights: The decoder's weight of every channel's rate, ``[C]``.
        scale_hz: Output of the decoder that counts as a margin of 1, Hz.
        charge_cost: Reward lost by a step at the highest charge.

    Raises:
        InvalidInput: There are not C weights, features are not one a channel, or a number is out of range.

    References:
        Dockendorf, Park, He, Principe & DeMarse, Biosystems 95:90 (2009): separability of spatial patterns in cultured
        networks by a linear readout. Maass, Natschlaeger & Markram, Neural Comput 14:2531 (2002): fixed networks and
        linear readouts.
    """

    def __init__(self, env: Env, *, weights: Sequence[float], scale_hz: float, charge_cost: float) -> None:
        super().__init__(env)
        if not isinstance(env.io, MEA) or env.io.electrode_coordinates is None:
            raise InvalidInput(f"Discrimination needs electrodes in a plane (an MEA), has {env.io!r}.")
        channels = env.io.num_channels
        if len(weights) != channels:
            raise InvalidInput(f"Discrimination needs a weight for each of {channels} channels, got {len(weights)}.")
        self.weights = np.array([finite("weights", weight) for weight in weights])
        self.scale_hz = finite("scale_hz", scale_hz, above=0.0)
        self.charge_cost = finite("charge_cost", charge_cost, minimum=0.0)
        self.pattern = checkerboard(env.io.electrode_coordinates)
        self.cue = 1
        self._rng = np.random.default_rng(0)
        self._trials = self._correct = 0
        self._last = (0.0, 0.0)

    def action_space(self, commands: spaces.Box) -> spaces.Box:
        """The encoding's own inputs, one a channel."""
        if commands.shape != self.weights.shape:
            raise InvalidInput(f"Discrimination needs one input a channel, the encoding takes {commands.shape}.")
        self._silence = commands.low
        return commands

    def command(self, action: NDArray) -> NDArray:
        """The action on the electrodes of the cued pattern, silence on the others."""
        return np.where(self.pattern == self.cue, action, self._silence)

    def reset(self, np_random: np.random.Generator) -> None:
        """Draw the first cue; the others follow from a seed drawn here."""
        self._rng = np.random.default_rng(np_random.integers(2**63))
        self._trials = self._correct = 0
        self._last = (0.0, 0.0)
        self.cue = self._drawn()

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """-1 ... 1."""
        return np.array([-1.0]), np.array([1.0])

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Cue of the trial that comes, -1 or 1 ``[1]``."""
        return np.array([float(self.cue)])

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Log-probability of the cue and cost of charge; then the next cue is drawn."""
        if measurement.features.shape != self.weights.shape:
            raise InvalidInput(f"Discrimination decodes one feature a channel, got {measurement.features.shape}.")
        margin = float(self.cue * (self.weights @ measurement.features) / self.scale_hz)
        margin = min(MAX_MARGIN, max(-MAX_MARGIN, margin))
        self._trials += 1
        self._correct += margin > 0
        self._last = (float(self.cue), margin)
        self.cue = self._drawn()
        return -float(np.log1p(np.exp(-margin))) - self.charge_cost * measurement.charge_fraction, False

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Cue and margin of the last trial, and the share of right guesses in the episode; 0 before the first trial."""
        cue, margin = self._last
        return {"cue": cue, "margin": margin, "accuracy": self._correct / max(1, self._trials)}

    def _drawn(self) -> int:
        return 1 if self._rng.random() < 0.5 else -1


@checked_options
def checkerboard(electrodes: NDArray) -> NDArray[np.int64]:
    """Colour of every electrode, -1 or 1 ``[C]``, by its row and column."""
    if electrodes.ndim != 2 or electrodes.shape[1] < 2:
        raise InvalidInput(f"electrodes must be [C, 3], got the shape {electrodes.shape}.")
    column, row = (np.unique(np.round(electrodes[:, axis], 3), return_inverse=True)[1] for axis in (0, 1))
    return np.where((row + column) % 2 == 0, -1, 1)
