"""Electrode interfaces between a culture's cells and the outside."""

from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.checks import checked
from livn_gym.io.base import IO
from livn_gym.io.bound import BoundElectrodes
from livn_gym.io.mea import MEA
from livn_gym.registry import Kind

Spec = str | type[IO] | IO | Mapping[str, Any] | Callable[..., IO]
"""What ``make`` takes."""

IOS: Kind[IO] = Kind("io", IO, "livn_gym.io")  # type: ignore[type-abstract]


@checked
def make(io: Spec, **options: Any) -> IO:
    """Make an electrode interface: ``make("mea", output_radius=40.0)``; an object is returned as it is.

    Args:
        io: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class, a function that
            makes one, an object, or a mapping with a ``name`` and options.
        options: Arguments of the constructor.

    Raises:
        UnknownName: There is no interface of that name.
        ImportFailed: Importing it raised an error.
        InvalidInput: The options do not fit.
    """
    return IOS.make(io, **options)


def names() -> list[str]:
    """Names of every electrode interface that ``make`` knows, those of installed packages among them."""
    return IOS.names()


__all__ = ["IO", "IOS", "MEA", "BoundElectrodes", "make", "names"]
