"""What every cell has: synapses, noise and stimulus before the step, and what becomes of them after it."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from livn_gym.backends.native.elementary import OPTIONS, exp
from livn_gym.backends.native.layout import (
    ABOVE,
    AMP_D,
    AMP_S,
    ARRIVED,
    DRAW_E,
    DRAW_I,
    E_IN,
    G_D,
    G_IN,
    G_S,
    J_D,
    J_S,
    OPEN,
    RECEPTOR,
    RECEPTORS,
    V_D,
    V_S,
    Y_E,
    Y_I,
    A,
    B,
    W,
)
from livn_gym.models import Model, Noise, Receptor
from livn_gym.units import NS_TO_US

AMPA, NMDA, GABA = (RECEPTOR + 3 * r for r in range(3))

# Places in the parameters of a population
_NORM, _E, _KEEP_A, _KEEP_B, _ON_D = range(5)
_EACH = 5
_MG = 3 * _EACH
_G_E, _STD_E, _KEEP_E, _SPREAD_E, _E_E, _E_ON_D = range(_MG + 1, _MG + 7)
_G_I, _STD_I, _KEEP_I, _SPREAD_I, _E_I, _I_ON_D = range(_MG + 7, _MG + 13)
NUM_PARAMETERS = _MG + 13


def set_receptors(
    parameters: NDArray[np.float64], model: Model, population: str, receptors: dict[str, Receptor], dt_ms: float
) -> None:
    """Fill in a population's receptors and where they and the noise sit."""
    for slot, name in enumerate(RECEPTORS):
        receptor = receptors.get(name) or model.receptor(population, name)
        first = slot * _EACH
        parameters[first + _NORM] = receptor.normalisation
        parameters[first + _E] = receptor.reversal_mV
        parameters[first + _KEEP_A] = math.exp(-dt_ms / receptor.tau_rise_ms)
        parameters[first + _KEEP_B] = math.exp(-dt_ms / receptor.tau_decay_ms)
        parameters[first + _ON_D] = model.receptor_site(population, name) == "dendrite"
        if name == "NMDA":
            parameters[_MG] = receptor.magnesium_mM or 0.0
    parameters[_E_ON_D] = model.noise_site(population, "e") == "dendrite"
    parameters[_I_ON_D] = model.noise_site(population, "i") == "dendrite"


def set_noise(parameters: NDArray[np.float64], noise: Noise, dt_ms: float) -> None:
    """Fill in a population's noise."""
    for first, mean, std, tau, reversal in (
        (_G_E, noise.g_e0, noise.std_e, noise.tau_e, noise.E_e),
        (_G_I, noise.g_i0, noise.std_i, noise.tau_i, noise.E_i),
    ):
        keep = math.exp(-dt_ms / tau)
        values = (mean * NS_TO_US, std * NS_TO_US, keep, math.sqrt(1.0 - keep * keep), reversal)
        parameters[first : first + 5] = values


def unblocked(v_mV: float, parameters: NDArray[np.float64]) -> float:
    """Share of open NMDA channels at a voltage, for the start."""
    return 1.0 / (1.0 + math.exp(-0.062 * v_mV) * parameters[_MG] / 3.57)


@numba.njit(**OPTIONS)
def gather(block, p):
    """Sum up what synapses, noise and stimulus add to the membrane: conductance G, and J with I = G v - J."""
    norm_a, e_a, d_a = p[_NORM], p[_E], p[_ON_D]
    norm_n, e_n, d_n = p[_EACH + _NORM], p[_EACH + _E], p[_EACH + _ON_D]
    norm_g, e_g, d_g = p[2 * _EACH + _NORM], p[2 * _EACH + _E], p[2 * _EACH + _ON_D]
    g_e, std_e, e_e, d_e = p[_G_E], p[_STD_E], p[_E_E], p[_E_ON_D]
    g_i, std_i, e_i, d_i = p[_G_I], p[_STD_I], p[_E_I], p[_I_ON_D]
    for lane in range(W):
        ampa = norm_a * (block[(AMPA + B) * W + lane] - block[(AMPA + A) * W + lane])
        nmda = norm_n * (block[(NMDA + B) * W + lane] - block[(NMDA + A) * W + lane]) * block[OPEN * W + lane]
        gaba = norm_g * (block[(GABA + B) * W + lane] - block[(GABA + A) * W + lane])
        noise_e = max(g_e + std_e * block[Y_E * W + lane], 0.0)
        noise_i = max(g_i + std_i * block[Y_I * W + lane], 0.0)
        given = block[G_IN * W + lane]
        g_d = d_a * ampa + d_n * nmda + d_g * gaba + d_e * noise_e + d_i * noise_i
        j_d = d_a * ampa * e_a + d_n * nmda * e_n + d_g * gaba * e_g + d_e * noise_e * e_e + d_i * noise_i * e_i
        g = ampa + nmda + gaba + noise_e + noise_i
        j = ampa * e_a + nmda * e_n + gaba * e_g + noise_e * e_e + noise_i * e_i
        block[G_D * W + lane] = g_d
        block[J_D * W + lane] = j_d + block[AMP_D * W + lane]
        block[G_S * W + lane] = g - g_d + given
        block[J_S * W + lane] = j - j_d + given * block[E_IN * W + lane] + block[AMP_S * W + lane]


@numba.njit(**OPTIONS)
def advance(block, p):
    """Advance synapses and noise by a step, after the voltages."""
    keep_aa, keep_ab = p[_KEEP_A], p[_KEEP_B]
    keep_na, keep_nb = p[_EACH + _KEEP_A], p[_EACH + _KEEP_B]
    keep_ga, keep_gb = p[2 * _EACH + _KEEP_A], p[2 * _EACH + _KEEP_B]
    on_dendrite, mg = p[_EACH + _ON_D], p[_MG]
    keep_e, spread_e, keep_i, spread_i = p[_KEEP_E], p[_SPREAD_E], p[_KEEP_I], p[_SPREAD_I]
    for lane in range(W):
        arrived = block[(AMPA + ARRIVED) * W + lane]
        block[(AMPA + A) * W + lane] = (block[(AMPA + A) * W + lane] + arrived) * keep_aa
        block[(AMPA + B) * W + lane] = (block[(AMPA + B) * W + lane] + arrived) * keep_ab
        block[(AMPA + ARRIVED) * W + lane] = 0.0
        arrived = block[(NMDA + ARRIVED) * W + lane]
        block[(NMDA + A) * W + lane] = (block[(NMDA + A) * W + lane] + arrived) * keep_na
        block[(NMDA + B) * W + lane] = (block[(NMDA + B) * W + lane] + arrived) * keep_nb
        block[(NMDA + ARRIVED) * W + lane] = 0.0
        arrived = block[(GABA + ARRIVED) * W + lane]
        block[(GABA + A) * W + lane] = (block[(GABA + A) * W + lane] + arrived) * keep_ga
        block[(GABA + B) * W + lane] = (block[(GABA + B) * W + lane] + arrived) * keep_gb
        block[(GABA + ARRIVED) * W + lane] = 0.0
        v = block[V_D * W + lane] if on_dendrite > 0.5 else block[V_S * W + lane]
        block[OPEN * W + lane] = 1.0 / (1.0 + exp(-0.062 * v) * mg / 3.57)
        block[Y_E * W + lane] = keep_e * block[Y_E * W + lane] + spread_e * block[DRAW_E * W + lane]
        block[Y_I * W + lane] = keep_i * block[Y_I * W + lane] + spread_i * block[DRAW_I * W + lane]


@numba.njit(**OPTIONS)
def any_above(block, threshold):
    """Whether any lane is above the threshold or was: in most steps none is, and no lane need be looked at."""
    count = 0.0
    for lane in range(W):
        count += (1.0 if block[V_S * W + lane] > threshold else 0.0) + block[ABOVE * W + lane]
    return count > 0.0
