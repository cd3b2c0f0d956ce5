TITLE Dendrite of the cell of Pinsky & Rinzel, J Comput Neurosci 1:39-60, 1994

COMMENT
Conductances in mS/cm2, potentials in mV, I_Ca in uA/cm2 of the dendrite, calcium in the paper's unit.
The paper's rates are functions of u = v + 60 mV.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX pr_dendrite
    NONSPECIFIC_CURRENT i
    RANGE g_L, g_Ca, g_KC, g_KAHP, V_L, V_K, V_Ca
}

PARAMETER {
    g_L = 0.1
    g_Ca = 10
    g_KC = 15
    g_KAHP = 0.8
    V_L = -60
    V_K = -75
    V_Ca = 80
}

ASSIGNED {
    v (millivolt)
    i (milliamp/cm2)
}

STATE { Ca q s c }

BREAKPOINT {
    LOCAL chi
    SOLVE states METHOD cnexp
    chi = Ca / 250
    if (chi > 1) { chi = 1 }
    i = 1e-3 * (g_L * (v - V_L) + I_Ca(v) + (g_KC * c * chi + g_KAHP * q) * (v - V_K))
}

INITIAL {
    s = as(v + 60) / (as(v + 60) + bs(v + 60))
    c = ac(v + 60) / (ac(v + 60) + bc(v + 60))
    Ca = -0.13 * I_Ca(v) / 0.075
    q = aq(Ca) / (aq(Ca) + 0.001)
}

DERIVATIVE states {
    q' = aq(Ca) * (1 - q) - 0.001 * q
    Ca' = -0.13 * I_Ca(v) - 0.075 * Ca
    s' = as(v + 60) * (1 - s) - bs(v + 60) * s
    c' = ac(v + 60) * (1 - c) - bc(v + 60) * c
}

FUNCTION I_Ca(v) {
    I_Ca = g_Ca * s * s * (v - V_Ca)
}

FUNCTION as(u) { as = 1.6 / (1 + exp(-0.072 * (u - 65))) }
FUNCTION bs(u) { bs = 0.02 * ratio(u - 51.1, 5) }

FUNCTION ac(u) {
    if (u <= 50) {
        ac = exp((u - 10) / 11 - (u - 6.5) / 27) / 18.975
    } else {
        ac = 2 * exp((6.5 - u) / 27)
    }
}

FUNCTION bc(u) {
    if (u <= 50) {
        bc = 2 * exp((6.5 - u) / 27) - ac(u)
    } else {
        bc = 0
    }
}

FUNCTION aq(Ca) {
    aq = 2e-5 * Ca
    if (aq > 0.01) { aq = 0.01 }
}

: x / (exp(x / y) - 1), continued through x = 0
FUNCTION ratio(x, y) {
    if (fabs(x / y) < 1e-6) {
        ratio = y * (1 - x / y / 2)
    } else {
        ratio = x / (exp(x / y) - 1)
    }
}
