"""Irradiance of cells over time, as simulators need it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.stimulus import Stimulus


def light_levels(
    light: Stimulus, dt_ms: float, start: int = 0, stop: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the irradiance of all cells from every step at which the light on a culture changes.

    Columns are added one after another, so that the sums depend neither on the number of cultures nor on the machine.

    Args:
        light: Stimulus in the mode ``"irradiance"``.
        dt_ms: Time step.
        start: First culture of the stimulus.
        stop: Last culture plus 1.

    Returns:
        Steps ``[changes]`` and irradiances, mW/mm2 ``[changes, N]``, by culture and then by step; and the index of the
        first change of each culture, ``[stop - start + 1]``.
    """
    schedule = light.schedule(dt_ms)
    steps, levels = [np.zeros(0, dtype=np.int64)], [np.zeros((0, _cells(light)))]
    first = [0]
    for culture in range(start, stop):
        if light.num_cultures is None and culture > start:
            steps.append(steps[1])
            levels.append(levels[1])
        else:
            own = schedule.culture == (0 if light.num_cultures is None else culture)
            at, index = np.unique(schedule.step[own], return_inverse=True)
            changed = np.full((len(at), light.num_columns), np.nan)
            changed[index, schedule.column[own]] = schedule.value[own]
            steps.append(at.astype(np.int64))
            levels.append(_at_cells(_held(changed), light.gain))
        first.append(first[-1] + len(steps[-1]))
    return np.concatenate(steps), np.concatenate(levels), np.array(first, dtype=np.int64)


def _cells(light: Stimulus) -> int:
    return light.num_columns if light.gain is None else len(light.gain)


def _held(changed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values ``[changes, K]`` with each NaN replaced by the value before, 0 at first."""
    level = np.zeros(changed.shape[1])
    for row in changed:
        same = np.isnan(row)
        row[same] = level[same]
        level = row
    return changed


def _at_cells(columns: NDArray[np.float64], gain: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if gain is None:
        return columns
    total = np.zeros((len(columns), len(gain)))
    for k in range(columns.shape[1]):
        total += columns[:, k, None] * gain[None, :, k]
    return total
