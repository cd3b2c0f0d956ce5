"""Which mechanisms stand for which cell: the table that a new model adds a line to."""

from __future__ import annotations

from dataclasses import dataclass

from livn_gym.errors import UnsupportedModel
from livn_gym.models import BoothRinzelKiehn, Cell, PinskyRinzel


@dataclass(frozen=True)
class Compartments:
    """Density mechanisms of a two-compartment cell, with the cell's field for each of their parameters."""

    soma: str
    soma_fields: dict[str, str]
    dendrite: str
    dendrite_fields: dict[str, str]


def _same(*names: str, **renamed: str) -> dict[str, str]:
    return {name: name for name in names} | renamed


_CALCIUM = ("E_K", "E_Ca", "E_leak", "Kd", "f", "alpha", "k_Ca")

_TABLE: dict[type[Cell], Compartments] = {
    BoothRinzelKiehn: Compartments(
        "brk_soma",
        _same("g_Na", "g_Kdr", "E_Na", *_CALCIUM, g_CaN="g_CaN_soma", g_KCa="g_KCa_soma", g_leak="g_leak_soma"),
        "brk_dendrite",
        _same("g_CaL", *_CALCIUM, g_CaN="g_CaN_dendrite", g_KCa="g_KCa_dendrite", g_leak="g_leak_dendrite"),
    ),
    PinskyRinzel: Compartments(
        "pr_soma",
        _same("g_L", "g_Na", "g_Kdr", "V_L", "V_Na", "V_K"),
        "pr_dendrite",
        _same("g_L", "g_Ca", "g_KC", "g_KAHP", "V_L", "V_K", "V_Ca"),
    ),
}


def compartments(cell: Cell) -> Compartments:
    """The mechanisms of a cell.

    Raises:
        UnsupportedModel: There are none for its class.
    """
    if type(cell) not in _TABLE:
        known = ", ".join(kind.__name__ for kind in _TABLE)
        raise UnsupportedModel(f"The NEURON backend has no mechanisms for {type(cell).__name__}; it knows {known}.")
    return _TABLE[type(cell)]
