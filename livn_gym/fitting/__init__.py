"""Fits of simulated cultures to a recording: targets with their spread, a search, and several parameter sets."""

from livn_gym.fitting.criterion import Criterion
from livn_gym.fitting.fit import Fit, FittedSet, fit
from livn_gym.fitting.search import Budget
from livn_gym.fitting.space import Job, Space, simulate
from livn_gym.fitting.statistics import FITTED, block_bootstrap, fitted_vector, identified

__all__ = [
    "FITTED",
    "Budget",
    "Criterion",
    "Fit",
    "FittedSet",
    "Job",
    "Space",
    "block_bootstrap",
    "fit",
    "fitted_vector",
    "identified",
    "simulate",
]
