"""Fields of electrodes and membrane currents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.io.fields import source_potential, unit_potential


def test_a_disk_makes_the_potentials_of_the_fact_sheet():
    # rho I / (4 pi sqrt(r^2 + a^2 + h^2)) = 3.5 * 15e-6 / (4 pi * 52.20e-6) V above it
    assert 15 * unit_potential(np.array(0.0), "disk") == pytest.approx(80.03, abs=0.01)
    # and 112.8 um away from the effective source at 100 um: "36 mV" in round numbers
    assert 15 * unit_potential(np.array(100.0), "disk") == pytest.approx(37.03, abs=0.01)


def test_a_point_source_is_offset_by_5_um():
    # 3.5 ohm m * 1 uA / (4 pi 100 um) = 2.785 mV
    assert unit_potential(np.array(95.0), "point") == pytest.approx(2.7852, abs=1e-4)
    assert np.isfinite(unit_potential(np.array(0.0), "point"))


def test_a_membrane_current_makes_the_potential_worked_out_by_hand():
    # 1 nA / (4 pi * 0.3 S/m * 10 um) = 26.53 uV
    assert source_potential(np.array(10.0)) == pytest.approx(0.026526, abs=1e-6)
    # nearer than 7.5 um it no longer rises
    assert source_potential(np.array(0.0)) == source_potential(np.array(7.5))


@given(st.sampled_from(["disk", "point"]), st.lists(st.floats(0, 1e5), min_size=2, max_size=20, unique=True))
def test_fields_fall_with_distance(electrode, radii):
    values = unit_potential(np.sort(radii), electrode)
    assert (values > 0).all() and (np.diff(values) <= 0).all()
