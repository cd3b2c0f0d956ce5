"""Merging the recordings of cultures whose cells are distributed over MPI ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.blanked_times import same_times
from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.decoding.compose import same_duration
from livn_gym.errors import InvalidInput, shown
from livn_gym.recording import CURRENTS, VOLTAGES, Recording
from livn_gym.view import CultureView


@checked
class GatherAndMerge(Decoding):
    """Merge the recordings of all MPI ranks, each of its own cells, and decode the merged recording on the root.

    Every rank must call it; ranks other than the root get None. In a single process, the recording is complete
    already. Without a decoding, the result is the merged recording, which unpacks into six arrays.

    Args:
        duration: Length of the run, ms.
        decoding: Decoding of the merged recording; its duration must be the length of the run.
        comm: Communicator with mpi4py's ``gather(object, root)``, ``allgather(object)`` and ``Get_size()``; default
            the ranks that share the environment's cultures.
        root: Rank that gets the result; None for all of them.
    """

    def __init__(
        self, duration: float, decoding: Decoding | None = None, comm: Any = None, root: int | None = 0
    ) -> None:
        super().__init__(duration)
        if decoding is not None:
            same_duration("The run", self.duration, decoding)
        if comm is not None and not hasattr(comm, "Get_size"):
            raise InvalidInput(f"comm must be a communicator of mpi4py or one like it, got {shown(comm)}.")
        if comm is not None and root is not None and not 0 <= root < comm.Get_size():
            raise InvalidInput(f"root must be a rank of 0 ... {comm.Get_size() - 1} or None, got {root}.")
        self.decoding = decoding
        self.comm = comm
        self.root = root

    def decode(self, view: CultureView, recording: Recording) -> Any:
        """Results of the merged recording, or the merged recording; None on ranks other than the root."""
        self.check_duration(recording)
        merged = self._gather(view, recording)
        return merged if merged is None or self.decoding is None else self.decoding.decode(view, merged)

    def observation_space(self, view: CultureView) -> spaces.Space:
        """Space of the inner decoding."""
        return super().observation_space(view) if self.decoding is None else self.decoding.observation_space(view)

    def _gather(self, view: CultureView, recording: Recording) -> Recording | None:
        parts: list[Recording] | None
        if self.comm is None:
            parts = view.gather(recording, self.root)
        elif self.root is None:
            parts = self.comm.allgather(recording)
        else:
            parts = self.comm.gather(recording, root=self.root)
        return None if parts is None else merge(parts)


@checked
def merge(parts: Sequence[Recording]) -> Recording:
    """Merge the recordings of several ranks, each of different cells of the same cultures and run.

    Spikes are sorted by (culture, time, gid) and traces by gid, whatever the order of the ranks.

    Raises:
        InvalidInput: The parts are of different runs, recorded different quantities, or share cells.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if any(_kind(part) != _kind(first) for part in parts):
        raise InvalidInput("Ranks can only be merged where all recorded the same things in the same run.")
    if any(not same_times(part.blanking, first.blanking) for part in parts):
        raise InvalidInput("Ranks can only be merged where all were blanked at the same times.")
    merged = first
    if first.spike_gid is not None:
        _check_disjoint([np.unique(part.spikes[1]) for part in parts])
        culture, gid, t = (np.concatenate(arrays) for arrays in zip(*(part.spikes for part in parts), strict=True))
        order = np.lexsort((gid, t, culture))
        merged = replace(merged, spike_culture=culture[order], spike_gid=gid[order], spike_t=t[order])
    if first.voltage_gid is not None:
        merged = replace(merged, **_rows(parts, "voltage_gid", *VOLTAGES))
    if first.current_gid is not None:
        merged = replace(merged, **_rows(parts, "current_gid", *CURRENTS))
    return merged


def _rows(parts: Sequence[Recording], gids: str, *traces: str) -> dict[str, Any]:
    """Fields of a recording with the rows of all parts, sorted by gid."""
    rows = [getattr(part, gids) for part in parts]
    _check_disjoint(rows)
    order = np.argsort(np.concatenate(rows))
    recorded = [name for name in traces if getattr(parts[0], name) is not None]
    fields = {name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in recorded}
    return {gids: np.concatenate(rows)[order]} | {name: trace[:, order] for name, trace in fields.items()}


def _kind(part: Recording) -> tuple:
    times = (part.t0_ms, part.duration_ms, part.dt_ms, part.sample_dt_ms)
    return (part.num_cultures, part.voltage_compartment, part.current_compartment, *times, part.recorded)


def _check_disjoint(gids: Sequence[NDArray]) -> None:
    values, times = np.unique(np.concatenate(gids), return_counts=True)
    if (times > 1).any():
        raise InvalidInput(f"Several ranks recorded the same cells: {values[times > 1][:10].tolist()}.")
