"""Work between the steps of the kernels: delivery of spikes, changes of the stimulus, samples.

The index of a cell in a group of cultures is ``culture * size + gid``. Times within a run are steps from its start.
Spikes always are in the order (step, culture, gid), so that no sum depends on the grouping of cultures or the division
of a run into windows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from livn_gym.backends.native.arithmetic import inlined
from livn_gym.backends.native.compiler import BORROWED, INNER
from livn_gym.backends.native.intrinsics import peek
from livn_gym.backends.native.layout import AMP_D, AMP_S, G_IN, J_IN, V_D, W
from livn_gym.backends.native.plasticity import Spikes, link_spikes, postsynaptic_updates, presynaptic_update

_GRID = 1099511627776.0  # arriving conductances are multiples of 2**-40 uS
_AMP_S, _AMP_D, _G_IN, _J_IN, _V_D = AMP_S * W, AMP_D * W, G_IN * W, J_IN * W, V_D * W

STOP, CELL, AT = range(3)
"""Indices in the array ``control`` of a run, int64 ``[3]``: nonzero requests the run to end; the first cell whose
voltage is out of bounds, and the step (-1 for none)."""

CHECK_STEPS = 1024
"""Number of steps between two checks of all voltages, independent of windows, so that recording requests do not affect
whether a run diverges."""

compiled, borrowing = njit(**INNER), njit(**BORROWED)


class Network(NamedTuple):
    """Synapses by presynaptic gid and delay, with one entry per receptor, and the depression of every cell.

    ``start`` int64 ``[N + 1]``; ``delay`` (steps), ``post`` and ``offset`` (from the address of the cell to the sum of
    increments) int32 ``[S]``. In K rows, one of which each culture uses (``Group.row``): ``weight`` (uS) float64
    ``[K, S]``; ``U`` and ``tau_rec`` (ms) ``[K, N]``.
    """

    start: Any
    delay: Any
    post: Any
    offset: Any
    weight: Any
    U: Any
    tau_rec: Any


class Group(NamedTuple):
    """Addresses of the cells of a group of cultures, and the state of their depression.

    ``size`` is N. Per population: ``start`` (first gid), ``count`` (cells in a culture), ``cells`` (in the group),
    ``base`` (address of its first block), ``bucket`` (number of that block among all). Per cell ``[cultures * N]``:
    ``address``, ``block`` (number among all), resources ``x``, step ``last`` of its last spike. Per culture: ``time``,
    steps since its reset, and ``row``, that of its parameters in ``Network`` and ``Rules``.
    """

    size: int
    num_blocks: int
    start: Any
    count: Any
    cells: Any
    base: Any
    bucket: Any
    address: Any
    block: Any
    x: Any
    last: Any
    time: Any
    row: Any


class Drive(NamedTuple):
    """Stimuli of a group: culture c has changes ``first[c] ... first[c + 1]`` of ``step``, ``column``, ``value``.

    Per culture: ``kind`` (see ``stimuli.KINDS``; -1 for none), ``reversal`` (mV), ``gain`` (index into
    ``gains [G, K, N]``; -1 if columns are cells) and ``scale [N]``. ``cursor`` and ``level [cultures, K]`` are
    workspace.
    """

    first: Any
    step: Any
    column: Any
    value: Any
    kind: Any
    reversal: Any
    gain: Any
    gains: Any
    scale: Any
    cursor: Any
    level: Any


class Probe(NamedTuple):
    """Arrays for samples of voltages and membrane currents of some cells, every ``every`` steps (0: none).

    ``voltage_row`` holds the gid of a row of ``voltage`` for the soma, or the gid plus the number of cells for the
    dendrite. It is a single array because one more argument makes the whole compiled run slower, used or not.
    Weights (uS) of the synapses ``weight_synapse`` are sampled every ``weight_every`` steps.
    """

    every: int
    voltage_row: Any
    current_gid: Any
    coupling: Any
    voltage: Any
    current_soma: Any
    current_dendrite: Any
    weight_every: int
    weight_synapse: Any
    weight: Any


class Flight(NamedTuple):
    """Spikes in transit: cell, step, next synapse, and resources at transmission; ``count[0]`` spikes."""

    cell: Any
    step: Any
    synapse: Any
    x: Any
    count: Any


@compiled
def enlarged(array, size):
    """Return the array, or a larger copy if it has fewer than ``size`` elements."""
    if len(array) >= size:
        return array
    larger = np.empty(2 * size, array.dtype)
    for k in range(len(array)):
        larger[k] = array[k]
    return larger


@compiled
def workspace(group, window):
    """Allocate arrays for arriving increments sorted by (block, step), and for the spikes of a window."""
    max_spikes = len(group.address) * (window // 2 + 1)  # between two spikes, a cell is below the threshold for a step
    bucket = np.zeros(group.num_blocks * window + 2, np.int64)
    new_spikes = Spikes(np.empty(max_spikes, np.int64), np.empty(max_spikes, np.int64), np.zeros(1, np.int64))
    return bucket, np.empty(64, np.int64), np.empty(64, np.float64), new_spikes, np.empty(max_spikes, np.int64)


@borrowing
def shared_parity(time):
    """Return whether the times of all cultures are even (0) or odd (1); -1 if they differ."""
    parity = time[0] & 1
    for c in range(1, len(time)):
        if time[c] & 1 != parity:
            return np.int64(-1)
    return parity


@borrowing
def rewind_stimuli(drive):
    """Rewind all stimuli to their start."""
    for c in range(len(drive.kind)):
        for column in range(drive.level.shape[1]):
            drive.level[c, column] = 0.0
        drive.cursor[c] = drive.first[c]


@borrowing
def take_samples(S, group, learnt, probe, step, stop):
    """Take samples that are due; return the step of the next sample, at most ``stop``.

    Only runs that sample call it, since Numba counts references of all arrays that are passed, in every window.
    """
    if probe.every > 0:
        if step % probe.every == 0:
            sample(S, group, probe, step // probe.every)
        stop = min(stop, step - step % probe.every + probe.every)
    if probe.weight_every > 0:
        if step % probe.weight_every == 0:
            for c in range(learnt.weight.shape[0]):
                for row in range(len(probe.weight_synapse)):
                    probe.weight[c, row, step // probe.weight_every] = learnt.weight[c, probe.weight_synapse[row]]
        stop = min(stop, step - step % probe.weight_every + probe.weight_every)
    return stop


@compiled
def update_stimuli(S, group, drive, step, stop):
    """Apply changes of the stimulus that are due; return the step of the next change, at most ``stop``."""
    stop = min(stop, step - step % CHECK_STEPS + CHECK_STEPS)
    if step == 0:
        for cell in range(len(group.address)):
            a = group.address[cell]
            S[a + _AMP_S] = S[a + _AMP_D] = S[a + _G_IN] = S[a + _J_IN] = 0.0
    for c in range(len(drive.kind)):
        cursor, end = drive.cursor[c], drive.first[c + 1]
        if cursor < end and drive.step[cursor] == step:
            while cursor < end and drive.step[cursor] == step:
                column = drive.column[cursor]
                drive.level[c, column] = drive.value[cursor]
                if drive.gain[c] < 0:
                    set_input(S, group, drive, c, column, drive.value[cursor])
                cursor += 1
            drive.cursor[c] = cursor
            if drive.gain[c] >= 0:
                sum_columns(S, group, drive, c)
        if cursor < end:
            stop = min(stop, drive.step[cursor])
    return stop


@compiled
def sum_columns(S, group, drive, c):
    """Set the input of a culture to the sum over its columns, always in the same order."""
    gains = drive.gains[drive.gain[c]]
    total = np.zeros(group.size)
    for column in range(drive.level.shape[1]):
        level = drive.level[c, column]
        if level != 0.0:
            for gid in range(group.size):
                total[gid] += gains[column, gid] * level
    for gid in range(group.size):
        set_input(S, group, drive, c, gid, total[gid])


@borrowing
def set_input(S, group, drive, c, gid, value):
    """Set the input of a cell."""
    a = group.address[c * group.size + gid]
    kind = drive.kind[c]
    scaled = value * drive.scale[c, gid]
    if kind == 2:  # a field drives a current between the compartments
        S[a + _AMP_S] = scaled
        S[a + _AMP_D] = -scaled
    elif kind == 1:
        S[a + _G_IN] = scaled
        S[a + _J_IN] = scaled * drive.reversal[c]
    else:
        S[a + _AMP_S] = scaled


@borrowing
def sample(S, group, probe, column):
    """Write a column of the traces; the membrane current of a compartment equals the current into it (Kirchhoff)."""
    for c in range(probe.voltage.shape[0]):
        for row in range(len(probe.voltage_row)):
            gid, offset = probe.voltage_row[row], 0
            if gid >= group.size:
                gid, offset = gid - group.size, _V_D
            probe.voltage[c, row, column] = S[group.address[c * group.size + gid] + offset]
    for c in range(probe.current_soma.shape[0]):
        for row in range(len(probe.current_gid)):
            gid = probe.current_gid[row]
            a = group.address[c * group.size + gid]
            v, amp_s, amp_d = float(S[a]), float(S[a + _AMP_S]), float(S[a + _AMP_D])
            axial = probe.coupling[gid] * (float(S[a + _V_D]) - v) - amp_d
            probe.current_soma[c, row, column] = axial + (amp_s + amp_d) + (S[a + _J_IN] - S[a + _G_IN] * v)
            probe.current_dendrite[c, row, column] = -axial


@compiled
def deliver(net, rules, group, learnt, flight, queue, step, steps, bucket, addresses, increments, dt):
    """Collect increments that arrive in the next ``steps`` steps, sorted by (block, step), and drop delivered spikes.

    The increments of block b at step k are ``bucket[b * steps + k] ... bucket[b * steps + k + 1]`` of ``addresses``
    and ``increments`` (uS).
    """
    for slot in range(group.num_blocks * steps + 2):
        bucket[slot] = 0
    stop = step + steps
    # Counting sort: counts per (block, step), shifted by one; then their cumulative sums; then the entries.
    for spike in range(flight.count[0]):
        cell, since = flight.cell[spike], flight.step[spike]
        gid = cell % group.size
        first_cell, synapse, end = cell - gid, flight.synapse[spike], net.start[gid + 1]
        while synapse < end and since + net.delay[synapse] < stop:
            block = group.block[first_cell + net.post[synapse]]
            bucket[block * steps + since + net.delay[synapse] - step + 2] += 1
            synapse += 1
    for slot in range(2, group.num_blocks * steps + 2):
        bucket[slot] += bucket[slot - 1]
    total = bucket[group.num_blocks * steps + 1]
    addresses, increments = enlarged(addresses, total), enlarged(increments, total)
    learns, following, num_due = learnt.weight.shape[0] > 0, np.empty(0, np.int64), 0
    if rules.dendritic_delay_steps > 0:
        following, num_due = link_spikes(learnt, queue, stop)
    remaining = 0
    for spike in range(flight.count[0]):
        cell, since, x = flight.cell[spike], flight.step[spike], flight.x[spike]
        gid = cell % group.size
        first_cell, synapse, end = cell - gid, flight.synapse[spike], net.start[gid + 1]
        row = group.row[cell // group.size]
        while synapse < end and since + net.delay[synapse] < stop:
            target = first_cell + net.post[synapse]
            slot = group.block[target] * steps + since + net.delay[synapse] - step + 1
            weight = net.weight[row, synapse]
            if learns:
                c, arrival = cell // group.size, since + net.delay[synapse]
                weight = presynaptic_update(
                    rules, learnt, queue, following, c, row, synapse, target, group.time[c], arrival, dt
                )
            addresses[bucket[slot]] = group.address[target] + net.offset[synapse]
            increments[bucket[slot]] = math.floor(weight * x * _GRID + 0.5) / _GRID
            bucket[slot] += 1
            synapse += 1
        if synapse < end:
            flight.cell[remaining], flight.step[remaining] = cell, since
            flight.synapse[remaining], flight.x[remaining] = synapse, x
            remaining += 1
    flight.count[0] = remaining
    if num_due > 0:
        postsynaptic_updates(rules, learnt, queue, num_due, group.size, group.row, group.time, dt)
    return addresses, increments


@compiled
def send_spikes(net, dendritic_delay_steps, group, flight, spikes, queue, new_spikes, order, step, steps, dt):
    """Record the spikes of a window in the order (step, culture, gid) and start their transmission."""
    count = new_spikes.count[0]
    if count == 0:
        return flight, spikes, queue
    # Blocks record spikes in the order (culture, gid) at every step, so that a stable sort by step is sufficient.
    starts = np.zeros(steps + 2, np.int64)
    for k in range(count):
        starts[new_spikes.step[k] - step + 1] += 1
    for s in range(1, steps + 2):
        starts[s] += starts[s - 1]
    for k in range(count):
        s = new_spikes.step[k] - step
        order[starts[s]] = k
        starts[s] += 1
    flying, recorded = flight.count[0], spikes.count[0]
    flight = Flight(
        enlarged(flight.cell, flying + count),
        enlarged(flight.step, flying + count),
        enlarged(flight.synapse, flying + count),
        enlarged(flight.x, flying + count),
        flight.count,
    )
    spikes = Spikes(enlarged(spikes.cell, recorded + count), enlarged(spikes.step, recorded + count), spikes.count)
    if dendritic_delay_steps > 0:
        waiting = queue.count[0]
        queue = Spikes(enlarged(queue.cell, waiting + count), enlarged(queue.step, waiting + count), queue.count)
        for k in range(count):
            queue.cell[waiting + k] = new_spikes.cell[order[k]]
            queue.step[waiting + k] = new_spikes.step[order[k]] + dendritic_delay_steps
        queue.count[0] = waiting + count
    for k in range(count):
        cell, at = new_spikes.cell[order[k]], new_spikes.step[order[k]]
        spikes.cell[recorded + k], spikes.step[recorded + k] = cell, at
        gid, c = cell % group.size, cell // group.size
        row, time = group.row[c], group.time[c] + at
        x = 1.0 - (1.0 - group.x[cell]) * math.exp(-(time - group.last[cell]) * dt / net.tau_rec[row, gid])
        group.last[cell] = time
        group.x[cell] = x * (1.0 - net.U[row, gid])
        if net.start[gid] < net.start[gid + 1]:
            flight.cell[flying], flight.step[flying] = cell, at
            flight.synapse[flying], flight.x[flying] = net.start[gid], x
            flying += 1
    flight.count[0], spikes.count[0] = flying, recorded + count
    return flight, spikes, queue


@inlined
def check_voltages(S, address, control, step, num_steps, bound):
    """Return the end of the run: ``num_steps``, or ``step`` if it must stop or a voltage is out of bounds (mV).

    It takes single arrays and has a single return; otherwise Numba counts references of all arrays in every window.
    """
    if step % CHECK_STEPS == 0 or step == num_steps:
        for cell in range(len(address)):
            a = address[cell]
            inside = abs(S[a]) <= bound and abs(S[a + _V_D]) <= bound  # false for NaN
            if not inside and control[CELL] < 0:
                control[CELL], control[AT] = cell, step
    return num_steps if peek(control, STOP) == 0 and control[CELL] < 0 else step


@borrowing
def shift_times(group, flight, queue, num_steps):
    """Make all times relative to the end of the run."""
    for c in range(len(group.time)):
        group.time[c] += num_steps
    for spike in range(flight.count[0]):
        flight.step[spike] -= num_steps
    for spike in range(queue.count[0]):
        queue.step[spike] -= num_steps
