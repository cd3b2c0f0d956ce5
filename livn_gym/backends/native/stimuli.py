"""Stimuli in the form of the kernels: lists of changes, and gains from columns to cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec
from livn_gym.backends.native.driver import Drive
from livn_gym.backends.native.layout import Layout
from livn_gym.stimulus import Stimulus

KINDS = {"current": 0, "current_density": 0, "conductance": 1, "extracellular": 2}


class Drives:
    """Maker of the drives of a system; it caches the last gain, which usually stays the same.

    Args:
        spec: Specification of the cultures.
        layouts: Layouts of the populations.
    """

    def __init__(self, spec: CultureSpec, layouts: list[Layout]) -> None:
        self._dt_ms = spec.dt_ms
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

    def drive(self, stimulus: Stimulus | None, start: int, stop: int) -> Drive:
        """Return the drive of a group with the cultures from ``start`` to ``stop - 1`` of the stimulus."""
        count, size = stop - start, len(self.coupling_uS)
        first = np.zeros(count + 1, dtype=np.int64)
        kind, gain = np.full(count, -1), np.full(count, -1)
        reversal, scale, width = np.zeros(count), np.zeros((count, size)), 1
        changes: list[NDArray] = [np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)]
        if stimulus is not None:
            schedule = stimulus.schedule(self._dt_ms)
            changes = [schedule.step, schedule.column, schedule.value]
            if stimulus.num_cultures is None:
                first = np.arange(count + 1) * len(schedule.step)
                changes = [np.tile(column, count) for column in changes]
            else:
                first = np.searchsorted(schedule.culture, np.arange(start, stop + 1))
                changes = [column[first[0] : first[-1]].copy() for column in changes]
                first -= first[0]
            kind[:], reversal[:] = KINDS[stimulus.mode], stimulus.reversal_mV
            scale[:] = self._scale[stimulus.mode]
            width = stimulus.num_columns
            if stimulus.gain is not None:
                gain[:] = 0
        gains = self._by_column(None if stimulus is None else stimulus.gain)
        cursor, level = np.zeros(count, dtype=np.int64), np.zeros((count, width))
        step, column, value = changes
        return Drive(first, step, column, value, kind, reversal, gain, gains, scale, cursor, level)

    def _by_column(self, gain: NDArray | None) -> NDArray[np.float64]:
        """Return the gain as ``[1, K, N]``, contiguous per column; the last one is cached."""
        if gain is not self._cached_gain:
            self._cached_gain = gain
            self._gains = np.zeros((0, 0, len(self.coupling_uS))) if gain is None else gain.T[None].copy()
        return self._gains
