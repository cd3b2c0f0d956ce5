"""What the tasks on bursting cultures share: when a whole culture fires at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement

BIN_MS = 50.0
"""Width of the bins in which rates are compared with a threshold; a step must be a whole number of them."""

BURST_HZ = 30.0
"""Mean rate of a cell in a bin above which it belongs to a burst. Pulses at 20 Hz make a cell of EI2 fire at 18 Hz at
most, a burst of the bursting culture at 70 Hz."""


def bin_rates(measurement: Measurement, step_ms: float, cells: int) -> NDArray[np.float64]:
    """Mean rate of a cell in every bin of the step, Hz ``[step_ms / BIN_MS]``."""
    assert measurement.recording is not None, "only a step that was run is scored"
    _, _, t = measurement.recording.spikes
    bins = round(step_ms / BIN_MS)
    counts = np.bincount(np.minimum((t / BIN_MS).astype(np.int64), bins - 1), minlength=bins)
    return counts / (cells * BIN_MS * 1e-3)
