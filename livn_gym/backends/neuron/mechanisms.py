"""NMODL mechanisms of each type of cell.

Some are written by hand, as an independent check of the functions of the model; those of all other cells are generated
from these functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from livn_gym.backends.neuron import nmodl
from livn_gym.errors import UnsupportedModel
from livn_gym.models import BoothRinzelKiehn, Cell, Channelrhodopsin, PinskyRinzel
from livn_gym.registry import snake_case


@dataclass(frozen=True)
class Compartments:
    """Density mechanisms of a two-compartment cell and the values of their parameters.

    Attributes:
        soma: Mechanism of the soma.
        soma_values: Parameters of that mechanism.
        dendrite: Mechanism of the dendrite.
        dendrite_values: Parameters of that mechanism.
        source: NMODL of the soma's mechanism if it is generated from the model; it then has the pointers
            ``nmodl.POINTERS``.
    """

    soma: str
    soma_values: dict[str, float]
    dendrite: str
    dendrite_values: dict[str, float]
    source: str | None = None


def _same(*names: str, **renamed: str) -> dict[str, str]:
    return {name: name for name in names} | renamed


_CALCIUM = ("E_K", "E_Ca", "E_leak", "Kd", "f", "alpha", "k_Ca")

# Mechanism of the soma with the field of the cell for each of its parameters; the same for the dendrite.
_BY_HAND: dict[type[Cell], tuple[str, dict[str, str], str, dict[str, str]]] = {
    BoothRinzelKiehn: (
        "brk_soma",
        _same("g_Na", "g_Kdr", "E_Na", *_CALCIUM, g_CaN="g_CaN_soma", g_KCa="g_KCa_soma", g_leak="g_leak_soma"),
        "brk_dendrite",
        _same("g_CaL", *_CALCIUM, g_CaN="g_CaN_dendrite", g_KCa="g_KCa_dendrite", g_leak="g_leak_dendrite"),
    ),
    PinskyRinzel: (
        "pr_soma",
        _same("g_L", "g_Na", "g_Kdr", "V_L", "V_Na", "V_K"),
        "pr_dendrite",
        _same("g_L", "g_Ca", "g_KC", "g_KAHP", "V_L", "V_K", "V_Ca"),
    ),
}


def compartments(cell: Cell, dt_ms: float) -> Compartments:
    """Return the mechanisms of a cell for a time step.

    Raises:
        UnsupportedModel: There is no hand-written mechanism, and the cell has no step to generate one from.
    """
    if type(cell) in _BY_HAND:
        soma, soma_fields, dendrite, dendrite_fields = _BY_HAND[type(cell)]
        soma_values, dendrite_values = (
            {parameter: getattr(cell, field) for parameter, field in fields.items()}
            for fields in (soma_fields, dendrite_fields)
        )
        return Compartments(soma, soma_values, dendrite, dendrite_values)
    if cell.step is None:
        raise UnsupportedModel(f"The NEURON backend cannot run {type(cell).__name__}: it has no step.")
    parameters = cell.step.parameters(cell, dt_ms)
    first = dict(zip(cell.step.states, cell.step.initial(cell), strict=True))
    values = {f"p_{name}": value for name, value in parameters.items()}
    values |= {f"first_{name}": value for name, value in first.items()}
    name = f"{snake_case(type(cell).__name__)}_cell"
    return Compartments(name, values, nmodl.DENDRITE, {}, nmodl.mechanism(name, cell.step, parameters))


def sources(cells: Iterable[Cell], dt_ms: float, opsin: Channelrhodopsin | None = None) -> dict[str, str]:
    """Return the generated mechanisms of cells and of their opsin, file name to text."""
    mechanisms = (compartments(cell, dt_ms) for cell in cells)
    texts = {f"{each.soma}.mod": each.source for each in mechanisms if each.source is not None}
    if opsin is not None:
        texts[f"{nmodl.OPSIN}.mod"] = nmodl.opsin_mechanism(opsin.parameters(dt_ms))
    return texts


def set_constants(section: Any, mechanism: str, values: Mapping[str, float]) -> None:
    """Set the parameters of the mechanism of a compartment."""
    for parameter, value in values.items():
        setattr(section(0.5), f"{parameter}_{mechanism}", value)
