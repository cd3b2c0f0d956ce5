"""Channelrhodopsin-2 in the membrane of cells: four states, voltage, light and temperature (Williams et al. 2013).

Williams, Xu, Lu, Klimas, Chen, Ambrosi, Cohen & Entcheva, PLoS Comput Biol 9:e1003220, 2013. Blue light opens the
channel from two closed states; the first, of a channel that has rested in the dark, gives the larger current:

    C1 -- light --> O1 <--> O2 <-- light -- C2,    O1 -> C1,  O2 -> C2,  C2 -> C1 (recovery, seconds)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn_gym import config, numerics
from livn_gym.checks import checked
from livn_gym.errors import InvalidInput, shown, unknown_name, unknown_option
from livn_gym.models.base import Model
from livn_gym.models.expression import Expression
from livn_gym.system import System
from livn_gym.units import UM2_TO_CM2, finite

_PLANCK_LIGHT_SPEED = 1.986446e-25
"""Planck's constant times the speed of light, J m."""

# The equations follow the rules of CellStep: floats, math.exp, abs, min and max, so that backends can translate them.
# v is in mV, rates are in 1/ms. flux (photons absorbed by a molecule per ms), log_light and target are the light.


def closing(v: float, d1_low: float, d1_range: float, d1_voltage: float) -> float:
    """Return the rate O1 -> C1; the paper's 0.075 + 0.043 tanh(-(v + 20) / 20) at 22 C."""
    return d1_low + d1_range / (1.0 + math.exp((v + d1_voltage) * 2.0 / d1_voltage))


def recovery_rate(v: float, recovery: float, recovery_per_mV: float) -> float:
    """Return the rate C2 -> C1, by which the peak recovers in the dark."""
    return recovery * math.exp(-recovery_per_mV * v)


def relative_conductance(x: float) -> float:
    """Return (1 - exp(-x)) / x: the inward rectification, with x the distance from the reversal potential."""
    if abs(x) < 1e-2:
        return 1.0 - x * (0.5 - x * 0.16666667)
    return (1.0 - math.exp(-x)) / x


def conductance(
    v_s: float, O1: float, O2: float, g: float, gamma: float, slope: float, voltage: float, E: float
) -> float:
    """Return the conductance of a cell towards E in the unit of g; the current is ``conductance * (v - E)``.

    The paper's current, g (O1 + gamma O2) (10.6408 - 14.6408 exp(-v / 42.7671)), is written with its reversal E.
    """
    x = (min(max(v_s, -150.0), 100.0) - E) / voltage
    return g * (O1 + gamma * O2) * slope * relative_conductance(x)


def advance(
    v_s: float, O1: float, O2: float, C2: float, A: float, flux: float, log_light: float, target: float,
    half_ms: float, keep: float, keep_half: float, efficiency_1: float, efficiency_2: float, e12_dark: float,
    e12_light: float, e21_dark: float, e21_light: float, d1_low: float, d1_range: float, d1_voltage: float,
    d2: float, recovery: float, recovery_per_mV: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Return O1, O2, C2 and the activation A a step later, by the implicit midpoint rule; C1 = 1 - O1 - O2 - C2.

    In steps that are long for the light, the rule goes over to the implicit Euler method, so that all states remain
    from 0 to 1. In the dark they remain exactly 0.
    """
    v = min(max(v_s, -150.0), 100.0)
    absorbed = half_ms * flux * (target + (A - target) * keep_half)
    a = efficiency_1 * absorbed
    b = efficiency_2 * absorbed
    f = half_ms * (e12_dark + e12_light * log_light)
    s = half_ms * (e21_dark + e21_light * log_light)
    r = half_ms * recovery_rate(v, recovery, recovery_per_mV)
    c = half_ms * d2
    # C2 = d (C2_0 + c O2); O2 = rest + m f O1
    d = 1.0 / (1.0 + b + r)
    m = 1.0 / (1.0 + c + s - b * d * c)
    rest = m * (O2 + b * d * C2)
    q = s - a - a * d * c
    closed = 1.0 - d * C2
    e = half_ms * closing(v, d1_low, d1_range, d1_voltage)
    o1 = (O1 + a * closed + q * rest) / (1.0 + e + f + a - q * m * f)
    o2 = rest + m * f * o1
    c2 = d * (C2 + c * o2)
    w = 1.0 / max(1.0, a + c + e + f + s)
    return (
        max(o1 + w * (o1 - O1), 0.0),
        max(o2 + w * (o2 - O2), 0.0),
        max(c2 + w * (c2 - C2), 0.0),
        target + (A - target) * keep,
    )


STATES = ("O1", "O2", "C2", "A")
"""States of the channels of a cell, all 0 in a cell that has been in the dark."""

LIGHT = ("flux", "log_light", "target")
"""Functions of the irradiance on which the equations depend, see ``Channelrhodopsin.light``."""


@checked
@final
@dataclass(frozen=True)
class Channelrhodopsin:
    """Channelrhodopsin-2 of a culture: kinetics, and how much of it each cell has.

    The channels of a cell act on its soma. Rates are in 1/ms.

    Attributes:
        g: Conductance of open channels (state O1), mS per cm2 of the whole cell, at an expression of 1.
        gamma: Conductance of O2 relative to O1.
        rectification_mV: The current per conductance at strongly positive voltages.
        rectification_voltage_mV: Voltage over which the current changes by a factor of e.
        rectification_exp_mV: Factor of the exponential part of the current.
        wavelength_nm: Wavelength of the light.
        cross_section_m2: Absorption cross-section of the retinal.
        loss: Factor by which scattering and absorption reduce the number of photons.
        tau_activation_ms: Time constant with which the channels follow the light.
        efficiency_1: Quantum efficiency of C1 -> O1.
        efficiency_2: Quantum efficiency of C2 -> O2.
        e12_dark: Rate O1 -> O2 in the dark.
        e12_light: Its increase per unit of ln(1 + irradiance / half_light).
        e21_dark: Rate O2 -> O1 in the dark.
        e21_light: Its increase, likewise.
        half_light_mW_mm2: Irradiance at which these logarithms are ln(2).
        d1: Rate O1 -> C1 at ``-d1_voltage_mV``.
        d1_swing: Half of the range of that rate over all voltages.
        d1_voltage_mV: Voltage of its tanh.
        d2: Rate O2 -> C2.
        recovery: Rate C2 -> C1 at 0 mV.
        recovery_per_mV: Relative decrease of that rate per mV.
        measured_at_C: Temperature of these numbers, C.
        q10_d1: Factors of rates and efficiencies per 10 C: of the rate O1 -> C1,
        q10_d2: of O2 -> C2,
        q10_recovery: of C2 -> C1,
        q10_e12_dark: of ``e12_dark``,
        q10_e21_dark: of ``e21_dark``,
        q10_efficiency_1: of ``efficiency_1``,
        q10_efficiency_2: of ``efficiency_2``.
        temperature_C: Temperature of the culture, C.
        expression: Expression of the opsin in each cell.

    Raises:
        InvalidInput: A number is not finite or not positive.
    """

    config_name: ClassVar[str] = "channelrhodopsin"
    """Name of the file with the parameter sets in ``configs/models``."""

    g: float
    gamma: float
    rectification_mV: float
    rectification_voltage_mV: float
    rectification_exp_mV: float
    wavelength_nm: float
    cross_section_m2: float
    loss: float
    tau_activation_ms: float
    efficiency_1: float
    efficiency_2: float
    e12_dark: float
    e12_light: float
    e21_dark: float
    e21_light: float
    half_light_mW_mm2: float
    d1: float
    d1_swing: float
    d1_voltage_mV: float
    d2: float
    recovery: float
    recovery_per_mV: float
    measured_at_C: float
    q10_d1: float
    q10_d2: float
    q10_recovery: float
    q10_e12_dark: float
    q10_e21_dark: float
    q10_efficiency_1: float
    q10_efficiency_2: float
    temperature_C: float = 37.0
    expression: Expression = Expression()

    def __post_init__(self) -> None:
        """Check the numbers."""
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("measured_at_C", "temperature_C", "expression"):
                finite(f"Channelrhodopsin.{item.name}", value, above=0.0)
        for name in ("measured_at_C", "temperature_C"):
            if not 0.0 <= finite(f"Channelrhodopsin.{name}", getattr(self, name)) <= 45.0:
                raise InvalidInput(f"Channelrhodopsin.{name} must be from 0 to 45 C, got {getattr(self, name):g}.")
        if self.d1_swing >= self.d1:
            raise InvalidInput(f"Channelrhodopsin.d1_swing must be below d1 ({self.d1:g}), got {self.d1_swing:g}.")

    @classmethod
    def named(cls, name: str, **changes: Any) -> Self:
        """Make an opsin from a named parameter set in ``configs/models/channelrhodopsin.toml``.

        Args:
            name: Name of the set, such as ``"williams_2013"``.
            **changes: Other values of attributes. ``expression`` may be a mapping with the attributes of
                ``Expression``.

        Raises:
            UnknownName: There is no set of that name.
            UnknownOption: There is no such attribute.
            InvalidInput: A value is out of range.
        """
        sets = config.load("models", cls.config_name)
        if name not in sets:
            raise unknown_name("opsin", name, sets)
        known = [item.name for item in fields(cls)]
        for key in changes:
            if key not in known:
                raise unknown_option("An opsin", key, known)
        expression = changes.get("expression")
        if isinstance(expression, Mapping):
            changes["expression"] = Expression.of(expression)
        return cls(**(sets[name] | changes))

    @property
    def reversal_mV(self) -> float:
        """Reversal potential of the current, mV."""
        return self.rectification_voltage_mV * math.log(self.rectification_exp_mV / self.rectification_mV)

    def light(self, irradiance_mW_mm2: ArrayLike) -> NDArray[np.float64]:
        """Return the functions of the irradiance on which the equations depend, ``[3, *shape]``.

        They are the photons absorbed by a molecule per ms, ln(1 + irradiance / half_light), and the steady state of the
        activation, equal on all machines.
        """
        light = np.asarray(irradiance_mW_mm2, dtype=np.float64)
        photon_J = 1e9 * _PLANCK_LIGHT_SPEED / self.wavelength_nm
        flux = light * (self.cross_section_m2 / (self.loss * photon_J))  # mW/mm2 = 1e3 W/m2, 1/s = 1e-3 / ms
        activation = 1.0 / (1.0 + numerics.exp(np.clip(-240.0 * (100.0 * light - 0.1), -700.0, 700.0)))
        dark = light == 0.0
        return np.stack([flux, numerics.log(1.0 + light / self.half_light_mW_mm2), np.where(dark, 0.0, activation)])

    def parameters(self, step_ms: float) -> dict[str, float]:
        """Return the parameters of ``advance`` for a step and of ``conductance``, other than g, by name."""
        tens = (self.temperature_C - self.measured_at_C) / 10.0
        d1, d1_swing = (self.q10_d1**tens * value for value in (self.d1, self.d1_swing))
        return {
            "half_ms": 0.5 * step_ms,
            "keep": math.exp(-step_ms / self.tau_activation_ms),
            "keep_half": math.exp(-0.5 * step_ms / self.tau_activation_ms),
            "efficiency_1": self.efficiency_1 * self.q10_efficiency_1**tens,
            "efficiency_2": self.efficiency_2 * self.q10_efficiency_2**tens,
            "e12_dark": self.e12_dark * self.q10_e12_dark**tens,
            "e12_light": self.e12_light,
            "e21_dark": self.e21_dark * self.q10_e21_dark**tens,
            "e21_light": self.e21_light,
            "d1_low": d1 - d1_swing,
            "d1_range": 2.0 * d1_swing,
            "d1_voltage": self.d1_voltage_mV,
            "d2": self.d2 * self.q10_d2**tens,
            "recovery": self.recovery * self.q10_recovery**tens,
            "recovery_per_mV": self.recovery_per_mV,
            "gamma": self.gamma,
            "slope": self.rectification_mV / self.rectification_voltage_mV,
            "voltage": self.rectification_voltage_mV,
            "E": self.reversal_mV,
        }

    def conductances_uS(self, system: System, model: Model) -> NDArray[np.float64]:
        """Return the conductance of every cell with all channels in O1, uS ``[N]``; 0 for cells without the opsin."""
        factors = self.expression.factors(system)
        for population in system.populations:
            cell = model.cell(population.name)
            factors[population.start : population.stop] *= self.g * 1e3 * cell.area_um2 * UM2_TO_CM2
        return factors


Spec = Channelrhodopsin | str | Mapping[str, Any]
"""Arguments that ``make`` accepts."""


@checked
def make(opsin: Spec) -> Channelrhodopsin:
    """Make an opsin from the name of a parameter set, or from a mapping with a ``name`` and attributes to change.

    An object is returned unchanged.

    Raises:
        UnknownName: There is no set of that name.
        UnknownOption: There is no such attribute.
        InvalidInput: A mapping has no name, or a value is out of range.
    """
    if isinstance(opsin, Channelrhodopsin):
        return opsin
    if isinstance(opsin, str):
        return Channelrhodopsin.named(opsin)
    options = dict(opsin)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise InvalidInput(f"An opsin as a mapping needs the name of a parameter set, got {shown(opsin)}.")
    return Channelrhodopsin.named(name, **options)
