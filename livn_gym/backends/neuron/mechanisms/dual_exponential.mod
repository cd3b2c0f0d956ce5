TITLE All synapses of one receptor on one compartment, with depression per presynaptic stream

COMMENT
g = norm (B - A): dual exponential of unit peak for a unit weight, uS. With mg > 0 the magnesium block of
Jahr & Stevens, J Neurosci 10:3178, 1990. A NetCon carries the resources x of Tsodyks & Markram, PNAS 94:719,
1997: a spike arrives with strength w x and leaves x (1 - U). Arrivals are rounded to 2^-40 uS and collected,
so that their sum does not depend on the order in which the queue hands them over. The block is held during a step.
ENDCOMMENT

NEURON {
    THREADSAFE
    POINT_PROCESS DualExponential
    NONSPECIFIC_CURRENT i
    RANGE tau_rise, tau_decay, norm, e, mg, A, B, arrived, open
}

PARAMETER {
    tau_rise = 0.5 (ms)
    tau_decay = 3 (ms)
    norm = 1
    e = 0 (millivolt)
    mg = 0 (milli/liter)
}

ASSIGNED {
    v (millivolt)
    i (nanoamp)
    A (microsiemens)
    B (microsiemens)
    arrived (microsiemens)
    dt (ms)
    open
    keep_rise
    keep_decay
}

INITIAL {
    A = 0
    B = 0
    arrived = 0
    keep_rise = exp(-dt / tau_rise)
    keep_decay = exp(-dt / tau_decay)
    unblock()
}

BREAKPOINT {
    SOLVE advance
    i = norm * (B - A) * open * (v - e)
}

PROCEDURE advance() {
    A = (A + arrived) * keep_rise
    B = (B + arrived) * keep_decay
    arrived = 0
    unblock()
}

PROCEDURE unblock() {
    if (mg > 0) {
        open = 1 / (1 + exp(-0.062 * v) * mg / 3.57)
    } else {
        open = 1
    }
}

NET_RECEIVE(w (microsiemens), U, tau_rec (ms), x, last) {
    LOCAL now
    INITIAL {
        x = 1
        last = 0
    }
    now = floor(t / dt + 0.5)
    x = 1 - (1 - x) * exp(-(now - last) * dt / tau_rec)
    last = now
    arrived = arrived + floor(w * x * 1099511627776.0 + 0.5) / 1099511627776.0
    x = x * (1 - U)
}
