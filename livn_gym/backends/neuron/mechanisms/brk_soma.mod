TITLE Soma of the motoneuron of Booth, Rinzel & Kiehn, J Neurophysiol 78:3371-3385, 1997

COMMENT
Conductances in mS/cm2, potentials in mV, I_Ca in uA/cm2, calcium in the paper's arbitrary unit.
The calcium pool sees the current of its own compartment, at the voltage of the step's end.
The instantaneous gate m is taken at the voltage extrapolated half a step ahead and held during the step, so that
the current is linear in v. With m inside the current NEURON's linearised step sees a negative conductance larger
than C / dt during the upstroke and overshoots by hundreds of mV.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX brk_soma
    NONSPECIFIC_CURRENT i
    RANGE g_Na, g_Kdr, g_CaN, g_KCa, g_leak, E_Na, E_K, E_Ca, E_leak, Kd, f, alpha, k_Ca, m, v_old
}

PARAMETER {
    g_Na = 120
    g_Kdr = 100
    g_CaN = 14
    g_KCa = 5
    g_leak = 0.51
    E_Na = 55
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
    m
    v_old (millivolt)
}

STATE { Ca h n mN hN }

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = 1e-3 * (g_Na * m * m * m * h * (v - E_Na) + g_Kdr * n * n * n * n * (v - E_K) + I_Ca(v) + g_KCa * Ca / (Ca + Kd) * (v - E_K) + g_leak * (v - E_leak))
}

INITIAL {
    v_old = v
    m = x_inf(v, -35, -7.8)
    h = x_inf(v, -55, 7)
    n = x_inf(v, -28, -15)
    mN = x_inf(v, -30, -5)
    hN = x_inf(v, -45, 5)
    Ca = -alpha * I_Ca(v) / k_Ca
}

DERIVATIVE states {
    m = x_inf(v + 0.5 * (v - v_old), -35, -7.8)
    v_old = v
    Ca' = f * (-alpha * I_Ca(v) - k_Ca * Ca)
    h' = (x_inf(v, -55, 7) - h) / (30 / (exp((v + 50) / 15) + exp(-(v + 50) / 16)))
    n' = (x_inf(v, -28, -15) - n) / (7 / (exp((v + 40) / 40) + exp(-(v + 40) / 50)))
    mN' = (x_inf(v, -30, -5) - mN) / 4
    hN' = (x_inf(v, -45, 5) - hN) / 40
}

FUNCTION I_Ca(v) {
    I_Ca = g_CaN * mN * mN * hN * (v - E_Ca)
}

FUNCTION x_inf(v, theta, k) {
    x_inf = 1 / (1 + exp((v - theta) / k))
}
