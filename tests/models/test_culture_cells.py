"""The culture sets: rest, silence, and rates between 1 and 80 Hz."""

import numpy as np
import pytest

from livn_gym.models import ReducedCalciumSomaDendrite

MODEL = ReducedCalciumSomaDendrite()


def late_rate_hz(simulate, cell, duration_ms, soma_nA=0.0, dendrite_nA=0.0):
    """Rate after the first second."""
    spikes = simulate(cell, duration_ms, soma_nA, dendrite_nA)[1]
    return (spikes > 1000.0).sum() / (duration_ms - 1000.0) * 1e3


@pytest.mark.parametrize(("population", "stated"), [("EXC", -59.0), ("INH", -60.0)])
def test_cell_rests_at_v_init_and_is_silent(simulate, population, stated):
    cell = MODEL.cells[population]
    y, spikes = simulate(cell, 3000.0)
    assert len(spikes) == 0
    assert y[-1, 0] == pytest.approx(cell.v_init, abs=0.05)
    assert y[-1, 0] == pytest.approx(stated, abs=0.5)
    assert -62.0 < y[-1, 0] < -55.0
    assert np.ptp(y[-1000:, 0]) < 1e-3


# nA into a compartment and the rate of benchmarks/engine/f_i_curves.py, Hz; 2 % for the solver and the count.
POINTS = [
    ("EXC", "soma", 0.036, 0.0),
    ("EXC", "soma", 0.038, 6.8),
    ("EXC", "soma", 0.05, 33.6),
    ("EXC", "soma", 0.08, 74.0),
    ("EXC", "dendrite", 0.088, 0.0),
    ("EXC", "dendrite", 0.1, 20.1),
    ("EXC", "dendrite", 0.2, 73.3),
    ("INH", "soma", 0.002, 0.0),
    ("INH", "soma", 0.01, 10.2),
    ("INH", "soma", 0.03, 36.5),
    ("INH", "soma", 0.08, 75.7),
]


@pytest.mark.slow
@pytest.mark.parametrize(("population", "compartment", "nA", "rate_hz"), POINTS)
def test_rates(simulate, population, compartment, nA, rate_hz):
    measured = late_rate_hz(simulate, MODEL.cells[population], 4000.0, **{f"{compartment}_nA": nA})
    assert measured == pytest.approx(rate_hz, rel=0.02, abs=0.35)  # 0.33 Hz is one spike in 3 s


@pytest.mark.slow
def test_slowest_sustained_rates(simulate):
    assert 1.0 <= late_rate_hz(simulate, MODEL.cells["INH"], 9000.0, 0.003) <= 1.25
    assert 1.0 <= late_rate_hz(simulate, MODEL.cells["EXC"], 4000.0, 0.037) <= 3.0
