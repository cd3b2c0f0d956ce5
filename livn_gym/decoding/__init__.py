"""Decodings: what a run's recording means."""

from typing import Any

from livn_gym import registry
from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding, SpikeDecoding
from livn_gym.decoding.channels import ChannelRecording
from livn_gym.decoding.compose import Combine, Pipe, Slice
from livn_gym.decoding.gather import GatherAndMerge
from livn_gym.decoding.network import AvalancheAnalysis, BurstDetection, Synchrony
from livn_gym.decoding.rates import ActiveFraction, ChannelRates, MeanFiringRate, PopulationRates
from livn_gym.decoding.spectrum import LFPBandPower, SpectralSlope
from livn_gym.decoding.variability import ISICV, FanoFactor, Stability

__all__ = [
    "ISICV",
    "ActiveFraction",
    "AvalancheAnalysis",
    "BurstDetection",
    "ChannelRates",
    "ChannelRecording",
    "Combine",
    "Decoding",
    "FanoFactor",
    "GatherAndMerge",
    "LFPBandPower",
    "MeanFiringRate",
    "Pipe",
    "PopulationRates",
    "Slice",
    "SpectralSlope",
    "SpikeDecoding",
    "Stability",
    "Synchrony",
    "make",
    "names",
]


@checked
def make(decoding: str | type[Decoding] | Decoding, **options: Any) -> Decoding:
    """Make a decoding by name: ``make("mean_firing_rate", duration=1000)``; an object is returned as it is.

    Args:
        decoding: One of ``names()``, a class, or an object.
        options: Arguments of the constructor.

    Raises:
        UnknownName: There is no decoding of that name.
        InvalidInput: The options do not fit.
    """
    return registry.create("livn_gym.decoding", Decoding, decoding, options)  # type: ignore[type-abstract]


def names() -> list[str]:
    """Names of every decoding that ``make`` knows."""
    return list(registry.find("livn_gym.decoding", Decoding))  # type: ignore[type-abstract]
