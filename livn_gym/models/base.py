"""Base classes of neuron models: cells, receptors, noise and depression, independent of any backend."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from livn_gym import config
from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.models.step import CellStep
from livn_gym.system import Projection, System
from livn_gym.units import UM2_TO_CM2, finite

Compartment = Literal["soma", "dendrite"]


@checked
@dataclass(frozen=True)
class Cell(ABC):
    """Parameters of a two-compartment cell. Subclasses add the conductances and kinetics of a model.

    Attributes:
        length_um: Length of the whole cell, um.
        diameter_um: Diameter, um; the membrane area is ``pi * diameter * length``.
        p: Fraction of the membrane area that belongs to the soma.
        C: Membrane capacitance, uF/cm2.
        gc: Coupling conductance between soma and dendrite, mS per cm2 of the whole cell.
        v_init: Voltage at the start of a trial, mV.
        dendrite_offset: Distance from soma to dendrite, in units of the cell's length.
    """

    config_name: ClassVar[str]
    """Name of the file ``configs/models/<config_name>.toml`` with the parameter sets."""
    step: ClassVar[CellStep | None] = None
    """Equations of a time step, from which backends generate their code."""

    length_um: float
    diameter_um: float
    p: float
    C: float
    gc: float
    v_init: float
    dendrite_offset: float

    def __post_init__(self) -> None:
        """Check that all parameters are finite, and that geometry, capacitance and coupling are positive."""
        for item in fields(self):
            finite(f"{type(self).__name__}.{item.name}", getattr(self, item.name))
        for name in ("length_um", "diameter_um", "C", "gc"):
            finite(f"{type(self).__name__}.{name}", getattr(self, name), above=0.0)
        if not 0.0 < self.p < 1.0:
            raise InvalidInput(f"{type(self).__name__}.p must be between 0 and 1, got {self.p:g}.")

    @classmethod
    def named(cls, name: str) -> Self:
        """Make a cell from a named parameter set in ``configs/models``; ``cls.set_names()`` lists the names.

        Raises:
            UnknownName: There is no set of that name.
        """
        sets = config.load("models", cls.config_name)
        if name not in sets:
            raise unknown_name(f"parameter set of {cls.__name__}", name, sets)
        return cls(**sets[name])

    @classmethod
    def set_names(cls) -> list[str]:
        """Return the names of the shipped parameter sets."""
        return list(config.load("models", cls.config_name))

    @property
    def area_um2(self) -> float:
        """Membrane area of the whole cell, um2."""
        return math.pi * self.diameter_um * self.length_um

    @property
    def coupling_uS(self) -> float:
        """Conductance between soma and dendrite, uS."""
        return self.gc * 1e3 * self.area_um2 * UM2_TO_CM2

    def density_to_nA(self, density: float, compartment: Compartment | None = "soma") -> float:
        """Convert a current density in uA/cm2 of a compartment, or of the whole cell for None, to a current in nA."""
        fraction = {"soma": self.p, "dendrite": 1.0 - self.p, None: 1.0}[compartment]
        return density * 1e3 * self.area_um2 * UM2_TO_CM2 * fraction


@checked
@dataclass(frozen=True)
class Receptor:
    """Dual-exponential synaptic conductance with a peak of 1, optionally with a magnesium block.

    The block is 1 / (1 + exp(-0.062 V) [Mg] / 3.57) (Jahr & Stevens, J Neurosci 10:3178, 1990).
    """

    name: str
    reversal_mV: float
    tau_rise_ms: float
    tau_decay_ms: float
    magnesium_mM: float | None = None

    def __post_init__(self) -> None:
        """Check that the conductance rises faster than it decays."""
        finite(f"{self.name} tau_rise_ms", self.tau_rise_ms, above=0.0)
        finite(f"{self.name} tau_decay_ms", self.tau_decay_ms, above=self.tau_rise_ms)

    @property
    def normalisation(self) -> float:
        """Factor with which ``exp(-t/tau_decay) - exp(-t/tau_rise)`` has a peak of 1."""
        rise, decay = self.tau_rise_ms, self.tau_decay_ms
        peak_ms = rise * decay / (decay - rise) * math.log(decay / rise)
        return 1.0 / (math.exp(-peak_ms / decay) - math.exp(-peak_ms / rise))


@dataclass(frozen=True)
class Noise:
    """Background noise: two Ornstein-Uhlenbeck conductances (Destexhe et al., Neuroscience 107:13, 2001), clipped at 0.

    Means and standard deviations are in nS, time constants in ms, reversal potentials in mV.
    """

    g_e0: float = 0.0
    g_i0: float = 0.0
    std_e: float = 0.0
    std_i: float = 0.0
    tau_e: float = 2.7
    tau_i: float = 10.5
    E_e: float = 0.0
    E_i: float = -75.0

    KEYS: ClassVar[tuple[str, ...]] = ("g_e0", "g_i0", "std_e", "std_i", "tau_e", "tau_i")
    """Keys that ``set_noise`` accepts."""

    def __post_init__(self) -> None:
        """Check the signs."""
        for key in ("g_e0", "g_i0", "std_e", "std_i"):
            finite(f"Noise {key} (nS)", getattr(self, key), minimum=0.0)
        for key in ("tau_e", "tau_i"):
            finite(f"Noise {key} (ms)", getattr(self, key), above=0.0)
        for key in ("E_e", "E_i"):
            finite(f"Noise {key} (mV)", getattr(self, key))


@dataclass(frozen=True)
class Depression:
    """Short-term depression of a population's output (Tsodyks & Markram, PNAS 94:719, 1997).

    A spike is transmitted with the strength ``weight * x``, where x are the available resources. It reduces them to
    ``x (1 - U)``, and they recover to 1 with the time constant ``tau_rec`` (ms). ``U = 0`` means no depression.
    Facilitation is not modelled.
    """

    U: float = 0.0
    tau_rec: float = 700.0

    KEYS: ClassVar[tuple[str, ...]] = ("U", "tau_rec")

    def __post_init__(self) -> None:
        """Check the ranges."""
        if finite("Depression U", self.U, minimum=0.0) > 1.0:
            raise InvalidInput(f"Depression U must be at most 1, got {self.U:g}.")
        finite("Depression tau_rec (ms)", self.tau_rec, above=0.0)


@dataclass(frozen=True)
class Geometry:
    """Positions of the compartments of every cell, um, ``[N, 3]`` each."""

    soma_um: NDArray[np.float64]
    dendrite_um: NDArray[np.float64]


@checked
class Model(ABC):
    """Dynamics of a culture: the cells of every population, their receptors and their noise."""

    spike_threshold_mV: float = -10.0
    """Voltage whose upward crossing by the soma is a spike."""

    @property
    @abstractmethod
    def cells(self) -> Mapping[str, Cell]:
        """Cells by the name of their population."""

    @abstractmethod
    def receptor(self, post: str, name: str) -> Receptor:
        """Return the kinetics of a receptor on the cells of a population."""

    @abstractmethod
    def receptor_site(self, post: str, name: str) -> Compartment:
        """Return the compartment that has a receptor."""

    @abstractmethod
    def noise_site(self, population: str, sign: Literal["e", "i"]) -> Compartment:
        """Return the compartment that receives the excitatory (``"e"``) or inhibitory (``"i"``) noise."""

    def cell(self, population: str) -> Cell:
        """Return the cell of a population.

        Raises:
            UnknownName: The model has no cell for that population.
        """
        if population not in self.cells:
            raise unknown_name(f"population for {type(self).__name__}", population, self.cells)
        return self.cells[population]

    def geometry(self, system: System) -> Geometry:
        """Return the positions of the compartments of a system's cells."""
        offset = np.zeros_like(system.positions)
        for population in system.populations:
            cell = self.cell(population.name)
            rows = slice(population.start, population.stop)
            offset[rows, :2] = system.dendrites[rows] * (cell.dendrite_offset * cell.length_um)
        return Geometry(system.positions, system.positions + offset)

    def synapse(self, system: System, projection: Projection, receptor: str) -> tuple[Receptor, float]:
        """Return the kinetics of a receptor of a projection, and the conductance (nS) of a weight of 1.

        Kinetics are those of the model and the conductance is 1 nS, unless the files of the system define others.

        Raises:
            InvalidInput: The files define different kinetics for the same receptor on the same population. Its
                synapses share one conductance, so that their kinetics must be equal.
        """
        default = self.receptor(projection.post, receptor)
        kinetics = system.kinetics.get((projection.pre, projection.post, receptor))
        if kinetics is None:
            return default, 1.0
        result = replace(
            default,
            reversal_mV=kinetics.reversal_mV,
            tau_rise_ms=kinetics.tau_rise_ms,
            tau_decay_ms=kinetics.tau_decay_ms,
        )
        for other in system.projections:
            other_kinetics = system.kinetics.get((other.pre, projection.post, receptor))
            if (
                other.post == projection.post
                and receptor in other.receptors
                and (other_kinetics is None or replace(other_kinetics, unit_nS=kinetics.unit_nS) != kinetics)
            ):
                raise InvalidInput(f"{system.name} prescribes different kinetics for {receptor} on {projection.post}.")
        return result, kinetics.unit_nS
