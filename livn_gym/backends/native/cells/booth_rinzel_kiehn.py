"""A step of 16 motoneurons of Booth, Rinzel & Kiehn (1997)."""

from __future__ import annotations

import math

import numba

from livn_gym.backends.native.elementary import OPTIONS, exp
from livn_gym.backends.native.equations import compiled
from livn_gym.backends.native.layout import CELL, G_D, G_S, J_D, J_S, V_D, V_OLD, V_S, W
from livn_gym.models import BoothRinzelKiehn, booth_rinzel_kiehn
from livn_gym.units import UM2_TO_CM2

CELL_TYPE = BoothRinzelKiehn
STATES = ("Ca_soma", "h", "n", "mN_soma", "hN_soma", "Ca_dendrite", "mN_dendrite", "hN_dendrite", "mL")
_CA_S, _H, _N, _MN_S, _HN_S, _CA_D, _MN_D, _HN_D, _ML, _M = range(CELL, CELL + 10)

_equations = compiled(booth_rinzel_kiehn)
m_inf, h_inf, tau_h, n_inf, tau_n = (getattr(_equations, f) for f in ("m_inf", "h_inf", "tau_h", "n_inf", "tau_n"))
mN_inf, hN_inf, mL_inf = _equations.mN_inf, _equations.hN_inf, _equations.mL_inf


def parameters(cell: BoothRinzelKiehn, dt_ms: float, half: bool) -> list[float]:
    """What ``step`` needs of a cell: densities as uS, capacitances by the step as uS, and shares gated in a step.

    Args:
        cell: The cell.
        dt_ms: Time step.
        half: Whether the voltage is solved for half a step and doubled (the second-order scheme).
    """
    soma, dendrite = (1e3 * cell.area_um2 * UM2_TO_CM2 * share for share in (cell.p, 1.0 - cell.p))
    solved_ms = dt_ms / 2.0 if half else dt_ms
    return [
        cell.C * soma / solved_ms, cell.C * dendrite / solved_ms, cell.coupling_uS, 2.0 if half else 1.0, dt_ms,
        cell.g_Na * soma, cell.g_Kdr * soma, cell.g_CaN_soma * soma, cell.g_KCa_soma * soma, cell.g_leak_soma * soma,
        cell.g_CaN_dendrite * dendrite, cell.g_CaL * dendrite, cell.g_KCa_dendrite * dendrite,
        cell.g_leak_dendrite * dendrite, cell.E_Na, cell.E_K, cell.E_Ca, cell.E_leak, cell.Kd,
        -cell.alpha / cell.k_Ca / soma, -cell.alpha / cell.k_Ca / dendrite,
        -math.expm1(-cell.f * cell.k_Ca * dt_ms), -math.expm1(-dt_ms / booth_rinzel_kiehn.TAU_mN),
        -math.expm1(-dt_ms / booth_rinzel_kiehn.TAU_hN), -math.expm1(-dt_ms / booth_rinzel_kiehn.TAU_mL),
    ]  # fmt: skip


def start(cell: BoothRinzelKiehn) -> list[float]:
    """The cell's own variables at ``v_init``, settled there."""
    state = dict(zip(cell.state_names, cell.initial_state(), strict=True))
    return [state[name] for name in STATES] + [booth_rinzel_kiehn.m_inf(cell.v_init)]


@numba.njit(**OPTIONS)
def step(block, p):
    """Solve the voltages for a step, then advance the gates; m is held during a step, as in the NEURON mechanism."""
    c_s, c_d, gc, ahead, dt = p[0], p[1], p[2], p[3], p[4]
    g_Na, g_Kdr, g_CaN_s, g_KCa_s, g_leak_s = p[5], p[6], p[7], p[8], p[9]
    g_CaN_d, g_CaL, g_KCa_d, g_leak_d = p[10], p[11], p[12], p[13]
    E_Na, E_K, E_Ca, E_leak, Kd = p[14], p[15], p[16], p[17], p[18]
    Ca_gain_s, Ca_gain_d, to_Ca, to_mN, to_hN, to_mL = p[19], p[20], p[21], p[22], p[23], p[24]
    for lane in range(W):
        v_s, v_d = block[V_S * W + lane], block[V_D * W + lane]
        Ca_s, h, n, m = block[_CA_S * W + lane], block[_H * W + lane], block[_N * W + lane], block[_M * W + lane]
        mN_s, hN_s, mN_d, hN_d = (
            block[_MN_S * W + lane],
            block[_HN_S * W + lane],
            block[_MN_D * W + lane],
            block[_HN_D * W + lane],
        )
        Ca_d, mL = block[_CA_D * W + lane], block[_ML * W + lane]
        na = g_Na * m * m * m * h
        k_s = g_Kdr * n * n * n * n + g_KCa_s * Ca_s / (Ca_s + Kd)
        ca_s = g_CaN_s * mN_s * mN_s * hN_s
        k_d = g_KCa_d * Ca_d / (Ca_d + Kd)
        ca_d = g_CaN_d * mN_d * mN_d * hN_d + g_CaL * mL
        G_s = na + k_s + ca_s + g_leak_s + block[G_S * W + lane]
        G_d = k_d + ca_d + g_leak_d + block[G_D * W + lane]
        axial = gc * (v_d - v_s)
        I_s = axial + na * E_Na + k_s * E_K + ca_s * E_Ca + g_leak_s * E_leak + block[J_S * W + lane] - G_s * v_s
        I_d = k_d * E_K + ca_d * E_Ca + g_leak_d * E_leak + block[J_D * W + lane] - G_d * v_d - axial
        D_d = c_d + G_d + gc
        change_s = (I_s + gc / D_d * I_d) / (c_s + G_s + gc - gc / D_d * gc)
        v_s, v_d = v_s + ahead * change_s, v_d + ahead * (I_d + gc * change_s) / D_d
        block[_M * W + lane] = m_inf(v_s + 0.5 * (v_s - block[V_OLD * W + lane]))
        block[V_OLD * W + lane] = v_s
        block[V_S * W + lane] = v_s
        block[V_D * W + lane] = v_d
        block[_CA_S * W + lane] = Ca_s + to_Ca * (Ca_gain_s * ca_s * (v_s - E_Ca) - Ca_s)
        block[_CA_D * W + lane] = Ca_d + to_Ca * (Ca_gain_d * ca_d * (v_d - E_Ca) - Ca_d)
        block[_H * W + lane] = h + (1.0 - exp(-dt / tau_h(v_s))) * (h_inf(v_s) - h)
        block[_N * W + lane] = n + (1.0 - exp(-dt / tau_n(v_s))) * (n_inf(v_s) - n)
        block[_MN_S * W + lane] = mN_s + to_mN * (mN_inf(v_s) - mN_s)
        block[_HN_S * W + lane] = hN_s + to_hN * (hN_inf(v_s) - hN_s)
        block[_MN_D * W + lane] = mN_d + to_mN * (mN_inf(v_d) - mN_d)
        block[_HN_D * W + lane] = hN_d + to_hN * (hN_inf(v_d) - hN_d)
        block[_ML * W + lane] = mL + to_mL * (mL_inf(v_d) - mL)
