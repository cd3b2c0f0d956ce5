"""Synapses that change: weights and traces of every culture's own, and the rules of ``livn_gym.plasticity``.

Times are steps since a culture's reset. Postsynaptic spikes wait in a queue until they reach the synapses; the engine's
windows are short enough that those of a window are known before it begins. Within a window an arrival first takes up
the earlier postsynaptic spikes of its target; what is left is taken up at the window's end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from livn_gym.backends.native.arithmetic import INNER
from livn_gym.plasticity import Plasticity

compiled = njit(**INNER)


class Spikes(NamedTuple):
    """Cell and step of spikes; ``count[0]`` many."""

    cell: Any
    step: Any
    count: Any


class Rules(NamedTuple):
    """Rules of the synapses: ``rule[S]`` (-1 for none) and ``numbers [K, R, 7]`` (``RuleParameters.NAMES``).

    R rules are shared by all cultures. Their numbers depend on the weights and are in K rows, of which every culture
    has one (``Group.row``).

    ``in_start [N + 1]`` and ``in_synapse`` list every cell's plastic synapses; ``back`` is the dendritic delay in
    steps, 0 where nothing changes.
    """

    back: int
    rule: Any
    numbers: Any
    in_start: Any
    in_synapse: Any


class Learnt(NamedTuple):
    """A group's own synapses, ``[cultures, S]``, or ``[0, 0]`` as long as all share the same.

    ``weight`` (uS), traces ``x`` at step ``pre`` (the last arrival) and ``y`` at step ``post`` (the last postsynaptic
    spike taken up), and per cell of the group where its spikes of a window begin in the queue (``head``).
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
    """The rules of a system's sorted synapses.

    Args:
        keys: Weight keys.
        plasticity: Rules by key, or None.
        weights_uS: What every key's weight parameter stands for, uS, in K rows.
        key: Index of every synapse's key, ``[S]``.
        post: Postsynaptic cell of every synapse, ``[S]``.
        cells: N.
        dt_ms: Time step.
    """
    names = [] if plasticity is None else [name for name in keys if name in plasticity.rules]
    row = np.array([names.index(name) if name in names else -1 for name in keys] or [-1], dtype=np.int64)
    numbers: list[list[tuple[float, ...]]] = []
    back = 0
    if plasticity is not None and names:
        back = max(1, round(plasticity.dendritic_delay_ms / dt_ms))
        numbers = [
            [plasticity.rules[name].parameters().scaled(each_uS[keys.index(name)]) for name in names]
            for each_uS in weights_uS
        ]
    rule = row[key] if names else np.full(len(key), -1)
    changing = np.flatnonzero(rule >= 0)
    in_synapse = changing[np.argsort(post[changing], kind="stable")]
    in_start = np.searchsorted(post[in_synapse], np.arange(cells + 1)).astype(np.int64)
    table = np.array(numbers, dtype=np.float64).reshape(len(weights_uS), -1, 7)
    return Rules(back, rule.astype(np.int64), table, in_start, in_synapse.astype(np.int64))


def nothing_learnt() -> Learnt:
    """As long as all cultures share the same synapses."""
    empty, none = np.zeros((0, 0)), np.zeros((0, 0), dtype=np.int64)
    return Learnt(empty, empty, empty, none, none, np.zeros(0, dtype=np.int64))


def first_weights(own: NDArray[np.float64], cells: int) -> Learnt:
    """Own synapses of every culture with the weights ``[cultures, S]``, before anything is learnt."""
    pre = np.zeros(own.shape, dtype=np.int64)
    head = np.full(len(own) * cells, -1, dtype=np.int64)
    return Learnt(own, np.zeros_like(own), np.zeros_like(own), pre, pre - 1, head)


@compiled
def link(learnt, queue, stop):
    """Chain every cell's postsynaptic spikes before ``stop``, earliest first; returns the links and their number."""
    count = 0
    while count < queue.count[0] and queue.step[count] < stop:
        count += 1
    following = np.empty(count, np.int64)
    for k in range(count - 1, -1, -1):
        following[k] = learnt.head[queue.cell[k]]
        learnt.head[queue.cell[k]] = k
    return following, count


@compiled
def bounded(w, change, w_max, soft):
    """The changed weight."""
    if soft > 0.0:
        change = change * (1.0 - w / w_max) if change > 0.0 else change * (w / w_max)
    return min(max(w + change, 0.0), w_max)


@compiled
def take_up(learnt, numbers, c, s, now, dt):
    """A postsynaptic spike reaches a synapse at step ``now``."""
    x = learnt.x[c, s] * math.exp(-(now - learnt.pre[c, s]) * dt / numbers[3])
    y = learnt.y[c, s] * math.exp(-(now - learnt.post[c, s]) * dt / numbers[4])
    learnt.weight[c, s] = bounded(learnt.weight[c, s], numbers[0] * x, numbers[5], numbers[6])
    learnt.y[c, s] = y + 1.0
    learnt.post[c, s] = now


@compiled
def arrive(rules, learnt, queue, following, c, row, s, target, start, step, dt):
    """A spike arrives at a synapse at ``step`` of a run that began at ``start``; returns the weight it meets."""
    if rules.rule[s] < 0:
        return learnt.weight[c, s]
    numbers = rules.numbers[row, rules.rule[s]]
    if numbers[5] <= 0.0:
        return learnt.weight[c, s]
    k = learnt.head[target]
    while k >= 0 and queue.step[k] < step:
        if start + queue.step[k] > learnt.post[c, s]:
            take_up(learnt, numbers, c, s, start + queue.step[k], dt)
        k = following[k]
    now = start + step
    x = learnt.x[c, s] * math.exp(-(now - learnt.pre[c, s]) * dt / numbers[3])
    y = learnt.y[c, s] * math.exp(-(now - learnt.post[c, s]) * dt / numbers[4])
    w = bounded(learnt.weight[c, s], numbers[1] * y + numbers[2], numbers[5], numbers[6])
    learnt.weight[c, s] = w
    learnt.x[c, s] = x + 1.0
    learnt.pre[c, s] = now
    return w


@compiled
def take_up_all(rules, learnt, queue, count, size, row, time, dt):
    """The first ``count`` postsynaptic spikes reach all synapses that have not taken them up, and leave the queue."""
    for k in range(count):
        cell = queue.cell[k]
        learnt.head[cell] = -1
        c, gid = cell // size, cell % size
        now = time[c] + queue.step[k]
        for place in range(rules.in_start[gid], rules.in_start[gid + 1]):
            s = rules.in_synapse[place]
            numbers = rules.numbers[row[c], rules.rule[s]]
            if numbers[5] > 0.0 and now > learnt.post[c, s]:
                take_up(learnt, numbers, c, s, now, dt)
    for k in range(count, queue.count[0]):
        queue.cell[k - count], queue.step[k - count] = queue.cell[k], queue.step[k]
    queue.count[0] -= count
