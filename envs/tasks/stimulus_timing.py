"""Choose when after a burst to stimulate, so that the response is large and no burst comes first."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked_options
from livn_gym.env import Env
from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.bursts import BURST_HZ, Onsets, bin_rates
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, whole_number

LONGEST_S = 10.0
"""Longest time since a burst that is told apart, s."""

PULSE_ABOVE = 0.5
"""A pulse is given where the action is larger. Uniform chance then waits a second, four steps, in one trial of
three and sees what waiting is worth; above 0 it would in one of sixteen."""


@checked_options
class StimulusTiming(Task):
    """A trial begins with a burst or a pulse; the agent waits, then gives one pulse, whose response ends the trial.

    The longer it waits the more the synapses recover and the larger the response, but the likelier a burst of the
    culture's own comes first. Such an interruption ends the trial as well, without reward.

    **What acts**: one number: above 0.5 the pulse is given at the beginning of the step, else the agent waits.
    Electrode and amplitude are fixed. **What is seen**: the decoded recording of the last step and of the last second,
    the share of the trials that is left (what is still to be earned hangs on it), the time since the last burst or
    pulse, and whether the last step was a pulse or an interruption.

    **Reward**: in a step with a pulse the number of spikes of a cell in that step by ``full_response``, else 0; a pulse
    into a burst that was under way earns nothing. An episode terminates after ``trials`` trials, so that haste earns
    nothing; each interrupted trial is lost.

    Args:
        env: The cultures.
        electrode: Channel that gives the pulse.
        strength: Its amplitude as a share of the largest, above 0 to 1.
        trials: Of an episode.
        full_response: Spikes of a cell that count as 1.

    Raises:
        InvalidInput: There is no such electrode, or a number is out of range.

    References:
        Kumar, Wuelfing, Okujeni, Boedecker, Riedmiller & Egert, Autonomous optimization of targeted stimulation of
        neuronal networks, PLoS Comput Biol 12:e1005054 (2016): there the state is the time since the last burst, and
        the reward is the response's strength, nothing where a burst interrupts.
    """

    def __init__(self, env: Env, *, electrode: int, strength: float, trials: int, full_response: float) -> None:
        super().__init__(env)
        self.electrode = whole_number("electrode", electrode, minimum=0)
        self.strength = finite("strength", strength, above=0.0)
        if self.strength > 1.0:
            raise InvalidInput(f"strength must lie in 0 ... 1, got {strength:g}.")
        self.trials = whole_number("trials", trials)
        self.full_response = finite("full_response", full_response, above=0.0)
        self._begin()

    def _begin(self) -> None:
        self._time_ms: float = 0.0
        self._since_s: float = 0.0
        self._response: float = 0.0
        self._onsets = Onsets()
        self._pulse: bool = False
        self._interrupted: bool = False
        self._pulses: int = 0
        self._interruptions: int = 0

    def action_space(self, commands: spaces.Box) -> spaces.Box:
        """One number, -1 ... 1."""
        if self.electrode >= commands.shape[0]:
            raise InvalidInput(f"electrode must be below {commands.shape[0]}, got {self.electrode}.")
        self._commands = commands
        return spaces.Box(-1.0, 1.0, (1,), np.float32)

    def command(self, action: NDArray) -> NDArray:
        """A pulse of the electrode, or silence."""
        self._pulse = bool(action[0] > PULSE_ABOVE)
        low, high = self._commands.low, self._commands.high
        command = low.copy()
        if self._pulse:
            command[self.electrode] += self.strength * (high - low)[self.electrode]
        return command

    def reset(self, np_random: np.random.Generator) -> None:
        """Forget the last episode; nothing is drawn."""
        self._begin()

    def observation_bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """0 ... 1, 0 ... 10 s, and 0 or 1 twice."""
        return np.zeros(4), np.array([1.0, LONGEST_S, 1.0, 1.0])

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Share of trials left; time since the last burst or pulse, s; was it a pulse, an interruption ``[4]``."""
        left = 1.0 - min(1.0, self._over / self.trials)
        return np.array([left, min(LONGEST_S, self._since_s), float(self._pulse), float(self._interrupted)])

    @property
    def _over(self) -> int:
        """Trials of the episode that have ended."""
        return self._pulses + self._interruptions

    def score(self, measurement: Measurement) -> tuple[float, bool]:
        """The response to a pulse; terminated after the last trial."""
        step_ms = measurement.time_ms - self._time_ms
        self._time_ms = measurement.time_ms
        cells = self.system.num_neurons
        above = bin_rates(measurement, step_ms, cells) > BURST_HZ
        before = self._onsets.bursting
        self._interrupted = self._onsets.count(above) > 0 and not self._pulse
        self._response = 0.0
        if self._pulse:
            self._response = 0.0 if before else measurement.rate_hz * step_ms / 1e3
            self._since_s = 0.0
        elif above.any():
            self._since_s = 0.0
        else:
            self._since_s += step_ms / 1e3
        self._pulses += self._pulse
        self._interruptions += self._interrupted
        return self._response / self.full_response, self._over >= self.trials

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Response of the step, spikes of a cell; interruptions in it; trials of the episode so far."""
        return {
            "response": self._response,
            "pulse": float(self._pulse),
            "interruptions": float(self._interrupted),
            "trials": float(self._over),
        }
