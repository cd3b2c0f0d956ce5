"""Where the numbers of 16 cells lie in a block: ``block[variable * W + lane]``, every offset a constant.

With one flat array and constant offsets the compiler sees that lanes do not touch each other and takes a block's
cells together in SIMD registers.
"""

from __future__ import annotations

W = 16
"""Lanes, i.e. cells, in a block."""

(
    V_S,  # voltage of the soma, mV
    V_D,  # and of the dendrite
    V_OLD,  # the soma's a step ago, for cells with an instantaneous gate
    AMP_S,  # current into the soma, nA
    AMP_D,  # and into the dendrite
    G_IN,  # conductance of the stimulus at the soma, uS
    E_IN,  # and its reversal potential, mV
    Y_E,  # excitatory noise, unit variance
    Y_I,  # inhibitory noise
    DRAW_E,  # this step's normal numbers
    DRAW_I,
    ABOVE,  # 1 where the soma was above the threshold
    OPEN,  # share of NMDA channels without magnesium
    G_S,  # what the environment of the membrane adds at the soma: conductance, uS
    J_S,  # and conductance times reversal potential plus current, nA
    G_D,  # the same at the dendrite
    J_D,
) = range(17)

RECEPTORS = ("AMPA", "NMDA", "GABA_A")
A, B, ARRIVED = range(3)
RECEPTOR = 17
"""Variables of receptor r start at ``RECEPTOR + 3 r``: A, B, ARRIVED (uS)."""

CELL = RECEPTOR + 3 * len(RECEPTORS)
"""A cell's own variables start here."""

OWN = 10
SIZE = (CELL + OWN) * W
"""Numbers in a block."""
