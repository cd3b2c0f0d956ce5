"""Electrode interfaces, which stimulate and record a culture's cells, and lights."""

from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.checks import checked
from livn_gym.io.base import IO
from livn_gym.io.bound import BoundElectrodes
from livn_gym.io.light_array import BoundLights, LightArray, make_lights
from livn_gym.io.light_array import Spec as LightSpec
from livn_gym.io.mea import MEA
from livn_gym.registry import Kind

Spec = str | type[IO] | IO | Mapping[str, Any] | Callable[..., IO]
"""Types that ``make`` accepts."""

IOS: Kind[IO] = Kind("io", IO, "livn_gym.io")  # type: ignore[type-abstract]


@checked
def make(io: Spec, **options: Any) -> IO:
    """Make an electrode interface: ``make("mea", output_radius=40.0)``. An object is returned unchanged.

    Args:
        io: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a function that
            makes one, an object, or a mapping with a ``name`` and options.
        options: Keyword arguments of the constructor.

    Raises:
        UnknownName: There is no interface with that name.
        ImportFailed: Importing it raised an error.
        InvalidInput: The constructor does not accept the options.
    """
    return IOS.make(io, **options)


def names() -> list[str]:
    """Return the names of all electrode interfaces, installed packages included."""
    return IOS.names()


__all__ = [
    "IO",
    "IOS",
    "MEA",
    "BoundElectrodes",
    "BoundLights",
    "LightArray",
    "LightSpec",
    "make",
    "make_lights",
    "names",
]
