"""A step of the cell of Pinsky & Rinzel (1994), in the order of the NEURON backend's mechanisms."""

from __future__ import annotations

import math

from livn_gym.backends.native.cells.base import NativeCell
from livn_gym.models.pinsky_rinzel import (
    BETA_Q,
    G_KAHP,
    G_KC,
    PAPER_ZERO,
    G_Ca,
    G_Kdr,
    G_Na,
    PinskyRinzel,
    alpha_c,
    alpha_h,
    alpha_n,
    alpha_q,
    alpha_s,
    beta_c,
    beta_h,
    beta_n,
    beta_s,
    dCa_dt,
    m_inf,
)

_NAMES = ("g_L", "g_Na", "g_Kdr", "g_Ca", "g_KC", "g_KAHP", "V_Na", "V_K", "V_Ca")


def _parameters(cell: PinskyRinzel, dt_ms: float) -> dict[str, float]:
    decay = dCa_dt(0.0, -1.0)
    return {name: getattr(cell, name) for name in _NAMES} | {
        "J_L": cell.g_L * cell.V_L,
        "minus_dt": -dt_ms,
        # Calcium relaxes with the rate ``decay``; this is the time for which its initial slope counts.
        "slope_Ca": (1.0 - math.exp(-dt_ms * decay)) / decay,
    }


def _conductances(v_ahead, h, n, s, c, q, Ca, g_L, g_Na, g_Kdr, g_Ca, g_KC, g_KAHP, V_Na, V_K, V_Ca, J_L):
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


def _relaxed(x, alpha, beta, minus_dt):
    rate = alpha + beta
    return x + (1.0 - math.exp(minus_dt * rate)) * (alpha / rate - x)


def _advance(v_s, v_d, h, n, s, c, q, Ca, g_Ca, V_Ca, minus_dt, slope_Ca):
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


CELL = NativeCell(
    states=("h", "n", "s", "c", "q", "Ca"),
    initial=lambda cell: cell.initial_state()[2:],
    parameters=_parameters,
    conductances=_conductances,
    advance=_advance,
)
