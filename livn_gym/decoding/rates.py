"""Firing rates of cells, electrodes and populations; vectorised over cultures, for the control loop."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.decoding.base import SpikeDecoding
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.units import finite

if TYPE_CHECKING:
    from livn_gym.env import Env

MAX_RATE_HZ = 1000.0
"""No cell fires faster: a spike and its refractory time take more than 1 ms. Bound of the spaces."""


def _rows(env: Env, rates_hz: NDArray[np.float64]) -> None:
    """Check that rates are ``[B, N]``."""
    if rates_hz.ndim != 2 or rates_hz.shape[1] != env.system.num_neurons:
        raise InvalidInput(f"rates_hz must be [B, {env.system.num_neurons}], got the shape {rates_hz.shape}.")


@checked
class RateDecoding(SpikeDecoding):
    """A decoding of the cells' rates; subclasses write ``from_rates`` for all cultures at once."""

    @abstractmethod
    def from_rates(self, env: Env, rates_hz: NDArray[np.float64]) -> NDArray:
        """Results of B cultures, ``[B, ...]``, from their cells' rates, Hz ``[B, N]``."""

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> Any:
        """One culture's result; see the class."""
        return self.from_rates(env, self._rates(env, np.zeros_like(gid), gid, 1))[0]

    def batch(self, env: Env, recording: Recording) -> Any:
        """Results of every culture, stacked to ``[B, ...]``.

        Raises:
            InvalidInput: The recording is not as long as the decoding's duration.
            NotRecorded: Spikes were not recorded.
        """
        return self.from_rates(env, self._batch_rates(env, recording))

    def _batch_rates(self, env: Env, recording: Recording) -> NDArray[np.float64]:
        self.check_duration(recording)
        gid, _ = self.checked(env, recording.spike_gid, recording.spike_t)
        return self._rates(env, recording.spikes[0], gid, recording.num_cultures)

    def _rates(self, env: Env, culture: NDArray, gid: NDArray, num_cultures: int) -> NDArray[np.float64]:
        n = env.system.num_neurons
        counts = np.bincount(culture * n + gid, minlength=num_cultures * n).reshape(num_cultures, n)
        return counts.astype(np.float64) * (1000.0 / self.duration)


@checked
class MeanFiringRate(RateDecoding):
    """``{"rate_hz": float, "rates_hz": [N]}``: the mean rate over cells, and each cell's.

    Cells that are not recorded count as silent: where only some populations are, name one of them. Of B
    cultures: ``{"rate_hz": [B], "rates_hz": [B, N]}``. Without spikes: zeros.

    Args:
        duration: Length of the run, ms.
        population: The cells that are looked at; default all.
    """

    def __init__(self, duration: float, population: str | None = None) -> None:
        super().__init__(duration)
        self.population = population

    def from_rates(self, env: Env, rates_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rates of the chosen cells, Hz ``[B, n]``."""
        _rows(env, rates_hz)
        if self.population is None:
            return rates_hz
        population = env.system.population(self.population)
        return rates_hz[:, population.start : population.stop]

    def decode(self, env: Env, gid: NDArray[np.int64], t: NDArray[np.float64]) -> dict[str, Any]:
        """One culture's mean and rates; see the class."""
        rates_hz = super().decode(env, gid, t)
        return {"rate_hz": float(rates_hz.mean()), "rates_hz": rates_hz}

    def batch(self, env: Env, recording: Recording) -> dict[str, NDArray[np.float64]]:
        """Every culture's mean and rates, ``{"rate_hz": [B], "rates_hz": [B, N]}``."""
        rates_hz = super().batch(env, recording)
        return {"rate_hz": rates_hz.mean(axis=1), "rates_hz": rates_hz}


@checked
class ChannelRates(RateDecoding):
    """Spikes per second that each electrode hears, summed over its cells: float32 ``[C]`` or ``[B, C]``.

    The space's bound is 1000 Hz (no cell fires faster) times the cells of the electrode that hears most, so
    that not even a seizure leaves it. Without spikes: zeros.
    """

    per_channel = True

    def __init__(self, duration: float) -> None:
        super().__init__(duration)
        self._heard: tuple[object, object, NDArray[np.int64], NDArray[np.int64]] | None = None

    def from_rates(self, env: Env, rates_hz: NDArray[np.float64]) -> NDArray[np.float32]:
        """Rate at each electrode, Hz ``[B, C]``."""
        _rows(env, rates_hz)
        channel, cell = self._pairs(env)
        cultures, channels = len(rates_hz), env.io.num_channels
        index = np.arange(cultures)[:, None] * channels + channel
        sums = np.bincount(index.ravel(), weights=rates_hz[:, cell].ravel(), minlength=cultures * channels)
        return sums.reshape(cultures, channels).astype(np.float32)

    def observation_space(self, env: Env) -> spaces.Box:
        """``Box(0, high, [C], float32)``, Hz."""
        channel, _ = self._pairs(env)
        most = max(1, int(np.bincount(channel, minlength=1).max()))
        return spaces.Box(0.0, MAX_RATE_HZ * most, (env.io.num_channels,), np.float32)

    def _pairs(self, env: Env) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every (channel, cell) pair that hears; kept, since finding them takes 1e7 distances on EI4."""
        heard = self._heard
        if heard is None or heard[0] is not env.io or heard[1] is not env.geometry:
            channel, cell = np.nonzero(env.io.channel_cells(env.geometry))
            heard = self._heard = (env.io, env.geometry, channel, cell)
        return heard[2], heard[3]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without what is kept of the last interface."""
        return {**self.__dict__, "_heard": None}


@checked
class PopulationRates(RateDecoding):
    """Mean rate of each population's cells, Hz, in the order of the system's populations.

    float32 ``[P]``, of B cultures ``[B, P]``; their names are ``env.system.population_names``. The space's
    bound is 1000 Hz. Without spikes: zeros.
    """

    def from_rates(self, env: Env, rates_hz: NDArray[np.float64]) -> NDArray[np.float32]:
        """Mean rates, Hz ``[B, P]``."""
        _rows(env, rates_hz)
        means = [rates_hz[:, p.start : p.stop].mean(axis=1) for p in env.system.populations]
        return np.stack(means, axis=1).astype(np.float32)

    def observation_space(self, env: Env) -> spaces.Box:
        """``Box(0, 1000, [P], float32)``, Hz."""
        return spaces.Box(0.0, MAX_RATE_HZ, (len(env.system.populations),), np.float32)


@checked
class ActiveFraction(RateDecoding):
    """Share of all cells that fire faster than a rate, by default at all; float64, of B cultures ``[B]``.

    Args:
        duration: Length of the run, ms.
        above_hz: Cells at this rate or below are not active.
    """

    def __init__(self, duration: float, above_hz: float = 0.0) -> None:
        super().__init__(duration)
        self.above_hz = finite("above_hz", above_hz, minimum=0.0)

    def from_rates(self, env: Env, rates_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares, ``[B]``."""
        _rows(env, rates_hz)
        return (rates_hz > self.above_hz).mean(axis=1)
