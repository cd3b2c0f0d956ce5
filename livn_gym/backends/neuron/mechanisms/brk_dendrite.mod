TITLE Dendrite of the motoneuron of Booth, Rinzel & Kiehn, J Neurophysiol 78:3371-3385, 1997

COMMENT
Units and conventions as in brk_soma.mod.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX brk_dendrite
    NONSPECIFIC_CURRENT i
    RANGE g_CaN, g_CaL, g_KCa, g_leak, E_K, E_Ca, E_leak, Kd, f, alpha, k_Ca
}

PARAMETER {
    g_CaN = 0.03
    g_CaL = 0.33
    g_KCa = 1.1
    g_leak = 0.51
    E_K = -80
    E_Ca = 80
    E_leak = -60
    Kd = 0.2
    f = 0.01
    alpha = 0.009
    k_Ca = 2
}

ASSIGNED {
    v (millivolt)
    i (milliamp/cm2)
}

STATE { Ca mN hN mL }

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = 1e-3 * (I_Ca(v) + g_KCa * Ca / (Ca + Kd) * (v - E_K) + g_leak * (v - E_leak))
}

INITIAL {
    mN = x_inf(v, -30, -5)
    hN = x_inf(v, -45, 5)
    mL = x_inf(v, -40, -7)
    Ca = -alpha * I_Ca(v) / k_Ca
}

DERIVATIVE states {
    Ca' = f * (-alpha * I_Ca(v) - k_Ca * Ca)
    mN' = (x_inf(v, -30, -5) - mN) / 4
    hN' = (x_inf(v, -45, 5) - hN) / 40
    mL' = (x_inf(v, -40, -7) - mL) / 40
}

FUNCTION I_Ca(v) {
    I_Ca = (g_CaN * mN * mN * hN + g_CaL * mL) * (v - E_Ca)
}

FUNCTION x_inf(v, theta, k) {
    x_inf = 1 / (1 + exp((v - theta) / k))
}
