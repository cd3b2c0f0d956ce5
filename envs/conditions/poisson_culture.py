"""Ablation: cells that fire at random at the culture's rate."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

Match = Literal["settled", "step"]


@checked
class PoissonCulture(Condition):
    """Independent Poisson cells take the culture's place.

    With ``match="settled"`` every cell fires at the rate that it had while the culture settled: nothing answers to
    stimuli. With ``match="step"`` every step has as many spikes as the culture had in it, at cells and times drawn at
    random: the rate of the whole culture answers, and nothing else does. While settling the culture itself is heard.

    Args:
        env: The cultures.
        match: ``"settled"`` or ``"step"``.

    Raises:
        UnknownName: Something else is to be matched.
        InvalidInput: In the first step, if the culture had no time to settle and its rates are wanted.
    """

    def __init__(self, env: Env, *, match: Match = "settled") -> None:
        super().__init__(env)
        if match not in get_args(Match):
            raise unknown_name("match", match, get_args(Match))
        self.match = match
        self._rng = np.random.default_rng(0)
        self._counts, self._seconds = np.zeros(env.system.num_neurons), 0.0

    def reset(self, np_random: np.random.Generator) -> None:
        """Forget the rates."""
        self._rng = np.random.default_rng(np_random.integers(2**63))
        self._counts[:] = 0
        self._seconds = 0.0

    def recording(self, recording: Recording, stimulus: Stimulus | None, time_ms: float) -> Recording:
        """Random spikes; while settling the culture's own."""
        cells, seconds = len(self._counts), recording.duration_ms * 1e-3
        _, gid, _ = recording.spikes
        if time_ms <= 0:
            self._counts += np.bincount(gid, minlength=cells)
            self._seconds += seconds
            return recording
        if self.match == "step":
            drawn = self._rng.integers(cells, size=len(gid))
        elif self._seconds == 0:
            raise InvalidInput("A Poisson culture takes its rates from settling: settle_ms must not be 0.")
        else:
            drawn = np.repeat(np.arange(cells), self._rng.poisson(self._counts / self._seconds * seconds))
        return recording.with_spikes(drawn, self._rng.uniform(0.0, recording.duration_ms, len(drawn)))
