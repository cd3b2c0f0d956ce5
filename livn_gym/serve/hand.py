"""Pulses that a person gives by hand, beside those of the agent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from livn_gym.env import Env
from livn_gym.envs.conditions import Condition, ConditionedRun
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.serve.messages import PHASE_MS, RATE_HZ
from livn_gym.stimulus import Stimulus


class Hand:
    """What was asked for and is not over yet: amplitude (uA) and steps left by channel."""

    def __init__(self) -> None:
        self.left: dict[int, tuple[float, int]] = {}

    def press(self, channels: Sequence[int], amplitude_uA: float, steps: int) -> None:
        """Ask for pulses of these channels during the next steps; 0 uA ends them."""
        for channel in channels:
            self.left.pop(channel, None)
            if amplitude_uA > 0.0:
                self.left[channel] = (amplitude_uA, steps)

    def take_step(self) -> dict[int, float]:
        """Amplitudes (uA) by channel of the step that comes."""
        now = {channel: amplitude for channel, (amplitude, _) in self.left.items()}
        self.left = {channel: (amplitude, n - 1) for channel, (amplitude, n) in self.left.items() if n > 1}
        return now


class HandStimulation(Condition):
    """Puts a person's pulses in the place of the agent's, on the channels that the person has chosen.

    The limits of charge hold, since no channel carries both. Nothing changes while nobody asks for anything.

    Args:
        env: The cultures of the loop.
        hand: What is asked for; forgotten at a reset.
    """

    def __init__(self, env: Env, *, hand: Hand) -> None:
        super().__init__(env)
        self.hand = hand

    def begin(self, np_random: np.random.Generator) -> None:
        """Forget what was asked for."""
        self.hand.left.clear()

    @property
    def idle(self) -> bool:
        """While nobody asks for anything, which then costs nothing."""
        return not self.hand.left

    def stimulus(self, stimulus: Stimulus | None, run: ConditionedRun) -> Stimulus | None:
        """The agent's pulses, but for the channels that the person has taken.

        Raises:
            InvalidInput: The agent's stimulus is no list of pulses.
        """
        asked = self.hand.take_step()
        if not asked:
            return stimulus
        amplitudes = np.zeros(self.env.electrodes.num_channels)
        amplitudes[list(asked)] = list(asked.values())
        own = Stimulus.pulse_train(amplitudes, duration_ms=run.duration_ms, rate_hz=RATE_HZ, phase_ms=PHASE_MS)
        if stimulus is None:
            return own
        if stimulus.pulses is None or own.pulses is None:
            raise InvalidInput("Stimulation by hand needs an encoding that makes pulses.")
        others = stimulus.pulses.select(~np.isin(stimulus.pulses.column, list(asked)))
        return Stimulus.from_pulses(
            Pulses.joined([others, own.pulses]), num_columns=own.num_columns, duration_ms=run.duration_ms
        )
