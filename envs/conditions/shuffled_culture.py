"""Ablation: spike times are kept, the cells that fire are permuted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition, ConditionedRun, culture_slices
from livn_gym.errors import unknown_name
from livn_gym.plant import Plant
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

Redraw = Literal["step", "episode"]


@dataclass
class _Shuffle:
    """Generator of a culture and its present permutation of the cells, ``[N]``."""

    rng: np.random.Generator
    permutation: NDArray[np.int64]


@checked
class ShuffledCulture(Condition):
    """Assigns every spike to another cell by a permutation of the cells.

    The mean rate of the culture and its bursts are unchanged; the position of the activity on the array is lost. A
    permutation that holds for an episode can be learned within it, one that is drawn at every step cannot.

    Args:
        env: The cultures.
        redraw: How often a new permutation is drawn: at every ``"step"`` or at the start of every ``"episode"``.

    Raises:
        UnknownName: ``redraw`` has another value.
    """

    def __init__(self, env: Plant, *, redraw: Redraw = "step") -> None:
        super().__init__(env)
        if redraw not in get_args(Redraw):
            raise unknown_name("redraw", redraw, get_args(Redraw))
        self.redraw = redraw

    def begin(self, np_random: np.random.Generator) -> _Shuffle:
        """Draw the permutation."""
        rng = np.random.default_rng(np_random.integers(2**63))
        return _Shuffle(rng, rng.permutation(self.env.system.num_neurons))

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return the recording with permuted cells."""
        culture, gid, t = recording.spikes
        shuffled = np.empty_like(gid)
        for b, rows in zip(run.cultures, culture_slices(recording), strict=True):
            state = self.states[b]
            if self.redraw == "step":
                state.permutation = state.rng.permutation(len(state.permutation))
            shuffled[rows] = state.permutation[gid[rows]]
        return recording.with_spikes(shuffled, t, culture)
