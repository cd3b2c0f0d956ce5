"""Two-compartment motoneuron: Booth, Rinzel & Kiehn, J Neurophysiol 78:3371-3385, 1997."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from livn_gym.models.base import Cell
from livn_gym.models.step import LOG2_E, CellStep, MultirateStep, relaxed

# The equations use only floats and math.exp, so that Python can execute them and backends can translate them.
# v is in mV, conductances in mS/cm2, currents in uA/cm2, times in ms.

TAU_mN = 4.0
TAU_hN = 40.0
TAU_mL = 40.0


def x_inf(v: float, theta: float, k: float) -> float:
    """Steady state of a gate that is half open at ``theta``; with a negative ``k`` it opens with depolarisation."""
    return 1.0 / (1.0 + math.exp((v - theta) / k))


def m_inf(v: float) -> float:
    """Instantaneous activation of I_Na."""
    return x_inf(v, -35.0, -7.8)


def h_inf(v: float) -> float:
    """Inactivation of I_Na."""
    return x_inf(v, -55.0, 7.0)


def rate_h(v: float) -> float:
    """Rate at which h relaxes."""
    return (math.exp((v + 50.0) / 15.0) + math.exp(-(v + 50.0) / 16.0)) / 30.0


def tau_h(v: float) -> float:
    """Time constant of h."""
    return 1.0 / rate_h(v)


def n_inf(v: float) -> float:
    """Activation of I_Kdr."""
    return x_inf(v, -28.0, -15.0)


def rate_n(v: float) -> float:
    """Rate at which n relaxes."""
    return (math.exp((v + 40.0) / 40.0) + math.exp(-(v + 40.0) / 50.0)) / 7.0


def tau_n(v: float) -> float:
    """Time constant of n."""
    return 1.0 / rate_n(v)


def mN_inf(v: float) -> float:
    """Activation of I_CaN; its time constant is TAU_mN."""
    return x_inf(v, -30.0, -5.0)


def hN_inf(v: float) -> float:
    """Inactivation of I_CaN; its time constant is TAU_hN."""
    return x_inf(v, -45.0, 5.0)


def mL_inf(v: float) -> float:
    """Activation of I_CaL; its time constant is TAU_mL."""
    return x_inf(v, -40.0, -7.0)


def G_Na(m: float, h: float, g_Na: float) -> float:
    """Conductance of the fast sodium current."""
    return g_Na * m * m * m * h


def G_Kdr(n: float, g_Kdr: float) -> float:
    """Conductance of the delayed-rectifier potassium current."""
    return g_Kdr * n * n * n * n


def G_CaN(mN: float, hN: float, g_CaN: float) -> float:
    """Conductance of the ohmic N-type calcium current."""
    return g_CaN * mN * mN * hN


def G_CaL(mL: float, g_CaL: float) -> float:
    """Conductance of the ohmic L-type calcium current, which does not inactivate."""
    return g_CaL * mL


def G_KCa(Ca: float, g_KCa: float, Kd: float) -> float:
    """Conductance of the calcium-dependent potassium current."""
    return g_KCa * Ca / (Ca + Kd)


def dCa_dt(I_Ca: float, Ca: float, f: float, alpha: float, k_Ca: float) -> float:
    """Rate of change of the calcium concentration of a compartment."""
    return f * (-alpha * I_Ca - k_Ca * Ca)


# A time step; see CellStep.

_NAMES = """
g_Na g_Kdr g_CaN_soma g_KCa_soma g_leak_soma
g_CaN_dendrite g_CaL g_KCa_dendrite g_leak_dendrite E_Na E_K E_Ca Kd f alpha k_Ca
""".split()


def _parameters(cell: BoothRinzelKiehn, dt_ms: float) -> dict[str, float]:
    return {name: getattr(cell, name) for name in _NAMES} | {
        "J_leak_soma": cell.g_leak_soma * cell.E_leak,
        "J_leak_dendrite": cell.g_leak_dendrite * cell.E_leak,
        "minus_dt": -dt_ms,
        "gain_mN": 1.0 - math.exp(-dt_ms / TAU_mN),
        "gain_hN": 1.0 - math.exp(-dt_ms / TAU_hN),
        "gain_mL": 1.0 - math.exp(-dt_ms / TAU_mL),
        # Calcium relaxes with the rate f k_Ca: its change in a step is the initial slope times this.
        "slope_Ca": (1.0 - math.exp(-dt_ms * cell.f * cell.k_Ca)) / (cell.f * cell.k_Ca),
    }


def _conductances(
    v_ahead: float, h: float, n: float, mN_s: float, hN_s: float, mN_d: float, hN_d: float, mL: float, Ca_s: float,
    Ca_d: float, g_Na: float, g_Kdr: float, g_CaN_soma: float, g_KCa_soma: float, g_leak_soma: float,
    g_CaN_dendrite: float, g_CaL: float, g_KCa_dendrite: float, g_leak_dendrite: float, E_Na: float, E_K: float,
    E_Ca: float, Kd: float, J_leak_soma: float, J_leak_dendrite: float,
) -> tuple[float, float, float, float]:  # fmt: skip
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
    v_s: float, v_d: float, h: float, n: float, mN_s: float, hN_s: float, mN_d: float, hN_d: float, mL: float,
    Ca_s: float, Ca_d: float, g_CaN_soma: float, g_CaN_dendrite: float, g_CaL: float, E_Ca: float, f: float,
    alpha: float, k_Ca: float, minus_dt: float, gain_mN: float, gain_hN: float, gain_mL: float, slope_Ca: float,
) -> tuple[float, ...]:  # fmt: skip
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


# The same for the scheme "multirate"; see MultirateStep. What spikes of the soma move is advanced in every step.

_M, _E5, _E7, _E15, _E16 = (LOG2_E / k for k in (7.8, 5.0, 7.0, 15.0, 16.0))  # exp2(v * _E5) is exp(v / 5)


def _approximate_rate_n(v: float) -> float:
    """Return ``rate_n`` from -120 to 80 mV, with a relative error of 6e-4."""
    w = v * 0.01 + 0.2
    return 0.331390 + w * (0.398933 + w * (0.925700 + w * (0.467081 + w * (0.448166 + w * (0.210607 + w * 0.0987116)))))


def _slow_parameters(cell: BoothRinzelKiehn, dt_ms: float, slow_ms: float) -> dict[str, float]:
    return {
        "step_ms": dt_ms,
        "slow_gain_mN": 1.0 - math.exp(-slow_ms / TAU_mN),
        "slow_gain_hN": 1.0 - math.exp(-slow_ms / TAU_hN),
        "slow_gain_mL": 1.0 - math.exp(-slow_ms / TAU_mL),
        "slow_slope_Ca": (1.0 - math.exp(-slow_ms * cell.f * cell.k_Ca)) / (cell.f * cell.k_Ca),
    }


def _held_conductances(
    mN_d: float, hN_d: float, mL: float, Ca_s: float, Ca_d: float, g_KCa_soma: float, g_leak_soma: float,
    g_CaN_dendrite: float, g_CaL: float, g_KCa_dendrite: float, g_leak_dendrite: float, E_K: float, E_Ca: float,
    Kd: float, J_leak_soma: float, J_leak_dendrite: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    KCa_s = G_KCa(Ca_s, g_KCa_soma, Kd)
    KCa_d = G_KCa(Ca_d, g_KCa_dendrite, Kd)
    CaNL_d = G_CaN(mN_d, hN_d, g_CaN_dendrite) + G_CaL(mL, g_CaL)
    return (
        KCa_s + g_leak_soma,
        KCa_s * E_K + J_leak_soma,
        KCa_d + CaNL_d + g_leak_dendrite,
        KCa_d * E_K + CaNL_d * E_Ca + J_leak_dendrite,
    )


def _fast_conductances(
    n: float, mN_s: float, hN_s: float, g_Kdr: float, g_CaN_soma: float, E_K: float, E_Ca: float
) -> tuple[float, float, float, float]:
    Kdr = G_Kdr(n, g_Kdr)
    CaN_s = G_CaN(mN_s, hN_s, g_CaN_soma)
    return Kdr + CaN_s, Kdr * E_K + CaN_s * E_Ca, 0.0, 0.0


def _instant_conductance(v_ahead: float, h: float, g_Na: float, E_Na: float) -> tuple[float, float]:
    v = min(max(v_ahead, -120.0), 80.0)
    return G_Na(1.0 / (1.0 + math.exp2(v * -_M + -35.0 * _M)), h, g_Na), E_Na


def _advance_slow(
    v_s: float, v_d: float, hN_s: float, mN_d: float, hN_d: float, mL: float, Ca_d: float, g_CaN_dendrite: float,
    g_CaL: float, E_Ca: float, f: float, alpha: float, k_Ca: float, slow_gain_mN: float, slow_gain_hN: float,
    slow_gain_mL: float, slow_slope_Ca: float,
) -> tuple[float, ...]:  # fmt: skip
    I_Ca_d = (G_CaN(mN_d, hN_d, g_CaN_dendrite) + G_CaL(mL, g_CaL)) * (v_d - E_Ca)
    u_s = min(max(v_s, -120.0), 80.0)
    u_d = min(max(v_d, -120.0), 80.0)
    e_d = math.exp2(u_d * _E5 + 30.0 * _E5)  # mN_inf is e / (1 + e), hN_inf is 1 / (1 + e exp(3))
    shut_m, shut_h = 1.0 + e_d, 1.0 + 20.085537 * e_d
    open_d = 1.0 / (shut_m * shut_h)
    open_s = 1.0 / (1.0 + math.exp2(u_s * _E5 + 45.0 * _E5))
    open_L = 1.0 / (1.0 + math.exp2(u_d * -_E7 + -40.0 * _E7))
    return (
        hN_s + slow_gain_hN * (open_s - hN_s),
        mN_d + slow_gain_mN * (e_d * shut_h * open_d - mN_d),
        hN_d + slow_gain_hN * (shut_m * open_d - hN_d),
        mL + slow_gain_mL * (open_L - mL),
        Ca_d + slow_slope_Ca * dCa_dt(I_Ca_d, Ca_d, f, alpha, k_Ca),
    )


def _advance_fast(
    v_s: float, h: float, n: float, mN_s: float, hN_s: float, Ca_s: float, g_CaN_soma: float, E_Ca: float, f: float,
    alpha: float, k_Ca: float, gain_mN: float, slope_Ca: float, step_ms: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    v = min(max(v_s, -120.0), 80.0)
    e_15 = math.exp2(v * _E15 + 50.0 * _E15)
    e_5 = e_15 * e_15 * e_15 * 0.018315639  # exp((v + 30) / 5)
    h_rate = step_ms / 30.0 * (e_15 + math.exp2(v * -_E16 + -50.0 * _E16))
    n_rate = step_ms * _approximate_rate_n(v)
    I_Ca_s = G_CaN(mN_s, hN_s, g_CaN_soma) * (v_s - E_Ca)
    # h_inf is 1 / (1 + exp((v + 55) / 7)), n_inf is e_15 / (e_15 + exp(22 / 15)).
    return (
        relaxed(h, 1.0, 1.0 + math.exp2(v * _E7 + 55.0 * _E7), h_rate),
        relaxed(n, e_15, e_15 + 4.334760, n_rate),
        mN_s + gain_mN * (e_5 / (1.0 + e_5) - mN_s),
        Ca_s + slope_Ca * dCa_dt(I_Ca_s, Ca_s, f, alpha, k_Ca),
    )


@final
@dataclass(frozen=True)
class BoothRinzelKiehn(Cell):
    """Motoneuron. Parameters are named as in the paper: conductances in mS/cm2, potentials in mV.

    The steady states of the gating variables are 1 / (1 + exp((V - theta) / k)); their kinetics are constants in the
    equations of this module. Calcium is in the arbitrary unit of the paper: dCa/dt = f (-alpha I_Ca - k_Ca Ca), with
    I_Ca in uA/cm2.

    Attributes:
        g_Na: Fast sodium conductance of the soma, gated by m_inf**3 h.
        g_Kdr: Delayed-rectifier conductance of the soma, gated by n**4.
        g_CaN_soma: N-type calcium conductance of the soma, gated by mN**2 hN.
        g_KCa_soma: Calcium-dependent potassium conductance of the soma, gated by Ca / (Ca + Kd).
        g_leak_soma: Leak conductance of the soma.
        g_CaN_dendrite: N-type calcium conductance of the dendrite.
        g_CaL: L-type calcium conductance of the dendrite, gated by mL.
        g_KCa_dendrite: Calcium-dependent potassium conductance of the dendrite.
        g_leak_dendrite: Leak conductance of the dendrite.
        E_Na: Reversal potential of sodium.
        E_K: Reversal potential of potassium.
        E_Ca: Reversal potential of calcium.
        E_leak: Reversal potential of the leak.
        Kd: Calcium concentration of half activation of KCa, arbitrary unit.
        f: Fraction of free calcium.
        alpha: Calcium influx per current.
        k_Ca: Rate of calcium removal, 1/ms.
    """

    config_name: ClassVar[str] = "booth_rinzel_kiehn"
    state_names: ClassVar[tuple[str, ...]] = (
        "V_soma",
        "V_dendrite",
        "h",
        "n",
        "mN_soma",
        "hN_soma",
        "mN_dendrite",
        "hN_dendrite",
        "mL",
        "Ca_soma",
        "Ca_dendrite",
    )
    """Order of the state in ``initial_state`` and ``derivatives``."""
    step = CellStep(
        states=("h", "n", "mN_s", "hN_s", "mN_d", "hN_d", "mL", "Ca_s", "Ca_d"),
        initial=lambda cell: cell.initial_state()[2:],
        parameters=_parameters,
        conductances=_conductances,
        advance=_advance,
        multirate=MultirateStep(
            slow=("hN_s", "mN_d", "hN_d", "mL", "Ca_d"),
            parameters=_slow_parameters,
            held_conductances=_held_conductances,
            conductances=_fast_conductances,
            instant_conductance=_instant_conductance,
            correct_above_mV=-50.0,
            advance_slow=_advance_slow,
            advance=_advance_fast,
        ),
    )

    g_Na: float
    g_Kdr: float
    g_CaN_soma: float
    g_KCa_soma: float
    g_leak_soma: float
    g_CaN_dendrite: float
    g_CaL: float
    g_KCa_dendrite: float
    g_leak_dendrite: float
    E_Na: float
    E_K: float
    E_Ca: float
    E_leak: float
    Kd: float
    f: float
    alpha: float
    k_Ca: float

    def initial_state(self, v: float | None = None) -> list[float]:
        """Return the equilibrium state of gates and calcium with both compartments at ``v`` mV (default ``v_init``)."""
        v = self.v_init if v is None else v
        mN, hN, mL = mN_inf(v), hN_inf(v), mL_inf(v)
        I_Ca_soma = G_CaN(mN, hN, self.g_CaN_soma) * (v - self.E_Ca)
        I_Ca_dendrite = (G_CaN(mN, hN, self.g_CaN_dendrite) + G_CaL(mL, self.g_CaL)) * (v - self.E_Ca)
        calcium = -self.alpha / self.k_Ca
        return [v, v, h_inf(v), n_inf(v), mN, hN, mN, hN, mL, calcium * I_Ca_soma, calcium * I_Ca_dendrite]

    def derivatives(self, y: Sequence[float], soma_nA: float = 0.0, dendrite_nA: float = 0.0) -> list[float]:
        """Return the right-hand side of the differential equations of an isolated cell.

        Args:
            y: State ``[11]`` in the order of ``state_names``: mV, gates, calcium in arbitrary units.
            soma_nA: Current into the soma, nA; positive currents depolarise.
            dendrite_nA: Current into the dendrite, nA.

        Returns:
            Rate of change of the state, per ms, ``[11]``.
        """
        v_s, v_d, h, n, mN_s, hN_s, mN_d, hN_d, mL, Ca_s, Ca_d = y
        I_Ca_s = G_CaN(mN_s, hN_s, self.g_CaN_soma) * (v_s - self.E_Ca)
        I_Ca_d = (G_CaN(mN_d, hN_d, self.g_CaN_dendrite) + G_CaL(mL, self.g_CaL)) * (v_d - self.E_Ca)
        I_s = (
            G_Na(m_inf(v_s), h, self.g_Na) * (v_s - self.E_Na)
            + G_Kdr(n, self.g_Kdr) * (v_s - self.E_K)
            + I_Ca_s
            + G_KCa(Ca_s, self.g_KCa_soma, self.Kd) * (v_s - self.E_K)
            + self.g_leak_soma * (v_s - self.E_leak)
            - soma_nA / self.density_to_nA(1.0, "soma")
        )
        I_d = (
            I_Ca_d
            + G_KCa(Ca_d, self.g_KCa_dendrite, self.Kd) * (v_d - self.E_K)
            + self.g_leak_dendrite * (v_d - self.E_leak)
            - dendrite_nA / self.density_to_nA(1.0, "dendrite")
        )
        return [
            (self.gc / self.p * (v_d - v_s) - I_s) / self.C,
            (self.gc / (1.0 - self.p) * (v_s - v_d) - I_d) / self.C,
            (h_inf(v_s) - h) / tau_h(v_s),
            (n_inf(v_s) - n) / tau_n(v_s),
            (mN_inf(v_s) - mN_s) / TAU_mN,
            (hN_inf(v_s) - hN_s) / TAU_hN,
            (mN_inf(v_d) - mN_d) / TAU_mN,
            (hN_inf(v_d) - hN_d) / TAU_hN,
            (mL_inf(v_d) - mL) / TAU_mL,
            dCa_dt(I_Ca_s, Ca_s, self.f, self.alpha, self.k_Ca),
            dCa_dt(I_Ca_d, Ca_d, self.f, self.alpha, self.k_Ca),
        ]
