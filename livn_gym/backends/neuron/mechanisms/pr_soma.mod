TITLE Soma of the cell of Pinsky & Rinzel, J Comput Neurosci 1:39-60, 1994

COMMENT
Conductances in mS/cm2, potentials in mV. The paper's rates are functions of u = v + 60 mV.
The gate m is held during a step as in brk_soma.mod.
ENDCOMMENT

NEURON {
    THREADSAFE
    SUFFIX pr_soma
    NONSPECIFIC_CURRENT i
    RANGE g_L, g_Na, g_Kdr, V_L, V_Na, V_K, m, v_old
}

PARAMETER {
    g_L = 0.1
    g_Na = 30
    g_Kdr = 15
    V_L = -60
    V_Na = 60
    V_K = -75
}

ASSIGNED {
    v (millivolt)
    i (milliamp/cm2)
    m
    v_old (millivolt)
}

STATE { h n }

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = 1e-3 * (g_L * (v - V_L) + g_Na * m * m * h * (v - V_Na) + g_Kdr * n * (v - V_K))
}

INITIAL {
    v_old = v
    m = m_inf(v + 60)
    h = ah(v + 60) / (ah(v + 60) + bh(v + 60))
    n = an(v + 60) / (an(v + 60) + bn(v + 60))
}

DERIVATIVE states {
    m = m_inf(v + 0.5 * (v - v_old) + 60)
    v_old = v
    h' = ah(v + 60) * (1 - h) - bh(v + 60) * h
    n' = an(v + 60) * (1 - n) - bn(v + 60) * n
}

FUNCTION m_inf(u) { m_inf = am(u) / (am(u) + bm(u)) }
FUNCTION am(u) { am = 0.32 * ratio(13.1 - u, 4) }
FUNCTION bm(u) { bm = 0.28 * ratio(u - 40.1, 5) }
FUNCTION an(u) { an = 0.016 * ratio(35.1 - u, 5) }
FUNCTION bn(u) { bn = 0.25 * exp(0.5 - 0.025 * u) }
FUNCTION ah(u) { ah = 0.128 * exp((17 - u) / 18) }
FUNCTION bh(u) { bh = 4 / (1 + exp((40 - u) / 5)) }

: x / (exp(x / y) - 1), continued through x = 0
FUNCTION ratio(x, y) {
    if (fabs(x / y) < 1e-6) {
        ratio = y * (1 - x / y / 2)
    } else {
        ratio = x / (exp(x / y) - 1)
    }
}
