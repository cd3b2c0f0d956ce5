"""Two-compartment cell with a somatic spike and a dendritic calcium current: Pinsky & Rinzel 1994.

Pinsky & Rinzel, J Comput Neurosci 1:39-60, 1994. Potentials here are absolute; the paper's are relative to -60 mV.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from livn_gym.models.base import Cell
from livn_gym.models.step import LOG2_E, CellStep, MultirateStep, relaxed

# The equations use only floats and math.exp, so that Python can execute them and backends can translate them.
# u is the V of the paper, in mV relative to PAPER_ZERO; v is the voltage in mV; conductances are in mS/cm2, currents in
# uA/cm2, rates in 1/ms.

PAPER_ZERO = -60.0


def ratio(x: float, y: float) -> float:
    """Return ``x / (exp(x / y) - 1)``, continued at x = 0 by its limit y with a relative error of at most 1e-9."""
    if abs(x / y) < 1e-6:
        return y * (1.0 - x / y / 2.0)
    return x / (math.exp(x / y) - 1.0)


def alpha_m(u: float) -> float:
    """Opening rate of m, the activation of I_Na."""
    return 0.32 * ratio(13.1 - u, 4.0)


def beta_m(u: float) -> float:
    """Closing rate of m."""
    return 0.28 * ratio(u - 40.1, 5.0)


def m_inf(u: float) -> float:
    """Instantaneous activation of I_Na."""
    return alpha_m(u) / (alpha_m(u) + beta_m(u))


def alpha_h(u: float) -> float:
    """Opening rate of h, the inactivation of I_Na."""
    return 0.128 * math.exp((17.0 - u) / 18.0)


def beta_h(u: float) -> float:
    """Closing rate of h."""
    return 4.0 / (1.0 + math.exp((40.0 - u) / 5.0))


def alpha_n(u: float) -> float:
    """Opening rate of n, the activation of I_Kdr."""
    return 0.016 * ratio(35.1 - u, 5.0)


def beta_n(u: float) -> float:
    """Closing rate of n."""
    return 0.25 * math.exp(0.5 - 0.025 * u)


def alpha_s(u: float) -> float:
    """Opening rate of s, the activation of I_Ca."""
    return 1.6 / (1.0 + math.exp(-0.072 * (u - 65.0)))


def beta_s(u: float) -> float:
    """Closing rate of s."""
    return 0.02 * ratio(u - 51.1, 5.0)


def alpha_c(u: float) -> float:
    """Opening rate of c, the voltage-dependent activation of I_KC."""
    if u <= 50.0:
        return math.exp((u - 10.0) / 11.0 - (u - 6.5) / 27.0) / 18.975
    return 2.0 * math.exp((6.5 - u) / 27.0)


def beta_c(u: float) -> float:
    """Closing rate of c."""
    if u <= 50.0:
        return 2.0 * math.exp((6.5 - u) / 27.0) - alpha_c(u)
    return 0.0


def alpha_q(Ca: float) -> float:
    """Opening rate of q, the calcium-dependent activation of I_KAHP."""
    return min(2e-5 * Ca, 0.01)


BETA_Q = 0.001
"""Closing rate of q."""


def chi(Ca: float) -> float:
    """Calcium-dependent activation of I_KC."""
    return min(Ca / 250.0, 1.0)


def G_Na(m: float, h: float, g_Na: float) -> float:
    """Conductance of the sodium current."""
    return g_Na * m * m * h


def G_Kdr(n: float, g_Kdr: float) -> float:
    """Conductance of the delayed-rectifier potassium current."""
    return g_Kdr * n


def G_Ca(s: float, g_Ca: float) -> float:
    """Conductance of the ohmic calcium current."""
    return g_Ca * s * s


def G_KC(c: float, Ca: float, g_KC: float) -> float:
    """Conductance of the fast calcium-dependent potassium current."""
    return g_KC * c * chi(Ca)


def G_KAHP(q: float, g_KAHP: float) -> float:
    """Conductance of the slow potassium current of the afterhyperpolarisation."""
    return g_KAHP * q


def dCa_dt(I_Ca: float, Ca: float) -> float:
    """Rate of change of the dendritic calcium concentration."""
    return -0.13 * I_Ca - 0.075 * Ca


# A time step; see CellStep.

_NAMES = ("g_L", "g_Na", "g_Kdr", "g_Ca", "g_KC", "g_KAHP", "V_Na", "V_K", "V_Ca")


def _parameters(cell: PinskyRinzel, dt_ms: float) -> dict[str, float]:
    decay = dCa_dt(0.0, -1.0)
    return {name: getattr(cell, name) for name in _NAMES} | {
        "J_L": cell.g_L * cell.V_L,
        "minus_dt": -dt_ms,
        # Calcium relaxes with the rate ``decay``: its change in a step is the initial slope times this.
        "slope_Ca": (1.0 - math.exp(-dt_ms * decay)) / decay,
    }


def _conductances(
    v_ahead: float, h: float, n: float, s: float, c: float, q: float, Ca: float, g_L: float, g_Na: float,
    g_Kdr: float, g_Ca: float, g_KC: float, g_KAHP: float, V_Na: float, V_K: float, V_Ca: float, J_L: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    Na = G_Na(m_inf(v_ahead - PAPER_ZERO), h, g_Na)
    K_s = G_Kdr(n, g_Kdr)
    Ca_d = G_Ca(s, g_Ca)
    K_d = G_KC(c, Ca, g_KC) + G_KAHP(q, g_KAHP)
    return (
        Na + K_s + g_L,
        Na * V_Na + K_s * V_K + J_L,
        Ca_d + K_d + g_L,
        Ca_d * V_Ca + K_d * V_K + J_L,
    )


def _relaxed(x: float, alpha: float, beta: float, minus_dt: float) -> float:
    rate = alpha + beta
    return x + (1.0 - math.exp(minus_dt * rate)) * (alpha / rate - x)


def _advance(
    v_s: float, v_d: float, h: float, n: float, s: float, c: float, q: float, Ca: float, g_Ca: float, V_Ca: float,
    minus_dt: float, slope_Ca: float,
) -> tuple[float, ...]:  # fmt: skip
    u_s = v_s - PAPER_ZERO
    u_d = v_d - PAPER_ZERO
    I_Ca = G_Ca(s, g_Ca) * (v_d - V_Ca)
    return (
        _relaxed(h, alpha_h(u_s), beta_h(u_s), minus_dt),
        _relaxed(n, alpha_n(u_s), beta_n(u_s), minus_dt),
        _relaxed(s, alpha_s(u_d), beta_s(u_d), minus_dt),
        _relaxed(c, alpha_c(u_d), beta_c(u_d), minus_dt),
        _relaxed(q, alpha_q(Ca), BETA_Q, minus_dt),
        Ca + slope_Ca * dCa_dt(I_Ca, Ca),
    )


# A time step of the scheme "multirate"; see MultirateStep. All gates but q are advanced in every step.

# exp2(u * _E18) is exp(u / 18), exp2(u * _S) is exp(0.072 u)
_E18, _E27, _E11, _S = LOG2_E / 18.0, LOG2_E / 27.0, LOG2_E / 11.0, LOG2_E * 0.072


def _approximate_beta_n(u: float) -> float:
    """Return ``beta_n`` from -60 to 140 mV, with a relative error of 1.6e-3."""
    w = u * 0.01 + -0.4
    return 0.15183 + w * (
        -0.378609 + w * (0.467418 + w * (-0.389931 + w * (0.266926 + w * (-0.147382 + w * 0.0422148))))
    )


def _nonzero(z: float) -> float:
    """Return z, or a small number instead of 0, by which ``z / _expm1(z)`` can be computed."""
    if abs(z) < 1e-6:
        return 1e-6
    return z


def _expm1(z: float) -> float:
    """Return exp(z) - 1, without cancellation near 0."""
    if abs(z) < 0.02:
        return z * (1.0 + z * (0.5 + z * 0.16666667))
    return math.exp2(z * LOG2_E) - 1.0


def _slow_parameters(cell: PinskyRinzel, dt_ms: float, slow_ms: float) -> dict[str, float]:
    decay = dCa_dt(0.0, -1.0)
    return {"step_ms": dt_ms, "minus_slow_dt": -slow_ms, "slow_slope_Ca": (1.0 - math.exp(-slow_ms * decay)) / decay}


def _held_conductances(
    q: float, g_L: float, g_KAHP: float, V_K: float, J_L: float
) -> tuple[float, float, float, float]:
    KAHP = G_KAHP(q, g_KAHP)
    return g_L, J_L, KAHP + g_L, KAHP * V_K + J_L


def _fast_conductances(
    n: float, s: float, c: float, Ca: float, g_Kdr: float, g_Ca: float, g_KC: float, V_K: float, V_Ca: float
) -> tuple[float, float, float, float]:
    Kdr = G_Kdr(n, g_Kdr)
    Ca_d = G_Ca(s, g_Ca)
    KC = G_KC(c, Ca, g_KC)
    return Kdr, Kdr * V_K, Ca_d + KC, Ca_d * V_Ca + KC * V_K


def _instant_conductance(v_ahead: float, h: float, g_Na: float, V_Na: float) -> tuple[float, float]:
    u = min(max(v_ahead - PAPER_ZERO, -60.0), 140.0)
    z, y = _nonzero(3.275 + u * -0.25), _nonzero(u * 0.2 + -8.02)  # (13.1 - u) / 4, (u - 40.1) / 5
    opening = 1.28 * z * _expm1(y)  # alpha_m and beta_m times the same number
    return G_Na(opening / (opening + 1.4 * y * _expm1(z)), h, g_Na), V_Na


def _advance_slow(
    v_d: float, s: float, q: float, Ca: float, g_Ca: float, V_Ca: float, minus_slow_dt: float, slow_slope_Ca: float
) -> tuple[float, float]:
    I_Ca = G_Ca(s, g_Ca) * (v_d - V_Ca)
    return _relaxed(q, alpha_q(Ca), BETA_Q, minus_slow_dt), Ca + slow_slope_Ca * dCa_dt(I_Ca, Ca)


def _advance_fast(
    v_s: float, v_d: float, h: float, n: float, s: float, c: float, step_ms: float
) -> tuple[float, float, float, float]:
    u_s = min(max(v_s - PAPER_ZERO, -60.0), 140.0)
    u_d = min(max(v_d - PAPER_ZERO, -60.0), 140.0)
    z = _nonzero(7.02 + u_s * -0.2)  # (35.1 - u) / 5
    e_z = _expm1(z)
    a_h = 0.128 * math.exp2(u_s * -_E18 + 17.0 * _E18)
    one_e_h = 3.664456 + 2.664456 * e_z  # 1 + exp((40 - u) / 5), with exp((40 - 35.1) / 5)
    b_n = e_z * _approximate_beta_n(u_s)
    z_d = _nonzero(u_d * 0.2 + -10.22)  # (u - 51.1) / 5
    e_d = _expm1(z_d)
    one_e_s = 1.0 + math.exp2(u_d * -_S + 65.0 * _S)
    c_rate = math.exp2(u_d * -_E27 + (6.5 * _E27 + 1.0))
    c_inf = min(math.exp2(u_d * _E11 + -10.0 * _E11) * 0.02635046, 1.0)
    # Rates with the denominators of their parts
    h_opening, n_opening, s_opening = a_h * one_e_h, 0.08 * z, 1.6 * e_d
    return (
        relaxed(h, h_opening, h_opening + 4.0, step_ms * (a_h + 4.0 / one_e_h)),
        relaxed(n, n_opening, n_opening + b_n, step_ms * ((n_opening + b_n) / e_z)),
        relaxed(s, s_opening, s_opening + 0.1 * z_d * one_e_s, step_ms * (1.6 / one_e_s + 0.1 * z_d / e_d)),
        relaxed(c, c_inf, 1.0, step_ms * c_rate),
    )


@final
@dataclass(frozen=True)
class PinskyRinzel(Cell):
    """Pinsky-Rinzel cell. Parameters are named as in the paper: conductances in mS/cm2, potentials in mV.

    Calcium is in the unit of the paper: dCa/dt = -0.13 I_Ca - 0.075 Ca, with I_Ca in uA/cm2 of the dendrite.

    Attributes:
        g_L: Leak conductance of both compartments.
        g_Na: Sodium conductance of the soma, gated by m_inf**2 h.
        g_Kdr: Delayed-rectifier conductance of the soma, gated by n.
        g_Ca: Calcium conductance of the dendrite, gated by s**2.
        g_KC: Fast calcium-dependent potassium conductance of the dendrite, gated by c min(Ca / 250, 1).
        g_KAHP: Slow calcium-dependent potassium conductance of the dendrite, gated by q.
        V_L: Reversal potential of the leak (0 in the paper, -60 here).
        V_Na: Reversal potential of sodium (120 in the paper, 60 here).
        V_K: Reversal potential of potassium (-15 in the paper, -75 here).
        V_Ca: Reversal potential of calcium (140 in the paper, 80 here).
    """

    config_name: ClassVar[str] = "pinsky_rinzel"
    state_names: ClassVar[tuple[str, ...]] = ("V_soma", "V_dendrite", "h", "n", "s", "c", "q", "Ca")
    """Order of the state in ``initial_state`` and ``derivatives``; calcium is that of the dendrite."""
    step = CellStep(
        states=("h", "n", "s", "c", "q", "Ca"),
        initial=lambda cell: cell.initial_state()[2:],
        parameters=_parameters,
        conductances=_conductances,
        advance=_advance,
        multirate=MultirateStep(
            slow=("q", "Ca"),
            parameters=_slow_parameters,
            held_conductances=_held_conductances,
            conductances=_fast_conductances,
            instant_conductance=_instant_conductance,
            correct_above_mV=-50.0,
            advance_slow=_advance_slow,
            advance=_advance_fast,
        ),
    )

    g_L: float
    g_Na: float
    g_Kdr: float
    g_Ca: float
    g_KC: float
    g_KAHP: float
    V_L: float
    V_Na: float
    V_K: float
    V_Ca: float

    def initial_state(self, v: float | None = None) -> list[float]:
        """Return the equilibrium state of gates and calcium with both compartments at ``v`` mV (default ``v_init``)."""
        v = self.v_init if v is None else v
        u = v - PAPER_ZERO
        h = alpha_h(u) / (alpha_h(u) + beta_h(u))
        n = alpha_n(u) / (alpha_n(u) + beta_n(u))
        s = alpha_s(u) / (alpha_s(u) + beta_s(u))
        c = alpha_c(u) / (alpha_c(u) + beta_c(u))
        Ca = -0.13 * G_Ca(s, self.g_Ca) * (v - self.V_Ca) / 0.075
        return [v, v, h, n, s, c, alpha_q(Ca) / (alpha_q(Ca) + BETA_Q), Ca]

    def derivatives(self, y: Sequence[float], soma_nA: float = 0.0, dendrite_nA: float = 0.0) -> list[float]:
        """Return the right-hand side of the differential equations of an isolated cell.

        Args:
            y: State ``[8]`` in the order of ``state_names``: mV, gates, calcium in the unit of the paper.
            soma_nA: Current into the soma, nA; positive currents depolarise.
            dendrite_nA: Current into the dendrite, nA.

        Returns:
            Rate of change of the state, per ms, ``[8]``.
        """
        v_s, v_d, h, n, s, c, q, Ca = y
        u_s, u_d = v_s - PAPER_ZERO, v_d - PAPER_ZERO
        I_Ca = G_Ca(s, self.g_Ca) * (v_d - self.V_Ca)
        I_s = (
            self.g_L * (v_s - self.V_L)
            + G_Na(m_inf(u_s), h, self.g_Na) * (v_s - self.V_Na)
            + G_Kdr(n, self.g_Kdr) * (v_s - self.V_K)
            - soma_nA / self.density_to_nA(1.0, "soma")
        )
        I_d = (
            self.g_L * (v_d - self.V_L)
            + I_Ca
            + (G_KC(c, Ca, self.g_KC) + G_KAHP(q, self.g_KAHP)) * (v_d - self.V_K)
            - dendrite_nA / self.density_to_nA(1.0, "dendrite")
        )
        return [
            (self.gc / self.p * (v_d - v_s) - I_s) / self.C,
            (self.gc / (1.0 - self.p) * (v_s - v_d) - I_d) / self.C,
            alpha_h(u_s) * (1.0 - h) - beta_h(u_s) * h,
            alpha_n(u_s) * (1.0 - n) - beta_n(u_s) * n,
            alpha_s(u_d) * (1.0 - s) - beta_s(u_d) * s,
            alpha_c(u_d) * (1.0 - c) - beta_c(u_d) * c,
            alpha_q(Ca) * (1.0 - q) - BETA_Q * q,
            dCa_dt(I_Ca, Ca),
        ]
