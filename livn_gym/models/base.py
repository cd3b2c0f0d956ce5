"""What a neuron model tells a backend: cells, receptors, noise, depression. No backend's words."""

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
    """Parameters of a two-compartment cell; subclasses add a model's conductances and kinetics.

    Attributes:
        length_um: Length of the whole cell, um.
        diameter_um: Diameter, um; the membrane area is ``pi * diameter * length``.
        p: The soma's share of the area.
        C: Membrane capacitance, uF/cm2.
        gc: Coupling between soma and dendrite, mS per cm2 of the whole cell.
        v_init: Voltage from which a trial starts, mV.
        dendrite_offset: Distance from soma to dendrite in units of the length.
    """

    config_name: ClassVar[str]
    """Its parameter sets stand in ``configs/models/<config_name>.toml``."""
    step: ClassVar[CellStep | None] = None
    """Its equations as backends take them."""

    length_um: float
    diameter_um: float
    p: float
    C: float
    gc: float
    v_init: float
    dendrite_offset: float

    def __post_init__(self) -> None:
        """Check that every parameter is a finite number, and geometry and capacitance positive."""
        for item in fields(self):
            finite(f"{type(self).__name__}.{item.name}", getattr(self, item.name))
        for name in ("length_um", "diameter_um", "C", "gc"):
            finite(f"{type(self).__name__}.{name}", getattr(self, name), above=0.0)
        if not 0.0 < self.p < 1.0:
            raise InvalidInput(f"{type(self).__name__}.p must lie between 0 and 1, got {self.p:g}.")

    @classmethod
    def named(cls, name: str) -> Self:
        """A parameter set by name, from ``configs/models``; ``cls.set_names()`` lists them.

        Raises:
            UnknownName: There is no set of that name.
        """
        sets = config.load("models", cls.config_name)
        if name not in sets:
            raise unknown_name(f"parameter set of {cls.__name__}", name, sets)
        return cls(**sets[name])

    @classmethod
    def set_names(cls) -> list[str]:
        """Names of the parameter sets that are shipped."""
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
        """A current density (uA/cm2 of a compartment, or of the whole cell for None) as a current in nA."""
        share = {"soma": self.p, "dendrite": 1.0 - self.p, None: 1.0}[compartment]
        return density * 1e3 * self.area_um2 * UM2_TO_CM2 * share


@checked
@dataclass(frozen=True)
class Receptor:
    """Linear dual-exponential conductance of unit peak, with or without a magnesium block.

    The block is 1 / (1 + exp(-0.062 V) [Mg] / 3.57) (Jahr & Stevens, J Neurosci 10:3178, 1990).
    """

    name: str
    reversal_mV: float
    tau_rise_ms: float
    tau_decay_ms: float
    magnesium_mM: float | None = None

    def __post_init__(self) -> None:
        """Check that it rises faster than it decays."""
        finite(f"{self.name} tau_rise_ms", self.tau_rise_ms, above=0.0)
        finite(f"{self.name} tau_decay_ms", self.tau_decay_ms, above=self.tau_rise_ms)

    @property
    def normalisation(self) -> float:
        """Factor that gives ``exp(-t/tau_decay) - exp(-t/tau_rise)`` a peak of 1."""
        rise, decay = self.tau_rise_ms, self.tau_decay_ms
        peak_ms = rise * decay / (decay - rise) * math.log(decay / rise)
        return 1.0 / (math.exp(-peak_ms / decay) - math.exp(-peak_ms / rise))


@dataclass(frozen=True)
class Noise:
    """Two Ornstein-Uhlenbeck conductances (Destexhe et al., Neuroscience 107:13, 2001), clipped at 0.

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
    """The keys that ``set_noise`` takes."""

    def __post_init__(self) -> None:
        """Check signs."""
        for key in ("g_e0", "g_i0", "std_e", "std_i"):
            finite(f"Noise {key} (nS)", getattr(self, key), minimum=0.0)
        for key in ("tau_e", "tau_i"):
            finite(f"Noise {key} (ms)", getattr(self, key), above=0.0)
        for key in ("E_e", "E_i"):
            finite(f"Noise {key} (mV)", getattr(self, key))


@dataclass(frozen=True)
class Depression:
    """Short-term depression of a population's output (Tsodyks & Markram, PNAS 94:719, 1997).

    A spike is transmitted with the strength ``weight * x`` and leaves ``x (1 - U)`` of the resources x, which
    recover to 1 with ``tau_rec`` (ms). ``U = 0`` is no depression. Facilitation is not modelled.
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
    """Where the compartments of every cell lie: um, ``[N, 3]`` each."""

    soma_um: NDArray[np.float64]
    dendrite_um: NDArray[np.float64]


@checked
class Model(ABC):
    """The dynamics of a culture. Final classes hold parameters; a backend knows how to run them."""

    spike_threshold_mV: float = -10.0
    """A spike is the soma's upward crossing of this voltage."""

    @property
    @abstractmethod
    def cells(self) -> Mapping[str, Cell]:
        """Parameters by population name."""

    @abstractmethod
    def receptor(self, post: str, name: str) -> Receptor:
        """Kinetics of a receptor on a population."""

    @abstractmethod
    def receptor_site(self, post: str, name: str) -> Compartment:
        """The compartment on which a receptor sits."""

    @abstractmethod
    def noise_site(self, population: str, sign: Literal["e", "i"]) -> Compartment:
        """The compartment that receives excitatory or inhibitory noise."""

    def cell(self, population: str) -> Cell:
        """Parameters of one population's cells.

        Raises:
            UnknownName: The model has no cell for that population.
        """
        if population not in self.cells:
            raise unknown_name(f"population for {type(self).__name__}", population, self.cells)
        return self.cells[population]

    def geometry(self, system: System) -> Geometry:
        """Positions of the compartments of a system's cells."""
        offset = np.zeros_like(system.positions)
        for population in system.populations:
            cell = self.cell(population.name)
            rows = slice(population.start, population.stop)
            offset[rows, :2] = system.dendrites[rows] * (cell.dendrite_offset * cell.length_um)
        return Geometry(system.positions, system.positions + offset)

    def synapse(self, system: System, projection: Projection, receptor: str) -> tuple[Receptor, float]:
        """Kinetics of one receptor of a projection, and the nS that a weight of 1 stands for.

        They are the model's, with a unit of 1 nS, unless the system's own files prescribe others.

        Raises:
            InvalidInput: The files prescribe different kinetics for one receptor on one population, whose
                synapses are summed into one conductance.
        """
        default = self.receptor(projection.post, receptor)
        own = system.kinetics.get((projection.pre, projection.post, receptor))
        if own is None:
            return default, 1.0
        result = replace(
            default, reversal_mV=own.reversal_mV, tau_rise_ms=own.tau_rise_ms, tau_decay_ms=own.tau_decay_ms
        )
        for other in system.projections:
            rival = system.kinetics.get((other.pre, projection.post, receptor))
            if (
                other.post == projection.post
                and receptor in other.receptors
                and (rival is None or replace(rival, unit_nS=own.unit_nS) != own)
            ):
                raise InvalidInput(f"{system.name} prescribes different kinetics for {receptor} on {projection.post}.")
        return result, own.unit_nS
