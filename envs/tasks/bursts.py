"""Detection of network bursts, for the tasks on bursting cultures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement
from livn_gym.errors import InvalidInput

BIN_MS = 50.0
"""Width of the bins in which rates are compared with a threshold; a step must be a whole number of them."""

BURST_HZ = 30.0
"""Mean rate of a cell in a bin above which it belongs to a burst. Pulses at 20 Hz make a cell of EI2 fire at 18 Hz at
most, a burst of the bursting culture at 70 Hz."""


def check_bins(step_ms: float) -> None:
    """Refuse a step that is no whole number of bins.

    Raises:
        InvalidInput: The step is no whole number of bins.
    """
    bins = round(step_ms / BIN_MS)
    if bins < 1 or abs(bins * BIN_MS - step_ms) > 1e-6:
        raise InvalidInput(f"step_ms must be a whole number of bins of {BIN_MS:g} ms, got {step_ms:g}.")


def bin_rates(measurement: Measurement, step_ms: float, num_neurons: int) -> NDArray[np.float64]:
    """Return the mean rate of a cell in every bin of a step, Hz ``[step_ms / BIN_MS]``."""
    assert measurement.recording is not None, "only a step that was run has rates"
    _, _, t = measurement.recording.spikes
    bins = round(step_ms / BIN_MS)
    counts = np.bincount(np.minimum((t / BIN_MS).astype(np.int64), bins - 1), minlength=bins)
    return counts / (num_neurons * BIN_MS * 1e-3)


class Onsets:
    """Counts burst onsets step by step. A single bin below the threshold does not end a burst."""

    def __init__(self) -> None:
        self._last_bins = np.zeros(2, dtype=np.bool_)

    @property
    def bursting(self) -> bool:
        """True if the last bin belongs to a burst."""
        return bool(self._last_bins.any())

    def count(self, above: NDArray[np.bool_]) -> int:
        """Count the bursts that begin in a step.

        Args:
            above: Whether each bin of the step is above the threshold, ``[bins]``.
        """
        joined = np.concatenate([self._last_bins, above])
        self._last_bins = joined[-2:]
        return int((joined[2:] & ~joined[1:-1] & ~joined[:-2]).sum())
