"""Ablation: when spikes come is kept, which cells they come from is not."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.errors import unknown_name
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

Redraw = Literal["step", "episode"]


@checked
class ShuffledCulture(Condition):
    """Every spike is given to another cell by a permutation of the cells.

    The rate of the whole culture and its bursts stay as they are; where on the array cells fire is lost. A permutation
    that holds for an episode can be learned within it, one that is drawn at every step cannot.

    Args:
        env: The cultures.
        redraw: When the permutation is drawn anew, ``"step"`` or ``"episode"``.

    Raises:
        UnknownName: It is drawn at another time.
    """

    def __init__(self, env: Env, *, redraw: Redraw = "step") -> None:
        super().__init__(env)
        if redraw not in get_args(Redraw):
            raise unknown_name("redraw", redraw, get_args(Redraw))
        self.redraw = redraw
        self._rng = np.random.default_rng(0)
        self._permutation = np.arange(env.system.num_neurons)

    def reset(self, np_random: np.random.Generator) -> None:
        """Draw the permutation."""
        self._rng = np.random.default_rng(np_random.integers(2**63))
        self._permutation = self._rng.permutation(len(self._permutation))

    def recording(self, recording: Recording, stimulus: Stimulus | None, time_ms: float) -> Recording:
        """The recording with other cells."""
        if self.redraw == "step":
            self._permutation = self._rng.permutation(len(self._permutation))
        _, gid, t = recording.spikes
        return recording.with_spikes(self._permutation[gid], t)
