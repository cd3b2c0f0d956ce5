"""Keep a bursting culture from bursting, with little charge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.bursts import BIN_MS, BURST_HZ, Onsets, bin_rates
from livn_gym.units import finite

LONGEST_S = 10.0
"""Longest time since a burst that is told apart, s; an episode begins with it."""


@checked_options
class BurstSuppression(Task):
    """A culture that left alone fires a burst of all its cells every three seconds shall fire none.

    **What acts**: the encoding's own inputs, by default one pulse amplitude a channel. **What is seen**: the decoded
    recording of the last step and of the last second, the highest rate of a cell in 50 ms of the last step, and the
    time since the last burst.

    **Reward**: ``-burst_cost * share - charge_cost * charge_fraction``, with the share of the step's 50 ms bins in
    which the mean rate of a cell is above 30 Hz. A seizure counts as a burst without end, so driving the culture to one
    earns nothing. It never terminates.

    Args:
        env: The cultures.
        burst_cost: Reward lost by a step that is a burst from end to end.
        charge_cost: Reward lost by a step at the highest charge.

    Raises:
        InvalidInput: A cost is negative.

    References:
        Wagenaar, Madhavan, Pine & Potter, Controlling bursting in cortical cultures with closed-loop multi-electrode
        stimulation, J Neurosci 25:680 (2005): stimulation spread over many electrodes abolishes bursts.
    """

    def __init__(self, env: Env, *, burst_cost: float, charge_cost: float) -> None:
        super().__init__(env)
        self.burst_cost = finite("burst_cost", burst_cost, minimum=0.0)
        self.charge_cost = finite("charge_cost", charge_cost, minimum=0.0)
        self._begin()

    def _begin(self) -> None:
        self._time_ms: float = 0.0
        self._share: float = 0.0
        self._peak_hz: float = 0.0
        self._bursts: float = 0.0
        self._quiet_s: float = LONGEST_S
        self._onsets = Onsets()

    def reset(self, np_random: np.random.Generator) -> None:
        """Forget the last episode; nothing is drawn."""
        self._begin()

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """0 ... 1000 Hz and 0 ... 10 s."""
        return np.zeros(2), np.array([1000.0, LONGEST_S])

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Highest rate of a cell in 50 ms, Hz, and time since the last burst, at most 10 s, s ``[2]``."""
        return np.array([min(1000.0, self._peak_hz), min(LONGEST_S, self._quiet_s)])

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """Cost of bursts and of charge; never terminated."""
        step_ms = measurement.time_ms - self._time_ms
        self._time_ms = measurement.time_ms
        rates = bin_rates(measurement, step_ms, self.system.num_neurons)
        above = rates > BURST_HZ
        self._share = float(above.mean())
        self._peak_hz = float(rates.max())
        self._bursts = float(self._onsets.count(above))
        if above.any():
            self._quiet_s = (len(rates) - 1 - np.flatnonzero(above)[-1]) * BIN_MS / 1e3
        else:
            self._quiet_s += step_ms / 1e3
        return -self.burst_cost * self._share - self.charge_cost * measurement.charge_fraction, False

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Share of the step in bursts, bursts that began in it, and the highest rate in 50 ms, Hz."""
        return {"burst_share": self._share, "bursts": self._bursts, "peak_hz": self._peak_hz}
