"""A step of 16 cells of Pinsky & Rinzel (1994)."""

from __future__ import annotations

import math

import numba

from livn_gym.backends.native.elementary import OPTIONS, exp
from livn_gym.backends.native.equations import compiled
from livn_gym.backends.native.layout import CELL, G_D, G_S, J_D, J_S, V_D, V_OLD, V_S, W
from livn_gym.models import PinskyRinzel, pinsky_rinzel
from livn_gym.units import UM2_TO_CM2

CELL_TYPE = PinskyRinzel
STATES = ("h", "n", "s", "c", "q", "Ca")
_H, _N, _S, _C, _Q, _CA, _M = range(CELL, CELL + 7)

_equations = compiled(pinsky_rinzel)
m_inf, chi, alpha_q, ZERO, BETA_Q = (
    getattr(_equations, name) for name in ("m_inf", "chi", "alpha_q", "PAPER_ZERO", "BETA_Q")
)
alpha_h, beta_h, alpha_n, beta_n, alpha_s, beta_s, alpha_c, beta_c = (
    getattr(_equations, f"{side}_{gate}") for gate in "hnsc" for side in ("alpha", "beta")
)


def parameters(cell: PinskyRinzel, dt_ms: float, half: bool) -> list[float]:
    """What ``step`` needs of a cell; see ``booth_rinzel_kiehn.parameters``."""
    soma, dendrite = (1e3 * cell.area_um2 * UM2_TO_CM2 * share for share in (cell.p, 1.0 - cell.p))
    solved_ms = dt_ms / 2.0 if half else dt_ms
    return [
        cell.C * soma / solved_ms, cell.C * dendrite / solved_ms, cell.coupling_uS, 2.0 if half else 1.0, dt_ms,
        cell.g_L * soma, cell.g_Na * soma, cell.g_Kdr * soma, cell.g_L * dendrite, cell.g_Ca * dendrite,
        cell.g_KC * dendrite, cell.g_KAHP * dendrite, cell.V_L, cell.V_Na, cell.V_K, cell.V_Ca,
        -0.13 / 0.075 / dendrite, -math.expm1(-0.075 * dt_ms),
    ]  # fmt: skip


def start(cell: PinskyRinzel) -> list[float]:
    """The cell's own variables at ``v_init``, settled there."""
    state = dict(zip(cell.state_names, cell.initial_state(), strict=True))
    return [state[name] for name in STATES] + [pinsky_rinzel.m_inf(cell.v_init - pinsky_rinzel.PAPER_ZERO)]


@numba.njit(**OPTIONS)
def step(block, p):
    """Solve the voltages for a step, then advance the gates; m is held during a step, as in the NEURON mechanism."""
    c_s, c_d, gc, ahead, dt = p[0], p[1], p[2], p[3], p[4]
    g_L_s, g_Na, g_Kdr, g_L_d, g_Ca, g_KC, g_KAHP = p[5], p[6], p[7], p[8], p[9], p[10], p[11]
    V_L, V_Na, V_K, V_Ca, Ca_gain, to_Ca = p[12], p[13], p[14], p[15], p[16], p[17]
    for lane in range(W):
        v_s, v_d = block[V_S * W + lane], block[V_D * W + lane]
        h, n, m, s = block[_H * W + lane], block[_N * W + lane], block[_M * W + lane], block[_S * W + lane]
        c, q, Ca = block[_C * W + lane], block[_Q * W + lane], block[_CA * W + lane]
        na = g_Na * m * m * h
        k_s = g_Kdr * n
        ca = g_Ca * s * s
        k_d = g_KC * c * chi(Ca) + g_KAHP * q
        G_s = na + k_s + g_L_s + block[G_S * W + lane]
        G_d = ca + k_d + g_L_d + block[G_D * W + lane]
        axial = gc * (v_d - v_s)
        I_s = axial + na * V_Na + k_s * V_K + g_L_s * V_L + block[J_S * W + lane] - G_s * v_s
        I_d = ca * V_Ca + k_d * V_K + g_L_d * V_L + block[J_D * W + lane] - G_d * v_d - axial
        D_d = c_d + G_d + gc
        change_s = (I_s + gc / D_d * I_d) / (c_s + G_s + gc - gc / D_d * gc)
        v_s, v_d = v_s + ahead * change_s, v_d + ahead * (I_d + gc * change_s) / D_d
        block[_M * W + lane] = m_inf(v_s + 0.5 * (v_s - block[V_OLD * W + lane]) - ZERO)
        block[V_OLD * W + lane] = v_s
        block[V_S * W + lane] = v_s
        block[V_D * W + lane] = v_d
        u_s, u_d = v_s - ZERO, v_d - ZERO
        opens, shuts = alpha_q(Ca), BETA_Q
        block[_Q * W + lane] = q + (1.0 - exp(-dt * (opens + shuts))) * (opens / (opens + shuts) - q)
        block[_CA * W + lane] = Ca + to_Ca * (Ca_gain * ca * (v_d - V_Ca) - Ca)
        opens, shuts = alpha_h(u_s), beta_h(u_s)
        block[_H * W + lane] = h + (1.0 - exp(-dt * (opens + shuts))) * (opens / (opens + shuts) - h)
        opens, shuts = alpha_n(u_s), beta_n(u_s)
        block[_N * W + lane] = n + (1.0 - exp(-dt * (opens + shuts))) * (opens / (opens + shuts) - n)
        opens, shuts = alpha_s(u_d), beta_s(u_d)
        block[_S * W + lane] = s + (1.0 - exp(-dt * (opens + shuts))) * (opens / (opens + shuts) - s)
        opens, shuts = alpha_c(u_d), beta_c(u_d)
        block[_C * W + lane] = c + (1.0 - exp(-dt * (opens + shuts))) * (opens / (opens + shuts) - c)
