"""Potential that a cell's membrane current makes at the electrodes, and the channels within its reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.io.fields import distances, source_potential

SUBSTRATE_FACTOR = 2.0
"""Potentials at an insulating plate on which the sources are, relative to those in a homogeneous medium (method of
images; Ness et al., Neuroinformatics 13:403, 2015)."""

REACH = 0.1
"""Share of the noise that the trough of a spike must exceed at a channel to be part of its voltage."""


@checked
def gains_uV_per_nA(env: Env) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the potential of 1 nA of each cell's soma and dendrite at each electrode, uV ``[N, C]`` each."""
    electrodes, geometry = env.electrodes.coordinates_um, env.electrodes.geometry
    assert electrodes is not None
    soma, dendrite = (
        1e3 * SUBSTRATE_FACTOR * source_potential(distances(position, electrodes))
        for position in (geometry.soma_um, geometry.dendrite_um)
    )
    return soma, dendrite


@dataclass(frozen=True, eq=False)
class CellGains:
    """Potential per nA of a cell's spike at the channels within its reach.

    Attributes:
        first: First pair of each cell, and the number of pairs, int64 ``[N + 1]``.
        channel: Channel of every pair, int64 ``[P]``.
        gain: uV per nA of the soma's current, whose opposite leaves the dendrite, float32 ``[P]``.
        deepest_uV: Trough of each cell's spike at the channel where it is deepest, uV ``[N]``.
        best_channel: That channel, int64 ``[N]``.
    """

    first: NDArray[np.int64]
    channel: NDArray[np.int64]
    gain: NDArray[np.float32]
    deepest_uV: NDArray[np.float64]
    best_channel: NDArray[np.int64]

    @classmethod
    def of(cls, env: Env, trough_nA: NDArray[np.float64], noise_uV: float, usable: NDArray[np.bool_]) -> CellGains:
        """Compute the gains of a culture.

        Args:
            env: The culture.
            trough_nA: Largest inward current of each population's spikes.
            noise_uV: Standard deviation of the noise.
            usable: Whether each channel records, ``[C]``; others are in no cell's reach.
        """
        soma, dendrite = gains_uV_per_nA(env)
        gain = (soma - dendrite) * usable
        trough = np.repeat(trough_nA, [population.count for population in env.system.populations])
        depth_uV = gain * trough[:, None]
        cell, channel = np.nonzero(np.abs(depth_uV) > REACH * noise_uV)
        first = np.searchsorted(cell, np.arange(len(gain) + 1))
        pairs = gain[cell, channel].astype(np.float32)
        deepest_uV, best = depth_uV.max(axis=1, initial=0.0), depth_uV.argmax(axis=1)
        return cls(first.astype(np.int64), channel.astype(np.int64), pairs, deepest_uV, best)
