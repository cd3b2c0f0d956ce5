"""A step of the motoneuron of Booth, Rinzel & Kiehn (1997), in the order of the NEURON backend's mechanisms."""

from __future__ import annotations

import math

from livn_gym.backends.native.cells.base import NativeCell
from livn_gym.models.booth_rinzel_kiehn import (
    BoothRinzelKiehn,
    G_CaL,
    G_CaN,
    G_KCa,
    G_Kdr,
    G_Na,
    TAU_hN,
    TAU_mL,
    TAU_mN,
    dCa_dt,
    h_inf,
    hN_inf,
    m_inf,
    mL_inf,
    mN_inf,
    n_inf,
    rate_h,
    rate_n,
)

_NAMES = (
    "g_Na",
    "g_Kdr",
    "g_CaN_soma",
    "g_KCa_soma",
    "g_leak_soma",
    "g_CaN_dendrite",
    "g_CaL",
    "g_KCa_dendrite",
    "g_leak_dendrite",
    "E_Na",
    "E_K",
    "E_Ca",
    "Kd",
    "f",
    "alpha",
    "k_Ca",
)


def _parameters(cell: BoothRinzelKiehn, dt_ms: float) -> dict[str, float]:
    return {name: getattr(cell, name) for name in _NAMES} | {
        "J_leak_soma": cell.g_leak_soma * cell.E_leak,
        "J_leak_dendrite": cell.g_leak_dendrite * cell.E_leak,
        "minus_dt": -dt_ms,
        "gain_mN": 1.0 - math.exp(-dt_ms / TAU_mN),
        "gain_hN": 1.0 - math.exp(-dt_ms / TAU_hN),
        "gain_mL": 1.0 - math.exp(-dt_ms / TAU_mL),
        # Calcium relaxes with the rate f k_Ca; this is the time for which its initial slope counts.
        "slope_Ca": (1.0 - math.exp(-dt_ms * cell.f * cell.k_Ca)) / (cell.f * cell.k_Ca),
    }


def _conductances(
    v_ahead, h, n, mN_s, hN_s, mN_d, hN_d, mL, Ca_s, Ca_d,
    g_Na, g_Kdr, g_CaN_soma, g_KCa_soma, g_leak_soma, g_CaN_dendrite, g_CaL, g_KCa_dendrite, g_leak_dendrite,
    E_Na, E_K, E_Ca, Kd, J_leak_soma, J_leak_dendrite,
):  # fmt: skip
    Na = G_Na(m_inf(v_ahead), h, g_Na)
    K_s = G_Kdr(n, g_Kdr) + G_KCa(Ca_s, g_KCa_soma, Kd)
    CaN_s = G_CaN(mN_s, hN_s, g_CaN_soma)
    K_d = G_KCa(Ca_d, g_KCa_dendrite, Kd)
    CaNL_d = G_CaN(mN_d, hN_d, g_CaN_dendrite) + G_CaL(mL, g_CaL)
    return (
        Na + K_s + CaN_s + g_leak_soma,
        Na * E_Na + K_s * E_K + CaN_s * E_Ca + J_leak_soma,
        K_d + CaNL_d + g_leak_dendrite,
        K_d * E_K + CaNL_d * E_Ca + J_leak_dendrite,
    )


def _advance(
    v_s, v_d, h, n, mN_s, hN_s, mN_d, hN_d, mL, Ca_s, Ca_d,
    g_CaN_soma, g_CaN_dendrite, g_CaL, E_Ca, f, alpha, k_Ca, minus_dt, gain_mN, gain_hN, gain_mL, slope_Ca,
):  # fmt: skip
    I_Ca_s = G_CaN(mN_s, hN_s, g_CaN_soma) * (v_s - E_Ca)
    I_Ca_d = (G_CaN(mN_d, hN_d, g_CaN_dendrite) + G_CaL(mL, g_CaL)) * (v_d - E_Ca)
    return (
        h + (1.0 - math.exp(minus_dt * rate_h(v_s))) * (h_inf(v_s) - h),
        n + (1.0 - math.exp(minus_dt * rate_n(v_s))) * (n_inf(v_s) - n),
        mN_s + gain_mN * (mN_inf(v_s) - mN_s),
        hN_s + gain_hN * (hN_inf(v_s) - hN_s),
        mN_d + gain_mN * (mN_inf(v_d) - mN_d),
        hN_d + gain_hN * (hN_inf(v_d) - hN_d),
        mL + gain_mL * (mL_inf(v_d) - mL),
        Ca_s + slope_Ca * dCa_dt(I_Ca_s, Ca_s, f, alpha, k_Ca),
        Ca_d + slope_Ca * dCa_dt(I_Ca_d, Ca_d, f, alpha, k_Ca),
    )


CELL = NativeCell(
    states=("h", "n", "mN_s", "hN_s", "mN_d", "hN_d", "mL", "Ca_s", "Ca_d"),
    initial=lambda cell: cell.initial_state()[2:],
    parameters=_parameters,
    conductances=_conductances,
    advance=_advance,
)
