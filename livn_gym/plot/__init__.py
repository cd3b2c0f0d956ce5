"""Figures of recordings, systems and results of training, with one function per figure.

Every function returns a matplotlib figure without window or global state; ``figure.savefig(path)`` writes it. With
``ax=`` it draws into these axes and returns their figure. matplotlib is imported on first use.
"""

from livn_gym.plot.activity import raster, voltage
from livn_gym.plot.array import evoked, mea_map
from livn_gym.plot.distributions import avalanches, intervals
from livn_gym.plot.learning import learning_curves
from livn_gym.plot.network import connectivity

__all__ = [
    "avalanches",
    "connectivity",
    "evoked",
    "intervals",
    "learning_curves",
    "mea_map",
    "raster",
    "voltage",
]
