"""Electrode faults: dead electrodes, and electrodes that lose current and spikes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.envs.conditions.base import Condition, ConditionedRun, culture_pulses, culture_slices, joined_pulses
from livn_gym.errors import InvalidInput
from livn_gym.plant import Plant
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite


@dataclass
class _Faults:
    """Faults of a culture's array in an episode.

    Attributes:
        rng: Generator that decides which spikes are recorded.
        current: Share of the commanded current that each electrode gives, ``[C]``.
        spikes: Share of its spikes that each electrode records, ``[C]``.
        pass_probability: Probability that a spike of each cell is recorded, ``[N]``.
    """

    rng: np.random.Generator
    current: NDArray[np.float64]
    spikes: NDArray[np.float64]
    pass_probability: NDArray[np.float64]


@checked
class ElectrodeFaults(Condition):
    """Draws faults of the array for every episode: dead electrodes, and losses of the others.

    A dead electrode neither stimulates nor records. A live one delivers a share of the commanded current and records a
    share of the spikes within its recording radius, each share drawn between ``1 - loss`` and 1 (so the limits of
    charge hold). A spike near several electrodes is recorded if one of them records it; spikes of cells near no
    electrode are never removed.

    Args:
        env: The cultures.
        dead: Probability that an electrode is dead.
        loss: Largest share of current, and of spikes, that a live electrode loses.

    Raises:
        InvalidInput: A number lies outside 0 ... 1.
    """

    def __init__(self, env: Plant, *, dead: float = 0.1, loss: float = 0.3) -> None:
        super().__init__(env)
        self.dead, self.loss = finite("dead", dead, minimum=0.0), finite("loss", loss, minimum=0.0)
        if max(self.dead, self.loss) > 1.0:
            raise InvalidInput(f"dead and loss must lie in 0 ... 1, got {dead:g} and {loss:g}.")
        self._recorded = env.electrodes.channel_cells()

    def begin(self, np_random: np.random.Generator) -> _Faults:
        """Draw the faults of the episode's array."""
        rng = np.random.default_rng(np_random.integers(2**63))
        channels = self.env.electrodes.num_channels
        alive = rng.uniform(size=channels) >= self.dead
        current, spikes = alive * (1.0 - self.loss * rng.uniform(size=(2, channels)))
        missed = np.where(self._recorded, 1.0 - spikes[:, None], 1.0).prod(axis=0)
        return _Faults(rng, current, spikes, np.where(self._recorded.any(axis=0), 1.0 - missed, 1.0))

    def stimulus(self, stimulus: Stimulus | None, run: ConditionedRun) -> Stimulus | None:
        """Return the stimulus scaled by the share of current that each electrode delivers; light is not changed."""
        electrical, light = (None, None) if stimulus is None else stimulus.parts
        if electrical is None:
            return light
        delivered = self._delivered(electrical, run)
        return delivered if light is None else delivered.with_light(light)

    def _delivered(self, stimulus: Stimulus, run: ConditionedRun) -> Stimulus:
        current = np.stack([self.states[b].current for b in run.cultures])
        if stimulus.array is not None:
            return Stimulus(stimulus.array * current[:, None, :], stimulus.dt, stimulus.mode)
        assert stimulus.pulses is not None
        pulses = joined_pulses(culture_pulses(stimulus.pulses, stimulus.num_cultures is None, len(run)))
        pulses = replace(pulses, value=pulses.value * current[pulses.culture, pulses.column])
        return Stimulus.from_pulses(
            pulses.select(pulses.value != 0),
            num_columns=stimulus.num_columns,
            duration_ms=stimulus.duration_ms,
            num_cultures=len(run),
            mode=stimulus.mode,
        )

    def recording(self, recording: Recording, stimulus: Stimulus | None, run: ConditionedRun) -> Recording:
        """Return the recording without the spikes that the electrodes lose."""
        _, gid, _ = recording.spikes
        keep = np.empty(len(gid), dtype=np.bool_)
        for b, rows in zip(run.cultures, culture_slices(recording), strict=True):
            state = self.states[b]
            keep[rows] = state.rng.uniform(size=len(gid[rows])) < state.pass_probability[gid[rows]]
        return recording.where(keep)
