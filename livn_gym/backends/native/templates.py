"""Templates of a generated module around the cells' equations: imports, loops over blocks and lanes, the run."""

HEADER = '''"""Kernels written by livn_gym.backends.native.generate."""

import numpy as np
from numba import njit

from livn_gym.backends.native.arithmetic import philox
from livn_gym.backends.native.arithmetic import exp2_{bits} as exp2
from livn_gym.backends.native.arithmetic import exp{bits} as exp
from livn_gym.backends.native.arithmetic import normal{bits} as normal
from livn_gym.backends.native.compiler import BORROWED
from livn_gym.backends.native.delivery import deliver, empty_arrivals, most_arrivals, send_spikes, shift_times
from livn_gym.backends.native.delivery import workspace
from livn_gym.backends.native.driver import advance_noise, check_voltages, diverged, is_due, phases_of, rewind_stimuli
from livn_gym.backends.native.driver import take_samples, update_stimuli{imports}
from livn_gym.backends.native.intrinsics import empty, fma, from_bits, load, store, to_bits
from livn_gym.backends.native.intrinsics import whole_registers, zeros
from livn_gym.backends.native.plasticity import Spikes
from livn_gym.backends.native.team import meet, sort_spikes

T = np.float{bits}
LANES = {lanes}
BOUND = T({bound})
FLAG = np.int{bits}
WORD = np.uint64
BITS = np.uint{bits}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"arcp"}}, "no_cfunc_wrapper": True}}
INNER_OPTIONS = BORROWED | OPTIONS
'''

KERNEL = '''
@njit(**INNER_OPTIONS)
def step_blocks_{tag}(S, P, {Q}group, step, steps, bucket, addresses, increments, new_spikes):
    """Advance the thread's blocks of {name} and list their spikes."""
    whole_registers()
    {parameters}
    num_cells = group.count[{tag}] * len(group.time)
    num_spikes = new_spikes.count[0]
    phases = phases_of(group.time)
    for block in range(group.span[{tag}, 0], group.span[{tag}, 1]):
        base = group.base[{tag}] + block * {size}
        active = True
        for k in range(steps):
            slot = (group.bucket[{tag}] + block) * steps + k
            for event in range(bucket[slot], bucket[slot + 1]):
                {arrive}
            flags = FLAG(0)
            now = WORD(step + k)
            {advance_slow}
            {solve}
            if is_due(phases, step + k, {noise_period}):
                for lane in range(LANES):
                    i = base + lane
                    {noise_drawn}
            if is_due(phases, step + k + {noise_steps}, {noise_period}):
                for lane in range(LANES):
                    i = base + lane
                    {noise_stored}
            for lane in range(LANES):
                i = base + lane
                {advance}
            active = flags >= FLAG({active})
            if flags & FLAG({active} - 1) != FLAG(0):
                for lane in range(LANES):
                    cell = block * LANES + lane
                    if S[base + lane] > P[0] and S[base + lane + {v_old} * LANES] <= P[0] and cell < num_cells:
                        culture = cell // group.count[{tag}]
                        gid = group.start[{tag}] + cell % group.count[{tag}]
                        new_spikes.cell[num_spikes] = culture * group.size + gid
                        new_spikes.step[num_spikes] = step + k + 1
                        num_spikes += 1
    new_spikes.count[0] = new_spikes.count[{tag} + 1] = num_spikes
'''

SLOW = """
            if is_due(phases, step + k, {period}):
                for lane in range(LANES):
                    i = base + lane
                    {lines}
""".strip()

SOLVE = """
            for lane in range(LANES):
                i = base + lane
                {solve}
""".strip()

SOLVE_CORRECTED = """
            if active:
                for lane in range(LANES):
                    i = base + lane
                    {corrected}
            else:
                for lane in range(LANES):
                    i = base + lane
                    {solve}
""".strip()

LIGHT = {
    "drive": "drive.electrical",
    "rewind_light": "; rewind_light(drive.light)",
    "update_light": "; stop = update_light(S, group, drive.light, step, stop)",
}
"""Parts of ``RUN`` and ``RUN_RANK`` for cells with an opsin."""

NO_LIGHT = {"drive": "drive", "rewind_light": "", "update_light": ""}
"""The same for cells without an opsin."""

LEARNING = {"rules": "rules", "learnt": "learnt"}
"""Parts of ``RUN`` and ``RUN_RANK`` for cultures with synapses of their own."""

NO_LEARNING = {"rules": "None", "learnt": "None"}
"""The same for cultures that share their synapses."""

RUN = '''
@njit(nogil=True, **OPTIONS)
def run(S, parameters, group, net, rules, learnt, drive, probe, control, flight, spikes, queue, team, thread, window,
        num_steps, dt):
    """Advance the thread's blocks of a group; return spikes in transit, spikes of the run, queued postsynaptic spikes.

    All threads of the team return the same, but only thread 0 returns the spikes of the run. A run that ends early, for
    the reasons in ``control``, leaves the arrays in an intermediate state.
    """
    arrivals, found, position = workspace(group, window)
    new_spikes = Spikes(team.cell, team.step, zeros(1 + len(group.start), np.int64))
    rewind_stimuli({drive}){rewind_light}
    sampling = probe.every > 0 or probe.weight_every > 0
    step = np.int64(0)  # a literal would be a separate type, for which functions would be compiled again
    number = np.int64(0)
    proceed = True
    while step < num_steps and proceed:
        stop = min(step + window, num_steps)
        if sampling:
            stop = take_samples(S, group, net, {learnt}, probe, step, stop)
        stop = update_stimuli(S, group, {drive}, step, stop){update_light}
        steps = stop - step
        number_due = most_arrivals(net, group.size, flight, queue)
        if number_due > len(arrivals.slot):
            arrivals = empty_arrivals(arrivals.bucket, 2 * number_due)
        deliver(net, {rules}, group, {learnt}, flight, queue, step, steps, arrivals, dt)
        new_spikes.count[0] = team.start[thread] + (number & 1) * team.start[-1]
        {advance}
        check_voltages(S, group.address, group.block, group.lanes, control, thread, stop, num_steps, BOUND)
        proceed = meet(team.progress, thread, number, new_spikes.count, control)
        if proceed and not diverged(control, stop, num_steps):
            sort_spikes(team, len(group.start), number, found, position, step, steps)
            if thread > 0:
                spikes.count[0] = 0
            if found.count[0] > 0:
                flight, spikes, queue = send_spikes(
                    net, rules.dendritic_delay_steps, group, flight, spikes, queue, found, dt
                )
        else:
            proceed = False
        step = stop
        number += 1
    shift_times(group, flight, queue, num_steps)
    advance_noise(S, group, num_steps, BITS)
    return flight, spikes, queue
'''


RUN_RANK = '''
@njit(nogil=True, **OPTIONS)
def run(S, parameters, group, net, rules, learnt, drive, probe, control, flight, spikes, queue, all_spikes, num_steps,
        previous, step, stop, dt):
    """Send the spikes of all ranks from ``previous`` to ``step``, then advance the cells of this rank to ``stop``.

    Return spikes in transit, spikes of the run, queued postsynaptic spikes, and spikes of this rank since ``step``.
    """
    arrivals, new_spikes, _ = workspace(group, stop - step)
    if step == 0:
        rewind_stimuli({drive}){rewind_light}
    size = len(all_spikes.cell)
    found = Spikes(empty(size, np.int64), empty(size, np.int64), zeros(1, np.int64))
    position = empty(step - previous + 2, np.int64)
    sort_spikes(all_spikes, 1, np.int64(0), found, position, previous, step - previous)
    flight, spikes, queue = send_spikes(net, rules.dendritic_delay_steps, group, flight, spikes, queue, found, dt)
    if step == num_steps:
        shift_times(group, flight, queue, num_steps)
        advance_noise(S, group, num_steps, BITS)
    last = stop
    sampling = probe.every > 0 or probe.weight_every > 0
    while step < last:
        stop = last
        if sampling:
            stop = take_samples(S, group, net, {learnt}, probe, step, stop)
        stop = update_stimuli(S, group, {drive}, step, stop){update_light}
        steps = stop - step
        number_due = most_arrivals(net, group.size, flight, queue)
        if number_due > len(arrivals.slot):
            arrivals = empty_arrivals(arrivals.bucket, 2 * number_due)
        deliver(net, {rules}, group, {learnt}, flight, queue, step, steps, arrivals, dt)
        {advance}
        step = stop
        check_voltages(S, group.address, group.block, group.lanes, control, 0, step, num_steps, BOUND)
    return flight, spikes, queue, new_spikes
'''
