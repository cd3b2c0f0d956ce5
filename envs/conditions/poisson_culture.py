"""Ablation: Poisson cells that fire at the culture's rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition, ConditionedRun, culture_slices
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.plant import Plant
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

Match = Literal["settled", "step"]


@dataclass
class _Rates:
    """Generator of a culture, and number of spikes of every cell, ``[N]``, in the seconds of settling."""

    rng: np.random.Generator
    counts: NDArray[np.float64]
    seconds: float


@checked
class PoissonCulture(Condition):
    """Replaces the culture's spikes by spikes of independent Poisson cells.

    With ``match="settled"`` every cell fires at the rate that it had while the culture settled, so that nothing
    responds to stimuli. With ``match="step"`` every step has as many spikes as the culture had in it, at cells and
    times drawn at random, so that only the mean rate of the culture responds. While it settles, the culture itself is
    recorded.

    Args:
        env: The cultures.
        match: ``"settled"`` or ``"step"``.

    Raises:
        UnknownName: ``match`` has another value.
        InvalidInput: When the loop is made, if ``match`` is ``"settled"`` and the culture does not settle.
    """

    def __init__(self, env: Plant, *, match: Match = "settled") -> None:
        super().__init__(env)
        if match not in get_args(Match):
            raise unknown_name("match", match, get_args(Match))
        self.match = match

    def check_loop(self, strongest: Stimulus | None, settle_ms: float) -> None:
        """Refuse a loop without settling, from which the rates would be taken."""
        if self.match == "settled" and not settle_ms:
            raise _unsettled()

    def begin(self, np_random: np.random.Generator) -> _Rates:
        """Return counts of zero spikes."""
        rng = np.random.default_rng(np_random.integers(2**63))
        return _Rates(rng, np.zeros(self.env.system.num_neurons), 0.0)

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return random spikes; while a culture settles, those that were recorded."""
        seconds = recording.duration_ms * 1e-3
        _, gid, t = recording.spikes
        gids, times = [], []
        for b, time_ms, rows in zip(run.cultures, run.time_ms, culture_slices(recording), strict=True):
            state = self.states[b]
            if time_ms <= 0:
                if stimulus is None:  # not while a task demonstrates its target
                    state.counts += np.bincount(gid[rows], minlength=len(state.counts))
                    state.seconds += seconds
                gids.append(gid[rows])
                times.append(t[rows])
                continue
            gids.append(self._draw_gids(state, len(gid[rows]), seconds))
            times.append(state.rng.uniform(0.0, recording.duration_ms, len(gids[-1])))
        culture = np.repeat(np.arange(len(run)), [len(of_culture) for of_culture in gids])
        return recording.with_spikes(np.concatenate(gids), np.concatenate(times), culture)

    def _draw_gids(self, state: _Rates, count: int, seconds: float) -> NDArray[np.int64]:
        """Draw the cells of a step's spikes."""
        cells = len(state.counts)
        if self.match == "step":
            return state.rng.integers(cells, size=count)
        if state.seconds == 0:
            raise _unsettled()
        return np.repeat(np.arange(cells), state.rng.poisson(state.counts / state.seconds * seconds))


def _unsettled() -> InvalidInput:
    return InvalidInput(
        "The condition poisson_culture takes its rates from settling: settle_ms must not be 0, or match must be 'step'."
    )
