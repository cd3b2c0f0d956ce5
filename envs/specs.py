"""Arguments of environments in a form that JSON can hold, for ``spec.to_json()``."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec

from livn_gym import registry
from livn_gym.decoding import Decoding
from livn_gym.encoding import Encoding
from livn_gym.models import Cell, Model

_PACKAGES: dict[type, str] = {
    Encoding: "livn_gym.encoding",
    Decoding: "livn_gym.decoding",
    Model: "livn_gym.models",
}


def in_json(spec: EnvSpec | None) -> EnvSpec | None:
    """The spec with arguments that mean the same and that JSON can hold, as far as there are any.

    NumPy's numbers and arrays, ranges and tuples become numbers and lists; an encoding, decoding or model of ours the
    mapping that makes it. Other objects stay, and ``to_json`` refuses them by their type.
    """
    if spec is None:
        return None
    spec = copy.copy(spec)
    spec.kwargs = plain(spec.kwargs)
    return spec


def plain(value: Any) -> Any:
    """A value that means the same as an argument and consists of what JSON has, or else the value itself."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    if isinstance(value, Cell):
        return next((name for name in type(value).set_names() if type(value).named(name) == value), value)
    for base, package in _PACKAGES.items():
        if isinstance(value, base):
            return _description(value, base, package)
    return value


def _description(value: Any, base: type, package: str) -> Any:
    """The name with the options that make the object's equal; the object if there are none."""
    name = registry.snake_case(type(value).__name__)
    if registry.find(package, base).get(name) is not type(value):
        return value
    # A decoding's duration is the step's.
    parameters = [p for p in inspect.signature(type(value)).parameters if not (base is Decoding and p == "duration")]
    cells = {name.lower(): cell for name, cell in value.cells.items()} if isinstance(value, Model) else {}
    if not all(p in cells or hasattr(value, p) for p in parameters):
        return value
    options = {p: plain(cells[p] if p in cells else getattr(value, p)) for p in parameters}
    simple = all(isinstance(option, str | int | float | list | dict | None) for option in options.values())
    return {"name": name, **options} if simple else value
