"""Electrodes that are dead, or weaker than others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.envs.conditions.base import Condition
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import finite


@checked
class ElectrodeFaults(Condition):
    """Every episode draws an array with faults: dead electrodes, and losses of the others.

    A dead electrode neither stimulates nor hears. Of a live one, the culture gets a share of the commanded current,
    and the loop a share of the spikes that it hears, each share drawn between ``1 - loss`` and 1 (so the limits of
    charge hold). A spike that several electrodes hear gets through if one of them lets it; one that none hears always
    does.

    Args:
        env: The cultures.
        dead: Probability of an electrode to be dead.
        loss: Largest share that a live electrode loses of current, and of spikes.

    Raises:
        InvalidInput: A number lies outside 0 ... 1.
    """

    def __init__(self, env: Env, *, dead: float = 0.1, loss: float = 0.3) -> None:
        super().__init__(env)
        self.dead, self.loss = finite("dead", dead, minimum=0.0), finite("loss", loss, minimum=0.0)
        if max(self.dead, self.loss) > 1.0:
            raise InvalidInput(f"dead and loss must lie in 0 ... 1, got {dead:g} and {loss:g}.")
        self.current = np.ones(env.electrodes.num_channels)
        self.hearing = np.ones(env.electrodes.num_channels)
        self._heard = env.electrodes.channel_cells()
        self._rng = np.random.default_rng(0)

    def reset(self, np_random: np.random.Generator) -> None:
        """Draw the array."""
        self._rng = np.random.default_rng(np_random.integers(2**63))
        channels = self.env.electrodes.num_channels
        alive = self._rng.uniform(size=channels) >= self.dead
        self.current, self.hearing = alive * (1.0 - self.loss * self._rng.uniform(size=(2, channels)))
        missed = np.where(self._heard, 1.0 - self.hearing[:, None], 1.0).prod(axis=0)
        self._passes = np.where(self._heard.any(axis=0), 1.0 - missed, 1.0)

    def stimulus(self, stimulus: Stimulus | None, duration_ms: float) -> Stimulus | None:
        """The share of the current that each electrode gives."""
        if stimulus is None:
            return None
        if stimulus.array is not None:
            return Stimulus(stimulus.array * self.current, stimulus.dt, stimulus.mode)
        assert stimulus.pulses is not None
        pulses = stimulus.pulses
        pulses = replace(pulses, value=pulses.value * self.current[pulses.column])
        return Stimulus.from_pulses(
            pulses.select(pulses.value != 0),
            num_columns=stimulus.num_columns,
            duration_ms=stimulus.duration_ms,
            mode=stimulus.mode,
        )

    def recording(self, recording: Recording, stimulus: Stimulus | None, time_ms: float) -> Recording:
        """The spikes that get through."""
        _, gid, _ = recording.spikes
        return recording.where(self._rng.uniform(size=len(gid)) < self._passes[gid])
