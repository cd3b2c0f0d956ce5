"""Equations of the scheme ``"multirate"`` against those of the other schemes, from which they are derived."""

import inspect

import numpy as np
import pytest

from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.models.step import relaxed

CELLS = ReducedCalciumSomaDendrite().cells
DT_MS, SLOW_MS = 0.05, 0.2


def call(function, values):
    return function(*(values[name] for name in inspect.signature(function).parameters))


def conditions(cell, low_mV=-110.0, high_mV=70.0, count=300, seed=0):
    """Values of states, voltages and parameters of a cell as the functions of its steps take them."""
    rng = np.random.default_rng(seed)
    step = cell.step
    calcium = {"Ca_s": 1.0, "Ca_d": 1.0, "Ca": 300.0}
    for _ in range(count):
        states = {name: rng.uniform(0.0, calcium.get(name, 1.0)) for name in step.states}
        v_s, v_d, v_ahead = rng.uniform(low_mV, high_mV, 3)
        common = states | {"v_s": v_s, "v_d": v_d, "v_ahead": v_ahead, "v_old": v_s}
        yield common, step.parameters(cell, DT_MS) | step.multirate.parameters(cell, DT_MS, SLOW_MS)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_parts_of_the_conductances_add_up_to_those_of_the_other_schemes(cell):
    step, multirate = cell.step, cell.step.multirate
    for states, parameters in conditions(cell):
        values = states | parameters
        G, reversal = call(multirate.instant_conductance, values)
        parts = [call(multirate.held_conductances, values), call(multirate.conductances, values)]
        parts.append((G, G * reversal, 0.0, 0.0))
        assert np.sum(parts, axis=0) == pytest.approx(call(step.conductances, values), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("low_mV", "high_mV", "error"), [(-80.0, 20.0, 2e-3), (-110.0, 70.0, 3e-2)])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_states_are_advanced_as_in_the_other_schemes(cell, low_mV, high_mV, error):
    """Calcium to rounding; gates are less exact where they are fast, at extremes that few spikes reach."""
    step, multirate = cell.step, cell.step.multirate
    fast = [name for name in step.states if name not in multirate.slow]
    for states, parameters in conditions(cell, low_mV, high_mV):
        values = states | parameters
        for names, function, dt in (
            (fast, multirate.advance, DT_MS),
            (multirate.slow, multirate.advance_slow, SLOW_MS),
        ):
            exact = dict(zip(step.states, call(step.advance, states | step.parameters(cell, dt)), strict=True))
            for name, value in zip(names, call(function, values), strict=True):
                tolerance = 1e-6 * abs(exact[name]) if name.startswith("Ca") else error
                assert value == pytest.approx(exact[name], abs=tolerance), name


def test_relaxed_is_a_decay_of_third_order_that_never_overshoots():
    rate = np.geomspace(1e-3, 1e3, 200)
    left = np.array([relaxed(1.0, 0.0, 2.0, r) for r in rate])
    assert ((left >= 0.0) & (left < 1.0)).all()
    assert (np.diff(left) < 0.0).all()
    small = rate < 0.1
    assert np.abs(left - np.exp(-rate))[small].max() < 0.1**4 / 24.0
    assert relaxed(0.3, 0.8, 2.0, 1e6) == pytest.approx(0.4)
