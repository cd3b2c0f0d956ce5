"""Work between the steps of the kernels: changes of the stimulus, samples, checks of voltages.

The index of a cell in a group of cultures is ``culture * size + gid``. Times within a run are steps from its start.
Spikes always are in the order (step, culture, gid), so that no sum depends on the grouping of cultures or the division
of a run into windows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from livn_gym.backends.native.arithmetic import inlined
from livn_gym.backends.native.compiler import BORROWED, INNER
from livn_gym.backends.native.intrinsics import from_bits, to_bits, zeros
from livn_gym.backends.native.layout import AMP_D, AMP_S, FIRST_LIGHT, G_IN, J_IN, STEP, STEP_HIGH, V_D
from livn_gym.backends.native.team import AT, CELL

CHECK_STEPS = 1024
"""Number of steps between two checks of all voltages, independent of windows, so that recording requests do not affect
whether a run diverges."""

_ALL_PHASES, _ONE_PHASE = np.uint64(2**64 - 1), np.uint64(1)
_WORD, _WORD_BITS = np.uint64(0xFFFFFFFF), np.uint64(32)

compiled, borrowing = njit(**INNER), njit(**BORROWED)


class Group(NamedTuple):
    """Addresses of the cells of a group of cultures, and the state of their depression, as a thread sees them.

    ``size`` is N, ``lanes`` the number of cells in a block, ``num_blocks`` the number of the thread's blocks. Per
    population: ``start`` (first gid), ``count`` (cells in a culture), ``span`` (the thread's first block, and the block
    after its last), ``base`` (address of block 0), ``bucket`` (number of block 0 among the thread's). Per cell
    ``[cultures * N]``: ``address``, ``block`` (number among the thread's; -1 for cells of others), resources ``x``,
    step ``last`` of its last spike. Per culture: ``time``, steps since its reset, and ``row``, that of its parameters
    in ``Network`` and ``Rules``.
    """

    size: int
    lanes: int
    num_blocks: int
    start: Any
    count: Any
    span: Any
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


class LightDrive(NamedTuple):
    """Light on a group: culture c has changes ``first[c] ... first[c + 1]`` of all its cells at ``step``.

    ``value [changes, 3, N]`` has the functions of the irradiance on which opsins depend; ``cursor`` is workspace.
    """

    first: Any
    step: Any
    value: Any
    cursor: Any


class LitDrive(NamedTuple):
    """Stimuli and light of a group whose cells have an opsin."""

    electrical: Drive
    light: LightDrive


AnyDrive = Drive | LitDrive
"""Stimuli of a group, with light if its cells have an opsin."""


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


@borrowing
def phases_of(time):
    """Return the remainders of the times of all cultures by 64, as the bits of a number."""
    phases = np.uint64(0)
    for c in range(len(time)):
        phases |= np.uint64(1) << np.uint64(time[c] & 63)
    return phases


@inlined
def is_due(phases, step, period):
    """Return whether the time of a culture is a multiple of ``period`` after ``step`` steps.

    Args:
        phases: See ``phases_of``.
        step: Number of steps.
        period: A power of two, at most 32.
    """
    every = _ALL_PHASES // ((_ONE_PHASE << np.uint64(period)) - _ONE_PHASE)  # bits 0, period, 2 * period, ...
    return phases & (every << np.uint64(-step & (period - 1))) != np.uint64(0)


@borrowing
def rewind_stimuli(drive):
    """Rewind all stimuli to their start."""
    for c in range(len(drive.kind)):
        for column in range(drive.level.shape[1]):
            drive.level[c, column] = 0.0
        drive.cursor[c] = drive.first[c]


@borrowing
def take_samples(S, group, net, learnt, probe, step, stop):
    """Take samples of the thread's cells that are due; return the step of the next sample, at most ``stop``.

    Only runs that sample call it, since Numba counts references of all arrays that are passed, in every window.
    """
    if probe.every > 0:
        if step % probe.every == 0:
            sample(S, group, probe, step // probe.every)
        stop = min(stop, step - step % probe.every + probe.every)
    if learnt is not None:
        if probe.weight_every > 0:
            if step % probe.weight_every == 0:
                sample_weights(group, net, learnt, probe, step // probe.weight_every)
            stop = min(stop, step - step % probe.weight_every + probe.weight_every)
    return stop


@compiled
def update_stimuli(S, group, drive, step, stop):
    """Apply changes of the thread's stimuli that are due; return the step of the next change, at most ``stop``."""
    stop = min(stop, step - step % CHECK_STEPS + CHECK_STEPS)
    if step == 0:
        for cell in range(len(group.address)):
            if group.block[cell] >= 0:
                a = group.address[cell]
                S[a + AMP_S * group.lanes] = S[a + AMP_D * group.lanes] = S[a + G_IN * group.lanes] = S[
                    a + J_IN * group.lanes
                ] = 0.0
    for c in range(len(drive.kind)):
        cursor, end = drive.cursor[c], drive.first[c + 1]
        if cursor < end and drive.step[cursor] == step:
            while cursor < end and drive.step[cursor] == step:
                column = drive.column[cursor]
                drive.level[c, column] = drive.value[cursor]
                if drive.gain[c] < 0 and group.block[c * group.size + column] >= 0:
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
    """Set the inputs of the thread's cells of a culture to the sums over its columns, always in the same order."""
    gains = drive.gains[drive.gain[c]]
    for k in range(len(group.start)):
        before = c * group.count[k] - group.start[k]  # the index of a cell in its population is before + gid
        first = max(group.span[k, 0] * group.lanes - before, group.start[k])
        last = min(group.span[k, 1] * group.lanes - before, group.start[k] + group.count[k])
        total = zeros(max(last - first, 0), np.float64)
        for column in range(drive.level.shape[1]):
            level = drive.level[c, column]
            if level != 0.0:
                for i in range(len(total)):
                    total[i] += gains[column, first + i] * level
        for i in range(len(total)):
            set_input(S, group, drive, c, first + i, total[i])


@borrowing
def set_input(S, group, drive, c, gid, value):
    """Set the input of a cell."""
    a = group.address[c * group.size + gid]
    kind = drive.kind[c]
    scaled = value * drive.scale[c, gid]
    if kind == 2:  # a field drives a current between the compartments
        S[a + AMP_S * group.lanes] = scaled
        S[a + AMP_D * group.lanes] = -scaled
    elif kind == 1:
        S[a + G_IN * group.lanes] = scaled
        S[a + J_IN * group.lanes] = scaled * drive.reversal[c]
    else:
        S[a + AMP_S * group.lanes] = scaled


@borrowing
def rewind_light(light):
    """Rewind the light of all cultures to its start."""
    for c in range(len(light.cursor)):
        light.cursor[c] = light.first[c]


@compiled
def update_light(S, group, light, step, stop):
    """Apply changes of the light on the thread's cells that are due; return the step of the next, at most ``stop``."""
    if step == 0:
        for cell in range(len(group.address)):
            if group.block[cell] >= 0:
                for k in range(light.value.shape[1]):
                    S[group.address[cell] + (FIRST_LIGHT + k) * group.lanes] = 0.0
    for c in range(len(light.cursor)):
        while light.cursor[c] < light.first[c + 1] and light.step[light.cursor[c]] == step:
            value = light.value[light.cursor[c]]
            for gid in range(group.size):
                cell = c * group.size + gid
                if group.block[cell] >= 0:
                    for k in range(len(value)):
                        S[group.address[cell] + (FIRST_LIGHT + k) * group.lanes] = value[k, gid]
            light.cursor[c] += 1
        if light.cursor[c] < light.first[c + 1]:
            stop = min(stop, light.step[light.cursor[c]])
    return stop


@borrowing
def sample(S, group, probe, column):
    """Write a column of the traces; the membrane current of a compartment equals the current into it (Kirchhoff)."""
    for c in range(probe.voltage.shape[0]):
        for row in range(len(probe.voltage_row)):
            gid, offset = probe.voltage_row[row], 0
            if gid >= group.size:
                gid, offset = gid - group.size, V_D * group.lanes
            cell = c * group.size + gid
            if group.block[cell] >= 0:
                probe.voltage[c, row, column] = S[group.address[cell] + offset]
    for c in range(probe.current_soma.shape[0]):
        for row in range(len(probe.current_gid)):
            gid = probe.current_gid[row]
            if group.block[c * group.size + gid] < 0:
                continue
            a = group.address[c * group.size + gid]
            v, amp_s, amp_d = float(S[a]), float(S[a + AMP_S * group.lanes]), float(S[a + AMP_D * group.lanes])
            axial = probe.coupling[gid] * (float(S[a + V_D * group.lanes]) - v) - amp_d
            probe.current_soma[c, row, column] = (
                axial + (amp_s + amp_d) + (S[a + J_IN * group.lanes] - S[a + G_IN * group.lanes] * v)
            )
            probe.current_dendrite[c, row, column] = -axial


@borrowing
def sample_weights(group, net, learnt, probe, column):
    """Write a column of the weights of the synapses onto the thread's cells."""
    for c in range(learnt.weight.shape[0]):
        for row in range(len(probe.weight_synapse)):
            synapse = probe.weight_synapse[row]
            if group.block[c * group.size + net.link[synapse, 1]] >= 0:
                probe.weight[c, row, column] = learnt.weight[c, synapse]


@borrowing
def advance_noise(S, group, num_steps, bits):
    """Advance the step of the noise of the thread's cells, which is stored in two 32-bit words of the type ``bits``."""
    for cell in range(len(group.address)):
        if group.block[cell] >= 0:
            low = group.address[cell] + STEP * group.lanes
            high = group.address[cell] + STEP_HIGH * group.lanes
            step = np.uint64(to_bits(S[low])) + np.uint64(num_steps)
            S[low] = from_bits(bits(step & _WORD))
            S[high] = from_bits(bits(np.uint64(to_bits(S[high])) + (step >> _WORD_BITS)))


@inlined
def check_voltages(S, address, block, lanes, control, thread, step, num_steps, bound):
    """Note the first of the thread's cells whose voltage is out of bounds (mV), if a check is due.

    It takes single arrays; otherwise Numba counts references of all arrays in every window.
    """
    if step % CHECK_STEPS == 0 or step == num_steps:
        for cell in range(len(address)):
            a = address[cell]
            inside = block[cell] < 0 or (abs(S[a]) <= bound and abs(S[a + V_D * lanes]) <= bound)  # false for NaN
            if not inside and control[CELL + 2 * thread] < 0:
                control[CELL + 2 * thread], control[AT + 2 * thread] = cell, step


@inlined
def diverged(control, step, num_steps):
    """Return whether a thread has noted a cell; the threads have met since, so that all find the same."""
    result = False
    if step % CHECK_STEPS == 0 or step == num_steps:
        for k in range(CELL, len(control), 2):
            result |= control[k] >= 0
    return result
