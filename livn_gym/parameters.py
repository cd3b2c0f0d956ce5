"""Parameters by key: weights, noise and depression, their allowed values, and the shipped sets."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from livn_gym import config
from livn_gym.backends.base import Parameters
from livn_gym.cell_values import CellValues
from livn_gym.checks import checked, checked_methods
from livn_gym.errors import InvalidInput, shown, unknown_name
from livn_gym.models import Depression, Noise
from livn_gym.plasticity import Plasticity
from livn_gym.reading import read_toml
from livn_gym.system import System
from livn_gym.units import finite

TABLES = ("weights", "noise", "depression", "provenance")
"""Tables of a parameter file."""


@checked
class ParameterSet:
    """Parameters of a system, addressed by keys with the prefixes ``weight-``, ``noise-`` and ``depression-``.

    Initially, all weights, means and standard deviations are 0: there are no effective synapses and no noise.
    """

    def __init__(self, system: System) -> None:
        self.populations = system.population_names
        self.weights = dict.fromkeys(system.weight_names, 0.0)
        self.noise = {name: Noise() for name in self.populations}
        self.depression = {name: Depression() for name in self.populations}
        self.plasticity: Plasticity | None = None
        self.cells: dict[str, CellValues] = {}

    def frozen(self) -> Parameters:
        """Return an immutable copy for a backend."""
        return Parameters(dict(self.weights), dict(self.noise), dict(self.depression), self.plasticity, self.cells)

    def identity(self) -> Hashable:
        """Return a value that is equal for sets of the same system with equal parameters."""
        tables = (tuple(table.items()) for table in (self.weights, self.noise, self.depression, self.cells))
        return (*tables, id(self.plasticity))

    def keys(self) -> list[str]:
        """Return all keys that ``updated`` accepts."""
        keys = [f"weight-{name}" for name in self.weights]
        for prefix, allowed in (("noise", Noise.KEYS), ("depression", Depression.KEYS)):
            keys += [f"{prefix}-{key}" for key in allowed]
            keys += [f"{prefix}-{population}-{key}" for population in self.populations for key in allowed]
        return keys

    def updated(self, params: Mapping[str, Any]) -> ParameterSet:
        """Return a copy with some values changed; the key of a population takes precedence over that for all.

        Raises:
            UnknownName: A key does not exist.
            InvalidInput: A value is not finite or out of range.
        """
        allowed = set(self.keys())
        for key in params:
            if key not in allowed:
                raise unknown_name("parameter", key, self.keys())
        other = copy(self)
        other.weights, other.noise, other.depression = dict(self.weights), dict(self.noise), dict(self.depression)
        for key, value in sorted(params.items(), key=lambda item: item[0].count("-")):
            number = finite(key, value)
            prefix, _, suffix = key.partition("-")
            if prefix == "weight":
                other.weights[suffix] = finite(f"{key} (nS)", number, minimum=0.0)
                continue
            population, _, name = suffix.rpartition("-")
            for target in (population,) if population else self.populations:
                if prefix == "noise":
                    other.noise[target] = replace(other.noise[target], **{name: number})
                else:
                    other.depression[target] = replace(other.depression[target], **{name: number})
        return other

    def with_cells(self, cells: Mapping[str, CellValues]) -> ParameterSet:
        """Return a copy with further constants of single cells."""
        other = copy(self)
        other.cells = self.cells | dict(cells)
        return other

    def with_plasticity(self, plasticity: Plasticity | None) -> ParameterSet:
        """Return a copy with other plasticity rules."""
        other = copy(self)
        other.plasticity = plasticity
        return other


@checked
def shared(sets: Sequence[ParameterSet]) -> list[ParameterSet]:
    """Return the sets, with equal ones replaced by the same object."""
    objects = {id(item): item for item in sets}
    if len(objects) == 1:
        return list(sets)
    first: dict[Hashable, ParameterSet] = {}
    representatives = {key: first.setdefault(item.identity(), item) for key, item in objects.items()}
    return [representatives[id(item)] for item in sets]


@checked
def tuned(system: System, variant: str | None = None) -> dict[str, float]:
    """Return the parameters shipped for the name of a system, or the generic ones for other names.

    They are in ``configs/params/<system>[-<variant>].toml``: a table ``[weights]`` and, per population,
    ``[noise.<population>]`` and ``[depression.<population>]``.

    Raises:
        UnknownName: There is no such variant.
    """
    shipped = config.names("params")
    if variant is not None:
        name = f"{system.name}-{variant}"
        if name not in shipped:
            raise unknown_name("variant", variant, variants(system.name))
    else:
        name = system.name if system.name in shipped else "generic"
    params = from_table(config.load("params", name))
    if name == "generic":
        allowed = set(ParameterSet(system).keys())
        params = {key: value for key, value in params.items() if key in allowed}
    return params


@checked_methods
def by_key(parameters: Parameters) -> dict[str, float]:
    """Return weights, noise and depression by the keys of ``ParameterSet.updated``."""
    flat = {f"weight-{name}": float(value) for name, value in parameters.weights.items()}
    tables: tuple[tuple[str, Mapping[str, Any], tuple[str, ...]], ...] = (
        ("noise", parameters.noise, Noise.KEYS),
        ("depression", parameters.depression, Depression.KEYS),
    )
    for kind, table, keys in tables:
        for population, values in table.items():
            flat |= {f"{kind}-{population}-{key}": float(getattr(values, key)) for key in keys}
    return flat


def parameter_identity(parameters: Parameters) -> Hashable:
    """Return a value that is equal for equal parameters of one system."""
    return tuple(by_key(parameters).items()), tuple(parameters.cells.items()), id(parameters.plasticity)


@checked_methods
def set_name(system: System, parameters: Parameters) -> str:
    """Return the name of the shipped set (``<system>[-<variant>]``, ``generic``) equal to the parameters, or ``""``."""
    if parameters.cells:
        return ""
    flat = by_key(parameters)
    for variant in (None, *variants(system.name)):
        shipped = ParameterSet(system)
        try:
            shipped = shipped.updated(tuned(system, variant))
        except InvalidInput:  # the system has the name of a shipped set but lacks some of its projections
            continue
        if by_key(shipped.frozen()) == flat:
            if variant is not None:
                return f"{system.name}-{variant}"
            return system.name if system.name in config.names("params") else "generic"
    return ""


@checked
def variants(name: str) -> list[str]:
    """Return the names of the variants shipped for a system."""
    return [item.partition("-")[2] for item in config.names("params") if item.startswith(f"{name}-")]


@checked_methods
def from_table(table: Mapping[str, Any]) -> dict[str, float]:
    """Convert a table in the layout of ``configs/params`` to parameters by key; ``[provenance]`` is not read.

    Raises:
        UnknownName: A table or key at the top level has another name than those of ``TABLES``.
        InvalidInput: A value stands where a table must be.
    """
    for name, content in table.items():
        if name not in TABLES:
            raise unknown_name("table", name, TABLES)
        if not isinstance(content, Mapping):
            raise InvalidInput(f"[{name}] must be a table, got {shown(content)}.")
    params = {f"weight-{key}": value for key, value in table.get("weights", {}).items()}
    for kind in ("noise", "depression"):
        for population, values in table.get(kind, {}).items():
            if not isinstance(values, Mapping):
                raise InvalidInput(
                    f"[{kind}] must have one table per population, [{kind}.<population>], got "
                    f"{population} = {shown(values)}."
                )
            params |= {f"{kind}-{population}-{key}": value for key, value in values.items()}
    return params


@checked
def read_params(path: str | Path) -> dict[str, float]:
    """Read parameters by key from a TOML file in the layout of ``configs/params``.

    Raises:
        InvalidInput: There is no such file, it is not TOML, it holds no parameters or other tables than ``TABLES``.
    """
    table = read_toml(path)
    try:
        params = from_table(table)
    except InvalidInput as error:
        raise InvalidInput(f"{path} cannot be read as parameters: {error}") from error
    if not params:
        raise InvalidInput(f"{path} holds no [weights], [noise.<population>] or [depression.<population>].")
    return params
