"""Adaptive exponential integrate-and-fire cell (Brette & Gerstner 2005) with a passive dendrite.

Brette & Gerstner, J Neurophysiol 94:3637-3642, 2005:

    C V' = -g_L (V - E_L) + g_L Delta_T exp((V - V_T) / Delta_T) - w + I        tau_w w' = a (V - E_L) - w
    V >= v_peak:  V <- V_r,  w <- w + b
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

# v is in mV, conductances in mS/cm2, currents and w in uA/cm2, times in ms.

HEADROOM_MV = 1.0
"""Distance above v_peak of the reversal potential of the upstroke, mV."""


def I_exp(v: float, g_L: float, V_T: float, Delta_T: float) -> float:
    """Exponential current of the upstroke, inward positive."""
    return g_L * Delta_T * math.exp((v - V_T) / Delta_T)


# A time step; see CellStep.

_NAMES = ("g_L", "E_L", "V_T", "Delta_T", "a", "b", "V_r", "v_peak")


def _parameters(cell: AdaptiveExponential, dt_ms: float) -> dict[str, float]:
    return {name: getattr(cell, name) for name in _NAMES} | {
        "J_L": cell.g_L * cell.E_L,
        "E_up": cell.v_peak + HEADROOM_MV,
        "gain_w": 1.0 - math.exp(-dt_ms / cell.tau_w),
        "g_leak": cell.g_leak_dendrite,
        "J_leak": cell.g_leak_dendrite * cell.E_leak_dendrite,
    }


def _conductances(
    v_ahead: float, w: float, g_L: float, V_T: float, Delta_T: float, J_L: float, v_peak: float, E_up: float,
    g_leak: float, J_leak: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    # As a conductance towards E_up the current has the same size, and long time steps overshoot only slightly.
    v = min(v_ahead, v_peak)
    up = I_exp(v, g_L, V_T, Delta_T) / (E_up - v)
    return g_L + up, J_L + up * E_up - w, g_leak, J_leak


def _advance(v_s: float, w: float, a: float, E_L: float, gain_w: float) -> float:
    return w + gain_w * (a * (v_s - E_L) - w)


def _reset(v_d: float, w: float, V_r: float, b: float) -> tuple[float, float, float]:
    # The dendrite is reset too: the charge that it receives from the soma at its peak depends only on the time step.
    return V_r, min(v_d, V_r), w + b


@final
@dataclass(frozen=True)
class AdaptiveExponential(Cell):
    """Adaptive exponential cell. Parameters of the soma are named as in the paper but per area.

    Attributes:
        g_L: Leak conductance of the soma, mS/cm2.
        E_L: Reversal potential of that leak, mV.
        V_T: Threshold, mV.
        Delta_T: Slope factor, the sharpness of the threshold, mV.
        tau_w: Time constant of the adaptation current w, ms.
        a: Dependence of w on the voltage, mS/cm2.
        b: Increase of w at a spike, uA/cm2.
        V_r: Voltage of the soma after a spike, mV.
        v_peak: Voltage at which a spike ends, mV; above the spike threshold of -10 mV.
        g_leak_dendrite: Leak conductance of the passive dendrite, mS/cm2.
        E_leak_dendrite: Reversal potential of that leak, mV.
    """

    config_name: ClassVar[str] = "adaptive_exponential"
    state_names: ClassVar[tuple[str, ...]] = ("V_soma", "V_dendrite", "w")
    """Order of the state in ``initial_state`` and ``derivatives``."""
    step = CellStep(
        states=("w",),
        initial=lambda cell: cell.initial_state()[2:],
        parameters=_parameters,
        conductances=_conductances,
        advance=_advance,
        reset=_reset,
    )

    g_L: float
    E_L: float
    V_T: float
    Delta_T: float
    tau_w: float
    a: float
    b: float
    V_r: float
    v_peak: float
    g_leak_dendrite: float
    E_leak_dendrite: float

    def __post_init__(self) -> None:
        """Check the order of the potentials, the signs, and that the exponential does not overflow in float32."""
        super().__post_init__()
        for name in ("g_L", "Delta_T", "tau_w"):
            finite(f"AdaptiveExponential.{name}", getattr(self, name), above=0.0)
        finite("AdaptiveExponential.g_leak_dendrite", self.g_leak_dendrite, minimum=0.0)
        if not (self.V_T < self.v_peak and self.V_r < Model.spike_threshold_mV < self.v_peak):
            raise InvalidInput(
                f"AdaptiveExponential needs V_T < v_peak and V_r < {Model.spike_threshold_mV:g} mV < v_peak, got V_T "
                f"{self.V_T:g}, V_r {self.V_r:g}, v_peak {self.v_peak:g}."
            )
        if self.v_peak - self.V_T > 60.0 * self.Delta_T:
            raise InvalidInput(
                f"AdaptiveExponential needs Delta_T of at least (v_peak - V_T) / 60 = "
                f"{(self.v_peak - self.V_T) / 60.0:g} mV, got {self.Delta_T:g}."
            )

    def initial_state(self, v: float | None = None) -> list[float]:
        """Return the state with both compartments at ``v`` mV (default ``v_init``) and w in equilibrium."""
        v = self.v_init if v is None else v
        return [v, v, self.a * (v - self.E_L)]

    def derivatives(self, y: Sequence[float], soma_nA: float = 0.0, dendrite_nA: float = 0.0) -> list[float]:
        """Return the right-hand side of the differential equations of an isolated cell between two spikes.

        Args:
            y: State ``[3]`` in the order of ``state_names``: mV, mV, uA/cm2.
            soma_nA: Current into the soma, nA; positive currents depolarise.
            dendrite_nA: Current into the dendrite, nA.

        Returns:
            Rate of change of the state, per ms, ``[3]``.
        """
        v_s, v_d, w = y
        I_s = (
            self.g_L * (v_s - self.E_L)
            - I_exp(v_s, self.g_L, self.V_T, self.Delta_T)
            + w
            - soma_nA / self.density_to_nA(1.0, "soma")
        )
        I_d = self.g_leak_dendrite * (v_d - self.E_leak_dendrite) - dendrite_nA / self.density_to_nA(1.0, "dendrite")
        return [
            (self.gc / self.p * (v_d - v_s) - I_s) / self.C,
            (self.gc / (1.0 - self.p) * (v_s - v_d) - I_d) / self.C,
            (self.a * (v_s - self.E_L) - w) / self.tau_w,
        ]


@checked_options
@final
class AdaptiveExponentialModel(ExcitatoryInhibitory):
    """Model with EXC and INH cells after Brette & Gerstner (2005).

    Args:
        exc: Parameters of EXC cells, or the name of a parameter set of ``AdaptiveExponential``.
        inh: Parameters of INH cells, or the name of a parameter set.
    """

    def __init__(
        self, exc: AdaptiveExponential | str = "culture_exc", inh: AdaptiveExponential | str = "culture_inh"
    ) -> None:
        super().__init__(
            AdaptiveExponential.named(exc) if isinstance(exc, str) else exc,
            AdaptiveExponential.named(inh) if isinstance(inh, str) else inh,
        )
