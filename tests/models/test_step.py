"""Every cell's time step against its own right-hand side; a new model file is found and checked."""

import inspect

import numpy as np
import pytest

from livn_gym import registry
from livn_gym.models import Cell
from livn_gym.models.base import Model
from livn_gym.system import make, names

KINDS = {key: kind for key, kind in registry.find("livn_gym.models", Cell).items() if kind is not Cell}
CELLS = [pytest.param(kind.named(name), id=f"{key}-{name}") for key, kind in KINDS.items() for name in kind.set_names()]
MODELS = registry.find("livn_gym.models", Model)


def call(function, values):
    """A function of a step with its arguments by name."""
    return function(*(values[name] for name in inspect.signature(function).parameters))


def states(cell, rng):
    """Some state of a cell: gates and calcium between 0 and 1, voltages below -15 mV."""
    v_s, v_d = rng.uniform(-90.0, -15.0, 2)
    values = dict(zip(cell.step.states, rng.uniform(0.05, 0.95, len(cell.step.states)), strict=True))
    return {"v_s": v_s, "v_d": v_d, "v_ahead": v_s, "v_old": v_s} | values


def test_cells_and_models_are_found_by_their_files():
    assert {"izhikevich", "adaptive_exponential", "booth_rinzel_kiehn", "pinsky_rinzel"} == set(KINDS)
    assert {"reduced_calcium_soma_dendrite", "izhikevich_model", "adaptive_exponential_model"} == set(MODELS)


@pytest.mark.parametrize("cell", CELLS)
def test_held_conductances_give_the_current_of_the_derivatives(cell):
    rng = np.random.default_rng(0)
    parameters = cell.step.parameters(cell, 0.025)
    for _ in range(50):
        state = states(cell, rng)
        v_s, v_d = state["v_s"], state["v_d"]
        G_s, J_s, G_d, J_d = call(cell.step.conductances, parameters | state)
        dv_s, dv_d, *_ = cell.derivatives([v_s, v_d, *(state[name] for name in cell.step.states)])
        ionic_s = cell.gc / cell.p * (v_d - v_s) - cell.C * dv_s
        ionic_d = cell.gc / (1.0 - cell.p) * (v_s - v_d) - cell.C * dv_d
        assert G_s * v_s - J_s == pytest.approx(ionic_s, rel=1e-9, abs=1e-9)
        assert G_d * v_d - J_d == pytest.approx(ionic_d, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_states_advance_along_the_derivatives(cell):
    """Over a step of 1e-5 ms: what the curvature adds is 1e-5 of a rate of 1 / ms."""
    rng = np.random.default_rng(1)
    dt = 1e-5
    parameters = cell.step.parameters(cell, dt)
    for _ in range(50):
        state = states(cell, rng)
        now = [state[name] for name in cell.step.states]
        after = np.atleast_1d(call(cell.step.advance, parameters | state))
        slope = cell.derivatives([state["v_s"], state["v_d"], *now])[2:]
        assert (after - now) / dt == pytest.approx(slope, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_trial_begins_settled_at_v_init(cell):
    first = cell.initial_state()
    assert first[:2] == [cell.v_init] * 2
    assert cell.step.initial(cell) == first[2:]
    assert cell.derivatives(first)[2:] == pytest.approx([0.0] * len(cell.step.states), abs=1e-12)
    assert cell.initial_state(-50.0)[:2] == [-50.0] * 2


@pytest.mark.parametrize("name", MODELS)
def test_models_fit_every_system(name):
    model = MODELS[name]()
    for system_name in names():
        if system_name == "EI4":  # half a minute of generating; its populations and receptors are those of EI3
            continue
        system = make(system_name)
        geometry = model.geometry(system)
        offset = np.linalg.norm(geometry.dendrite_um - geometry.soma_um, axis=1)
        for population in system.populations:
            cell = model.cell(population.name)
            rows = slice(population.start, population.stop)
            assert offset[rows] == pytest.approx(0.9 * cell.length_um, rel=1e-5)
        for projection in system.projections:
            for receptor in projection.receptors:
                assert model.synapse(system, projection, receptor)[0] == model.receptor(projection.post, receptor)
