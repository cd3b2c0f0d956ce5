"""Membrane currents of cells during their spikes, measured once per model: the time courses of spike templates.

The membrane currents of soma and dendrite of an unconnected cell add up to zero, so that the potential of its spike has
one time course at all electrodes, and an amplitude at each of them. The time course depends on the time since the
cell's previous spike: sodium channels are still inactivated in the later spikes of a burst.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends import Precision, Scheme
from livn_gym.cache import cached_folder
from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnsupportedModel
from livn_gym.models import Model
from livn_gym.recording import Recording
from livn_gym.system import Population, System

BEFORE_MS, AFTER_MS = 0.4, 10.0
"""Length of a time course before and after the spike, that is, the upward crossing of the threshold by the soma."""

INTERVALS_MS = (4.0, 5.0, 6.0, 7.0, 8.5, 10.0, 12.0, 15.0, 20.0, 30.0, 50.0, 100.0)
"""Bounds of the classes of spikes by the time since the cell's previous spike."""

MAX_PHASES = 200
"""Largest number of positions of a spike between two frames."""

_CELLS = 8
_PARTS, _PART_MS = 6, 500.0
_SETTLE_MS = 200.0
_DRIVES_NS = tuple(0.05 * 2.0**k for k in range(12))
"""Standard deviation of the excitatory background conductance that makes cells spike, of one culture each."""
_DRIVE_TAU_MS = 20.0
_ENOUGH = 30
"""Number of spikes of a class up to which a stronger drive is added."""
_MOST = 100
"""Number of spikes of a class and drive beyond which no more are added."""
_FINE = 8
"""Number of bins per time step in which the samples of many spikes are averaged."""
_SEED = 20_261_130
_FILE = "spikes.npz"
_LOADED: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SpikeCurrents:
    """Time courses of the soma's membrane current during spikes; the dendrite's is its negative.

    Attributes:
        frames_per_step: Sampled frames per time step of the simulation.
        before: Number of frames before the one in which the spike is.
        current_nA: Current by population, class of the interval before the spike, position of the spike between two
            frames, and frame, float32 ``[P, K, phases, frames]``.
        trough_nA: Largest inward current of each population's spikes after long intervals, nA ``[P]``.
    """

    frames_per_step: Fraction
    before: int
    current_nA: NDArray[np.float32]
    trough_nA: NDArray[np.float64]

    @property
    def num_frames(self) -> int:
        """Length of a time course in frames."""
        return self.current_nA.shape[-1]


def frames_per_step(sampling_hz: float, dt_ms: float) -> Fraction:
    """Return the number of frames per time step as a fraction.

    Raises:
        InvalidInput: The two have no common multiple within 100 time steps, so that their grids never meet.
    """
    ratio = Fraction(sampling_hz * dt_ms * 1e-3).limit_denominator(MAX_PHASES // 2)
    if ratio == 0 or abs(float(ratio) - sampling_hz * dt_ms * 1e-3) > 1e-9:
        raise InvalidInput(
            f"Frames at {sampling_hz:g} Hz and time steps of {dt_ms:g} ms have no common grid: take a dt such as "
            f"{1000.0 / sampling_hz:.12g} ms, of which frames are a simple fraction."
        )
    return ratio


@checked
def spike_currents(env: Env, sampling_hz: float) -> SpikeCurrents:
    """Return the time courses of the spikes of a culture's cells at a sampling rate.

    They are measured at the time step, scheme and precision of the culture, in unconnected cells with the constants of
    the model that noise makes spike, and kept in the user's cache.

    Args:
        env: The culture.
        sampling_hz: Frames per second.

    Raises:
        InvalidInput: Frames and time steps have no common grid.
        UnsupportedModel: Cells of a population do not spike, or their currents are not those of two compartments.
    """
    ratio = frames_per_step(sampling_hz, env.dt)
    fine, trough = _stored(env)
    before = math.ceil(BEFORE_MS * sampling_hz * 1e-3 - 1e-9)
    after = math.ceil(AFTER_MS * sampling_hz * 1e-3 - 1e-9)
    # A spike that a run reports at step s crossed the threshold half a step before, in the mean. Position p: the
    # crossing is p / phases of a frame after the spike's frame.
    phases = 2 * ratio.denominator
    frame = np.arange(-before, after + 1)[None, :] - np.arange(phases)[:, None] / phases
    steps = frame / float(ratio)
    grid = (np.arange(fine.shape[-1]) + 0.5) / _FINE - _before_steps(env.dt)
    taper = _taper(frame / (sampling_hz * 1e-3))
    current = np.empty((*fine.shape[:2], *frame.shape), dtype=np.float32)
    for p, k in np.ndindex(*fine.shape[:2]):
        current[p, k] = np.interp(steps, grid, fine[p, k]) * taper
    return SpikeCurrents(ratio, before, current, trough)


def _stored(env: Env) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the soma's current on a fine grid and its troughs, from the cache if they were measured before."""
    populations = env.system.population_names
    cells = [env.model.cell(name) for name in populations]
    sources = [inspect.getsource(inspect.getmodule(type(cell))) for cell in cells]  # type: ignore[arg-type]
    own = inspect.getsource(inspect.getmodule(_stored))  # type: ignore[arg-type]
    model = type(env.model).__qualname__, env.model.spike_threshold_mV
    key = repr((*model, cells, populations, env.dt, env.scheme, env.precision, own, sources))
    if key not in _LOADED:

        def build(folder: Path) -> None:
            _log.warning("livn_gym: measuring the spikes of the model's cells (once on this machine)")
            current, trough = _measured(env.model, populations, env.dt, env.scheme, env.precision)
            np.savez(folder / _FILE, current=current, trough=trough)

        folder = cached_folder(f"spikes/{hashlib.sha256(key.encode()).hexdigest()[:16]}", build)
        with np.load(folder / _FILE, allow_pickle=False) as arrays:
            _LOADED[key] = arrays["current"], arrays["trough"]
    return _LOADED[key]


def _taper(time_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the window that lets a time course begin and end at 0, a smooth step at both."""
    rise = np.clip((time_ms + BEFORE_MS) / (0.4 * BEFORE_MS), 0.0, 1.0)
    fall = np.clip((AFTER_MS - time_ms) / (0.3 * AFTER_MS), 0.0, 1.0)
    return rise * rise * (3.0 - 2.0 * rise) * fall * fall * (3.0 - 2.0 * fall)


def _before_steps(dt_ms: float) -> int:
    return math.ceil(BEFORE_MS / dt_ms) + 2


def _measured(
    model: Model, populations: tuple[str, ...], dt_ms: float, scheme: Scheme, precision: Precision
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the soma's current in nA on a fine grid, ``[P, K, bins]``, and the troughs, ``[P]``."""
    system = _unconnected(populations)
    env = Env(
        system,
        model,
        seed=_SEED,
        num_cultures=len(_DRIVES_NS),
        dt=dt_ms,
        scheme=scheme,
        precision=precision,
        backend="native",
    )
    noise: dict[str, Any] = {"g_e0": [drive / 4 for drive in _DRIVES_NS], "std_e": _DRIVES_NS, "tau_e": _DRIVE_TAU_MS}
    env.set_noise(noise).record_spikes().record_voltage().record_membrane_current().init()
    before, after = _before_steps(dt_ms), math.ceil(AFTER_MS / dt_ms) + 2
    gathered = _Gathered(len(populations), before, after)
    try:
        env.run(round(_SETTLE_MS / dt_ms) * dt_ms)
        for _ in range(_PARTS):  # since every sample of a part is in memory
            gathered.add(env.run(round(_PART_MS / dt_ms) * dt_ms), model.spike_threshold_mV)
    finally:
        env.close()
    return gathered.averages(populations)


def _unconnected(populations: tuple[str, ...]) -> System:
    """Return a system of some cells of each population, without synapses."""
    count = _CELLS * len(populations)
    positions = np.zeros((count, 3))
    positions[:, 0] = 100.0 * np.arange(count)
    return System(
        name="unconnected",
        populations=tuple(Population(name, k * _CELLS, _CELLS) for k, name in enumerate(populations)),
        positions=positions,
        dendrites=np.tile([1.0, 0.0], (count, 1)),
        projections=(),
        electrodes=np.zeros((1, 3)),
        bounding_box=np.array([[0.0, 0.0, 0.0], [100.0 * count, 1.0, 1.0]]),
    )


class _Gathered:
    """Sums of the currents of many spikes in fine bins of time, by population, drive and interval."""

    def __init__(self, populations: int, before: int, after: int) -> None:
        self.before, self.after = before, after
        shape = populations, len(_DRIVES_NS), len(INTERVALS_MS) + 1
        self.count = np.zeros(shape, dtype=np.int64)
        self.sums = np.zeros((*shape, (before + after) * _FINE))
        self.samples = np.zeros((*shape, (before + after) * _FINE), dtype=np.int64)
        self.net_nA = 0.0
        self.peak_nA = 0.0

    def add(self, recording: Recording, threshold_mV: float) -> None:
        """Add the spikes of a run of all drives."""
        culture, gid, t = recording.spikes
        voltage, current, dendrite = recording.voltage_soma, recording.current_soma, recording.current_dendrite
        assert voltage is not None and current is not None and dendrite is not None
        self.net_nA = max(self.net_nA, float(np.abs(current + dendrite).max()))
        self.peak_nA = max(self.peak_nA, float(np.abs(current).max()))
        step = np.rint(t / recording.dt_ms).astype(np.int64)
        order = np.lexsort((step, gid, culture))
        culture, gid, step = culture[order], gid[order], step[order]
        same = (np.diff(gid) == 0) & (np.diff(culture) == 0)
        interval = np.where(np.append(False, same), np.diff(step, prepend=0) * recording.dt_ms, np.nan)
        next_step = np.where(np.append(same, False), np.append(step[1:], 0), 2**40)
        interval_class = np.searchsorted(INTERVALS_MS, interval, side="right")
        within = (step >= self.before + 1) & (step + self.after <= voltage.shape[-1]) & ~np.isnan(interval)
        for i in np.flatnonzero(within):
            b, g, s = culture[i], gid[i], step[i]
            place = g // _CELLS, b, interval_class[i]
            if self.count[place] >= _MOST:
                continue
            low, high = voltage[b, g, s - 1], voltage[b, g, s]
            crossing = (threshold_mV - low) / (high - low)  # in steps after s - 1
            last = min(self.after, int(next_step[i]) - self.before - s)  # the next spike is not part of this one
            if last <= 0:
                continue
            offset = np.arange(-self.before + 1, last)
            bins = ((offset + 1.0 - crossing + self.before) * _FINE).astype(np.int64)
            self.count[place] += 1
            self.sums[place][bins] += current[b, g, s + offset]
            self.samples[place][bins] += 1

    def averages(self, populations: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean currents and their troughs; an interval without spikes has those of the next longer one."""
        if self.net_nA > 0.01 * self.peak_nA:
            raise UnsupportedModel("Spike templates need cells whose membrane currents add up to zero.")
        shape = self.sums.shape
        result = np.empty((shape[0], shape[2], shape[3]))
        trough = np.empty(shape[0])
        for p, name in enumerate(populations):
            found = None
            for k in reversed(range(shape[2])):
                enough = np.cumsum(self.count[p, :, k]) >= _ENOUGH
                last = int(enough.argmax()) + 1 if enough.any() else len(enough)
                samples = self.samples[p, :last, k].sum(axis=0)
                filled = np.flatnonzero(samples)
                if self.count[p, :last, k].sum() >= _ENOUGH // 3:
                    mean = self.sums[p, :last, k].sum(axis=0)[filled] / samples[filled]
                    found = np.interp(np.arange(shape[3]), filled, mean)
                if found is None:
                    continue
                result[p, k] = found
                if k == shape[2] - 1:
                    trough[p] = -found.min()
            if found is None or self.count[p, :, -1].sum() < _ENOUGH // 3:
                raise UnsupportedModel(f"Cells of {name} spike too rarely for a template.")
        return result, trough
