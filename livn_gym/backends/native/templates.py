"""Templates of a generated module around the cells' equations: imports, loops over blocks and lanes, the run."""

HEADER = '''"""Kernels written by livn_gym.backends.native.generate."""

import numpy as np
from numba import njit

from livn_gym.backends.native.arithmetic import philox
from livn_gym.backends.native.arithmetic import exp{bits} as exp
from livn_gym.backends.native.arithmetic import normal{bits} as normal
from livn_gym.backends.native.compiler import BORROWED
from livn_gym.backends.native.driver import check_voltages, deliver, rewind_stimuli, send_spikes, shared_parity
from livn_gym.backends.native.driver import shift_times, take_samples, update_stimuli, workspace
from livn_gym.backends.native.intrinsics import fma, from_bits, load, store, to_bits, whole_registers

T = np.float{bits}
BOUND = T({bound})
FLAG = np.int{bits}
WORD = np.uint64
BITS = np.uint{bits}
OPTIONS = {{"error_model": "numpy", "fastmath": {{"arcp"}}}}
INNER_OPTIONS = BORROWED | OPTIONS
'''

KERNEL = '''
@njit(**INNER_OPTIONS)
def step_blocks_{tag}(S, P, {Q}group, step, steps, bucket, addresses, increments, new_spikes):
    """Advance the blocks of {name} and list their spikes."""
    whole_registers()
    {parameters}
    num_cells = group.cells[{tag}]
    num_spikes = new_spikes.count[0]
    parity = shared_parity(group.time)
    for block in range((num_cells + {W} - 1) // {W}):
        base = group.base[{tag}] + block * {size}
        for k in range(steps):
            slot = (group.bucket[{tag}] + block) * steps + k
            for event in range(bucket[slot], bucket[slot + 1]):
                S[addresses[event]] += T(increments[event])
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
                        new_spikes.cell[num_spikes] = culture * group.size + gid
                        new_spikes.step[num_spikes] = step + k + 1
                        num_spikes += 1
    new_spikes.count[0] = num_spikes
'''

RUN = '''
@njit(nogil=True, **OPTIONS)
def run(S, parameters, group, net, rules, learnt, drive, probe, control, flight, spikes, queue, window, num_steps, dt):
    """Advance a group of cultures; return spikes in transit, spikes of the run, queued postsynaptic spikes.

    A run that ends early, for the reasons in ``control``, leaves the arrays in an intermediate state.
    """
    bucket, addresses, increments, new_spikes, order = workspace(group, window)
    rewind_stimuli(drive)
    sampling = probe.every > 0 or probe.weight_every > 0
    step = np.int64(0)  # a literal would be a separate type, for which functions would be compiled again
    last = num_steps
    while step < last:
        stop = min(step + window, num_steps)
        if sampling:
            stop = take_samples(S, group, learnt, probe, step, stop)
        stop = update_stimuli(S, group, drive, step, stop)
        steps = stop - step
        addresses, increments = deliver(
            net, rules, group, learnt, flight, queue, step, steps, bucket, addresses, increments, dt
        )
        new_spikes.count[0] = 0
        {advance}
        flight, spikes, queue = send_spikes(
            net, rules.dendritic_delay_steps, group, flight, spikes, queue, new_spikes, order, step, steps, dt
        )
        step = stop
        last = check_voltages(S, group.address, control, step, num_steps, BOUND)
    shift_times(group, flight, queue, num_steps)
    return flight, spikes, queue
'''


RUN_RANK = '''
@njit(nogil=True, **OPTIONS)
def run(S, parameters, group, net, rules, learnt, drive, probe, control, flight, spikes, queue, all_spikes, num_steps,
        previous, step, stop, dt):
    """Send the spikes of all ranks from ``previous`` to ``step``, then advance the cells of this rank to ``stop``.

    Return spikes in transit, spikes of the run, queued postsynaptic spikes, and spikes of this rank since ``step``.
    """
    bucket, addresses, increments, new_spikes, _ = workspace(group, stop - step)
    if step == 0:
        rewind_stimuli(drive)
    order = np.empty(all_spikes.count[0], np.int64)
    window_spikes = (queue, all_spikes, order, previous, step - previous, dt)
    flight, spikes, queue = send_spikes(net, rules.dendritic_delay_steps, group, flight, spikes, *window_spikes)
    if step == num_steps:
        shift_times(group, flight, queue, num_steps)
    last = stop
    sampling = probe.every > 0 or probe.weight_every > 0
    while step < last:
        stop = last
        if sampling:
            stop = take_samples(S, group, learnt, probe, step, stop)
        stop = update_stimuli(S, group, drive, step, stop)
        steps = stop - step
        addresses, increments = deliver(
            net, rules, group, learnt, flight, queue, step, steps, bucket, addresses, increments, dt
        )
        {advance}
        step = stop
        check_voltages(S, group.address, control, step, num_steps, BOUND)
    return flight, spikes, queue, new_spikes
'''
