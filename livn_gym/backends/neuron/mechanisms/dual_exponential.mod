TITLE All synapses of one receptor on one compartment, with depression per presynaptic stream

COMMENT
g = norm (B - A): dual exponential of unit peak for a unit weight, uS. With mg > 0 the magnesium block of
Jahr & Stevens, J Neurosci 10:3178, 1990. A NetCon carries the resources x of Tsodyks & Markram, PNAS 94:719,
1997: a spike arrives with strength w x and leaves x (1 - U). Arrivals are rounded to 2^-40 uS and collected,
so that their sum does not depend on the order in which the queue hands them over. The block is held during a step.

A NetCon with a bound above 0 is plastic, by the rules of livn_gym.plasticity: it carries the traces px at step pre (its
last arrival) and py at step post (the last spike of its own cell), and the rule's numbers. A NetCon with U below 0
brings the cell's own spikes, a fraction of a step late, so that what arrives in the same step comes first.
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

NET_RECEIVE(w (microsiemens), U, tau_rec (ms), x, last, px, pre, py, post, on_post, on_pre, constant, tau_x (ms), tau_y (ms), bound, soft) {
    LOCAL now
    INITIAL {
        x = 1
        last = 0
        px = 0
        pre = 0
        py = 0
        post = -1
    }
    now = floor(t / dt + 0.5)
    if (U < 0) {
        FOR_NETCONS(w_, U_, tau_rec_, x_, last_, px_, pre_, py_, post_, on_post_, on_pre_, constant_, tau_x_, tau_y_, bound_, soft_) {
            if (bound_ > 0) {
                w_ = bounded(w_, on_post_ * px_ * exp(-(now - pre_) * dt / tau_x_), bound_, soft_)
                py_ = py_ * exp(-(now - post_) * dt / tau_y_) + 1
                post_ = now
            }
        }
    } else {
        if (bound > 0) {
            w = bounded(w, on_pre * py * exp(-(now - post) * dt / tau_y) + constant, bound, soft)
            px = px * exp(-(now - pre) * dt / tau_x) + 1
            pre = now
        }
        x = 1 - (1 - x) * exp(-(now - last) * dt / tau_rec)
        last = now
        arrived = arrived + floor(w * x * 1099511627776.0 + 0.5) / 1099511627776.0
        x = x * (1 - U)
    }
}

FUNCTION bounded(w, change, bound, soft) {
    LOCAL d
    d = change
    if (soft > 0) {
        if (d > 0) {
            d = d * (1 - w / bound)
        } else {
            d = d * (w / bound)
        }
    }
    bounded = w + d
    if (bounded < 0) { bounded = 0 }
    if (bounded > bound) { bounded = bound }
}
