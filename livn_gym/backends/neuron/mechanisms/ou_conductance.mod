TITLE Background conductance: an Ornstein-Uhlenbeck process clipped at 0

COMMENT
Destexhe, Rudolph, Fellous & Sejnowski, Neuroscience 107:13-24, 2001; the exact update of a unit process y,
g = max(0, g0 + std y). The normal numbers are those of livn_gym.numerics.noise: Philox4x32-10 (Salmon et al.,
SC '11) with the seed as key and the counter (step / 2, cell, trial). Two of its four words serve an even step, two the
odd step after it; Box-Muller's cosine is the excitatory process of a cell, its sine the inhibitory one. The formulas
use + - * / and sqrt only, in the same order as there.
ENDCOMMENT

NEURON {
    THREADSAFE
    POINT_PROCESS OUConductance
    NONSPECIFIC_CURRENT i
    RANGE g0, std, tau, e, seed_low, seed_high, trial, cell, receptor, count, y, g, odd_radius, odd_angle
}

PARAMETER {
    g0 = 0 (microsiemens)
    std = 0 (microsiemens)
    tau = 2.7 (ms)
    e = 0 (millivolt)
    seed_low = 0
    seed_high = 0
    trial = 0
    cell = 0
    receptor = 0
}

ASSIGNED {
    v (millivolt)
    i (nanoamp)
    g (microsiemens)
    y
    count
    odd_radius
    odd_angle
    dt (ms)
    keep_tau (ms)
    keep
    spread
}

INITIAL {
    y = 0
    count = 0
    keep_tau = 0
}

BREAKPOINT {
    SOLVE advance
    g = g0 + std * y
    if (g < 0) { g = 0 }
    i = g * (v - e)
}

PROCEDURE advance() {
    if (keep_tau != tau) {
        keep_tau = tau
        keep = exp(-dt / tau)
        spread = sqrt(1 - keep * keep)
    }
    y = keep * y + spread * draw()
    count = count + 1
}

FUNCTION draw() {
VERBATIM
    uint32_t x0, x1;
    const uint64_t step = (uint64_t) count;
    if (step & 1U) {
        x0 = (uint32_t) odd_radius;
        x1 = (uint32_t) odd_angle;
    } else {
        uint32_t x2 = (uint32_t) cell, x3 = (uint32_t) trial, k0 = (uint32_t) seed_low, k1 = (uint32_t) seed_high;
        x0 = (uint32_t) (step >> 1);
        x1 = (uint32_t) (step >> 33);
        for (int round = 0; round < 10; round++) {
            const uint64_t first = 0xD2511F53ULL * x0, second = 0xCD9E8D57ULL * x2;
            x0 = (uint32_t) (second >> 32) ^ x1 ^ k0;
            x1 = (uint32_t) second;
            x2 = (uint32_t) (first >> 32) ^ x3 ^ k1;
            x3 = (uint32_t) first;
            k0 += 0x9E3779B9U;
            k1 += 0xBB67AE85U;
        }
        odd_radius = x2;
        odd_angle = x3;
    }
    /* logarithm of (x0 + 0.5) / 2^32 */
    int exponent;
    double mantissa = frexp(((double) x0 + 0.5) * 0x1p-32, &exponent);
    if (mantissa < 0.7071067811865476) {
        mantissa = 2.0 * mantissa;
        exponent -= 1;
    }
    double s = (mantissa - 1.0) / (mantissa + 1.0), square = s * s, p = 1.0 / 23;
    for (int n = 21; n >= 3; n -= 2) p = p * square + 1.0 / n;
    double log_u = exponent * 6.93147180369123816490e-01
        + (2.0 * s + (2.0 * s * square * p + exponent * 1.90821492927058770002e-10));
    double radius = sqrt(-2.0 * log_u);
    /* an angle around one of the four axes */
    double phi = 1.5707963267948966 * (((double) (x1 & 0x3FFFFFFFU) + 0.5) * 0x1p-30 - 0.5);
    square = phi * phi;
    unsigned quadrant = x1 >> 30;
    if ((quadrant & 1U) == (receptor == 0)) {
        p = -1.0 / 1307674368000.0;
        p = p * square + 1.0 / 6227020800.0;
        p = p * square - 1.0 / 39916800.0;
        p = p * square + 1.0 / 362880.0;
        p = p * square - 1.0 / 5040.0;
        p = p * square + 1.0 / 120.0;
        p = p * square - 1.0 / 6.0;
        p = phi + phi * square * p;
    } else {
        p = 1.0 / 20922789888000.0;
        p = p * square - 1.0 / 87178291200.0;
        p = p * square + 1.0 / 479001600.0;
        p = p * square - 1.0 / 3628800.0;
        p = p * square + 1.0 / 40320.0;
        p = p * square - 1.0 / 720.0;
        p = p * square + 1.0 / 24.0;
        p = p * square - 1.0 / 2.0;
        p = 1.0 + square * p;
    }
    /* cosine is negative in quadrants 1 and 2, sine in 2 and 3 */
    int negative = receptor == 0 ? (quadrant == 1 || quadrant == 2) : (quadrant >= 2);
    return negative ? -(radius * p) : radius * p;
ENDVERBATIM
}
