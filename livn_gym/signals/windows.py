"""Runs in short windows, so that traces of all cells are in memory for a window only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from livn_gym.checks import checked
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.units import whole_steps

WINDOW_MS = 10.0
"""Default length of a window, in which the currents of 1,000 cells take 4 MB per culture."""


@checked
def run_in_windows(
    env: Env,
    duration_ms: float,
    stimulus: Stimulus | None = None,
    *,
    window_ms: float = WINDOW_MS,
    cultures: Sequence[int] | None = None,
) -> Iterator[Recording]:
    """Run cultures in windows and return an iterator over the recordings; a window runs when it is asked for.

    The cultures do the same as in a single run. With ``ElectrodeSignals(form="exact")``, this gives exact frames of
    any duration, while nothing is stored per cell beyond a window.

    Args:
        env: The cultures.
        duration_ms: Length of all windows together.
        stimulus: Stimulus at the electrodes of the whole duration; None is none.
        window_ms: Length of a window; the last one may be shorter.
        cultures: Indices of the cultures that run, ascending. Default: all.

    Raises:
        InvalidInput: A length is no whole number of time steps, or the stimulus is longer than the runs or acts in
            another mode than on electrodes.
    """
    steps, window = (whole_steps(name, ms, env.dt) for name, ms in (("duration", duration_ms), ("window", window_ms)))
    if stimulus is not None and stimulus.mode != "electrode":
        raise InvalidInput(f"Windows take a stimulus in the mode 'electrode', got {stimulus.mode!r}.")
    if stimulus is not None and stimulus.duration_ms > steps * env.dt + 1e-9:
        raise InvalidInput(f"The stimulus of {stimulus.duration_ms:g} ms is longer than {duration_ms:g} ms.")
    return _windows(env, steps, stimulus, window, cultures)


def _windows(
    env: Env, steps: int, stimulus: Stimulus | None, window: int, cultures: Sequence[int] | None
) -> Iterator[Recording]:
    for start in range(0, steps, window):
        stop = min(start + window, steps)
        part = None if stimulus is None else cut(stimulus, start, stop, env.dt)
        yield env.run((stop - start) * env.dt, part, cultures=cultures)


@checked
def cut(stimulus: Stimulus, start: int, stop: int, dt_ms: float) -> Stimulus | None:
    """Return the part of a stimulus at electrodes between two time steps; None if no current flows in it."""
    changes = stimulus.schedule(dt_ms)
    order = np.lexsort((changes.step, changes.column, changes.culture))
    culture, column, value = changes.culture[order], changes.column[order], changes.value[order]
    on = np.flatnonzero(value)
    first, last = changes.step[order][on], changes.step[order][on + 1]  # the last change of a column is to 0
    inside = (first < stop) & (last > start)
    if not inside.any():
        return None
    on, first, last = on[inside], np.maximum(first[inside], start), np.minimum(last[inside], stop)
    onset_ms, width_ms = (np.multiply(steps, dt_ms, dtype=np.float64) for steps in (first - start, last - first))
    return Stimulus.from_pulses(
        Pulses(culture[on], column[on], onset_ms, np.zeros(len(on)), width_ms, value[on]),
        num_columns=stimulus.num_columns,
        duration_ms=(stop - start) * dt_ms,
        num_cultures=stimulus.num_cultures,
    )
