"""Join recordings of different cultures over one run, or of consecutive runs of the same cultures.

The module is below that of ``Recording``, whose methods have the types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym import blanked_times
from livn_gym.copies import altered
from livn_gym.errors import InvalidInput
from livn_gym.units import rounding


def batch(parts: Sequence[Any], t0_ms: float) -> Any:
    """See ``Recording.batch``."""
    if not parts:
        raise InvalidInput("A batch needs at least one recording.")
    counts = [part.num_cultures for part in parts]
    blanking = blanked_times.batch([part.blanking for part in parts], counts)
    starts = own_starts(np.concatenate([part.starts_ms for part in parts]))
    first = altered(parts[0], t0_ms=t0_ms, culture_t0_ms=starts, num_cultures=sum(counts), blanking=blanking)
    if len(parts) == 1:
        return first
    if first.spike_gid is not None:
        culture, gid, t = (np.concatenate(arrays) for arrays in zip(*(p.spikes for p in parts), strict=True))
        culture += np.repeat(np.cumsum([0, *counts[:-1]]), [len(p.spikes[0]) for p in parts])
        first = altered(first, spike_culture=culture, spike_gid=gid, spike_t=t)
    traced = first._cut_traces(...)
    traces: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in traced}
    weights = {key: np.concatenate([part.weights[key] for part in parts]) for key in first.weights}
    return altered(first, weights=weights, **traces)


def concat(recordings: Sequence[Any]) -> Any:
    """See ``Recording.concat``."""
    if not recordings:
        raise InvalidInput("concat needs at least one recording.")
    first = recordings[0]
    end = first.starts_ms + first.duration_ms
    for following in recordings[1:]:
        if following._kind() != first._kind():
            raise InvalidInput("Only recordings of the same cultures, cells and time step can be joined.")
        starts = following.starts_ms
        apart = np.flatnonzero(np.abs(starts - end) > 1e-6 + rounding(end))
        if len(apart):
            found = f"one ends at {end[apart[0]]:g} ms, the next starts at {starts[apart[0]]:g}"
            raise InvalidInput(f"Recordings must follow one another: {found}.")
        end = starts + following.duration_ms
    shifts = [recording.t0_ms - first.t0_ms for recording in recordings]
    duration_ms = recordings[-1].t0_ms + recordings[-1].duration_ms - first.t0_ms
    blanking = blanked_times.concat([r.blanking for r in recordings], shifts, duration_ms)
    joined = altered(first, duration_ms=duration_ms, blanking=blanking)
    if first.spike_t is not None:
        culture, gid = (np.concatenate([r.spikes[k] for r in recordings]) for k in (0, 1))
        t = np.concatenate([first._shifted(r.spikes[2], by) for r, by in zip(recordings, shifts, strict=True)])
        order = np.lexsort((gid, t, culture))
        joined = altered(joined, spike_culture=culture[order], spike_gid=gid[order], spike_t=t[order])
    traced = first._cut_traces(...)
    traces: dict[str, Any] = {k: np.concatenate([getattr(r, k) for r in recordings], axis=-1) for k in traced}
    weights = {key: np.concatenate([r.weights[key] for r in recordings], axis=-1) for key in first.weights}
    return altered(joined, weights=weights, **traces)


def own_starts(starts_ms: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the starts of the runs of B cultures, ``[B]``, or None if they are all equal."""
    return None if (starts_ms == starts_ms[0]).all() else starts_ms
