"""Equations of cells for ``ways.py``: those of the scheme multirate without approximations, and the other way round."""

from __future__ import annotations

import math

from livn_gym.models import BoothRinzelKiehn, PinskyRinzel
from livn_gym.models.booth_rinzel_kiehn import G_CaL, G_CaN, hN_inf, mL_inf, mN_inf, n_inf, rate_h, rate_n
from livn_gym.models.booth_rinzel_kiehn import G_Na as G_Na_exc
from livn_gym.models.booth_rinzel_kiehn import _advance_fast as fast_exc
from livn_gym.models.booth_rinzel_kiehn import _advance_slow as slow_exc
from livn_gym.models.booth_rinzel_kiehn import dCa_dt as dCa_dt_exc
from livn_gym.models.booth_rinzel_kiehn import h_inf as h_inf_exc
from livn_gym.models.booth_rinzel_kiehn import m_inf as m_inf_exc
from livn_gym.models.pinsky_rinzel import PAPER_ZERO, alpha_c, alpha_h, alpha_n, alpha_s, beta_c, beta_h, beta_n, beta_s
from livn_gym.models.pinsky_rinzel import G_Na as G_Na_inh
from livn_gym.models.pinsky_rinzel import _advance_fast as fast_inh
from livn_gym.models.pinsky_rinzel import _advance_slow as slow_inh
from livn_gym.models.pinsky_rinzel import _relaxed as relaxed_inh
from livn_gym.models.pinsky_rinzel import m_inf as m_inf_inh


def exponential(x: float, opening: float, total: float, rate_dt: float) -> float:
    """Return what ``relaxed`` approximates."""
    steady = opening / total
    return steady + (x - steady) * math.exp(-rate_dt)


def unmerged(x: float, opening: float, total: float, rate_dt: float) -> float:
    """Return the same as ``relaxed``, by two divisions."""
    steady = opening / total
    p = 1.0 + rate_dt * (0.5 + rate_dt * 0.16666667)
    q = rate_dt * p
    return (x + steady * q) / (1.0 + q)


def _instant_exc(v_ahead: float, h: float, g_Na: float, E_Na: float) -> tuple[float, float]:
    return G_Na_exc(m_inf_exc(v_ahead), h, g_Na), E_Na


def _instant_inh(v_ahead: float, h: float, g_Na: float, V_Na: float) -> tuple[float, float]:
    return G_Na_inh(m_inf_inh(v_ahead - PAPER_ZERO), h, g_Na), V_Na


def _fast_exact_exc(
    v_s: float, h: float, n: float, mN_s: float, hN_s: float, Ca_s: float, g_CaN_soma: float, E_Ca: float, f: float,
    alpha: float, k_Ca: float, minus_dt: float, gain_mN: float, slope_Ca: float,
) -> tuple[float, ...]:  # fmt: skip
    I_Ca_s = G_CaN(mN_s, hN_s, g_CaN_soma) * (v_s - E_Ca)
    return (
        h + (1.0 - math.exp(minus_dt * rate_h(v_s))) * (h_inf_exc(v_s) - h),
        n + (1.0 - math.exp(minus_dt * rate_n(v_s))) * (n_inf(v_s) - n),
        mN_s + gain_mN * (mN_inf(v_s) - mN_s),
        Ca_s + slope_Ca * dCa_dt_exc(I_Ca_s, Ca_s, f, alpha, k_Ca),
    )


def _slow_exact_exc(
    v_s: float, v_d: float, hN_s: float, mN_d: float, hN_d: float, mL: float, Ca_d: float, g_CaN_dendrite: float,
    g_CaL: float, E_Ca: float, f: float, alpha: float, k_Ca: float, slow_gain_mN: float, slow_gain_hN: float,
    slow_gain_mL: float, slow_slope_Ca: float,
) -> tuple[float, ...]:  # fmt: skip
    I_Ca_d = (G_CaN(mN_d, hN_d, g_CaN_dendrite) + G_CaL(mL, g_CaL)) * (v_d - E_Ca)
    return (
        hN_s + slow_gain_hN * (hN_inf(v_s) - hN_s),
        mN_d + slow_gain_mN * (mN_inf(v_d) - mN_d),
        hN_d + slow_gain_hN * (hN_inf(v_d) - hN_d),
        mL + slow_gain_mL * (mL_inf(v_d) - mL),
        Ca_d + slow_slope_Ca * dCa_dt_exc(I_Ca_d, Ca_d, f, alpha, k_Ca),
    )


def _fast_exact_inh(
    v_s: float, v_d: float, h: float, n: float, s: float, c: float, minus_dt: float
) -> tuple[float, ...]:
    u_s = v_s - PAPER_ZERO
    u_d = v_d - PAPER_ZERO
    return (
        relaxed_inh(h, alpha_h(u_s), beta_h(u_s), minus_dt),
        relaxed_inh(n, alpha_n(u_s), beta_n(u_s), minus_dt),
        relaxed_inh(s, alpha_s(u_d), beta_s(u_d), minus_dt),
        relaxed_inh(c, alpha_c(u_d), beta_c(u_d), minus_dt),
    )


EXACT = {
    BoothRinzelKiehn: {
        "instant_conductance": _instant_exc,
        "advance": _fast_exact_exc,
        "advance_slow": _slow_exact_exc,
    },
    PinskyRinzel: {"instant_conductance": _instant_inh, "advance": _fast_exact_inh},
}
"""Equations of ``MultirateStep`` by exponentials, as in the other schemes."""


def _all_exc(
    v_s: float, v_d: float, h: float, n: float, mN_s: float, hN_s: float, mN_d: float, hN_d: float, mL: float,
    Ca_s: float, Ca_d: float, g_CaN_soma: float, g_CaN_dendrite: float, g_CaL: float, E_Ca: float, f: float,
    alpha: float, k_Ca: float, gain_mN: float, slope_Ca: float, step_ms: float, slow_gain_mN: float,
    slow_gain_hN: float, slow_gain_mL: float, slow_slope_Ca: float,
) -> tuple[float, ...]:  # fmt: skip
    h, n, mN, Ca = fast_exc(v_s, h, n, mN_s, hN_s, Ca_s, g_CaN_soma, E_Ca, f, alpha, k_Ca, gain_mN, slope_Ca, step_ms)
    hN_s, mN_d, hN_d, mL, Ca_d = slow_exc(
        v_s, v_d, hN_s, mN_d, hN_d, mL, Ca_d, g_CaN_dendrite, g_CaL, E_Ca, f, alpha, k_Ca, slow_gain_mN, slow_gain_hN,
        slow_gain_mL, slow_slope_Ca,
    )  # fmt: skip
    return h, n, mN, hN_s, mN_d, hN_d, mL, Ca, Ca_d


def _all_inh(
    v_s: float, v_d: float, h: float, n: float, s: float, c: float, q: float, Ca: float, g_Ca: float, V_Ca: float,
    step_ms: float, minus_slow_dt: float, slow_slope_Ca: float,
) -> tuple[float, ...]:  # fmt: skip
    q, Ca = slow_inh(v_d, s, q, Ca, g_Ca, V_Ca, minus_slow_dt, slow_slope_Ca)
    h, n, s, c = fast_inh(v_s, v_d, h, n, s, c, step_ms)
    return h, n, s, c, q, Ca


APPROXIMATED = {BoothRinzelKiehn: _all_exc, PinskyRinzel: _all_inh}
"""Functions ``advance`` of ``CellStep`` by the approximations of the scheme multirate."""
