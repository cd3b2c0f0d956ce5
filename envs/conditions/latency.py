"""Time passes between reading and stimulating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from livn_gym.checks import checked
from livn_gym.encoding import MAX_PULSE_RATE_HZ
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite


@checked
class Latency(Condition):
    """Every step's pulses come later by a latency and a jitter drawn for the step; what does not fit comes next.

    Pulses wait in a queue: those of a step never overtake nor touch those of the step before, but start at least
    5 ms (200 Hz) after their last one. Charge counts in the step in which it is delivered. Nothing is lost but what is
    under way when an episode ends.

    Args:
        env: The cultures.
        latency_ms: Shift of every step, ms; may exceed a step.
        jitter_ms: Largest further shift, ms; uniform.

    Raises:
        InvalidInput: A time is negative; or, in a run, the stimulus does not consist of pulses.
    """

    def __init__(self, env: Env, *, latency_ms: float = 20.0, jitter_ms: float = 0.0) -> None:
        super().__init__(env)
        self.latency_ms = finite("latency_ms", latency_ms, minimum=0.0)
        self.jitter_ms = finite("jitter_ms", jitter_ms, minimum=0.0)
        self._rng = np.random.default_rng(0)
        self._waiting: Stimulus | None = None

    def reset(self, np_random: np.random.Generator) -> None:
        """Empty the queue."""
        self._rng = np.random.default_rng(np_random.integers(2**63))
        self._waiting = None

    def stimulus(self, stimulus: Stimulus | None, duration_ms: float) -> Stimulus | None:
        """What was waiting and what of the new pulses fits."""
        if stimulus is None and self._waiting is None:
            return None
        given = [s for s in (self._waiting, self._later(stimulus)) if s is not None]
        pulses = Pulses.joined([_pulses(s) for s in given])
        # A pulse's phases share its onset, and go together.
        length = (pulses.offset_ms + pulses.width_ms).max(initial=0.0)
        now = pulses.onset_ms + length <= duration_ms + 1e-9
        columns, mode = given[0].num_columns, given[0].mode
        later = pulses.select(~now)
        self._waiting = None
        if len(later.onset_ms):
            later = replace(later, onset_ms=np.maximum(later.onset_ms - duration_ms, 0.0))
            end = float((later.onset_ms + length).max())
            self._waiting = Stimulus.from_pulses(later, num_columns=columns, duration_ms=end, mode=mode)
        return Stimulus.from_pulses(pulses.select(now), num_columns=columns, duration_ms=duration_ms, mode=mode)

    def _later(self, stimulus: Stimulus | None) -> Stimulus | None:
        """The new pulses, shifted."""
        delay = self.latency_ms + self._rng.uniform(0.0, self.jitter_ms)
        if stimulus is None:
            return None
        if self._waiting is not None:
            delay = max(delay, float(_pulses(self._waiting).onset_ms.max()) + 1000.0 / MAX_PULSE_RATE_HZ)
        delay = round(delay / self.env.dt) * self.env.dt
        pulses = _pulses(stimulus)
        return Stimulus.from_pulses(
            replace(pulses, onset_ms=pulses.onset_ms + delay),
            num_columns=stimulus.num_columns,
            duration_ms=stimulus.duration_ms + delay,
            mode=stimulus.mode,
        )


def _pulses(stimulus: Stimulus) -> Pulses:
    if stimulus.pulses is None:
        raise InvalidInput("Latency delays pulses; this encoding gives a waveform.")
    return stimulus.pulses
