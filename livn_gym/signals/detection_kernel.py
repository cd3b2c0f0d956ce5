"""Kernel that filters the frames of one culture and detects spikes per channel.

``livn_gym.backends.native.program`` compiles the text of this module once per machine.
"""

from typing import Any

import numpy as np
from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}

# Counters of a culture, int64.
FRAME, PENDING, BUSY = 0, 1, 2
"""Frames since the reset, spikes whose waveform is not complete, and channels that search or are not armed."""

# Rows of a culture's real numbers, float64 ``[5, C]``.
FIRST, SECOND, HELD, MEDIAN, LOWEST = 0, 1, 2, 3, 4
"""State of the filter (two), last input that was not saturated, median of the absolute signal, and lowest value of the
search, uV."""

# Rows of a culture's integers, int64 ``[4, C]``.
REFRACTORY, SEARCH, PEAK, ARMED = 0, 1, 2, 3
"""Frame from which on a channel detects again, last frame of the search for the peak (-1 for none), frame of the lowest
value, and whether the signal has been above the threshold since the last detection."""


@njit(**_OPTIONS)
def run(
    frames,
    offset,
    counters,
    reals,
    integers,
    history,
    pending,
    filters,
    steps,
    levels,
    usable,
    out_channel,
    out_frame,
    out_waveform,
):
    """Detect spikes in ``frames [T, C]`` from frame ``offset`` on, until all are read or the outputs are full.

    Args:
        frames: int16.
        offset: First frame to read.
        counters: See FRAME, PENDING, BUSY.
        reals: See FIRST ... LOWEST.
        integers: See REFRACTORY ... ARMED.
        history: Filtered signal, uV ``[size, C]``; row ``frame & (size - 1)``.
        pending: Peak and channel of spikes whose waveform is not complete, ``[2, P]``.
        filters: Coefficients b0, b1, b2, a1, a2 of the filter.
        steps: In frames: refractory time, search for the peak, samples before and after the peak; 1 if the median is
            estimated; unit from which on a frame is saturated.
        levels: uV per unit; threshold in units of the median; step of the median; smallest median.
        usable: Channels that detect, bool ``[C]``.
        out_channel: Channel of every spike.
        out_frame: Frame of its peak since the reset.
        out_waveform: Its waveform, uV ``[capacity, samples]``, without columns if none are kept.

    Returns:
        Frame after the last one read, and number of spikes.
    """
    num_frames, num_channels = frames.shape
    refractory, search, before, after = steps[0], steps[1], steps[2], steps[3]
    estimated, saturated = steps[4], steps[5]
    b0, b1, b2, a1, a2 = filters[0], filters[1], filters[2], filters[3], filters[4]
    unit, factor, floor = levels[0], levels[1], levels[3]
    up, down = 1.0 + levels[2], 1.0 - levels[2]
    mask = history.shape[0] - 1
    capacity = len(out_channel) - 2 * num_channels
    keeps = out_waveform.shape[1] > 0
    values = np.empty(num_channels, dtype=np.float64)
    count = 0
    for i in range(offset, num_frames):
        if count > capacity:
            return i, count
        frame = counters[FRAME]
        row = frames[i]
        low = False
        for c in range(num_channels):
            x = reals[HELD, c] if abs(np.int64(row[c])) >= saturated else unit * row[c]
            reals[HELD, c] = x
            y = b0 * x + reals[FIRST, c]
            reals[FIRST, c] = b1 * x - a1 * y + reals[SECOND, c]
            reals[SECOND, c] = b2 * x - a2 * y
            values[c] = y
        for c in range(num_channels):
            low |= values[c] < -factor * reals[MEDIAN, c]
        if estimated:
            for c in range(num_channels):
                changed = reals[MEDIAN, c] * (up if abs(values[c]) > reals[MEDIAN, c] else down)
                changed = max(changed, floor)
                reals[MEDIAN, c] = reals[MEDIAN, c] if abs(np.int64(row[c])) >= saturated else changed
        recent = history[frame & mask]
        for c in range(num_channels):
            recent[c] = values[c]
        if low or counters[BUSY]:
            busy = 0
            for c in range(num_channels):
                if not usable[c]:
                    continue
                y = values[c]
                below = y < -factor * reals[MEDIAN, c]
                if abs(np.int64(row[c])) >= saturated:
                    integers[SEARCH, c] = -1
                elif integers[SEARCH, c] >= 0:
                    if y < reals[LOWEST, c]:
                        reals[LOWEST, c] = y
                        integers[PEAK, c] = frame
                elif below and integers[ARMED, c] and frame >= integers[REFRACTORY, c]:
                    integers[SEARCH, c] = frame + search
                    integers[PEAK, c] = frame
                    reals[LOWEST, c] = y
                integers[ARMED, c] = 0 if below else 1
                if integers[SEARCH, c] >= 0 and frame >= integers[SEARCH, c]:
                    integers[SEARCH, c] = -1
                    integers[REFRACTORY, c] = max(integers[PEAK, c] + refractory, frame + 1)
                    if keeps and counters[PENDING] < pending.shape[1]:
                        pending[0, counters[PENDING]] = integers[PEAK, c]
                        pending[1, counters[PENDING]] = c
                        counters[PENDING] += 1
                    else:
                        out_channel[count] = c
                        out_frame[count] = integers[PEAK, c]
                        count += 1
                if integers[SEARCH, c] >= 0 or not integers[ARMED, c]:
                    busy += 1
            counters[BUSY] = busy
        if counters[PENDING]:
            waiting = 0
            for k in range(counters[PENDING]):
                peak, c = pending[0, k], pending[1, k]
                if peak + after <= frame:
                    out_channel[count] = c
                    out_frame[count] = peak
                    for j in range(before + 1 + after):
                        out_waveform[count, j] = history[(peak - before + j) & mask, c]
                    count += 1
                else:
                    pending[0, waiting] = peak
                    pending[1, waiting] = c
                    waiting += 1
            counters[PENDING] = waiting
        counters[FRAME] = frame + 1
    return num_frames, count
