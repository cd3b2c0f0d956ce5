"""Synchrony of cells from their spike counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livn_gym.checks import checked
from livn_gym.measures.counts import cell_counts, num_bins


@checked
def count_synchrony(gid: NDArray, t: NDArray, duration_ms: float, bin_ms: float) -> tuple[float, float]:
    """Return the mean pairwise correlation and the synchrony measure chi of binned spike counts.

    The first is the mean over all pairs of cells of Pearson's correlation of their counts. Chi is the standard
    deviation over time of the mean count over cells, divided by the root mean square of the single cells' standard
    deviations: about 1 / sqrt(n) for n independent cells, 1 for identical ones. Both use only cells whose count varies.

    References:
        Golomb & Rinzel, Dynamics of globally coupled inhibitory neurons with heterogeneity, Phys Rev E
        48:4810, 1993; Golomb, Neuronal synchrony measures, Scholarpedia 2(1):1347, 2007 (chi).

    Args:
        gid: Cell of every spike, ``[S]``.
        t: Time of every spike, ms ``[S]``.
        duration_ms: Length of the recording, a whole number of bins.
        bin_ms: Bin width.

    Returns:
        Correlation and chi; NaN if the counts of fewer than two cells (chi: one) vary.
    """
    bins = num_bins(duration_ms, bin_ms)
    cell, bin_, count = cell_counts(gid, t, duration_ms, bin_ms)
    cells, cell = np.unique(cell, return_inverse=True)
    n = len(cells)
    mean = np.bincount(cell, weights=count, minlength=n) / bins
    variance = np.bincount(cell, weights=count**2, minlength=n) / bins - mean**2
    varies = variance > 1e-12  # a cell with the same count in every bin has no correlation
    n = int(varies.sum())
    if n == 0:
        return float("nan"), float("nan")
    selected = varies[cell]
    cell, bin_, count = cell[selected], bin_[selected], count[selected]

    pooled = np.bincount(bin_, weights=count, minlength=bins)
    chi = float(np.sqrt(pooled.var() / (n * variance[varies].sum())))
    if n == 1:
        return float("nan"), chi
    # The sum over all pairs of correlations is the variance of the sum of all z-scored counts.
    z_sum = np.bincount(bin_, weights=count / np.sqrt(variance[cell]), minlength=bins)
    return float((z_sum.var() - n) / (n * (n - 1))), chi
