"""Where a cell's numbers lie, and which numbers a population's kernel takes.

W cells, the lanes, make a block; a block holds ``[variable][lane]``, and all blocks of a group of cultures lie in one
flat array. The address of a variable is then ``base + lane + variable * W`` with constant offsets, which a compiler can
see not to overlap, so that it takes the lanes of a block together in SIMD registers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from livn_gym.backends.base import CultureSpec
from livn_gym.errors import UnknownName, UnsupportedModel
from livn_gym.models import Cell, CellStep, Model, Noise, Receptor
from livn_gym.units import NS_TO_US

W = 16
"""Lanes, i.e. cells, of a block: a multiple of every processor's SIMD width in both precisions."""

# The variables that every cell has, in this order: mV, nA, uS, and the noise's processes of unit variance.
V_S, V_D, V_OLD, AMP_S, AMP_D, G_IN, J_IN, Y_E, Y_I = range(9)
# What the noise is drawn with, 32-bit words as bits: the seed, trial, cell and, at the beginning of a run, the step.
SEED_LOW, SEED_HIGH, TRIAL, GID, STEP, STEP_HIGH = range(9, 15)
# The words of an odd step, drawn with those of the even step before it in the same window.
ODD_RADIUS, ODD_ANGLE = 15, 16
NUM_COMMON = 17


@dataclass(frozen=True)
class Slot:
    """All synapses of one receptor on one cell; its variables A, B and ARRIVED (uS) start at ``first``."""

    receptor: Receptor
    site: str
    first: int

    @property
    def arrived(self) -> int:
        """Offset from a cell's address at which arriving increments are collected."""
        return (self.first + 2) * W


@dataclass(frozen=True)
class Layout:
    """One population's block.

    Attributes:
        name: The population.
        start: The first gid of those that are built here.
        count: How many of its cells in one culture are.
        cell: Parameters of its cells.
        slots: Receptors in use, by name.
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
        """The cells' equations; found in their class, since functions without a name cannot be pickled."""
        step = self.cell.step
        assert step is not None, "layouts() refuses cells without a step"
        return step

    @property
    def first_state(self) -> int:
        """Variable of the cell's first own state."""
        return NUM_COMMON + 3 * len(self.slots)

    @property
    def state_variables(self) -> dict[str, int]:
        """Variables of the cell's own states."""
        return {name: self.first_state + k for k, name in enumerate(self.native.states)}

    @property
    def size(self) -> int:
        """Numbers in a block."""
        return (self.first_state + len(self.native.states)) * W

    def fixed(self, spec: CultureSpec) -> dict[str, float]:
        """What the kernel takes by name and no parameter changes; the first is ``threshold``."""
        dt, cell = spec.dt_ms, self.cell
        # The second-order solve finds the voltage half a step ahead and doubles the change.
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
        """What the kernel takes by name of the noise."""
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
        """The kernel's parameters by name, in the order in which it takes them."""
        return self.fixed(spec) | self.background(noise, spec.dt_ms)


def layouts(spec: CultureSpec) -> list[Layout]:
    """The layout of every population in gid order, and then of those that the model has but the system lacks.

    Those and receptors not in use are in it, empty, so that all cultures of a model share their compiled kernels.

    Raises:
        UnsupportedModel: The engine has no equations for a cell.
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
