"""Stimuli as the engine takes them: lists of changes, and gains from columns to cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.base import CultureSpec
from livn_gym.backends.native.driver import Drive
from livn_gym.backends.native.layout import Layout
from livn_gym.stimulus import Stimulus

KINDS = {"current": 0, "current_density": 0, "conductance": 1, "extracellular": 2}


class Drives:
    """Makes the drives of a system; remembers the last gain, which is the same from run to run.

    Args:
        spec: What is simulated.
        layouts: Its populations.
    """

    def __init__(self, spec: CultureSpec, layouts: list[Layout]) -> None:
        self._dt_ms = spec.dt_ms
        cells = {layout.name: layout.cell for layout in layouts}
        counts = {population.name: population.count for population in spec.system.populations}
        self.coupling_uS, density = (
            np.repeat([number(cells[name]) for name in counts], list(counts.values()))
            for number in (lambda cell: cell.coupling_uS, lambda cell: cell.density_to_nA(1.0))
        )
        one = np.ones(len(density))
        self._scale = {
            "current": one,
            "current_density": density,
            "conductance": one,
            "extracellular": self.coupling_uS,
        }
        self._known: list[NDArray] = []
        self._gains = np.zeros((0, 0, 0))

    def drive(self, stimuli: Sequence[Stimulus | None]) -> Drive:
        """The drive of a group's stimuli."""
        count, size = len(stimuli), len(self.coupling_uS)
        first = np.zeros(count + 1, dtype=np.int64)
        kind, gain = np.full(count, -1), np.full(count, -1)
        reversal, scale = np.zeros(count), np.zeros((count, size))
        schedules, width = [], 1
        gains: list[NDArray] = []
        for c, stimulus in enumerate(stimuli):
            if stimulus is not None:
                schedule = stimulus.schedule(self._dt_ms)
                schedules.append((schedule.step, schedule.column, schedule.value))
                first[c + 1] = len(schedule.step)
                kind[c], reversal[c] = KINDS[stimulus.mode], stimulus.reversal_mV
                scale[c] = self._scale[stimulus.mode]
                width = max(width, stimulus.num_columns)
                if stimulus.gain is not None:
                    places = [k for k, other in enumerate(gains) if other is stimulus.gain]
                    gain[c] = places[0] if places else len(gains)
                    if not places:
                        gains.append(stimulus.gain)
        np.cumsum(first, out=first)
        step, column, value = (
            np.concatenate([part[k] for part in schedules] or [np.zeros(0)]).astype(dtype)
            for k, dtype in enumerate((np.int64, np.int64, np.float64))
        )
        cursor, level = np.zeros(count, dtype=np.int64), np.zeros((count, width))
        return Drive(first, step, column, value, kind, reversal, gain, self._stacked(gains), scale, cursor, level)

    def _stacked(self, gains: list[NDArray]) -> NDArray[np.float64]:
        """The gains ``[G, K, N]``, each column's in one piece; those of the last call are kept."""
        same = len(gains) == len(self._known) and all(a is b for a, b in zip(gains, self._known, strict=True))
        if not same:
            width = max(gain.shape[1] for gain in gains) if gains else 0
            self._gains, self._known = np.zeros((len(gains), width, len(self.coupling_uS))), gains
            for k, gain in enumerate(gains):
                self._gains[k, : gain.shape[1]] = gain.T
        return self._gains
