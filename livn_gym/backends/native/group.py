"""Arrays of a group of cultures that are advanced together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.native.delivery import Flight
from livn_gym.backends.native.driver import Group
from livn_gym.backends.native.layout import (
    GID,
    NUM_COMMON,
    OPSIN_G,
    SEED_HIGH,
    SEED_LOW,
    STEP,
    STEP_HIGH,
    TRIAL,
    V_D,
    V_OLD,
    V_S,
    Layout,
)
from livn_gym.backends.native.plasticity import Spikes, individual_synapses, shared_synapses
from livn_gym.backends.native.state import CultureState
from livn_gym.backends.ranks import Ranks
from livn_gym.numerics import NoiseStream


class CultureGroup:
    """Group of cultures in common blocks, initially at time 0.

    Args:
        layouts: Layouts of the populations.
        streams: Noise stream of each culture.
        dtype: float64 or float32.
        size: Number of cells N; with MPI, the layouts contain only a part of them.
        ranks: MPI ranks that share the cultures.
        threads: Number of threads that may advance the group together.
    """

    def __init__(
        self,
        layouts: list[Layout],
        streams: list[NoiseStream],
        dtype: Any,
        size: int,
        ranks: Ranks | None = None,
        threads: int = 1,
    ) -> None:
        self.layouts, self.count, self.ranks, self.threads = layouts, len(streams), ranks, threads
        lanes = self.lanes = layouts[0].lanes
        cells = [layout.count * self.count for layout in layouts]
        blocks = [-(-number // lanes) for number in cells]
        sizes = [number * layout.size for number, layout in zip(blocks, layouts, strict=True)]
        base = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        bucket = np.concatenate([[0], np.cumsum(blocks)]).astype(np.int64)
        # All cells of other ranks share an unused address at the end, so that stimuli can be written for all cells.
        self.state = aligned(int(base[-1]) + NUM_COMMON * lanes, dtype)
        address = np.full((self.count, size), base[-1], dtype=np.int64)
        block = np.full((self.count, size), -1, dtype=np.int32)
        for k, layout in enumerate(layouts):
            gids = slice(layout.start, layout.start + layout.count)
            cell = np.arange(cells[k]).reshape(self.count, layout.count)
            address[:, gids] = base[k] + cell // lanes * layout.size + cell % lanes
            block[:, gids] = bucket[k] + cell // lanes
            self._blocks(k, base)[:] = self._initial(layout)[:, None]
        self.group = Group(
            size,
            lanes,
            int(bucket[-1]),
            np.array([layout.start for layout in layouts], dtype=np.int64),
            np.array([layout.count for layout in layouts], dtype=np.int64),
            np.array([[0, number] for number in blocks], dtype=np.int64),
            base[:-1],
            bucket[:-1],
            address.ravel(),
            block.ravel(),
            np.ones(self.count * size),
            np.zeros(self.count * size, dtype=np.int64),
            np.zeros(self.count, dtype=np.int64),
            np.zeros(self.count, dtype=np.int64),
        )
        flying, since, synapse = (np.zeros(64, dtype=np.int64) for _ in range(3))
        self.flight = Flight(flying, since, synapse, np.zeros(64), np.zeros(1, dtype=np.int64))
        self.late = np.zeros(0, dtype=np.int64)
        """Cells with spikes exactly at the end of the last run, which belong to the next run."""
        self.queue = Spikes(flying.copy(), since.copy(), np.zeros(1, dtype=np.int64))
        """Spikes in transit to the plastic synapses of their own cell."""
        self.learnt = shared_synapses()
        self.teams: dict[tuple[int, int], Any] = {}
        """Arrays for teams of threads, by number of threads and window, which ``group_run`` reuses."""
        self._saved: list[NDArray] = []
        """Copies of the arrays from before the last run."""
        self.first_states: dict[int, tuple[NDArray[np.float64] | None, ...]] = {}
        """Initial states other than voltages, ``[states, cells]`` per population; None for those of the model."""
        self.weight = np.zeros((1, 0))  # weights before plasticity, uS [K, S]; see Network
        self.reset(dict(enumerate(streams)))

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copying and pickling, without the checkpoint and the arrays of teams."""
        return vars(self) | {"_saved": [], "teams": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state, with the array aligned as in a new group."""
        vars(self).update(state)
        self.state = aligned(len(state["state"]), state["state"].dtype)
        self.state[:] = state["state"]

    @property
    def _words(self) -> type:
        return np.uint64 if self.state.dtype == np.float64 else np.uint32

    def _blocks(self, k: int, base: NDArray[np.int64]) -> NDArray:
        """Return a view of the blocks of a population, ``[blocks, variables, lanes]``."""
        return self.state[base[k] : base[k + 1]].reshape(-1, self.layouts[k].num_variables, self.lanes)

    def _initial(self, layout: Layout) -> NDArray:
        values = np.zeros(layout.num_variables, dtype=self.state.dtype)
        values[[V_S, V_D, V_OLD]] = layout.cell.v_init
        values[layout.first_state :] = layout.native.initial(layout.cell)
        return values

    def reset(self, streams: dict[int, NoiseStream]) -> None:
        """Reset some cultures to time 0 with new noise streams."""
        group = self.group
        words: NDArray[Any] = self.state.view(self._words)
        cultures = np.array(list(streams), dtype=np.int64)
        numbers = np.array([stream.words for stream in streams.values()], dtype=np.uint64).T
        for k, layout in enumerate(self.layouts):
            gids = np.arange(layout.start, layout.start + layout.count)
            address = group.address.reshape(self.count, -1)[cultures][:, gids]
            for variable, value in enumerate(self._initial(layout)):
                self.state[address + variable * self.lanes] = value
            for addresses, c in zip(address, streams, strict=True):
                states = self.first_states.get(c, (None,) * len(self.layouts))[k]
                if states is not None:
                    rows = layout.first_state + np.arange(len(states))[:, None]
                    self.state[addresses + rows * self.lanes] = states
            words[address + GID * self.lanes] = gids
            if layout.opsin is not None:
                self.state[address + OPSIN_G * self.lanes] = layout.opsin_uS
            for variable, values in zip((SEED_LOW, SEED_HIGH, TRIAL), numbers, strict=True):
                words[address + variable * self.lanes] = values[:, None]
        group.x.reshape(self.count, -1)[cultures] = 1.0
        group.last.reshape(self.count, -1)[cultures] = 0
        group.time[cultures] = 0
        self.drop_spikes(cultures)
        if self.learns:
            self.learnt.weight[cultures] = self.weight[group.row[cultures]]
            self._clear_traces(cultures)

    @property
    def learns(self) -> bool:
        """True if each culture has its own synapses."""
        return len(self.learnt.weight) > 0

    def own_synapses(self) -> None:
        """Give each culture its own synapses, with the weights of its parameters."""
        if not self.learns:
            self.learnt = individual_synapses(self.weight[self.group.row], self.group.size)

    def set_weight(self, weight: NDArray[np.float64], row: NDArray[np.int64]) -> None:
        """Replace the weights of the parameters; learnt weights are replaced where the parameter changes.

        Args:
            weight: Weight of every synapse, uS ``[K, S]``.
            row: Row of each culture, ``[cultures]``.
        """
        if self.learns:
            for c in range(self.count):
                before, after = self.weight[self.group.row[c]], weight[row[c]]
                changed = after != before
                self.learnt.weight[c, changed] = after[changed]
        self.weight = weight
        self.group.row[:] = row

    def begin_learning(self) -> None:
        """Give each culture its own synapses, with empty traces."""
        self.own_synapses()
        self._clear_traces(np.arange(self.count))
        self.queue.count[0] = 0

    def _clear_traces(self, cultures: NDArray[np.int64]) -> None:
        for array, value in zip(self.learnt[1:5], (0.0, 0.0, 0, -1), strict=True):
            array[cultures] = value

    def save(self, cultures: Sequence[int]) -> list[CultureState]:
        """Return the states of some cultures."""
        group, size = self.group, self.group.size
        flight = [array[: self.flight.count[0]] for array in self.flight[:-1]]
        states = []
        for c in cultures:
            cells = slice(c * size, (c + 1) * size)
            in_culture = flight[0] // size == c
            gid, *others = (array[in_culture] for array in flight)
            late = self.late[self.late // size == c] % size
            waiting = [array[: self.queue.count[0]] for array in self.queue[:-1]]
            is_waiting = waiting[0] // size == c
            learnt = tuple(array[c].copy() for array in self.learnt[:5]) if self.learns else None
            variables = tuple(self.state[self._addresses(layout, c)] for layout in self.layouts)
            states.append(
                CultureState(
                    variables,
                    group.x[cells].copy(),
                    group.last[cells].copy(),
                    int(group.time[c]),
                    (gid % size, others[0], others[1], others[2]),
                    late,
                    (waiting[0][is_waiting] % size, waiting[1][is_waiting]),
                    learnt,
                )
            )
        return states

    def load(self, states: Mapping[int, CultureState]) -> None:
        """Restore saved states of some cultures."""
        group, size = self.group, self.group.size
        self.drop_spikes(np.array(list(states), dtype=np.int64))
        flights = [[array[: self.flight.count[0]] for array in self.flight[:-1]]]
        late = [self.late]
        waiting = [[array[: self.queue.count[0]] for array in self.queue[:-1]]]
        for c, state in states.items():
            for layout, values in zip(self.layouts, state.variables, strict=True):
                addresses = self._addresses(layout, c)
                self.state[addresses] = values
                self._set_step(addresses, state.time)
            cells = slice(c * size, (c + 1) * size)
            group.x[cells], group.last[cells], group.time[c] = state.x, state.last, state.time
            gid, *others = state.flight
            flights.append([gid + c * size, *others])
            late.append(state.late + c * size)
            waiting.append([state.waiting[0] + c * size, state.waiting[1]])
            if state.learnt is not None:
                self.own_synapses()
                for array, values in zip(self.learnt[:5], state.learnt, strict=True):
                    array[c] = values
            elif self.learns:
                self.learnt.weight[c] = self.weight[group.row[c]]
                self._clear_traces(np.array([c]))
        self.late = np.sort(np.concatenate(late))
        cell, step, synapse, x = (np.concatenate(arrays) for arrays in zip(*flights, strict=True))
        order = np.lexsort((cell, step))  # by (step, culture, gid), the temporal order
        count = np.array([len(cell)], dtype=np.int64)
        self.flight = Flight(cell[order], step[order], synapse[order], x[order], count)
        cell, step = (np.concatenate(arrays) for arrays in zip(*waiting, strict=True))
        order = np.lexsort((cell, step))
        self.queue = Spikes(cell[order], step[order], np.array([len(cell)], dtype=np.int64))

    def _addresses(self, layout: Layout, c: int) -> NDArray[np.int64]:
        """Return the addresses of the variables of a population in a culture, ``[variables, cells]``."""
        first = c * self.group.size + layout.start
        return self.group.address[first : first + layout.count] + np.arange(0, layout.size, self.lanes)[:, None]

    def _set_step(self, addresses: NDArray[np.int64], step: int) -> None:
        """Set the step of the noise of cells with the given addresses ``[variables, cells]``."""
        words: NDArray[Any] = self.state.view(self._words)
        words[addresses[STEP]], words[addresses[STEP_HIGH]] = step & 0xFFFFFFFF, step >> 32

    def drop_spikes(self, cultures: NDArray[np.int64]) -> None:
        """Drop the spikes in transit of some cultures."""
        size = self.group.size
        self.late = self.late[~np.isin(self.late // size, cultures)]
        for spikes in (self.flight, self.queue):
            *arrays, count = spikes
            remaining = ~np.isin(arrays[0][: count[0]] // size, cultures)
            for array in arrays:
                array[: remaining.sum()] = array[: count[0]][remaining]
            count[0] = remaining.sum()

    def checkpoint(self, *, learning: bool) -> Callable[[], None]:
        """Save everything that a run changes, and return a function that restores it.

        A group has a single checkpoint, which the next one overwrites.

        Args:
            learning: Whether synapses can change in the run.
        """
        group, count, waiting = self.group, int(self.flight.count[0]), int(self.queue.count[0])
        live = [self.state, group.x, group.last, group.time, *(self.learnt[:5] if learning else ())]
        if [array.shape for array in self._saved] != [array.shape for array in live]:
            self._saved = [np.empty_like(array) for array in live]
        for copy, array in zip(self._saved, live, strict=True):
            np.copyto(copy, array)
        flying, since, synapse, x = (array[:count].copy() for array in self.flight[:-1])
        cell, step = (array[:waiting].copy() for array in self.queue[:-1])
        late = self.late

        def restore() -> None:
            for copy, array in zip(self._saved, live, strict=True):
                np.copyto(array, copy)
            self.flight = Flight(flying, since, synapse, x, np.array([count], dtype=np.int64))
            self.queue = Spikes(cell, step, np.array([waiting], dtype=np.int64))
            self.late = late
            self.learnt.head[:] = -1  # a window may have been aborted

        return restore


def aligned(size: int, dtype: Any) -> NDArray:
    """Return zeros aligned to 64 bytes, the width of a cache line and of the widest SIMD register."""
    item = np.dtype(dtype).itemsize
    memory = np.zeros(size + 64 // item, dtype=dtype)
    first = -memory.ctypes.data % 64 // item
    return memory[first : first + size]
