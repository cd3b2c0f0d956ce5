"""Izhikevich model of a spiking cell (2003, in the form of 2007) with a passive dendrite.

Izhikevich, IEEE Trans Neural Netw 14:1569-1572, 2003; Dynamical Systems in Neuroscience, chapter 8, MIT Press 2007:

    C v' = k (v - v_r) (v - v_t) - u + I        u' = a (b (v - v_r) - u)
    v >= v_peak:  v <- c,  u <- u + d
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from livn_gym.checks import checked_options
from livn_gym.errors import InvalidInput
from livn_gym.models.base import Cell, Model
from livn_gym.models.excitatory_inhibitory import ExcitatoryInhibitory
from livn_gym.models.step import CellStep
from livn_gym.units import finite

# v is in mV, conductances in mS/cm2, k in mS/cm2/mV, currents and u in uA/cm2, a in 1/ms.

HEADROOM_MV = 10.0
"""Distance above v_peak of the reversal potential of the upstroke, mV."""


# The parabola k (v - v_r) (v - v_t) as conductances, with which time steps of any length are stable:


def G_down(v: float, k: float, v_r: float, v_t: float) -> float:
    """Conductance towards v_r, for v between v_r and v_t; below v_r its value at v_r, to which ``slope_below`` adds."""
    return k * max(v_t - max(v, v_r), 0.0)


def slope_below(v: float, k: float, v_r: float) -> float:
    """Additional conductance below v_r: the slope of the tangent at v minus that at v_r, reversing at (v + v_r) / 2."""
    return 2.0 * k * max(v_r - v, 0.0)


def G_up(v: float, k: float, v_r: float, v_t: float, E_up: float) -> float:
    """Conductance towards ``E_up`` for v above v_t, which limits the overshoot of a spike beyond its peak."""
    return k * (v - v_r) * max(v - v_t, 0.0) / (E_up - v)


def share(v: float, v_old: float, v_peak: float) -> float:
    """Fraction of a step for which u is advanced: 1, but in the step of a spike only the part before the peak.

    In that step, half a step is subtracted to correct the steps of the upstroke, which use the voltage at their end.
    Otherwise u, and with it the next interspike interval, would depend on the time of the peak within a step.
    """
    if v < v_peak:
        return 1.0
    if v_old >= v_peak:
        return 0.0
    return (v_peak - v_old) / (v - v_old) - 0.5


# A time step; see CellStep.

_NAMES = ("k", "v_r", "v_t", "b", "v_peak", "c", "d")


def _parameters(cell: Izhikevich, dt_ms: float) -> dict[str, float]:
    return {name: getattr(cell, name) for name in _NAMES} | {
        "E_up": cell.v_peak + HEADROOM_MV,
        "gain_u": 1.0 - math.exp(-dt_ms * cell.a),
        "g_leak": cell.g_leak_dendrite,
        "J_leak": cell.g_leak_dendrite * cell.E_leak_dendrite,
    }


def _conductances(
    v_s: float, v_ahead: float, u: float, k: float, v_r: float, v_t: float, v_peak: float, E_up: float,
    g_leak: float, J_leak: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    v = min(v_ahead, v_peak)
    down = G_down(v, k, v_r, v_t)
    below = slope_below(v_s, k, v_r)
    up = G_up(v, k, v_r, v_t, E_up)
    return down + below + up, down * v_r + below * 0.5 * (v_s + v_r) + up * E_up - u, g_leak, J_leak


def _advance(v_s: float, v_old: float, u: float, b: float, v_r: float, v_peak: float, gain_u: float) -> float:
    return u + gain_u * share(v_s, v_old, v_peak) * (b * (min(v_s, v_peak) - v_r) - u)


def _reset(v_d: float, u: float, c: float, d: float) -> tuple[float, float, float]:
    # The upstroke is long enough to charge the dendrite, which would make the soma fire again.
    return c, min(v_d, c), u + d


@final
@dataclass(frozen=True)
class Izhikevich(Cell):
    """Izhikevich cell. Parameters of the soma are named as in the book but per area; the dendrite is passive.

    Attributes:
        k: Curvature of the soma's current-voltage relation, mS/cm2 per mV.
        v_r: Resting potential, mV.
        v_t: Instantaneous threshold, mV.
        a: Rate of the recovery variable u, 1/ms.
        b: Dependence of u on the voltage, mS/cm2.
        v_peak: Voltage at which a spike ends, mV; above the spike threshold of -10 mV.
        c: Voltage of the soma after a spike, mV.
        d: Increase of u at a spike, uA/cm2.
        g_leak_dendrite: Leak conductance of the dendrite, mS/cm2.
        E_leak_dendrite: Reversal potential of that leak, mV.
    """

    config_name: ClassVar[str] = "izhikevich"
    state_names: ClassVar[tuple[str, ...]] = ("V_soma", "V_dendrite", "u")
    """Order of the state in ``initial_state`` and ``derivatives``."""
    step = CellStep(
        states=("u",),
        initial=lambda cell: cell.initial_state()[2:],
        parameters=_parameters,
        conductances=_conductances,
        advance=_advance,
        reset=_reset,
    )

    k: float
    v_r: float
    v_t: float
    a: float
    b: float
    v_peak: float
    c: float
    d: float
    g_leak_dendrite: float
    E_leak_dendrite: float

    def __post_init__(self) -> None:
        """Check the order of the potentials and the signs."""
        super().__post_init__()
        if not (self.v_r < self.v_t < self.v_peak and self.c < Model.spike_threshold_mV < self.v_peak):
            raise InvalidInput(
                f"Izhikevich needs v_r < v_t < v_peak and c < {Model.spike_threshold_mV:g} mV < v_peak, got v_r "
                f"{self.v_r:g}, v_t {self.v_t:g}, c {self.c:g}, v_peak {self.v_peak:g}."
            )
        for name in ("k", "a"):
            finite(f"Izhikevich.{name}", getattr(self, name), above=0.0)
        finite("Izhikevich.g_leak_dendrite", self.g_leak_dendrite, minimum=0.0)

    def initial_state(self, v: float | None = None) -> list[float]:
        """Return the state with both compartments at ``v`` mV (default ``v_init``) and u in equilibrium."""
        v = self.v_init if v is None else v
        return [v, v, self.b * (v - self.v_r)]

    def derivatives(self, y: Sequence[float], soma_nA: float = 0.0, dendrite_nA: float = 0.0) -> list[float]:
        """Return the right-hand side of the differential equations of an isolated cell between two spikes.

        Args:
            y: State ``[3]`` in the order of ``state_names``: mV, mV, uA/cm2.
            soma_nA: Current into the soma, nA; positive currents depolarise.
            dendrite_nA: Current into the dendrite, nA.

        Returns:
            Rate of change of the state, per ms, ``[3]``.
        """
        v_s, v_d, u = y
        I_s = u - self.k * (v_s - self.v_r) * (v_s - self.v_t) - soma_nA / self.density_to_nA(1.0, "soma")
        I_d = self.g_leak_dendrite * (v_d - self.E_leak_dendrite) - dendrite_nA / self.density_to_nA(1.0, "dendrite")
        return [
            (self.gc / self.p * (v_d - v_s) - I_s) / self.C,
            (self.gc / (1.0 - self.p) * (v_s - v_d) - I_d) / self.C,
            self.a * (self.b * (v_s - self.v_r) - u),
        ]


@checked_options
@final
class IzhikevichModel(ExcitatoryInhibitory):
    """Model with EXC and INH cells after Izhikevich (2003, 2007).

    Args:
        exc: Parameters of EXC cells, or the name of a parameter set of ``Izhikevich``.
        inh: Parameters of INH cells, or the name of a parameter set.
    """

    def __init__(self, exc: Izhikevich | str = "culture_exc", inh: Izhikevich | str = "culture_inh") -> None:
        super().__init__(
            Izhikevich.named(exc) if isinstance(exc, str) else exc,
            Izhikevich.named(inh) if isinstance(inh, str) else inh,
        )
