TITLE A membrane current G v - J (G in mS/cm2, J in uA/cm2) whose G and J another mechanism sets

NEURON {
    THREADSAFE
    SUFFIX held_current
    NONSPECIFIC_CURRENT i
    RANGE G, J
}

ASSIGNED {
    v (millivolt)
    i (milliamp/cm2)
    G
    J
}

BREAKPOINT {
    i = 1e-3 * (G * v - J)
}
