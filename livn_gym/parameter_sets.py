"""Look up parameter sets: a shipped set by name, a file, a reference, or single keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from livn_gym import config, references
from livn_gym.backends.base import Parameters
from livn_gym.checks import checked, checked_methods
from livn_gym.errors import InvalidInput
from livn_gym.parameters import by_key, from_table, read_params, set_name, tuned
from livn_gym.registry import Kind
from livn_gym.system import System, predefined_config, predefined_names

Spec = str | Path | Mapping[str, Any]
"""Arguments that ``find`` accepts."""


def _shipped() -> dict[str, Any]:
    return {name: partial(_load, name) for name in config.names("params")}


def _load(name: str) -> dict[str, float]:
    return from_table(config.load("params", name))


PARAMETER_SETS: Kind[Mapping] = Kind("parameter set", Mapping, _shipped, group="livn_gym.params")  # type: ignore[type-abstract]


def names() -> list[str]:
    """Return the names of the shipped parameter sets and of those of installed packages."""
    return PARAMETER_SETS.names()


@checked
def find(system: System, params: Spec | None = None, variant: str | None = None) -> dict[str, float]:
    """Return the parameters of a system by key.

    Args:
        system: The system.
        params: A whole set: the name of a shipped one (``"EI2-bursting"``) or of one of an installed package, a TOML
            file in the layout of ``configs/params``, or a reference to a mapping of keys. Alternatively a mapping of
            keys that change single values of the shipped set. Default: the shipped set with the name of the system,
            or the generic one.
        variant: Name of a variant of the shipped set.

    Raises:
        UnknownName: There is no such set or variant.
        InvalidInput: The file has no parameters, or a variant is combined with a whole set.
    """
    if params is None:
        return tuned(system, variant)
    if isinstance(params, Mapping):
        return tuned(system, variant) | dict(params)
    if variant is not None:
        raise InvalidInput(f"variant={variant!r} is a set of its own: give it or params={str(params)!r}, not both.")
    if isinstance(params, Path) or params.endswith(".toml"):
        return read_params(params)
    if "/" in params and not references.is_file(params):
        raise InvalidInput(f"params looks like a path, and must then be that of a .toml file, got {params!r}.")
    return dict(PARAMETER_SETS.make(params))


@checked_methods
def identity(system: System, parameters: Parameters) -> dict[str, str]:
    """Return the name and hash of parameters for the provenance of results.

    Returns:
        ``params``: name of the shipped set that they equal, otherwise ``""``; ``params_hash``: 12 hexadecimal digits
        that depend on every value: those of single cells, and the spread of cells that a predefined system draws for
        every graph, included. It is the same on all graphs of a system.
    """
    values: dict[str, float] = by_key(parameters)
    if system.name in predefined_names():
        spread = predefined_config(system.name).heterogeneity
        values |= {f"heterogeneity-{key}": float(cv) for key, cv in spread.items()}
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for key, constants in sorted(parameters.cells.items()):
        digest.update(key.encode() + constants.values.tobytes())
    return {"params": set_name(system, parameters), "params_hash": digest.hexdigest()[:12]}
