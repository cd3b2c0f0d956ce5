"""A condition: it acts between the closed loop and its cultures, on stimuli and recordings, for any task."""

from __future__ import annotations

import numpy as np

from livn_gym.env import Env
from livn_gym.envs.conditions import Condition, ConditionedRun, culture_slices
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite


class MyCondition(Condition):
    """A recording system that misses spikes, with a probability that is drawn for every episode.

    One object acts on all cultures of a loop and handles batches. What belongs to a culture's episode is in
    `self.states[b]`, as `begin` returned it. A culture's result must depend on its own state alone: then a culture of a
    vector environment is exactly what it would be by itself.

    Args:
        env: The cultures of the loop.
        highest: Largest probability of missing a spike. Every option needs a default; it is given with the name:
            ``conditions={"name": "my_condition.py", "highest": 0.2}``.
    """

    def __init__(self, env: Env, *, highest: float = 0.5) -> None:
        super().__init__(env)
        self.highest = finite("highest", highest, minimum=0.0)
        if self.highest > 1.0:
            raise InvalidInput(f"highest must be at most 1, got {highest:g}.")

    def begin(self, np_random: np.random.Generator) -> tuple[np.random.Generator, float]:
        """Draw the state of a culture for an episode, before it settles, from its environment's generator."""
        rng = np.random.default_rng(np_random.integers(2**63))
        return rng, float(rng.uniform(0.0, self.highest))

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return what is recorded instead: the spikes that are not missed.

        Args:
            recording: Recording of the n cultures that run; spikes are sorted by (culture, time, gid).
            stimulus: What reached the electrodes.
            run: The run: which cultures, how long, and the time since their first observation.
        """
        kept = np.empty(len(recording.spikes[0]), dtype=np.bool_)
        for b, own in zip(run.cultures, culture_slices(recording), strict=True):
            rng, probability = self.states[b]
            kept[own] = rng.uniform(size=own.stop - own.start) >= probability
        return recording.where(kept)

    # Other methods that a condition may override: `stimulus` (what reaches the electrodes), `factors` (of the cultures'
    # parameters), and `idle` (whether it changes nothing in the next run).


if __name__ == "__main__":  # python my_condition.py runs the conformance suite
    from livn_gym.testing import conform

    print("passed:", ", ".join(conform("livn/Culture-v0", system="EI1", conditions=__file__, settle_ms=400.0)))
