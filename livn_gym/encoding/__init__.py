"""Encodings turn inputs into a stimulus, for example amplitudes into pulses."""

from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.channel_current import ChannelCurrent
from livn_gym.encoding.electrodes_and_light import ElectrodesAndLight
from livn_gym.encoding.light_pulses import LightPulses
from livn_gym.encoding.limits import MAX_CHARGE_NC, MAX_PULSE_RATE_HZ
from livn_gym.encoding.pulse_amplitude import PulseAmplitude
from livn_gym.encoding.pulse_rate import PulseRate
from livn_gym.encoding.replay import Replay, load_stimulus, save_stimulus
from livn_gym.registry import Kind

__all__ = [
    "ENCODINGS",
    "MAX_CHARGE_NC",
    "MAX_PULSE_RATE_HZ",
    "ChannelCurrent",
    "ElectrodesAndLight",
    "Encoding",
    "LightPulses",
    "PulseAmplitude",
    "PulseRate",
    "Replay",
    "load_stimulus",
    "make",
    "names",
    "save_stimulus",
]


Spec = str | type[Encoding] | Encoding | Mapping[str, Any] | Callable[..., Encoding]
"""Types that ``make`` accepts."""

ENCODINGS: Kind[Encoding] = Kind("encoding", Encoding, "livn_gym.encoding")  # type: ignore[type-abstract]


@checked
def make(encoding: Spec, **options: Any) -> Encoding:
    """Make an encoding: ``make("pulse_amplitude", rate_hz=10)``. An object is returned unchanged.

    Args:
        encoding: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a function
            that makes one, an object, or a mapping with a ``name`` and options.
        options: Keyword arguments of the constructor.

    Raises:
        UnknownName: There is no encoding with that name.
        ImportFailed: Importing it raised an error.
        InvalidInput: The constructor does not accept the options.
    """
    return ENCODINGS.make(encoding, **options)


def names() -> list[str]:
    """Return the names of all encodings, installed packages included."""
    return ENCODINGS.names()
