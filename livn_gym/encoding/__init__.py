"""Encodings: what inputs do to a culture."""

from typing import Any

from livn_gym import registry
from livn_gym.checks import checked
from livn_gym.encoding.base import Encoding
from livn_gym.encoding.channel_current import ChannelCurrent
from livn_gym.encoding.limits import MAX_CHARGE_NC, MAX_RATE_HZ
from livn_gym.encoding.pulse_amplitude import PulseAmplitude
from livn_gym.encoding.pulse_rate import PulseRate
from livn_gym.encoding.replay import Replay, load_stimulus, save_stimulus

__all__ = [
    "MAX_CHARGE_NC",
    "MAX_RATE_HZ",
    "ChannelCurrent",
    "Encoding",
    "PulseAmplitude",
    "PulseRate",
    "Replay",
    "load_stimulus",
    "make",
    "names",
    "save_stimulus",
]


@checked
def make(encoding: str | type[Encoding] | Encoding, **options: Any) -> Encoding:
    """Make an encoding by name: ``make("pulse_amplitude", rate_hz=10)``; an object is returned as it is.

    Args:
        encoding: One of ``names()``, a class, or an object.
        options: Arguments of the constructor.

    Raises:
        UnknownName: There is no encoding of that name.
        InvalidInput: The options do not fit.
    """
    return registry.create("livn_gym.encoding", Encoding, encoding, options)  # type: ignore[type-abstract]


def names() -> list[str]:
    """Names of every encoding that ``make`` knows."""
    return list(registry.find("livn_gym.encoding", Encoding))  # type: ignore[type-abstract]
