"""Firing rates of cells, electrodes and populations."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.recording import Recording
from livn_gym.system import System
from livn_gym.units import finite
from livn_gym.view import CultureView

MAX_SPIKE_RATE_HZ = 1000.0
"""Upper bound of a cell's firing rate, used for spaces: a spike and its refractory time take more than 1 ms."""


def _cell_rates_hz(decoding: Decoding, view: CultureView, recording: Recording) -> NDArray[np.float64]:
    """Rate of every cell of every culture in the time for which it was recorded, Hz ``[B, N]``."""
    decoding.spikes(view, recording)  # refuses a recording without spikes or of another duration
    return _rates_hz(recording, view.system.num_neurons)


def _rates_hz(recording: Recording, n: int) -> NDArray[np.float64]:
    """Rate of each of n cells of every culture in the time for which it was recorded, Hz ``[B, n]``."""
    culture, gid, _ = recording.spikes
    counts = np.bincount(culture * n + gid, minlength=recording.num_cultures * n).reshape(recording.num_cultures, n)
    if recording.blanking is None:
        return counts.astype(np.float64) * (1000.0 / recording.duration_ms)
    return np.minimum(
        counts * recording.blanking.cell_spike_hz, MAX_SPIKE_RATE_HZ
    )  # one spike in a short time is no rate


def _mean(values: NDArray[np.float64], recording: Recording, cells: slice = slice(None)) -> NDArray[np.float64]:
    """Mean over those of the cells that were recorded for a quarter of the run; 0 if none was; ``[B]``."""
    values = values[:, cells]
    if recording.blanking is None:
        return values.mean(axis=1)
    recorded = recording.blanking.cells_recorded[:, cells]
    return np.where(recorded, values, 0.0).sum(axis=1) / np.maximum(recorded.sum(axis=1), 1)


@checked
def population_rates_hz(recording: Recording, system: System) -> NDArray[np.float64]:
    """Return the mean rate of a cell of each population in the time for which it was recorded, Hz ``[B, P]``."""
    return _population_rates_hz(recording, system)


def _population_rates_hz(recording: Recording, system: System) -> NDArray[np.float64]:
    rates_hz = _rates_hz(recording, system.num_neurons)
    return np.stack([_mean(rates_hz, recording, slice(p.start, p.stop)) for p in system.populations], axis=1)


@checked
class MeanFiringRate(Decoding):
    """``{"rate_hz": float, "rates_hz": [N]}``: the mean rate over cells, and the rate of each cell.

    Cells that are not recorded count as silent; if only some populations are recorded, name one of them. The results
    of B cultures are ``{"rate_hz": [B], "rates_hz": [B, N]}``. Without spikes, all rates are 0. A rate refers to the
    time for which the cell was recorded; the mean leaves out cells that were blanked for three quarters of the run.

    Args:
        duration: Length of the run, ms.
        population: Population whose cells are decoded; default all cells.
    """

    def __init__(self, duration: float, population: str | None = None) -> None:
        super().__init__(duration)
        self.population = population

    def decode(self, view: CultureView, recording: Recording) -> dict[str, NDArray[np.float64]]:
        """Mean rate and rates of every culture."""
        rates_hz, cells = _cell_rates_hz(self, view, recording), slice(None)
        if self.population is not None:
            population = view.system.population(self.population)
            cells = slice(population.start, population.stop)
        return {"rate_hz": _mean(rates_hz, recording, cells), "rates_hz": rates_hz[:, cells]}


@checked
class ChannelRates(Decoding):
    """Spikes per second that each electrode records, summed over its cells: float32 ``[C]``.

    The upper bound of the space is 1000 Hz (``MAX_SPIKE_RATE_HZ``) times the largest number of cells that an electrode
    records, so that even a seizure lies within the space. The results of B cultures are ``[B, C]``. Without spikes,
    all rates are 0. Rates refer to the time for which the cells were recorded. The rate of a channel that was blanked
    for three quarters of the run means little: the closed loop repeats the channel's last rate instead.
    """

    per_channel = True

    def decode(self, view: CultureView, recording: Recording) -> NDArray[np.float32]:
        """Rate at each electrode of every culture, Hz ``[B, C]``."""
        rates_hz = _cell_rates_hz(self, view, recording)
        channel, cell = view.electrodes.channel_cell_pairs()
        cultures, channels = len(rates_hz), view.electrodes.num_channels
        index = np.arange(cultures)[:, None] * channels + channel
        sums = np.bincount(index.ravel(), weights=rates_hz[:, cell].ravel(), minlength=cultures * channels)
        return sums.reshape(cultures, channels).astype(np.float32)

    def observation_space(self, view: CultureView) -> spaces.Box:
        """``Box(0, high, [C], float32)``, Hz."""
        channel, _ = view.electrodes.channel_cell_pairs()
        max_cells = max(1, int(np.bincount(channel, minlength=1).max()))
        return spaces.Box(0.0, MAX_SPIKE_RATE_HZ * max_cells, (view.electrodes.num_channels,), np.float32)


@checked
class PopulationRates(Decoding):
    """Mean rate of the cells of each population, Hz, in the order of ``view.system.population_names``: float32 ``[P]``.

    The upper bound of the space is 1000 Hz. The results of B cultures are ``[B, P]``. Without spikes, all rates are 0.
    Rates refer to the time for which the cells were recorded; cells that were blanked for three quarters of the run are
    left out.
    """

    def decode(self, view: CultureView, recording: Recording) -> NDArray[np.float32]:
        """Mean rates of every culture, Hz ``[B, P]``."""
        self.spikes(view, recording)
        return _population_rates_hz(recording, view.system).astype(np.float32)

    def observation_space(self, view: CultureView) -> spaces.Box:
        """``Box(0, 1000, [P], float32)``, Hz."""
        return spaces.Box(0.0, MAX_SPIKE_RATE_HZ, (len(view.system.populations),), np.float32)


@checked
class ActiveFraction(Decoding):
    """Share of all cells that fire faster than a given rate, by default the share that fires at all: a float.

    The results of B cultures are float64 ``[B]``. Rates refer to the time for which the cells were recorded; cells that
    were blanked for three quarters of the run are left out.

    Args:
        duration: Length of the run, ms.
        above_hz: A cell is active if its rate exceeds this.
    """

    def __init__(self, duration: float, above_hz: float = 0.0) -> None:
        super().__init__(duration)
        self.above_hz = finite("above_hz", above_hz, minimum=0.0)

    def decode(self, view: CultureView, recording: Recording) -> NDArray[np.float64]:
        """Share of active cells of every culture, ``[B]``."""
        active = _cell_rates_hz(self, view, recording) > self.above_hz
        return _mean(active.astype(np.float64), recording)
