"""Single, isolated cells integrated by LSODA, as the reference for everything that steps them otherwise."""

import numpy as np
import pytest
from scipy.integrate import odeint

STEP_MS = 0.1
THRESHOLD_MV = -10.0


def simulate(cell, duration_ms, soma_nA=0.0, dendrite_nA=0.0, y0=None):
    """State every 0.1 ms and spike times; a current is a number or a function of the time in ms.

    The relative tolerance is the one the published figures were found with; steps of at most 1 ms keep the
    solver from jumping over the kink of a ramp.
    """
    soma, dendrite = (nA if callable(nA) else (lambda t, nA=nA: nA) for nA in (soma_nA, dendrite_nA))
    t = np.arange(0.0, duration_ms + STEP_MS, STEP_MS)
    y = odeint(
        lambda y, t: cell.derivatives(y.tolist(), soma(t), dendrite(t)),
        cell.initial_state() if y0 is None else y0,
        t,
        rtol=1e-6,
        atol=1e-8,
        hmax=1.0,
        mxstep=100_000,
    )
    v = y[:, 0]
    before = np.flatnonzero((v[:-1] < THRESHOLD_MV) & (v[1:] >= THRESHOLD_MV))
    return y, t[before] + STEP_MS * (THRESHOLD_MV - v[before]) / (v[before + 1] - v[before])


@pytest.fixture(name="simulate", scope="session")
def _simulate():
    return simulate
