"""Memory layout of the variables of cells, and parameters of the kernels.

A block consists of W cells, the lanes, and stores ``[variable][lane]``; all blocks of a group of cultures are in one
flat array. The address of a variable is ``base + lane + variable * W``, with constant offsets. A compiler can prove
that they do not overlap, and process the lanes of a block together in SIMD registers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from livn_gym.backends.base import CultureSpec
from livn_gym.errors import UnknownName, UnsupportedModel
from livn_gym.models import Cell, CellStep, Model, Noise, Receptor
from livn_gym.units import NS_TO_US

W = 16
"""Number of lanes (cells) per block: a multiple of the SIMD width of all processors in both precisions."""

# Variables of every cell, in this order: mV, nA, uS, and the noise processes of unit variance.
V_S, V_D, V_OLD, AMP_S, AMP_D, G_IN, J_IN, Y_E, Y_I = range(9)
# Inputs of the noise, as 32-bit words: seed, trial, cell and, at the start of a run, the step.
SEED_LOW, SEED_HIGH, TRIAL, GID, STEP, STEP_HIGH = range(9, 15)
# Random words of an odd step, drawn together with those of the preceding even step in the same window.
ODD_RADIUS, ODD_ANGLE = 15, 16
NUM_COMMON = 17


@dataclass(frozen=True)
class Slot:
    """Conductance of a receptor of a cell; its variables A, B and ARRIVED (uS) start at ``first``."""

    receptor: Receptor
    site: str
    first: int

    @property
    def arrived(self) -> int:
        """Offset from the address of a cell at which arriving increments are summed."""
        return (self.first + 2) * W


@dataclass(frozen=True)
class Layout:
    """Layout of the blocks of a population.

    Attributes:
        name: Name of the population.
        start: First gid of the cells in this process.
        count: Number of its cells per culture in this process.
        cell: Parameters of the cells.
        slots: Receptors of the cells, by name.
        noise_site: Compartments of the excitatory (``"e"``) and the inhibitory (``"i"``) noise.
    """

    name: str
    start: int
    count: int
    cell: Cell
    slots: dict[str, Slot]
    noise_site: dict[str, str]

    @property
    def native(self) -> CellStep:
        """Equations of the cells; looked up in their class, since anonymous functions cannot be pickled."""
        step = self.cell.step
        assert step is not None, "layouts() refuses cells without a step"
        return step

    @property
    def first_state(self) -> int:
        """Index of the first state of the cell."""
        return NUM_COMMON + 3 * len(self.slots)

    @property
    def state_variables(self) -> dict[str, int]:
        """Indices of the states of the cell."""
        return {name: self.first_state + k for k, name in enumerate(self.native.states)}

    @property
    def size(self) -> int:
        """Number of values in a block."""
        return (self.first_state + len(self.native.states)) * W

    def fixed(self, spec: CultureSpec) -> dict[str, float]:
        """Return the constant parameters of the kernel by name; the first is ``threshold``."""
        dt, cell = spec.dt_ms, self.cell
        # The second-order scheme computes the voltage half a step ahead and doubles the change.
        order = 2.0 if spec.scheme == "second_order" else 1.0
        area_s, area_d = cell.density_to_nA(1.0, "soma"), cell.density_to_nA(1.0, "dendrite")
        values = {
            "threshold": spec.model.spike_threshold_mV,
            "area_s": area_s,
            "area_d": area_d,
            "C_s": order * cell.C * area_s / dt,
            "C_d": order * cell.C * area_d / dt,
            "coupling": cell.coupling_uS,
            "order": order,
        }
        for name, slot in self.slots.items():
            receptor = slot.receptor
            values |= {
                f"norm_{name}": receptor.normalisation,
                f"E_{name}": receptor.reversal_mV,
                f"keep_rise_{name}": math.exp(-dt / receptor.tau_rise_ms),
                f"keep_decay_{name}": math.exp(-dt / receptor.tau_decay_ms),
                f"mg_{name}": receptor.magnesium_mM or 0.0,
            }
        return values | self.native.parameters(cell, dt)

    def background(self, noise: Noise, dt_ms: float) -> dict[str, float]:
        """Return the parameters of the kernel that depend on the noise, by name."""
        values: dict[str, float] = {}
        for sign in ("e", "i"):
            keep = math.exp(-dt_ms / getattr(noise, f"tau_{sign}"))
            values |= {
                f"noise_g0_{sign}": getattr(noise, f"g_{sign}0") * NS_TO_US,
                f"noise_std_{sign}": getattr(noise, f"std_{sign}") * NS_TO_US,
                f"noise_keep_{sign}": keep,
                f"noise_spread_{sign}": math.sqrt(1.0 - keep * keep),
                f"noise_E_{sign}": getattr(noise, f"E_{sign}"),
            }
        return values

    def parameters(self, spec: CultureSpec, noise: Noise) -> dict[str, float]:
        """Return all parameters of the kernel by name, in the order of its arguments."""
        return self.fixed(spec) | self.background(noise, spec.dt_ms)


def layouts(spec: CultureSpec) -> list[Layout]:
    """Return the layouts of all populations in gid order, followed by those that only the model has.

    Absent populations and unused receptors are included so that all cultures of a model share their compiled kernels.

    Raises:
        UnsupportedModel: A cell has no step.
    """
    system, model = spec.system, spec.model
    absent = dict.fromkeys((name for name in model.cells if name not in spec.ranges), (system.num_neurons,) * 2)
    result = []
    for name, (start, stop) in (spec.ranges | absent).items():
        receptors = _usual_receptors(model, name)
        for projection in system.projections:
            for receptor in projection.receptors if projection.post == name else ():
                receptors[receptor] = model.synapse(system, projection, receptor)[0]
        slots = {
            receptor: Slot(kinetics, model.receptor_site(name, receptor), NUM_COMMON + 3 * k)
            for k, (receptor, kinetics) in enumerate(receptors.items())
        }
        sites: dict[str, str] = {"e": model.noise_site(name, "e"), "i": model.noise_site(name, "i")}
        cell = model.cell(name)
        if cell.step is None:
            raise UnsupportedModel(f"The native backend cannot run {type(cell).__name__}: it has no step.")
        result.append(Layout(name, start, stop - start, cell, slots, sites))
    return result


def _usual_receptors(model: Model, population: str) -> dict[str, Receptor]:
    receptors = {}
    for name in ("AMPA", "NMDA", "GABA_A"):
        try:
            receptors[name] = model.receptor(population, name)
        except UnknownName:
            continue
    return receptors
