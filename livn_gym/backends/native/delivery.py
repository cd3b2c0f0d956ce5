"""Transmission of spikes between the steps of the kernels.

Spikes in transit always are in the order (step, culture, gid), so that no sum depends on the grouping of cultures, the
division of cells among threads or the division of a run into windows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from livn_gym.backends.native.compiler import BORROWED, INNER
from livn_gym.backends.native.intrinsics import empty, zeros
from livn_gym.backends.native.plasticity import Spikes, link_spikes, postsynaptic_updates, presynaptic_update

_GRID = 1099511627776.0  # arriving conductances are multiples of 2**-40 uS

compiled, borrowing = njit(**INNER), njit(**BORROWED)


class Network(NamedTuple):
    """Synapses by presynaptic gid and delay, with one entry per receptor, and the depression of every cell.

    ``start`` int64 ``[N + 1]``; ``link`` int32 ``[S, 3]``: delay (steps), postsynaptic cell, and offset from the
    address of that cell to the sum of increments. In K rows, one of which each culture uses
    (``Group.row``): ``weight`` (uS) float64 ``[K, S]``; ``U`` and ``tau_rec`` (ms) ``[K, N]``.
    """

    start: Any
    link: Any
    weight: Any
    U: Any
    tau_rec: Any


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
    larger = empty(2 * size, array.dtype)
    for k in range(len(array)):
        larger[k] = array[k]
    return larger


class Arrivals(NamedTuple):
    """Increments of the cells of a thread that arrive in a window, in the order in which they are found and sorted.

    ``following`` (see ``link_spikes``), ``slot``, ``cell_address`` and ``amount`` are workspace. The increments of
    block b at step k are ``bucket[b * steps + k] ... bucket[b * steps + k + 1]`` of ``address`` and ``increment`` (uS).
    """

    following: Any
    slot: Any
    cell_address: Any
    amount: Any
    bucket: Any
    address: Any
    increment: Any


@compiled
def empty_arrivals(bucket, size):
    """Allocate arrays for ``size`` increments and due postsynaptic spikes."""
    return Arrivals(
        empty(size, np.int64),
        empty(size, np.int64),
        empty(size, np.int64),
        empty(size, np.float64),
        bucket,
        empty(size, np.int64),
        empty(size, np.float64),
    )


@borrowing
def most_arrivals(net, size, flight, queue):
    """Return a bound on the numbers of increments and of due postsynaptic spikes of the next window."""
    number = np.int64(0)
    for spike in range(flight.count[0]):
        number += net.start[flight.cell[spike] % size + 1] - flight.synapse[spike]
    return max(number, queue.count[0])


@compiled
def workspace(group, window):
    """Allocate arrays for increments that arrive in a window, for the spikes of a window, and for their numbers."""
    # After a spike, a cell is below the threshold for at least a step.
    size = len(group.address) * (window // 2 + 1)
    count = zeros(1 + len(group.start), np.int64)
    arrivals = empty_arrivals(zeros(group.num_blocks * window + 2, np.int64), 256)
    spikes = Spikes(empty(size, np.int64), empty(size, np.int64), count)
    return arrivals, spikes, empty(window + 2, np.int64)


@borrowing
def deliver(net, rules, group, learnt, flight, queue, step, steps, arrivals, dt):
    """Collect the thread's increments of the next ``steps`` steps by (block, step), and drop delivered spikes.

    ``arrivals`` has space for ``most_arrivals``. ``learnt`` is None if cultures share their synapses, so that what only
    learning needs is not compiled.
    """
    bucket, slots, addresses, amounts = arrivals.bucket, arrivals.slot, arrivals.cell_address, arrivals.amount
    for slot in range(group.num_blocks * steps + 2):
        bucket[slot] = 0
    stop = step + steps
    following, num_due = arrivals.following, np.int64(0)
    if learnt is not None:
        if rules.dendritic_delay_steps > 0:
            num_due = link_spikes(learnt, queue, following, stop, group.block)
    # Counting sort: entries, and counts per (block, step), shifted by two; cumulative sums; then the sorted entries.
    count, remaining = 0, 0
    for spike in range(flight.count[0]):
        cell, since, x = flight.cell[spike], flight.step[spike], flight.x[spike]
        c, gid = cell // group.size, cell % group.size
        first_cell, synapse, end, row = cell - gid, flight.synapse[spike], net.start[gid + 1], group.row[c]
        while synapse < end and since + net.link[synapse, 0] < stop:
            target = first_cell + net.link[synapse, 1]
            if group.block[target] >= 0:
                arrival = since + net.link[synapse, 0]
                weight = net.weight[row, synapse]
                if learnt is not None:
                    weight = presynaptic_update(
                        rules, learnt, queue, following, c, row, synapse, target, group.time[c], arrival, dt
                    )
                slots[count] = group.block[target] * steps + arrival - step + 1
                addresses[count] = group.address[target] + net.link[synapse, 2]
                amounts[count] = math.floor(weight * x * _GRID + 0.5) / _GRID
                bucket[slots[count] + 1] += 1
                count += 1
            synapse += 1
        if synapse < end:
            flight.cell[remaining], flight.step[remaining] = cell, since
            flight.synapse[remaining], flight.x[remaining] = synapse, x
            remaining += 1
    flight.count[0] = remaining
    for slot in range(2, group.num_blocks * steps + 2):
        bucket[slot] += bucket[slot - 1]
    for k in range(count):
        position = bucket[slots[k]]
        arrivals.address[position], arrivals.increment[position] = addresses[k], amounts[k]
        bucket[slots[k]] = position + 1
    if learnt is not None:
        if num_due > 0:
            postsynaptic_updates(rules, learnt, queue, num_due, group.size, group.block, group.row, group.time, dt)


@compiled
def send_spikes(net, dendritic_delay_steps, group, flight, spikes, queue, found, dt):
    """Record the spikes of a window, which are in the order (step, culture, gid), and start their transmission."""
    count = found.count[0]
    if count == 0:
        return flight, spikes, queue
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
            queue.cell[waiting + k] = found.cell[k]
            queue.step[waiting + k] = found.step[k] + dendritic_delay_steps
        queue.count[0] = waiting + count
    for k in range(count):
        cell, at = found.cell[k], found.step[k]
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


@borrowing
def shift_times(group, flight, queue, num_steps):
    """Make all times relative to the end of the run."""
    for c in range(len(group.time)):
        group.time[c] += num_steps
    for spike in range(flight.count[0]):
        flight.step[spike] -= num_steps
    for spike in range(queue.count[0]):
        queue.step[spike] -= num_steps
