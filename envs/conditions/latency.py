"""Latency: pulses are delivered some time after the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from livn_gym.checks import checked
from livn_gym.encoding import MAX_PULSE_RATE_HZ
from livn_gym.envs.conditions.base import Condition, ConditionedRun, culture_pulses, joined_pulses
from livn_gym.errors import InvalidInput
from livn_gym.plant import Plant
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Mode, Stimulus
from livn_gym.units import MAX_STEPS, finite, rounding


@dataclass
class _Queue:
    """Pulses of a culture that were not delivered yet.

    Attributes:
        rng: Generator of the jitter.
        waiting: Pulses of later runs; onsets count from the start of the next run.
        columns: Number of columns of their stimulus; 0 if the queue is empty.
        mode: Mode of their stimulus.
    """

    rng: np.random.Generator
    waiting: Pulses
    columns: int = 0
    mode: Mode = "electrode"


@checked
class Latency(Condition):
    """Delays the pulses of every step by a latency and by a jitter drawn for the step.

    Pulses that do not fit into the step wait in a queue for the next one. The pulses of a step start at least 5 ms
    (200 Hz) after the last one of the step before. Charge counts in the step in which it is delivered. Pulses that
    wait when an episode ends are dropped; all others are delivered.

    Args:
        env: The cultures.
        latency_ms: Delay of every step's pulses, ms; may exceed a step.
        jitter_ms: Upper bound of the additional delay, ms; uniform from 0.

    Raises:
        InvalidInput: A time is negative or too long; or, when the loop is made, its stimuli do not consist of pulses at
            electrodes.
    """

    def __init__(self, env: Plant, *, latency_ms: float = 20.0, jitter_ms: float = 0.0) -> None:
        super().__init__(env)
        self.latency_ms = finite("latency_ms", latency_ms, minimum=0.0)
        self.jitter_ms = finite("jitter_ms", jitter_ms, minimum=0.0)
        if self.latency_ms + self.jitter_ms > MAX_STEPS * env.dt:
            raise InvalidInput(f"latency_ms + jitter_ms must be at most {MAX_STEPS * env.dt:.3g} ms.")

    def check_loop(self, strongest: Stimulus | None, settle_ms: float) -> None:
        """Refuse light and waveforms."""
        if strongest is not None:
            _pulses(strongest)

    def begin(self, np_random: np.random.Generator) -> _Queue:
        """Begin with an empty queue."""
        return _Queue(np.random.default_rng(np_random.integers(2**63)), Pulses.joined([]))

    def stimulus(self, stimulus: Stimulus | None, run: ConditionedRun) -> Stimulus | None:
        """Return the waiting and new pulses that fit into the run."""
        queues: list[_Queue] = [self.states[b] for b in run.cultures]
        if stimulus is None and not any(queue.columns for queue in queues):
            return None
        if stimulus is None:
            columns, mode = next((queue.columns, queue.mode) for queue in queues if queue.columns)
            new: Sequence[Pulses | None] = [None] * len(run)
        else:
            columns, mode = stimulus.num_columns, stimulus.mode
            new = culture_pulses(_pulses(stimulus), stimulus.num_cultures is None, len(run))
        delivered = [self._deliver(queue, pulses, run.duration_ms) for queue, pulses in zip(queues, new, strict=True)]
        for queue in queues:
            queue.columns, queue.mode = (columns, mode) if len(queue.waiting.onset_ms) else (0, mode)
        return Stimulus.from_pulses(
            joined_pulses(delivered),
            num_columns=columns,
            duration_ms=run.duration_ms,
            num_cultures=len(run),
            mode=mode,
        )

    def _deliver(self, queue: _Queue, new: Pulses | None, duration_ms: float) -> Pulses:
        """Return the pulses that one culture gets in a run, and keep the others in its queue."""
        waiting = queue.waiting
        if new is None and not len(waiting.onset_ms):
            return waiting
        delay = self.latency_ms + queue.rng.uniform(0.0, self.jitter_ms)
        pulses = waiting
        if new is not None:
            if len(waiting.onset_ms):
                delay = max(delay, float(waiting.onset_ms.max()) + 1000.0 / MAX_PULSE_RATE_HZ)
            delay = round(delay / self.env.dt) * self.env.dt
            pulses = Pulses.joined([waiting, replace(new, onset_ms=new.onset_ms + delay)])
        # The phases of a pulse share its onset, so that they are delivered together.
        length = (pulses.offset_ms + pulses.width_ms).max(initial=0.0)
        fits = pulses.onset_ms + length <= duration_ms + rounding(duration_ms)
        later = pulses.select(~fits)
        queue.waiting = replace(later, onset_ms=np.maximum(later.onset_ms - duration_ms, 0.0))
        return pulses.select(fits)


def _pulses(stimulus: Stimulus) -> Pulses:
    if stimulus.parts[1] is not None:
        raise InvalidInput("The condition latency delays the pulses of electrodes, and this encoding gives light.")
    if stimulus.pulses is None:
        raise InvalidInput("The condition latency delays pulses, and this encoding gives a waveform.")
    return stimulus.pulses
