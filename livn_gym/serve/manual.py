"""Manual stimulation: pulses that a user of the page requests, in addition to the agent's."""

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
    """Requested pulses for the next steps: amplitude (uA) and remaining number of steps, by channel."""

    def __init__(self) -> None:
        self.pending: dict[int, tuple[float, int]] = {}

    def request(self, channels: Sequence[int], amplitude_uA: float, steps: int) -> None:
        """Request pulses on channels for a number of steps; 0 uA ends the present ones."""
        for channel in channels:
            self.pending.pop(channel, None)
            if amplitude_uA > 0.0:
                self.pending[channel] = (amplitude_uA, steps)

    def take_step(self) -> dict[int, float]:
        """Return the amplitudes (uA) of the next step by channel, and count the step."""
        amplitudes_uA = {channel: amplitude for channel, (amplitude, _) in self.pending.items()}
        self.pending = {channel: (amplitude, n - 1) for channel, (amplitude, n) in self.pending.items() if n > 1}
        return amplitudes_uA


class ManualStimulation(Condition):
    """Replaces the agent's pulses by requested pulses on the channels of the requests.

    The limits of charge hold, since no channel carries both. Without requests the stimulus is unchanged.

    Args:
        env: The cultures of the loop.
        requests: The requested pulses; cleared at a reset.
    """

    def __init__(self, env: Env, *, requests: ManualPulses) -> None:
        super().__init__(env)
        self.requests = requests

    def begin(self, np_random: np.random.Generator) -> None:
        """Clear the requests."""
        self.requests.pending.clear()

    @property
    def idle(self) -> bool:
        """True if no pulses are requested."""
        return not self.requests.pending

    def stimulus(self, stimulus: Stimulus | None, run: ConditionedRun) -> Stimulus | None:
        """Return the requested pulses on their channels and the agent's pulses on all others.

        Raises:
            InvalidInput: The agent's stimulus does not consist of pulses.
        """
        amplitudes_uA = self.requests.take_step()
        if not amplitudes_uA:
            return stimulus
        amplitudes = np.zeros(self.env.electrodes.num_channels)
        amplitudes[list(amplitudes_uA)] = list(amplitudes_uA.values())
        manual = Stimulus.pulse_train(amplitudes, duration_ms=run.duration_ms, rate_hz=RATE_HZ, phase_ms=PHASE_MS)
        if stimulus is None:
            return manual
        if stimulus.pulses is None or manual.pulses is None:
            raise InvalidInput("Manual stimulation needs an encoding that makes pulses.")
        others = stimulus.pulses.select(~np.isin(stimulus.pulses.column, list(amplitudes_uA)))
        return Stimulus.from_pulses(
            Pulses.joined([others, manual.pulses]), num_columns=manual.num_columns, duration_ms=run.duration_ms
        )
