"""Make every channel fire at a rate of its own: the pattern that a hidden command has just evoked."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.env import Env
from livn_gym.envs.tasks.base import Demonstration, Measurement, Task
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, whole_number

MAX_TARGET_HZ = 10_000.0
"""Bound of the targets in the observation; a channel hears some ten to forty cells, of 100 Hz at their strongest."""

PATTERN_SEED = 77
"""Of the hidden commands, the same for every culture and environment."""

WEAKEST = 0.3
"""Share of the range that an active channel of the hidden command has at least; less evokes nothing."""


@checked_options
class PatternTracking(Task):
    """Spatial control: each channel has a target rate, and one channel's pulses reach its neighbours' cells.

    **Targets** are what the culture itself has just shown. At every reset one of ``patterns`` hidden commands is
    chosen: 1 to ``most_active`` of the channels, each at 0.3 ... 1 of its range, silence on the others. The culture
    gets it for ``demonstration_ms``; the channels' mean rates after the first second are the targets. Then the culture
    settles unstimulated, and the episode begins. So there is always a command that meets the targets, whatever the
    graph. The commands are the same in every environment; with 0 patterns every reset draws one of its own.

    **What acts**: the encoding's own inputs, by default one pulse amplitude a channel. **What is seen**: the channels'
    rates in the last step and in the last second, and their targets.

    **Reward**: ``-(error_1s + error_step) / 2 - charge_cost * charge_fraction``, the errors being
    ``|rate - target| / max(target, floor_hz)``, means over the channels. Both as in ``RateTracking``: a second's mean
    is less noisy, a step's cannot be met by a burst a second. It never terminates.

    Args:
        env: The cultures.
        patterns: How many hidden commands there are; 0 for a new one at every reset.
        most_active: Channels of the hidden command that are active at most.
        demonstration_ms: How long the hidden command runs, over a second, ms.
        floor_hz: Targets below it count as it in the relative error: a channel of one or two cells is mostly noise, Hz.
        charge_cost: Reward lost by a step at the highest charge.

    Raises:
        InvalidInput: A number is out of range, or features are not one a channel.

    References:
        Bakkum, Chao & Potter, J Neural Eng 5:310 (2008): spatially patterned stimulation of a culture in a closed
        loop. Wagenaar, Madhavan, Pine & Potter, J Neurosci 25:680 (2005): amplitudes tuned by electrode.
    """

    def __init__(
        self,
        env: Env,
        *,
        patterns: int,
        most_active: int,
        demonstration_ms: float,
        floor_hz: float,
        charge_cost: float,
    ) -> None:
        super().__init__(env)
        self.patterns = whole_number("patterns", patterns, minimum=0)
        self.channels = env.io.num_channels
        if isinstance(most_active, bool) or most_active not in range(1, self.channels + 1):
            raise InvalidInput(f"most_active must be a whole number in 1 ... {self.channels}, got {most_active!r}.")
        self.most_active = int(most_active)
        self.demonstration_ms = finite("demonstration_ms", demonstration_ms, above=1000.0)
        self.floor_hz = finite("floor_hz", floor_hz, above=0.0)
        self.charge_cost = finite("charge_cost", charge_cost, minimum=0.0)
        self.targets_hz = np.zeros(self.channels)
        self._errors = (0.0, 0.0)

    def action_space(self, commands: spaces.Box) -> spaces.Box:
        """The encoding's own inputs, one a channel."""
        if commands.shape != (self.channels,):
            raise InvalidInput(f"PatternTracking needs one input a channel, the encoding takes {commands.shape}.")
        self._commands = commands
        return commands

    def reset(self, np_random: np.random.Generator) -> None:
        """Choose the hidden command."""
        if self.patterns:
            np_random = np.random.default_rng([PATTERN_SEED, int(np_random.integers(self.patterns))])
        active = np_random.choice(self.channels, np_random.integers(1, self.most_active + 1), replace=False)
        share = np.zeros(self.channels)
        share[active] = np_random.uniform(WEAKEST, 1.0, len(active))
        low, high = self._commands.low, self._commands.high
        self.hidden = np.asarray(low + share * (high - low), dtype=self._commands.dtype)
        self._errors = (0.0, 0.0)

    def demonstration(self) -> Demonstration:
        """The hidden command; its first second is left out."""
        return Demonstration(self.hidden, self.demonstration_ms, skip_ms=1000.0)

    def demonstrated(self, features: NDArray[np.float64]) -> None:
        """Take the evoked rates as targets, Hz ``[C]``."""
        if features.shape != (self.channels,):
            raise InvalidInput(f"PatternTracking needs one feature a channel, the decoding gives {features.shape}.")
        self.targets_hz = np.clip(features, 0.0, MAX_TARGET_HZ)

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """0 ... 10,000 Hz for every channel."""
        return np.zeros(self.channels), np.full(self.channels, MAX_TARGET_HZ)

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """The targets, Hz ``[C]``."""
        return self.targets_hz

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Relative errors of the second and of the step, and cost of charge; never terminated."""
        scale_hz = np.maximum(self.targets_hz, self.floor_hz)
        second, step = (
            float(np.mean(np.abs(rates_hz - self.targets_hz) / scale_hz))
            for rates_hz in (measurement.features_1s, measurement.features)
        )
        self._errors = (second, step)
        return -(second + step) / 2.0 - self.charge_cost * measurement.charge_fraction, False

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Mean relative errors of the channels; 0 before the first step."""
        second, step = self._errors
        return {"error": second, "error_step": step}
