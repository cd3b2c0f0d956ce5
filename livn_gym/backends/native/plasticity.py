"""Plastic synapses: weights and traces per culture, and the rules of ``livn_gym.plasticity``.

Times are steps since the reset of a culture. Postsynaptic spikes wait in a queue until they reach the synapses; windows
are short enough that all of them are known before a window starts. Within a window, an arrival first processes the
earlier postsynaptic spikes of its target; the remaining ones are processed at the end of the window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from livn_gym.backends.native.compiler import BORROWED
from livn_gym.plasticity import Plasticity

borrowing = njit(**BORROWED)


class Spikes(NamedTuple):
    """Cell and step of ``count[0]`` spikes."""

    cell: Any
    step: Any
    count: Any


class Rules(NamedTuple):
    """Plasticity rules: ``rule[S]`` (-1 for none) and ``numbers [K, R, 7]`` (``RuleParameters.NAMES``).

    All cultures share the R rules. Their numbers depend on the weights and are in K rows, one of which each culture
    uses (``Group.row``). ``in_start [N + 1]`` and ``in_synapse`` list the plastic synapses of every cell;
    ``dendritic_delay_steps`` is 0 without plasticity.
    """

    dendritic_delay_steps: int
    rule: Any
    numbers: Any
    in_start: Any
    in_synapse: Any


class Learnt(NamedTuple):
    """Synapses of each culture of a group, ``[cultures, S]``, or ``[0, 0]`` while all cultures share them.

    ``weight`` (uS), traces ``x`` at step ``pre`` (last arrival) and ``y`` at step ``post`` (last processed postsynaptic
    spike), and per cell of the group the index of its first spike of a window in the queue (``head``).
    """

    weight: Any
    x: Any
    y: Any
    pre: Any
    post: Any
    head: Any


def rules(
    keys: list[str],
    plasticity: Plasticity | None,
    weights_uS: Sequence[Sequence[float]],
    key: NDArray[np.int32],
    post: NDArray[np.int32],
    cells: int,
    dt_ms: float,
) -> Rules:
    """Make the plasticity rules of the sorted synapses of a system.

    Args:
        keys: Weight keys.
        plasticity: Rules by key; None for no plasticity.
        weights_uS: Conductance of the weight parameter of every key, uS, in K rows.
        key: Index of the key of every synapse, ``[S]``.
        post: Postsynaptic cell of every synapse, ``[S]``.
        cells: Number of cells N.
        dt_ms: Time step.
    """
    names = [] if plasticity is None else [name for name in keys if name in plasticity.rules]
    row = np.array([names.index(name) if name in names else -1 for name in keys] or [-1], dtype=np.int64)
    numbers: list[list[tuple[float, ...]]] = []
    dendritic_delay_steps = 0
    if plasticity is not None and names:
        dendritic_delay_steps = max(1, round(plasticity.dendritic_delay_ms / dt_ms))
        numbers = [
            [plasticity.rules[name].parameters().scaled(each_uS[keys.index(name)]) for name in names]
            for each_uS in weights_uS
        ]
    rule = row[key] if names else np.full(len(key), -1)
    changing = np.flatnonzero(rule >= 0)
    in_synapse = changing[np.argsort(post[changing], kind="stable")]
    in_start = np.searchsorted(post[in_synapse], np.arange(cells + 1)).astype(np.int64)
    table = np.array(numbers, dtype=np.float64).reshape(len(weights_uS), -1, 7)
    return Rules(dendritic_delay_steps, rule.astype(np.int64), table, in_start, in_synapse.astype(np.int64))


def shared_synapses() -> Learnt:
    """Return empty arrays, for cultures that share their synapses."""
    weights, steps = np.zeros((0, 0)), np.zeros((0, 0), dtype=np.int64)
    return Learnt(weights, weights, weights, steps, steps, np.zeros(0, dtype=np.int64))


def individual_synapses(weights: NDArray[np.float64], cells: int) -> Learnt:
    """Return synapses of each culture with initial weights ``[cultures, S]``, uS, and empty traces."""
    pre = np.zeros(weights.shape, dtype=np.int64)
    head = np.full(len(weights) * cells, -1, dtype=np.int64)
    return Learnt(weights, np.zeros_like(weights), np.zeros_like(weights), pre, pre - 1, head)


@borrowing
def link_spikes(learnt, queue, following, stop, block):
    """Link the postsynaptic spikes of each cell before ``stop`` in ``following``, earliest first; return their number.

    A thread links the spikes of its own cells, those with a ``block`` (see ``Group``).
    """
    count = 0
    while count < queue.count[0] and queue.step[count] < stop:
        count += 1
    for k in range(count - 1, -1, -1):
        if block[queue.cell[k]] >= 0:
            following[k] = learnt.head[queue.cell[k]]
            learnt.head[queue.cell[k]] = k
    return count


@borrowing
def changed_weight(w, change, w_max, soft):
    """Return the changed weight, within its bounds."""
    if soft > 0.0:
        change = change * (1.0 - w / w_max) if change > 0.0 else change * (w / w_max)
    return min(max(w + change, 0.0), w_max)


@borrowing
def postsynaptic_update(learnt, numbers, c, s, time, dt):
    """Process a postsynaptic spike that reaches a synapse at step ``now``."""
    x = learnt.x[c, s] * math.exp(-(time - learnt.pre[c, s]) * dt / numbers[3])
    y = learnt.y[c, s] * math.exp(-(time - learnt.post[c, s]) * dt / numbers[4])
    learnt.weight[c, s] = changed_weight(learnt.weight[c, s], numbers[0] * x, numbers[5], numbers[6])
    learnt.y[c, s] = y + 1.0
    learnt.post[c, s] = time


@borrowing
def presynaptic_update(rules, learnt, queue, following, c, row, s, target, start, step, dt):
    """Process an arrival at ``step`` of a run that started at ``start``; return the weight that transmits it."""
    if rules.rule[s] < 0:
        return learnt.weight[c, s]
    numbers = rules.numbers[row, rules.rule[s]]
    if numbers[5] <= 0.0:
        return learnt.weight[c, s]
    k = learnt.head[target]
    while k >= 0 and queue.step[k] < step:
        if start + queue.step[k] > learnt.post[c, s]:
            postsynaptic_update(learnt, numbers, c, s, start + queue.step[k], dt)
        k = following[k]
    time = start + step
    x = learnt.x[c, s] * math.exp(-(time - learnt.pre[c, s]) * dt / numbers[3])
    y = learnt.y[c, s] * math.exp(-(time - learnt.post[c, s]) * dt / numbers[4])
    w = changed_weight(learnt.weight[c, s], numbers[1] * y + numbers[2], numbers[5], numbers[6])
    learnt.weight[c, s] = w
    learnt.x[c, s] = x + 1.0
    learnt.pre[c, s] = time
    return w


@borrowing
def postsynaptic_updates(rules, learnt, queue, count, size, block, row, time, dt):
    """Process the first ``count`` postsynaptic spikes at all synapses that have not done so, and remove them.

    A thread processes them at the synapses of its own cells, those with a ``block`` (see ``Group``).
    """
    for k in range(count):
        cell = queue.cell[k]
        if block[cell] < 0:
            continue
        learnt.head[cell] = -1
        c, gid = cell // size, cell % size
        spike_time = time[c] + queue.step[k]
        for position in range(rules.in_start[gid], rules.in_start[gid + 1]):
            s = rules.in_synapse[position]
            numbers = rules.numbers[row[c], rules.rule[s]]
            if numbers[5] > 0.0 and spike_time > learnt.post[c, s]:
                postsynaptic_update(learnt, numbers, c, s, spike_time, dt)
    for k in range(count, queue.count[0]):
        queue.cell[k - count], queue.step[k - count] = queue.cell[k], queue.step[k]
    queue.count[0] -= count
