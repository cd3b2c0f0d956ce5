"""Receptors and their compartments in models of excitatory and inhibitory cells."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal

from livn_gym.checks import checked
from livn_gym.errors import unknown_name
from livn_gym.models.base import Cell, Compartment, Model, Receptor

_AMPA = Receptor("AMPA", reversal_mV=0.0, tau_rise_ms=0.5, tau_decay_ms=3.0)
_NMDA = Receptor("NMDA", reversal_mV=0.0, tau_rise_ms=10.0, tau_decay_ms=35.0, magnesium_mM=1.0)
_RECEPTORS: dict[str, dict[str, Receptor]] = {
    "EXC": {"AMPA": _AMPA, "NMDA": _NMDA, "GABA_A": Receptor("GABA_A", -60.0, 0.3, 6.2)},
    "INH": {"AMPA": _AMPA, "NMDA": _NMDA, "GABA_A": Receptor("GABA_A", -60.0, 0.08, 4.8)},
}


@checked
class ExcitatoryInhibitory(Model):
    """Base class of models with the populations EXC and INH.

    EXC cells receive excitatory input and noise at the dendrite; all other input arrives at the soma.

    Args:
        exc: Parameters of EXC cells.
        inh: Parameters of INH cells.
    """

    @abstractmethod
    def __init__(self, exc: Cell, inh: Cell) -> None:
        self._cells: dict[str, Cell] = {"EXC": exc, "INH": inh}

    @property
    def cells(self) -> Mapping[str, Cell]:
        """Cells of the populations EXC and INH."""
        return self._cells

    def receptor(self, post: str, name: str) -> Receptor:
        """Return the kinetics of AMPA, NMDA or GABA_A on EXC or INH cells.

        Raises:
            UnknownName: No such population or receptor.
        """
        self.cell(post)
        if name not in _RECEPTORS[post]:
            raise unknown_name("receptor", name, _RECEPTORS[post])
        return _RECEPTORS[post][name]

    def receptor_site(self, post: str, name: str) -> Compartment:
        """Return the dendrite for AMPA and NMDA on EXC cells, otherwise the soma.

        Raises:
            UnknownName: No such population or receptor.
        """
        self.receptor(post, name)
        return "dendrite" if post == "EXC" and name in ("AMPA", "NMDA") else "soma"

    def noise_site(self, population: str, sign: Literal["e", "i"]) -> Compartment:
        """Return the dendrite for excitatory noise on EXC cells, otherwise the soma.

        Raises:
            UnknownName: No such population.
        """
        self.cell(population)
        if sign not in ("e", "i"):
            raise unknown_name("sign of noise", sign, ("e", "i"))
        return "dendrite" if population == "EXC" and sign == "e" else "soma"
