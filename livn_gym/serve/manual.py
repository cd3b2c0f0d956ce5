"""Manual stimulation: pulses that a person gives through the page, beside those of the agent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from livn_gym.env import Env
from livn_gym.envs.conditions import Condition, ConditionedRun
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.serve.messages import PHASE_MS, RATE_HZ
from livn_gym.stimulus import Stimulus


class ManualPulses:
    """Pulses that a person requested for the next steps: amplitude (uA) and steps left, by channel."""

    def __init__(self) -> None:
        self.left: dict[int, tuple[float, int]] = {}

    def press(self, channels: Sequence[int], amplitude_uA: float, steps: int) -> None:
        """Request pulses on these channels during the next steps; 0 uA ends them."""
        for channel in channels:
            self.left.pop(channel, None)
            if amplitude_uA > 0.0:
                self.left[channel] = (amplitude_uA, steps)

    def take_step(self) -> dict[int, float]:
        """Amplitudes (uA) of the next step, by channel; counts that step."""
        now = {channel: amplitude for channel, (amplitude, _) in self.left.items()}
        self.left = {channel: (amplitude, n - 1) for channel, (amplitude, n) in self.left.items() if n > 1}
        return now


class ManualStimulation(Condition):
    """Replaces the agent's pulses by the person's on the channels that the person selected.

    The limits of charge hold, since no channel carries both. Without requests nothing changes.

    Args:
        env: The cultures of the loop.
        requests: The requested pulses; cleared at a reset.
    """

    def __init__(self, env: Env, *, requests: ManualPulses) -> None:
        super().__init__(env)
        self.requests = requests

    def begin(self, np_random: np.random.Generator) -> None:
        """Clear the requests."""
        self.requests.left.clear()

    @property
    def idle(self) -> bool:
        """Whether there are no requests."""
        return not self.requests.left

    def stimulus(self, stimulus: Stimulus | None, run: ConditionedRun) -> Stimulus | None:
        """The agent's pulses, and on the requested channels the person's.

        Raises:
            InvalidInput: The agent's stimulus is no list of pulses.
        """
        amplitudes_uA = self.requests.take_step()
        if not amplitudes_uA:
            return stimulus
        amplitudes = np.zeros(self.env.electrodes.num_channels)
        amplitudes[list(amplitudes_uA)] = list(amplitudes_uA.values())
        own = Stimulus.pulse_train(amplitudes, duration_ms=run.duration_ms, rate_hz=RATE_HZ, phase_ms=PHASE_MS)
        if stimulus is None:
            return own
        if stimulus.pulses is None or own.pulses is None:
            raise InvalidInput("Stimulation by hand needs an encoding that makes pulses.")
        others = stimulus.pulses.select(~np.isin(stimulus.pulses.column, list(amplitudes_uA)))
        return Stimulus.from_pulses(
            Pulses.joined([others, own.pulses]), num_columns=own.num_columns, duration_ms=run.duration_ms
        )
