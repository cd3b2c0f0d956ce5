"""Decodings: what a run's recording means."""

from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding, SpikeDecoding
from livn_gym.decoding.channels import ChannelRecording
from livn_gym.decoding.compose import Combine, Pipe, Slice
from livn_gym.decoding.gather import GatherAndMerge
from livn_gym.decoding.network import AvalancheAnalysis, BurstDetection, Synchrony
from livn_gym.decoding.rates import ActiveFraction, ChannelRates, MeanFiringRate, PopulationRates
from livn_gym.decoding.spectrum import LFPBandPower, SpectralSlope
from livn_gym.decoding.variability import ISICV, FanoFactor, Stability
from livn_gym.registry import Kind

__all__ = [
    "DECODINGS",
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


Spec = str | type[Decoding] | Decoding | Mapping[str, Any] | Callable[..., Decoding]
"""What ``make`` takes."""

DECODINGS: Kind[Decoding] = Kind("decoding", Decoding, "livn_gym.decoding")  # type: ignore[type-abstract]


@checked
def make(decoding: Spec, **options: Any) -> Decoding:
    """Make a decoding: ``make("mean_firing_rate", duration=1000)``; an object is returned as it is.

    Args:
        decoding: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a function
            that makes one, an object, or a mapping with a ``name`` and options.
        options: Arguments of the constructor.

    Raises:
        UnknownName: There is no decoding of that name.
        ImportFailed: Importing it raised an error.
        InvalidInput: The options do not fit.
    """
    return DECODINGS.make(decoding, **options)


def names() -> list[str]:
    """Names of every decoding that ``make`` knows, those of installed packages among them."""
    return DECODINGS.names()
