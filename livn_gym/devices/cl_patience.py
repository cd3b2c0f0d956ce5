"""Longer timeouts of cl-sdk for simulated cultures on busy machines."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

READ_S = 30.0
"""Time that a tick of a loop waits for its frames; cl-sdk waits 0.1 s in accelerated time, and 30 s in other calls."""

OPEN_S = 120.0
"""Time that opening waits until a culture is built and settled; cl-sdk waits 15 s."""

_WAITS = (
    ("cl._sim._data_buffer", "SharedDataBuffer", "wait_for_timestamp", "timeout_seconds", READ_S),
    ("cl._sim._base_producer", "BaseProducer", "start", "timeout", OPEN_S),
)
"""Module, class, method and argument of every wait, and its shortest time."""


def extend() -> None:
    """Make the loaded cl-sdk wait at least these times; what another version names differently stays as it is.

    An accelerated loop would otherwise end with a ``TimeoutError`` as soon as a tick takes 0.1 s to compute.
    """
    for module, owner, method, argument, least_s in _WAITS:
        cls = getattr(sys.modules.get(module), owner, None)
        original = getattr(cls, method, None)
        if (
            original is None
            or hasattr(original, "__wrapped__")
            or argument not in inspect.signature(original).parameters
        ):
            continue
        setattr(cls, method, _patient(original, argument, least_s))


def _patient(original: Any, argument: str, least_s: float) -> Any:
    """Return a method that waits longer, if the argument is given by its name or not at all."""
    parameters = inspect.signature(original).parameters
    position, default = list(parameters).index(argument), parameters[argument].default

    @functools.wraps(original)
    def patient(*args: Any, **kwargs: Any) -> Any:
        given = kwargs.get(argument, default)
        if len(args) <= position and given is not None:  # None waits forever
            kwargs[argument] = max(given, least_s)
        return original(*args, **kwargs)

    return patient
