"""Decodings turn the recording of a run into a result, for example firing rates."""

from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.checks import checked
from livn_gym.decoding.base import Decoding
from livn_gym.decoding.channels import ChannelRecording
from livn_gym.decoding.compose import Combine, Pipe, Slice
from livn_gym.decoding.evoked import EvokedRates
from livn_gym.decoding.gather import GatherAndMerge
from livn_gym.decoding.network import AvalancheAnalysis, BurstDetection, Synchrony
from livn_gym.decoding.rates import MAX_SPIKE_RATE_HZ, ActiveFraction, ChannelRates, MeanFiringRate, PopulationRates
from livn_gym.decoding.results import culture_result, stack_by_name
from livn_gym.decoding.spectrum import LFPBandPower, SpectralSlope
from livn_gym.decoding.variability import ISICV, FanoFactor, Stability
from livn_gym.registry import Kind

__all__ = [
    "DECODINGS",
    "ISICV",
    "MAX_SPIKE_RATE_HZ",
    "ActiveFraction",
    "AvalancheAnalysis",
    "BurstDetection",
    "ChannelRates",
    "ChannelRecording",
    "Combine",
    "Decoding",
    "EvokedRates",
    "FanoFactor",
    "GatherAndMerge",
    "LFPBandPower",
    "MeanFiringRate",
    "Pipe",
    "PopulationRates",
    "Slice",
    "SpectralSlope",
    "Stability",
    "Synchrony",
    "culture_result",
    "make",
    "names",
    "stack_by_name",
]


Spec = str | type[Decoding] | Decoding | Mapping[str, Any] | Callable[..., Decoding]
"""Types that ``make`` accepts."""

DECODINGS: Kind[Decoding] = Kind("decoding", Decoding, "livn_gym.decoding")  # type: ignore[type-abstract]


@checked
def make(decoding: Spec, **options: Any) -> Decoding:
    """Make a decoding: ``make("mean_firing_rate", duration=1000)``. An object is returned unchanged.

    Args:
        decoding: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a function
            that makes one, an object, or a mapping with a ``name`` and options.
        options: Keyword arguments of the constructor.

    Raises:
        UnknownName: There is no decoding with that name.
        ImportFailed: Importing it raised an error.
        InvalidInput: The constructor does not accept the options.
    """
    return DECODINGS.make(decoding, **options)


def names() -> list[str]:
    """Names of all decodings that ``make`` accepts, including those of installed packages."""
    return DECODINGS.names()
