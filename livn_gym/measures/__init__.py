"""Measures of spike trains and signals: functions of arrays that need no environment."""

from livn_gym.measures.bursts import NetworkBursts, more_than_chance, network_bursts
from livn_gym.measures.classification import centroid_accuracy
from livn_gym.measures.counts import FEW_SPIKES, bin_index, cell_counts, num_bins, population_counts, same_length
from livn_gym.measures.criticality import (
    Branching,
    avalanches,
    branching,
    naive_branching_ratio,
    power_law_exponent,
    regression_slope,
    require_mrestimator,
)
from livn_gym.measures.spectrum import band_power, spectral_slope, welch
from livn_gym.measures.synchrony import count_synchrony
from livn_gym.measures.variability import cell_fano_factors, intervals, isi_cv, population_fano_factor

__all__ = [
    "FEW_SPIKES",
    "Branching",
    "NetworkBursts",
    "avalanches",
    "band_power",
    "bin_index",
    "branching",
    "cell_counts",
    "cell_fano_factors",
    "centroid_accuracy",
    "count_synchrony",
    "intervals",
    "isi_cv",
    "more_than_chance",
    "naive_branching_ratio",
    "network_bursts",
    "num_bins",
    "population_counts",
    "population_fano_factor",
    "power_law_exponent",
    "regression_slope",
    "require_mrestimator",
    "same_length",
    "spectral_slope",
    "welch",
]
