TITLE What a stimulus does to a compartment: a current, and a conductance towards a reversal potential

NEURON {
    THREADSAFE
    POINT_PROCESS CellInput
    NONSPECIFIC_CURRENT i
    RANGE amp, g, e
}

PARAMETER {
    amp = 0 (nanoamp)
    g = 0 (microsiemens)
    e = 0 (millivolt)
}

ASSIGNED {
    v (millivolt)
    i (nanoamp)
}

BREAKPOINT {
    i = g * (v - e) - amp
}
