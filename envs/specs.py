"""Specs and arguments of environments in a form that JSON can hold."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec

from livn_gym import references
from livn_gym.decoding import DECODINGS
from livn_gym.encoding import ENCODINGS
from livn_gym.errors import InvalidInput, shown
from livn_gym.io import IOS
from livn_gym.models import MODELS, Cell, Model
from livn_gym.registry import Kind, snake_case

_KINDS = (ENCODINGS, DECODINGS, MODELS, IOS)
"""Kinds whose shipped objects are described by a name and the options that make an equal one."""

NAMED = ("system", "task", "params", "model", "io", "encoding", "decoding", "conditions", "backend", "device", "plant")
"""Arguments that may be a name, a reference or a path, or the class or function to which it refers."""


def in_json(spec: EnvSpec | None) -> EnvSpec | None:
    """Return the spec with equivalent arguments that JSON can hold, as far as possible.

    NumPy's numbers and arrays, ranges and tuples become numbers and lists; an encoding, decoding, model or interface of
    this package becomes the mapping that makes it, and a class or function the reference by which it is imported.
    Other objects stay, and ``to_json`` refuses them by name.
    """
    if spec is None:
        return None
    values = {own.name: getattr(spec, own.name) for own in fields(spec) if own.init}
    return LoopEnvSpec(**values | {"kwargs": plain_options(spec.kwargs)})


class LoopEnvSpec(EnvSpec):
    """The spec of an environment of this package; equal to an ``EnvSpec`` of the same values.

    Gymnasium writes every dataclass among the arguments as a mapping of its fields, from which nothing can be made.
    """

    def to_json(self) -> str:
        """The spec as JSON.

        Raises:
            InvalidInput: An argument is an object that JSON cannot hold.
        """
        for name, value in self.kwargs.items():
            if not _is_json(value):
                raise InvalidInput(
                    f"JSON cannot hold {name}={shown(value)}: give a name, a reference 'module:attribute', a path, or "
                    "a class or function that can be imported, with options as a mapping that has a 'name'."
                )
        return super().to_json()

    def __eq__(self, other: object) -> bool:
        """Return whether all values are equal, whichever of the two classes holds them."""
        if not isinstance(other, EnvSpec):
            return NotImplemented
        return all(getattr(self, own.name) == getattr(other, own.name) for own in fields(self))

    __hash__ = None  # type: ignore[assignment]


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return equivalent arguments of an environment; see ``in_json``."""
    return {name: plain(value, named=name in NAMED) for name, value in options.items()}


def located(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with absolute paths, so that they are valid in another folder."""
    result = {name: references.located(value) if name in NAMED else value for name, value in options.items()}
    for name in ("system", "params", "device"):
        value = result.get(name)
        if isinstance(value, str) and not references.names_code(value) and ("/" in value or value.endswith(".toml")):
            result[name] = os.path.abspath(os.path.expanduser(value))
    if isinstance(result.get("posterior"), str) and result["posterior"]:
        result["posterior"] = os.path.abspath(os.path.expanduser(result["posterior"]))
    return result


def plain(value: Any, *, named: bool = False) -> Any:
    """Return an equivalent value of an argument that JSON can hold, or the value itself if there is none.

    Args:
        value: The value.
        named: Whether a reference may replace a class or function.
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(item, named=named and key == "name") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item, named=named) for item in value]
    if isinstance(value, Cell):
        return next((name for name in type(value).set_names() if type(value).named(name) == value), value)
    if named and (inspect.isclass(value) or inspect.isfunction(value)):
        return references.reference(value) or value
    for kind in _KINDS:
        if isinstance(value, kind.base):
            return _description(value, kind)
    return value


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in value)
    return value is None or isinstance(value, str | int | float)


def _description(value: Any, kind: Kind) -> Any:
    """Return name and options from which an equal object can be made; the object itself if there are none."""
    name = snake_case(type(value).__name__)
    if kind.shipped().get(name) is not type(value):
        return value
    # The environment sets a decoding's duration.
    parameters = [p for p in inspect.signature(type(value)).parameters if not (kind is DECODINGS and p == "duration")]
    cells = {name.lower(): cell for name, cell in value.cells.items()} if isinstance(value, Model) else {}
    if not all(p in cells or hasattr(value, p) for p in parameters):
        return value
    options = {p: plain(cells[p] if p in cells else getattr(value, p)) for p in parameters}
    simple = all(isinstance(option, str | int | float | list | dict | None) for option in options.values())
    return {"name": name, **options} if simple else value
