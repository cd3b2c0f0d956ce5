"""What surrounds the cells' equations in a generated module: imports, the loops over blocks and lanes, the run."""

HEADER = '''"""Kernels written by livn_gym.backends.native.generate."""

import numpy as np
from numba import njit

from livn_gym.backends.native.arithmetic import INNER, philox
from livn_gym.backends.native.arithmetic import exp{bits} as exp
from livn_gym.backends.native.arithmetic import normal{bits} as normal
from livn_gym.backends.native.driver import begin, deliver, finish, look, shared_parity, spread, take_samples
from livn_gym.backends.native.driver import window_end, workspace
from livn_gym.backends.native.intrinsics import fma, from_bits, load, store, to_bits, whole_registers

T = np.float{bits}
BOUND = T({bound})
FLAG = np.int{bits}
WORD = np.uint64
BITS = np.uint{bits}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"arcp"}}}}
INNER_OPTIONS = INNER | OPTIONS
'''

KERNEL = '''
@njit(**INNER_OPTIONS)
def step_blocks_{tag}(S, P, {Q}group, step, steps, bucket, where, what, found):
    """Advance the blocks of {name} and note their spikes."""
    whole_registers()
    {parameters}
    num_cells = group.cells[{tag}]
    num_spikes = found.count[0]
    parity = shared_parity(group.time)
    for block in range((num_cells + {W} - 1) // {W}):
        base = group.base[{tag}] + block * {size}
        for k in range(steps):
            slot = (group.bucket[{tag}] + block) * steps + k
            for event in range(bucket[slot], bucket[slot + 1]):
                S[where[event]] += T(what[event])
            crossed = FLAG(0)
            now = WORD(step + k)
            drawn = k > 0 and parity >= 0 and (parity + step + k) & 1 == 1
            for lane in range({W}):
                i = base + lane
                {solve}
            if drawn:
                for lane in range({W}):
                    i = base + lane
                    {noise_drawn}
            else:
                for lane in range({W}):
                    i = base + lane
                    {noise}
            for lane in range({W}):
                i = base + lane
                {advance}
            if crossed > FLAG(0):
                for lane in range({W}):
                    cell = block * {W} + lane
                    if S[base + lane] > P[0] and S[base + lane + {v_old}] <= P[0] and cell < num_cells:
                        culture = cell // group.count[{tag}]
                        gid = group.start[{tag}] + cell % group.count[{tag}]
                        found.cell[num_spikes] = culture * group.size + gid
                        found.step[num_spikes] = step + k + 1
                        num_spikes += 1
    found.count[0] = num_spikes
'''

RUN = '''
@njit(nogil=True, **OPTIONS)
def run(S, parameters, group, net, rules, learnt, drive, probe, control, flight, spikes, queue, window, num_steps, dt):
    """Advance a group of cultures; returns the spikes under way, those that happened, those not yet taken up.

    A run that ends before its time, for the reasons in ``control``, leaves the arrays in the middle of something.
    """
    bucket, where, what, found, order = workspace(group, window)
    begin(drive)
    sampling = probe.every > 0 or probe.weight_every > 0
    step = np.int64(0)  # a literal would be a type of its own, with functions of its own
    last = num_steps
    while step < last:
        stop = min(step + window, num_steps)
        if sampling:
            stop = take_samples(S, group, learnt, probe, step, stop)
        stop = window_end(S, group, drive, step, stop)
        steps = stop - step
        where, what = deliver(net, rules, group, learnt, flight, queue, step, steps, bucket, where, what, dt)
        found.count[0] = 0
        {advance}
        flight, spikes, queue = spread(
            net, rules.dendritic_delay_steps, group, flight, spikes, queue, found, order, step, steps, dt
        )
        step = stop
        last = look(S, group.address, control, step, num_steps, BOUND)
    finish(group, flight, queue, num_steps)
    return flight, spikes, queue
'''


RUN_SHARE = '''
@njit(nogil=True, **OPTIONS)
def run(S, parameters, group, net, rules, learnt, drive, probe, control, flight, spikes, queue, heard, num_steps,
        before, step, stop, dt):
    """Take in what all ranks' cells did from ``before`` to ``step``, then advance own cells to ``stop``.

    Returns the spikes under way, those that happened, those not yet taken up, and those of own cells since ``step``.
    """
    bucket, where, what, found, _ = workspace(group, stop - step)
    if step == 0:
        begin(drive)
    order = np.empty(heard.count[0], np.int64)
    sent = (queue, heard, order, before, step - before, dt)
    flight, spikes, queue = spread(net, rules.dendritic_delay_steps, group, flight, spikes, *sent)
    if step == num_steps:
        finish(group, flight, queue, num_steps)
    last = stop
    sampling = probe.every > 0 or probe.weight_every > 0
    while step < last:
        stop = last
        if sampling:
            stop = take_samples(S, group, learnt, probe, step, stop)
        stop = window_end(S, group, drive, step, stop)
        steps = stop - step
        where, what = deliver(net, rules, group, learnt, flight, queue, step, steps, bucket, where, what, dt)
        {advance}
        step = stop
        look(S, group.address, control, step, num_steps, BOUND)
    return flight, spikes, queue, found
'''
