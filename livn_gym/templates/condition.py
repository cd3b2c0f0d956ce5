"""A condition: it changes stimuli and recordings between the closed loop and its cultures, for any task."""

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

    One object acts on all cultures of a loop and handles batches. The state of a culture's episode is in
    `self.states[b]`, as `begin` returned it. A culture's result must depend on that culture's state alone, so that it
    is the same in a vector environment and in a single one.

    Args:
        env: The cultures of the loop.
        highest: Largest probability of missing a spike. Every option needs a default; its value goes beside the name:
            ``conditions={"name": "my_condition.py", "highest": 0.2}``.
    """

    def __init__(self, env: Env, *, highest: float = 0.5) -> None:
        super().__init__(env)
        self.highest = finite("highest", highest, minimum=0.0)
        if self.highest > 1.0:
            raise InvalidInput(f"highest must be at most 1, got {highest:g}.")

    def begin(self, np_random: np.random.Generator) -> tuple[np.random.Generator, float]:
        """Draw the state of a culture for an episode from its environment's generator, before the culture settles."""
        rng = np.random.default_rng(np_random.integers(2**63))
        return rng, float(rng.uniform(0.0, self.highest))

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return the recording that the loop gets: the spikes that are not missed.

        Args:
            recording: Recording of the n cultures that run; spikes are sorted by (culture, time, gid).
            stimulus: Stimulus that reached the electrodes.
            run: Cultures and length of the run, and the time since their first observation.
        """
        recorded = np.empty(len(recording.spikes[0]), dtype=np.bool_)
        for b, rows in zip(run.cultures, culture_slices(recording), strict=True):
            rng, probability = self.states[b]
            recorded[rows] = rng.uniform(size=rows.stop - rows.start) >= probability
        return recording.where(recorded)

    # Other methods that a condition may override: `stimulus` (the stimulus that reaches the electrodes), `factors` (of
    # the cultures' parameters), and `idle` (whether the condition changes nothing in the next run).


if __name__ == "__main__":  # python my_condition.py runs the conformance suite
    from livn_gym.testing import conform

    print("passed:", ", ".join(conform("livn/Culture-v0", system="EI1", conditions=__file__, settle_ms=400.0)))
