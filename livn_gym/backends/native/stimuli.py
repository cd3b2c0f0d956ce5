"""Stimuli in the form of the kernels: lists of changes, and gains from columns to cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec
from livn_gym.backends.native.driver import AnyDrive, Drive, LightDrive, LitDrive
from livn_gym.backends.native.layout import Layout
from livn_gym.light import light_levels
from livn_gym.models import Channelrhodopsin
from livn_gym.models.channelrhodopsin import LIGHT
from livn_gym.stimulus import Stimulus

KINDS = {"current": 0, "current_density": 0, "conductance": 1, "extracellular": 2}

_NO_CHANGES: tuple[NDArray, ...] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
_MAX_CACHED = 16
"""Number of kinds of drives that are cached, each for one size of a group."""


class Drives:
    """Maker of the drives of a system; it caches the last gain and constants of groups, which usually stay the same.

    Args:
        spec: Specification of the cultures.
        layouts: Layouts of the populations.
    """

    def __init__(self, spec: CultureSpec, layouts: list[Layout]) -> None:
        self._dt_ms = spec.dt_ms
        self._opsin = spec.opsin
        cells = {layout.name: layout.cell for layout in layouts}
        counts = {population.name: population.count for population in spec.system.populations}
        self.coupling_uS, density = (
            np.repeat([number(cells[name]) for name in counts], list(counts.values()))
            for number in (lambda cell: cell.coupling_uS, lambda cell: cell.density_to_nA(1.0))
        )
        unit = np.ones(len(density))
        self._scale = {
            "current": unit,
            "current_density": density,
            "conductance": unit,
            "extracellular": self.coupling_uS,
        }
        self._cached_gain: NDArray | None = None
        self._gains = np.zeros((0, 0, len(density)))
        self._cached_constants: dict[tuple[tuple[str, float] | None, bool, int], tuple[NDArray, ...]] = {}

    def drive(self, stimulus: Stimulus | None, start: int, stop: int) -> AnyDrive:
        """Return the drive of a group with the cultures from ``start`` to ``stop - 1`` of the stimulus."""
        electrical, light = (None, None) if stimulus is None else stimulus.parts
        drive = self._electrical(electrical, start, stop)
        return drive if self._opsin is None else LitDrive(drive, self._light(light, start, stop, self._opsin))

    def _light(self, light: Stimulus | None, start: int, stop: int, opsin: Channelrhodopsin) -> LightDrive:
        """Return the light of a group: every change gives new values to all cells of a culture."""
        count = stop - start
        cells = len(self.coupling_uS)
        if light is None:
            first, step = np.zeros(count + 1, dtype=np.int64), _NO_CHANGES[0]
            return LightDrive(first, step, np.zeros((0, len(LIGHT), cells)), first[:-1].copy())
        steps, levels, first = light_levels(light, self._dt_ms, start, stop)
        return LightDrive(first, steps, opsin.light(levels).swapaxes(0, 1).copy(), first[:-1].copy())

    def _electrical(self, stimulus: Stimulus | None, start: int, stop: int) -> Drive:
        """Return the electrical drive of a group."""
        count = stop - start
        first, changes, width = np.zeros(count + 1, dtype=np.int64), _NO_CHANGES, 1
        if stimulus is not None:
            schedule = stimulus.schedule(self._dt_ms)
            changes = (schedule.step, schedule.column, schedule.value)
            if stimulus.num_cultures is None:
                first = np.arange(count + 1) * len(schedule.step)
                changes = tuple(np.concatenate([column] * count) for column in changes)
            else:
                first = np.searchsorted(schedule.culture, np.arange(start, stop + 1))
                changes = tuple(column[first[0] : first[-1]].copy() for column in changes)
                first -= first[0]
            width = stimulus.num_columns
        gain = None if stimulus is None else stimulus.gain
        kind = None if stimulus is None else (stimulus.mode, stimulus.reversal_mV)
        kinds, reversal, gain_index, scale = self._constants(kind, gain is not None, count)
        cursor, level = np.zeros(count, dtype=np.int64), np.zeros((count, width))
        step, column, value = changes
        gains = self._by_column(gain)
        return Drive(first, step, column, value, kinds, reversal, gain_index, gains, scale, cursor, level)

    def _constants(self, kind: tuple[str, float] | None, has_gain: bool, count: int) -> tuple[NDArray, ...]:
        """Return kind, reversal, gain and scale of cultures with equal stimuli, which runs only read."""
        key = kind, has_gain, count
        if key not in self._cached_constants:
            mode, reversal_mV = (None, 0.0) if kind is None else kind
            scale = np.zeros((count, len(self.coupling_uS)))
            scale[:] = 0.0 if mode is None else self._scale[mode]
            number = -1 if mode is None else KINDS[mode]
            if len(self._cached_constants) >= _MAX_CACHED:
                self._cached_constants.clear()
            self._cached_constants[key] = (
                np.full(count, number),
                np.full(count, reversal_mV),
                np.full(count, 0 if has_gain else -1),
                scale,
            )
        return self._cached_constants[key]

    def _by_column(self, gain: NDArray | None) -> NDArray[np.float64]:
        """Return the gain as ``[1, K, N]``, contiguous per column; the last one is cached."""
        if gain is not self._cached_gain:
            self._cached_gain = gain
            self._gains = np.zeros((0, 0, len(self.coupling_uS))) if gain is None else gain.T[None].copy()
        return self._gains
