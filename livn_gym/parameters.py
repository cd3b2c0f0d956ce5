"""Weights, noise and depression by key: what exists, what is allowed, what is shipped."""

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
from livn_gym.errors import CorruptData, InvalidInput, unknown_name
from livn_gym.models import Depression, Noise
from livn_gym.plasticity import Plasticity
from livn_gym.reading import read_toml
from livn_gym.system import System
from livn_gym.units import finite


@checked
class ParameterSet:
    """The parameters of one system, addressed by ``weight-``, ``noise-`` and ``depression-`` keys.

    A weight of zero is no synapse; noise of zero mean and deviation is none.
    """

    def __init__(self, system: System) -> None:
        self.populations = system.population_names
        self.weights = dict.fromkeys(system.weight_names, 0.0)
        self.noise = {name: Noise() for name in self.populations}
        self.depression = {name: Depression() for name in self.populations}
        self.plasticity: Plasticity | None = None
        self.cells: dict[str, CellValues] = {}

    def frozen(self) -> Parameters:
        """An immutable copy for a backend."""
        return Parameters(dict(self.weights), dict(self.noise), dict(self.depression), self.plasticity, self.cells)

    def identity(self) -> Hashable:
        """What sets of the same system with equal values have in common."""
        tables = (tuple(table.items()) for table in (self.weights, self.noise, self.depression, self.cells))
        return (*tables, id(self.plasticity))

    def keys(self) -> list[str]:
        """Every key that ``updated`` takes."""
        keys = [f"weight-{name}" for name in self.weights]
        for prefix, allowed in (("noise", Noise.KEYS), ("depression", Depression.KEYS)):
            keys += [f"{prefix}-{key}" for key in allowed]
            keys += [f"{prefix}-{population}-{key}" for population in self.populations for key in allowed]
        return keys

    def updated(self, params: Mapping[str, Any]) -> ParameterSet:
        """A copy with some values changed; a population's own key wins over the one for all.

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
            prefix, _, rest = key.partition("-")
            if prefix == "weight":
                other.weights[rest] = finite(f"{key} (nS)", number, minimum=0.0)
                continue
            population, _, name = rest.rpartition("-")
            for target in (population,) if population else self.populations:
                if prefix == "noise":
                    other.noise[target] = replace(other.noise[target], **{name: number})
                else:
                    other.depression[target] = replace(other.depression[target], **{name: number})
        return other

    def with_cells(self, cells: Mapping[str, CellValues]) -> ParameterSet:
        """A copy with constants of single cells beside those that it has."""
        other = copy(self)
        other.cells = self.cells | dict(cells)
        return other

    def with_plasticity(self, plasticity: Plasticity | None) -> ParameterSet:
        """A copy whose synapses follow other rules."""
        other = copy(self)
        other.plasticity = plasticity
        return other


@checked
def shared(sets: Sequence[ParameterSet]) -> list[ParameterSet]:
    """The sets, with one object in place of equal ones."""
    objects = {id(own): own for own in sets}
    if len(objects) == 1:
        return list(sets)
    first: dict[Hashable, ParameterSet] = {}
    made = {key: first.setdefault(own.identity(), own) for key, own in objects.items()}
    return [made[id(own)] for own in sets]


@checked
def tuned(system: System, variant: str | None = None) -> dict[str, float]:
    """The shipped parameters of a system by its name; the generic ones for any other.

    They stand in ``configs/params/<system>[-<variant>].toml``: a table ``[weights]`` and, per population,
    ``[noise.<population>]`` and ``[depression.<population>]``.

    Raises:
        UnknownName: There is no such variant.
    """
    known = config.names("params")
    if variant is not None:
        name = f"{system.name}-{variant}"
        if name not in known:
            raise unknown_name("variant", variant, variants(system.name))
    else:
        name = system.name if system.name in known else "generic"
    params = from_table(config.load("params", name))
    if name == "generic":
        allowed = set(ParameterSet(system).keys())
        params = {key: value for key, value in params.items() if key in allowed}
    return params


@checked_methods
def by_key(parameters: Parameters) -> dict[str, float]:
    """Weights, noise and depression by the keys that ``ParameterSet.updated`` takes."""
    flat = {f"weight-{name}": float(value) for name, value in parameters.weights.items()}
    tables: tuple[tuple[str, Mapping[str, Any], tuple[str, ...]], ...] = (
        ("noise", parameters.noise, Noise.KEYS),
        ("depression", parameters.depression, Depression.KEYS),
    )
    for kind, table, keys in tables:
        for population, values in table.items():
            flat |= {f"{kind}-{population}-{key}": float(getattr(values, key)) for key in keys}
    return flat


@checked_methods
def set_name(system: System, parameters: Parameters) -> str:
    """Name of the shipped set, ``<system>[-<variant>]`` or ``generic``, that a system's parameters equal; or empty."""
    if parameters.cells:
        return ""
    flat = by_key(parameters)
    for variant in (None, *variants(system.name)):
        shipped = ParameterSet(system)
        try:
            shipped = shipped.updated(tuned(system, variant))
        except InvalidInput:  # a system of a shipped set's name that lacks some of its projections
            continue
        if by_key(shipped.frozen()) == flat:
            if variant is not None:
                return f"{system.name}-{variant}"
            return system.name if system.name in config.names("params") else "generic"
    return ""


@checked
def variants(name: str) -> list[str]:
    """Names of the variants that are shipped for a system."""
    return [known.partition("-")[2] for known in config.names("params") if known.startswith(f"{name}-")]


@checked_methods
def from_table(table: Mapping[str, Any]) -> dict[str, float]:
    """Parameters by key from the layout of the files in ``configs/params``; other tables are left aside."""
    params = {f"weight-{key}": value for key, value in table.get("weights", {}).items()}
    for kind in ("noise", "depression"):
        for population, values in table.get(kind, {}).items():
            params |= {f"{kind}-{population}-{key}": value for key, value in values.items()}
    return params


@checked
def read_params(path: str | Path) -> dict[str, float]:
    """Parameters by key from a TOML file in the layout of ``configs/params``.

    Raises:
        InvalidInput: There is no such file, it is no TOML, or it holds no parameters.
    """
    try:
        params = from_table(read_toml(path))
    except (CorruptData, InvalidInput, AttributeError) as error:  # written by hand: a mistake rather than damage
        raise InvalidInput(f"{path} cannot be read as a TOML of parameters: {error}") from error
    if not params:
        raise InvalidInput(f"{path} holds no [weights], [noise.<population>] or [depression.<population>].")
    return params
