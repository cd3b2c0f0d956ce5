"""Kernel that writes the frames of one culture: spike templates, noise, stimulus artefacts, and the converter.

``livn_gym.backends.native.program`` compiles the text of this module once per machine.
"""

from typing import Any

import numpy as np
from numba import njit

from livn_gym.backends.native.arithmetic import normal32
from livn_gym.backends.native.compiler import BORROWED
from livn_gym.backends.native.intrinsics import store

_U = np.uint64
_LOW, _S32 = _U(0xFFFFFFFF), _U(32)
_MULTIPLIER0, _MULTIPLIER1 = _U(0xD2511F53), _U(0xCD9E8D57)
_WEYL0, _WEYL1 = _U(0x9E3779B9), _U(0xBB67AE85)
_TAG = _U(0xE1EC7D05)  # a word of the counter where the noise of cells has the trial, which is never that large
_F = np.float32
_HALF, _ZERO = _F(0.5), _F(0.0)
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "no_cfunc_wrapper": True}

# Counters of a culture, int64.
FRAME, STEP, REACH = 0, 1, 2
"""Frames and time steps since the reset, and the frame from which on all artefacts are over."""


@njit(forceinline=True, **BORROWED)
def noise_words(low, high, group, seed_low, seed_high):
    """Philox4x32-10 of a frame and a group of four channels: four words below 2**32."""
    x0, x1, x2, x3, k0, k1 = low, high, group, _TAG, seed_low, seed_high
    for _ in range(10):
        first, second = _MULTIPLIER0 * (x0 & _LOW), _MULTIPLIER1 * (x2 & _LOW)
        x0, x1 = (second >> _S32) ^ x1 ^ k0, second
        x2, x3 = (first >> _S32) ^ x3 ^ k1, first
        k0, k1 = k0 + _WEYL0, k1 + _WEYL1
    return x0 & _LOW, x1 & _LOW, x2 & _LOW, x3 & _LOW


@njit(**_OPTIONS)
def add_noise(values, frame, seed, num_groups):
    """Fill ``values [4 * num_groups]`` with standard normal numbers; those of a group are ``num_groups`` apart."""
    low, high = _U(frame) & _LOW, _U(frame) >> _S32
    seed_low, seed_high = seed & _LOW, seed >> _S32
    for group in range(num_groups):
        w0, w1, w2, w3 = noise_words(low, high, _U(group), seed_low, seed_high)
        a, b = normal32(w0, w1)
        c, d = normal32(w2, w3)
        store(values, group, a)
        store(values, num_groups + group, b)
        store(values, 2 * num_groups + group, c)
        store(values, 3 * num_groups + group, d)


@njit(**_OPTIONS)
def add_spike(ring, start, first, channel, gain, cell, wave):
    """Add a spike's template to the rings of the channels within reach of the cell."""
    size = ring.shape[1]
    begin = start & (size - 1)
    length = len(wave)
    whole = min(length, size - begin)
    for k in range(first[cell], first[cell + 1]):
        row = ring[channel[k]]
        factor = gain[k]
        for j in range(whole):
            row[begin + j] += factor * wave[j]
        for j in range(whole, length):
            row[begin + j - size] += factor * wave[j]


@njit(nogil=True, **_OPTIONS)
def run(
    frames,
    potential,
    counters,
    ring,
    last_step,
    blind_end,
    sign,
    seed,
    spike_gid,
    spike_step,
    cell_population,
    bounds,
    waves,
    first,
    channel,
    gain,
    numbers,
    ratio,
    usable,
    event_start,
    event_stop,
    event_channel,
    event_sign,
    blind_frames,
    decay,
    scale,
    limits,
):
    """Write ``frames [T, C]`` and advance the state of the culture; return the number of events that began.

    Args:
        frames: int16.
        potential: Further potential, uV ``[T, C]``; with no rows there is none.
        counters: See FRAME, STEP, REACH.
        ring: Templates that reach into later frames, uV ``[C, size]``; column ``frame & (size - 1)``.
        last_step: Step of each cell's last spike, ``[N]``.
        blind_end: Frame from which on each channel records again, ``[C]``.
        sign: Sign of each channel's artefact, ``[C]``.
        seed: Key of the noise, ``[1]``.
        spike_gid: Cell of every spike, in the order of time.
        spike_step: Its time step since the start of the run.
        cell_population: Population of every cell.
        bounds: Bounds of the intervals' classes in steps, ``[K - 1]``.
        waves: Time courses, nA ``[P, K, phases, frames]``.
        first: First pair of each cell, ``[N + 1]``.
        channel: Channel of every pair of a cell and a channel within its reach.
        gain: Potential per nA of every pair, uV.
        numbers: Number of groups of four channels, and time steps of the run.
        ratio: Frames per time step: numerator and denominator.
        usable: 1 for usable channels and 0 for others, ``[C]``.
        event_start: First frame of every phase of current, ascending.
        event_stop: Frame after its last.
        event_channel: Its channel.
        event_sign: Sign of its current.
        blind_frames: Frames for which channels stay blind after current: the stimulated one and others.
        decay: Artefact after the blind time by frame, uV.
        scale: Standard deviation of the noise, uV; units per uV; artefact during the blind time, uV.
        limits: Smallest and largest unit.
    """
    num_groups = numbers[0]
    num_channels = ring.shape[0]
    size = ring.shape[1]
    num_frames = frames.shape[0]
    noise = np.zeros(4 * num_groups, dtype=np.float32)
    values = np.empty(num_channels, dtype=np.float32)
    begin, begin_step = counters[FRAME], counters[STEP]
    phases = waves.shape[2]
    next_spike, next_event = 0, 0
    num_spikes, num_events = len(spike_gid), len(event_start)
    sd, per_uv, saturation = scale[0], scale[1], scale[2]
    lowest, highest = limits[0], limits[1]
    for i in range(num_frames + 1):
        frame = begin + i
        while next_spike < num_spikes:
            step = begin_step + spike_step[next_spike]
            # The crossing of the threshold is half a step before the step that reports it.
            position = (2 * step - 1) * ratio[0]
            start = position // (2 * ratio[1]) + 1
            if start > frame and i < num_frames:
                break
            cell = spike_gid[next_spike]
            interval = step - last_step[cell]
            last_step[cell] = step
            k = 0
            while k < len(bounds) and interval >= bounds[k]:
                k += 1
            phase = (position % (2 * ratio[1])) * phases // (2 * ratio[1])
            add_spike(ring, start, first, channel, gain, cell, waves[cell_population[cell], k, phase])
            next_spike += 1
        if i == num_frames:
            break
        while next_event < num_events and event_start[next_event] <= frame:
            stop = event_stop[next_event]
            own = event_channel[next_event]
            for c in range(num_channels):
                end = stop + (blind_frames[0] if c == own else blind_frames[1])
                if end > blind_end[c] or (c == own and end >= blind_end[c]):
                    blind_end[c] = end
                    sign[c] = event_sign[next_event]
            counters[REACH] = max(counters[REACH], stop + blind_frames[0] + len(decay))
            next_event += 1
        if sd > _ZERO:
            add_noise(noise, frame, seed[0], num_groups)
        column = frame & (size - 1)
        for c in range(num_channels):
            values[c] = ring[c, column] + sd * noise[c]
            ring[c, column] = _ZERO
        if len(potential):
            for c in range(num_channels):
                values[c] += potential[i, c]
        if frame < counters[REACH]:
            for c in range(num_channels):
                after = frame - blind_end[c]
                if after < 0:
                    values[c] = sign[c] * saturation
                elif after < len(decay):
                    values[c] += sign[c] * decay[after]
        row = frames[i]
        for c in range(num_channels):
            unit = np.floor(values[c] * usable[c] * per_uv + _HALF)
            row[c] = np.int16(min(max(unit, lowest), highest))
    counters[FRAME] = begin + num_frames
    counters[STEP] = begin_step + numbers[1]
    return next_event
