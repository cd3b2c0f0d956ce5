"""Memory layout of the variables of cells, and parameters of the kernels.

A block consists of some cells, the lanes, and stores ``[variable][lane]``; all blocks of a group of cultures are in one
flat array. The address of a variable is ``base + lane + variable * lanes``, with constant offsets. A compiler can prove
that they do not overlap, and process the lanes of a block together in SIMD registers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livn_gym.backends.base import CultureSpec
from livn_gym.errors import UnknownName, UnsupportedModel
from livn_gym.models import Cell, CellStep, Channelrhodopsin, Model, MultirateStep, Noise, Receptor
from livn_gym.models.channelrhodopsin import LIGHT, STATES
from livn_gym.units import NS_TO_US

LANES = {"float64": 16, "float32": 32}
"""Number of lanes (cells) per block by precision: two of the widest SIMD registers, whose operations alternate."""


# Variables of every cell, in this order: mV, nA, uS, and the noise processes of unit variance.
V_S, V_D, V_OLD, AMP_S, AMP_D, G_IN, J_IN, Y_E, Y_I = range(9)
# Inputs of the noise, as 32-bit words: seed, trial, cell and, at the start of a run, the step.
SEED_LOW, SEED_HIGH, TRIAL, GID, STEP, STEP_HIGH = range(9, 15)
# Random words of the next advance of the noise, drawn together with those of the last one.
ODD_RADIUS, ODD_ANGLE = 15, 16
NUM_COMMON = 17

# Variables of a cell in cultures with an opsin, after the common ones: its conductance, functions of the light, states.
OPSIN_G, FIRST_LIGHT, FIRST_OPSIN_STATE = NUM_COMMON, NUM_COMMON + 1, NUM_COMMON + 1 + len(LIGHT)
NUM_OPSIN = 1 + len(LIGHT) + len(STATES)

SLOW_STEPS, NOISE_STEPS = 4, 8
"""Number of steps in a slow step of the scheme ``"multirate"``, and while its noise is constant; powers of two."""

_SLOW_RISE_STEPS = 10
"""Least rise time of receptors that are advanced in slow steps, in slow steps."""


@dataclass(frozen=True)
class Slot:
    """Conductance of a receptor of a cell.

    Attributes:
        receptor: Kinetics.
        site: Compartment.
        first: Index of its first variable: A and B (uS), and the sum of arriving increments if they are added later.
        size: Number of its variables. If there are two, increments are added to A and B as they arrive, which changes
            the last digits.
    """

    receptor: Receptor
    site: str
    first: int
    size: int

    @property
    def arrived(self) -> int:
        """Index of the variable to which arriving increments are added."""
        return self.first + (2 if self.size == 3 else 0)


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
        dt_ms: Time step.
        multirate: Whether the scheme is ``"multirate"``.
        lanes: Number of lanes per block.
        opsin: Opsin of the cells; None for none.
        opsin_uS: Conductance of the opsin of every cell, ``[count]``; empty without an opsin.
    """

    name: str
    start: int
    count: int
    cell: Cell
    slots: dict[str, Slot]
    noise_site: dict[str, str]
    dt_ms: float
    multirate: bool
    lanes: int
    opsin: Channelrhodopsin | None = None
    opsin_uS: tuple[float, ...] = ()

    @property
    def native(self) -> CellStep:
        """Equations of the cells; looked up in their class, since anonymous functions cannot be pickled."""
        step = self.cell.step
        assert step is not None, "layouts() refuses cells without a step"
        return step

    @property
    def noise_steps(self) -> int:
        """Number of steps during which the noise is constant, a power of two."""
        return NOISE_STEPS if self.multirate else 1

    @property
    def slow_steps(self) -> int:
        """Number of steps in a slow step, a power of two; without slow steps, 1."""
        return SLOW_STEPS if self.multirate else 1

    @property
    def multirate_step(self) -> MultirateStep | None:
        """Equations with slow states, if the scheme uses them and the cell has them."""
        return self.native.multirate if self.multirate else None

    @property
    def slow_states(self) -> tuple[str, ...]:
        """Names of the states that are advanced in slow steps."""
        return () if self.multirate_step is None else self.multirate_step.slow

    @property
    def conductances(self) -> Callable[..., Any]:
        """Conductances that are computed in every step; see ``CellStep`` and ``MultirateStep``."""
        return (self.multirate_step or self.native).conductances

    @property
    def advance(self) -> Callable[..., Any]:
        """Function that advances the states that are not slow."""
        return (self.multirate_step or self.native).advance

    @property
    def fast_slots(self) -> dict[str, Slot]:
        """Receptors that are advanced in every step."""
        least_ms = _SLOW_RISE_STEPS * SLOW_STEPS * self.dt_ms
        return {
            name: slot
            for name, slot in self.slots.items()
            if not self.multirate or slot.receptor.tau_rise_ms < least_ms
        }

    @property
    def first_slot(self) -> int:
        """Index of the first variable of the first receptor."""
        return NUM_COMMON + (0 if self.opsin is None else NUM_OPSIN)

    @property
    def opsin_names(self) -> dict[str, str]:
        """Names in the kernel of the arguments of the opsin's functions."""
        assert self.opsin is not None
        names = {name: f"p_opsin_{name}" for name in self.opsin.parameters(self.dt_ms)}
        return names | {name: f"opsin_{name}" for name in ("g", *LIGHT, *STATES)} | {"v_s": "v_s"}

    @property
    def held_variables(self) -> dict[str, int]:
        """Indices of the sums of conductances (uS) and their currents (nA) that are held during a slow step."""
        first = self.first_slot + sum(slot.size for slot in self.slots.values())
        return {name: first + k for k, name in enumerate(("G_s", "J_s", "G_d", "J_d") if self.multirate else ())}

    @property
    def first_state(self) -> int:
        """Index of the first state of the cell."""
        return self.first_slot + sum(slot.size for slot in self.slots.values()) + len(self.held_variables)

    @property
    def state_variables(self) -> dict[str, int]:
        """Indices of the states of the cell."""
        return {name: self.first_state + k for k, name in enumerate(self.native.states)}

    @property
    def num_variables(self) -> int:
        """Number of variables of a cell."""
        return self.first_state + len(self.native.states)

    @property
    def size(self) -> int:
        """Number of values in a block."""
        return self.num_variables * self.lanes

    def fixed(self, spec: CultureSpec) -> dict[str, float]:
        """Return the constant parameters of the kernel by name; the first is ``threshold``."""
        dt, cell = spec.dt_ms, self.cell
        # The second-order schemes compute the voltage half a step ahead and double the change.
        order = 1.0 if spec.scheme == "backward_euler" else 2.0
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
            step_ms = dt if name in self.fast_slots else SLOW_STEPS * dt
            values |= {
                f"norm_{name}": receptor.normalisation,
                f"E_{name}": receptor.reversal_mV,
                f"keep_rise_{name}": math.exp(-step_ms / receptor.tau_rise_ms),
                f"keep_decay_{name}": math.exp(-step_ms / receptor.tau_decay_ms),
                f"mg_{name}": receptor.magnesium_mM or 0.0,
            }
        values |= self.native.parameters(cell, dt)
        if self.multirate_step is not None:
            values |= self.multirate_step.parameters(cell, dt, SLOW_STEPS * dt)
        if self.opsin is not None:
            opsin = self.opsin.parameters(self.slow_steps * dt)
            values |= {f"opsin_{name}": value for name, value in opsin.items()}
        return values

    def background(self, noise: Noise, dt_ms: float) -> dict[str, float]:
        """Return the parameters of the kernel that depend on the noise, by name."""
        values: dict[str, float] = {}
        for sign in ("e", "i"):
            keep = math.exp(-self.noise_steps * dt_ms / getattr(noise, f"tau_{sign}"))
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
        multirate = spec.scheme == "multirate"
        size = 2 if multirate else 3
        first = NUM_COMMON + (0 if spec.opsin is None else NUM_OPSIN)
        slots = {
            receptor: Slot(kinetics, model.receptor_site(name, receptor), first + size * k, size)
            for k, (receptor, kinetics) in enumerate(receptors.items())
        }
        sites: dict[str, str] = {"e": model.noise_site(name, "e"), "i": model.noise_site(name, "i")}
        cell = model.cell(name)
        if cell.step is None:
            raise UnsupportedModel(f"The native backend cannot run {type(cell).__name__}: it has no step.")
        result.append(
            Layout(
                name,
                start,
                stop - start,
                cell,
                slots,
                sites,
                spec.dt_ms,
                multirate,
                LANES[spec.precision],
                spec.opsin,
                () if spec.opsin is None else tuple(spec.opsin_uS[start:stop].tolist()),
            )  # fmt: skip
        )
    return result


def _usual_receptors(model: Model, population: str) -> dict[str, Receptor]:
    receptors = {}
    for name in ("AMPA", "NMDA", "GABA_A"):
        try:
            receptors[name] = model.receptor(population, name)
        except UnknownName:
            continue
    return receptors
