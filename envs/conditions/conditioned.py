"""The cultures of a loop as the loop sees them: run under their conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus


@checked
class Conditioned:
    """``Env.run`` of some cultures of a batch under the conditions of each; just that while all are idle.

    Args:
        env: The cultures.
        conditions: Those of every culture, ``[B]`` lists.
    """

    def __init__(self, env: Env, conditions: Sequence[Sequence[Condition]]) -> None:
        self.env = env
        self.conditions = conditions

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A condition's own state leaves out the cultures, which a copy or a pickle of the whole gets back here."""
        vars(self).update(state)
        for own in self.conditions:
            for condition in own:
                condition.env = self.env

    def reset(self, np_random: Sequence[np.random.Generator], cultures: Sequence[int]) -> None:
        """Begin an episode in some cultures, ``[n]`` each."""
        for b, generator in zip(cultures, np_random, strict=True):
            for condition in self.conditions[b]:
                condition.reset(generator)

    def run(
        self, duration_ms: float, stimulus: Stimulus | None, cultures: Sequence[int], time_ms: Sequence[float]
    ) -> tuple[Recording, Stimulus | None]:
        """Run some cultures.

        Args:
            duration_ms: How long.
            stimulus: What is asked for, of n cultures.
            cultures: Which, ascending, ``[n]``.
            time_ms: End of the run since each culture's first observation, ``[n]``.

        Returns:
            What is heard, and what was delivered.
        """
        if all(condition.idle for own in self.conditions for condition in own):
            return self.env.run(duration_ms, stimulus, cultures=cultures), stimulus
        places = range(len(cultures))
        parts = [None if stimulus is None else stimulus[k] for k in places]
        for k in places:
            for condition in self.conditions[cultures[k]]:
                parts[k] = condition.stimulus(parts[k], duration_ms)
        recording = self._run(duration_ms, parts, cultures, time_ms)
        heard = list(recording.cultures)
        for k in places:
            for condition in self.conditions[cultures[k]]:
                heard[k] = condition.recording(heard[k], parts[k], time_ms[k])
        return Recording.batch(heard, recording.t0_ms), Stimulus.batch(parts)

    def _run(
        self,
        duration_ms: float,
        parts: Sequence[Stimulus | None],
        cultures: Sequence[int],
        time_ms: Sequence[float],
    ) -> Recording:
        parameters = [
            {key: value for c in self.conditions[b] for key, value in c.parameters(now).items()}
            for b, now in zip(cultures, time_ms, strict=True)
        ]
        if not any(parameters):
            return self.env.run(duration_ms, Stimulus.batch(parts), cultures=cultures)
        # Parameters are those of all cultures of an Env: each runs by itself under its own.
        runs = []
        for b, part, own in zip(cultures, parts, parameters, strict=True):
            self.env.set_params(own)
            runs.append(self.env.run(duration_ms, part, cultures=[b]))
        return Recording.batch(runs, runs[0].t0_ms)
