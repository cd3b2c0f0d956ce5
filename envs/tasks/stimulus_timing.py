"""Stimulus timing: single pulses at a time after a burst at which the response is large and no burst precedes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.bursts import BURST_HZ, Onsets, bin_rates, check_bins
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, whole_number

MAX_WAIT_S = 10.0
"""Upper bound of the time since a burst in the observation, s."""

PULSE_ABOVE = 0.5
"""Threshold of the action for a pulse. A uniformly random agent then waits for a second, four steps, in one trial of
three, and so experiences late responses; with a threshold of 0 it would in one trial of sixteen."""


class StimulusTiming(Task):
    """Timing of single pulses: after a burst or pulse the agent waits, then gives one pulse, whose response counts.

    ## Description
    A burst depresses the synapses. The longer the agent waits, the more they recover and the larger is the response,
    but the more likely is a spontaneous burst before the pulse. Such an interruption ends the trial without reward.
    Electrode and amplitude of the pulse are fixed. The culture is the variant `bursting`.

    **Share of the network**: 100 % (100 to 100) of the gain on `livn/EI2-StimulusTiming-v0` (`livn-gym validate
    --tasks`).

    ## Action Space
    `Box(-1, 1, (1,), float32)`.

    | num | action                                                           | min | max |
    | --- | ---------------------------------------------------------------- | --- | --- |
    | 0   | above 0.5 the pulse at the beginning of the step, otherwise none | -1  | 1   |

    ## Observation Space
    `Box(0, high, (2 C + 4,), float32)`.

    | num        | observation                               | min | max            | unit |
    | ---------- | ----------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1  | rate at the channel in the last step      | 0   | the decoding's | Hz   |
    | C ... 2C-1 | rate at the channel in the last second    | 0   | the decoding's | Hz   |
    | 2C         | share of the trials that is left          | 0   | 1              | -    |
    | 2C+1       | time since the last burst or pulse        | 0   | 10             | s    |
    | 2C+2       | whether the last step was a pulse         | 0   | 1              | -    |
    | 2C+3       | whether the last step was an interruption | 0   | 1              | -    |

    `info` also holds:

    | key             | meaning                               | unit            |
    | --------------- | ------------------------------------- | --------------- |
    | `response`      | response to a pulse in the step,      | spikes per cell |
    |                 | above the spikes of the step before   |                 |
    | `pulse`         | whether there was a pulse             | -               |
    | `interruptions` | interruptions in the step             | -               |
    | `trials`        | trials of the episode that have ended | -               |

    ## Rewards
    In a step with a pulse the number of spikes per cell in that step less that in the step before, divided by
    `full_response`; otherwise 0. What the culture fires without a pulse is thus no response, and pulses in every step
    earn little. A pulse during a burst earns nothing. The first step counts as one after silence.

    ## Starting State
    A settled culture; nothing is drawn.

    ## Episode End
    The task terminates after `trials` trials, so that fast pulses gain nothing; an interrupted trial earns nothing. An
    episode is truncated after 600 steps (150 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name            | default                                     | meaning                              | unit |
    | --------------- | ------------------------------------------- | ------------------------------------ | ---- |
    | `electrode`     | 5                                           | channel that gives the pulse         | -    |
    | `strength`      | 1                                           | amplitude as a share of the largest, | -    |
    |                 |                                             | above 0 to 1                         |      |
    | `trials`        | 20                                          | trials of an episode                 | -    |
    | `full_response` | 12                                          | spikes per cell that count as 1: a   | -    |
    |                 |                                             | burst of the rested culture          |      |
    | `step_ms`       | 250                                         | holds the whole response             | ms   |
    | `encoding`      | `{"name": "pulse_amplitude",                | one pulse per step, at its beginning | -    |
    |                 | "rate_hz": 4, "groups": 1}`                 |                                      |      |
    | `variant`       | `"bursting"`                                | parameters of the culture            | -    |

    ## References
    Kumar, Wuelfing, Okujeni, Boedecker, Riedmiller & Egert, Autonomous optimization of targeted stimulation of
    neuronal networks, PLoS Comput Biol 12:e1005054 (2016): there the state is the time since the last burst, and the
    reward is the response's strength, nothing where a burst interrupts.

    ## Version History
    * v0: Initial version.
    """

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A number is out of range.
        """

        electrode: int = 5
        strength: float = 1.0
        trials: int = 20
        full_response: float = 12.0

        def __post_init__(self) -> None:
            """Check the ranges."""
            whole_number("electrode", self.electrode, minimum=0)
            if finite("strength", self.strength, above=0.0) > 1.0:
                raise InvalidInput(f"strength must be above 0 and at most 1, got {self.strength:g}.")
            whole_number("trials", self.trials)
            finite("full_response", self.full_response, above=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        check_bins(setup.step_ms)
        num_commands = setup.commands.shape[0]
        if self.options.electrode >= num_commands:
            raise InvalidInput(f"electrode must be below {num_commands}, got {self.options.electrode}.")
        self._begin()

    def _begin(self) -> None:
        self._since_s = 0.0
        self._response = 0.0
        self._spikes = 0.0
        self._onsets = Onsets()
        self._pulse = False
        self._interrupted = False
        self._trials = 0

    @property
    def action_space(self) -> spaces.Box:
        """Space of one number, -1 to 1."""
        return spaces.Box(-1.0, 1.0, (1,), np.float32)

    @property
    def observation_space(self) -> spaces.Box:
        """Space of the remaining trials, 0 to 1, the time since a burst, 0 to 10 s, and two flags, 0 or 1."""
        return spaces.Box(np.zeros(4, np.float32), np.array([1.0, MAX_WAIT_S, 1.0, 1.0], np.float32))

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode; nothing is drawn."""
        self._begin()

    def to_command(self, action: NDArray) -> NDArray:
        """Return the command for a pulse of the electrode, or for none, ``[C]``."""
        low, high = self.setup.commands.low, self.setup.commands.high
        command = low.copy()
        if action[0] > PULSE_ABOVE:
            command[self.options.electrode] += self.options.strength * (high - low)[self.options.electrode]
        return command

    def after_step(self, measurement: Measurement) -> None:
        """Measure the response to a pulse, and detect an interruption."""
        assert measurement.action is not None, "only a step with an action is one of the task's"
        step_s = self.setup.step_ms / 1e3
        above = bin_rates(measurement, self.setup.step_ms, self.setup.system.num_neurons) > BURST_HZ
        in_burst = self._onsets.bursting
        self._pulse = bool(measurement.action[0] > PULSE_ABOVE)
        self._interrupted = self._onsets.count(above) > 0 and not self._pulse
        before, self._spikes = self._spikes, measurement.rate_hz * step_s
        self._response = self._spikes - before if self._pulse and not in_burst else 0.0
        self._since_s = 0.0 if self._pulse or above.any() else self._since_s + step_s
        self._trials += self._pulse or self._interrupted

    @property
    def reward(self) -> float:
        """Response to a pulse as a share of ``full_response``; 0 without a pulse, negative below the step before."""
        return self._response / self.options.full_response

    @property
    def terminated(self) -> bool:
        """True if all trials of the episode have ended."""
        return self._trials >= self.options.trials

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return the share of remaining trials, the time since a burst or pulse, s, and the two flags, ``[4]``."""
        remaining = 1.0 - min(1.0, self._trials / self.options.trials)
        return np.array([remaining, min(MAX_WAIT_S, self._since_s), float(self._pulse), float(self._interrupted)])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return response (spikes per cell), pulses and interruptions of the step, and trials that have ended."""
        return {
            "response": self._response,
            "pulse": float(self._pulse),
            "interruptions": float(self._interrupted),
            "trials": float(self._trials),
        }
