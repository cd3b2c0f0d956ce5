"""Plants by name: cultures behind a device, which a closed loop runs in place of simulated ones.

A shipped plant is a module of ``livn_gym.devices.plants`` with a function ``make(**options)`` that returns a
``DevicePlant``; ``"cl"`` is ``livn_gym.devices.plants.cl:make``. The package is above this layer, so that its modules
are imported by name, and only when they are asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any

from livn_gym import device_profile, references
from livn_gym.errors import InvalidInput, shown
from livn_gym.plant import DevicePlant
from livn_gym.registry import Kind, check_options

_PACKAGE = "livn_gym.devices.plants"


def _shipped() -> dict[str, Any]:
    try:
        spec = find_spec(_PACKAGE)
    except ModuleNotFoundError:
        spec = None
    locations = [] if spec is None else spec.submodule_search_locations or []
    return {info.name: f"{_PACKAGE}.{info.name}:make" for info in iter_modules(locations)}


PLANTS: Kind[DevicePlant] = Kind("plant", DevicePlant, _shipped)  # type: ignore[type-abstract]


_MEMBERS = sorted(
    name
    for kind in DevicePlant.__mro__
    if getattr(kind, "_is_protocol", False)
    for name in vars(kind)
    if not name.startswith("_")
)
"""Names of the methods and properties of a plant."""


def names() -> list[str]:
    """Return the names of all plants, installed packages included."""
    return PLANTS.names()


def make(plant: Any) -> DevicePlant:
    """Make a plant, or return an object unchanged.

    Args:
        plant: One of ``names()``, a reference ``"module:attribute"`` or ``"file.py:attribute"``, a class or function
            that makes one, an object, or a mapping with a ``name`` (any of these) and the function's options;
            ``all_tasks`` in a mapping concerns the environment.

    Raises:
        UnknownName: There is no plant of that name.
        UnknownOption: The function has no option of that name.
        InvalidInput: The argument, or what it makes, is no plant.
    """
    options: dict[str, Any] = {}
    target = plant
    if isinstance(plant, Mapping):
        options = dict(plant)
        if "name" not in options:
            raise InvalidInput(f"A plant given as a mapping needs a 'name', got {shown(plant)}.")
        options.pop(device_profile.ALL_TASKS, None)
        target = options.pop("name")
    named = repr(target) if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
    if isinstance(target, str):
        target = PLANTS.find(target)
    made = target
    if callable(target):
        if inspect.isabstract(target):
            raise InvalidInput(f"{references.lacks(target)}, which a plant must have.")
        check_options(f"The plant {named}", target, options)
        made = target(**options)
    elif options:
        raise InvalidInput(f"Options {sorted(options)} cannot be given with a finished {type(target).__name__}.")
    missing = [name for name in _MEMBERS if not hasattr(made, name)]
    if missing and "run" not in missing and not inspect.isclass(made):
        raise InvalidInput(f"{shown(made)} lacks: {', '.join(missing)}, which a plant must have.")
    if inspect.isclass(made) or not isinstance(made, DevicePlant):
        raise InvalidInput(
            f"plant must be one of {', '.join(map(repr, names()))}, a mapping with a 'name', or an object with the "
            f"methods of livn_gym.plant.DevicePlant, got {shown(plant)}"
            + (f", which makes {shown(made)}." if made is not target else ".")
        )
    return made
