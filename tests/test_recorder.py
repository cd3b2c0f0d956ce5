"""What an Env records: cells, compartments and samples."""

import numpy as np
import pytest
from cultures import system

from livn_gym.env import Env
from livn_gym.errors import ClosedError, InvalidInput, UnknownName
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.recording import RECORDABLE, Recording
from livn_gym.stimulus import Stimulus

NOISE = {"g_e0": 0.02, "std_e": 0.6, "tau_e": 30.0}
WEIGHT = {"EXC_EXC-hillock-AMPA-weight": 2.0, "EXC_INH-hillock-AMPA-weight": 2.0}
BACKENDS = pytest.mark.parametrize("backend", ["native", "neuron"])


def culture():
    return system(3, 1, [(0, 1, 1.0), (1, 2, 1.5), (2, 3, 1.0), (1, 0, 1.0)])


def push(duration_ms):
    """A current under which every cell spikes."""
    return Stimulus(np.array([[0.2, 0.25, 0.3, 0.1]]), duration_ms)


def noisy(backend=None, **options):
    return Env(culture(), seed=3, backend=backend, **options).init().set_noise(NOISE).set_weights(WEIGHT)


@BACKENDS
def test_single_cells_are_recorded_as_they_are_among_all(backend):
    with noisy(backend) as env:
        env.record_spikes().record_voltage().record_membrane_current()
        whole = env.run(200, push(200.0))
        env.clear(seed=3).record_spikes(gids=[3, 0]).record_voltage(gids=np.array([2, 1]))
        cells = env.record_membrane_current(gids=[1]).run(200, push(200.0))
    assert cells.voltage_gid.tolist() == [1, 2] and cells.current_gid.tolist() == [1]
    assert set(whole.spike_gid) == {0, 1, 2, 3} and set(cells.spike_gid) == {0, 3}
    expected = whole.select([0, 3])
    np.testing.assert_array_equal(cells.spike_gid, expected.spike_gid)
    np.testing.assert_array_equal(cells.spike_t, expected.spike_t)
    np.testing.assert_array_equal(cells.voltage, whole.voltage[:, 1:3])
    np.testing.assert_array_equal(cells.current_dendrite, whole.current_dendrite[:, [1]])


@BACKENDS
def test_the_current_through_the_coupling_follows_from_both_voltages(backend):
    with noisy(backend) as env:
        env.record_voltage(compartment=["dendrite", "soma"]).record_membrane_current()
        run = env.run(100)
    cells = ReducedCalciumSomaDendrite().cells
    coupling_uS = np.array([cells["EXC"].coupling_uS] * 3 + [cells["INH"].coupling_uS])[:, None]
    into_dendrite = coupling_uS * (run.voltage_soma - run.voltage_dendrite)
    np.testing.assert_allclose(run.current_dendrite, into_dendrite, rtol=0, atol=1e-12)
    assert np.abs(run.voltage_soma - run.voltage_dendrite).max() > 10.0


def test_voltages_of_dendrites_are_those_of_neuron():
    runs = []
    for backend in ("native", "neuron"):
        with Env(culture(), seed=3, backend=backend).init() as env:
            env.set_weights(WEIGHT).record_spikes().record_voltage(compartment=("soma", "dendrite"))
            runs.append(env.run(100, push(100.0)))
    native, neuron = runs
    assert len(native.spike_t) > 5 and np.array_equal(native.spike_t, neuron.spike_t)
    for name in ("voltage_soma", "voltage_dendrite"):
        assert np.abs(getattr(native, name) - getattr(neuron, name))[..., :400].max() < 1e-6


@BACKENDS
def test_the_array_v_shows_the_first_compartment(backend):
    with noisy(backend) as env:
        both = env.record_voltage(compartment=["dendrite", "soma"]).run(5)
        dendrite = env.clear(seed=3).record_voltage(compartment="dendrite").run(5)
        soma = env.clear(seed=3).record_voltage().run(5)
    assert both.recorded == ("voltage_soma", "voltage_dendrite")
    assert dendrite.recorded == ("voltage_dendrite",) and soma.recorded == ("voltage_soma",)
    np.testing.assert_array_equal(both[3], dendrite[3])
    np.testing.assert_array_equal(both.voltage_soma[0], soma[3])
    assert dendrite.voltage_soma is None and soma.voltage_dendrite is None


def test_a_further_call_replaces_the_cells_of_its_quantity_only():
    with noisy() as env:
        env.record_spikes(gids=[0]).record_voltage(gids=[1], sample_ms=0.5).record_voltage("INH")
        run = env.run(10)
    assert run.voltage_gid.tolist() == [3] and run.sample_dt_ms == 0.5 and run.spike_gid is not None


@BACKENDS
def test_no_cells_at_all_may_be_recorded(backend):
    with noisy(backend) as env:
        run = env.record_spikes(gids=[]).record_voltage(gids=[]).run(50)
    assert run.spike_gid.shape == (0,) and run.voltage.shape == (1, 0, 2000)


@pytest.mark.parametrize("method", ["record_spikes", "record_voltage", "record_membrane_current"])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"population": "EXC", "gids": [0]}, InvalidInput, "got both"),
        ({"gids": [0, 0]}, InvalidInput, "gids must be distinct"),
        ({"gids": [0, 4]}, InvalidInput, r"gids must lie in 0 \.\.\. 3, got 0 \.\.\. 4"),
        ({"gids": [-1]}, InvalidInput, "gids must lie in"),
        ({"gids": [0.5]}, InvalidInput, "gids"),
        ({"gids": 1}, InvalidInput, "gids must be a"),
        ({"gids": np.int8(1)}, InvalidInput, "gids must be a"),
        ({"gids": np.array(1)}, InvalidInput, "gids must be a"),
        ({"population": "EXX"}, UnknownName, "EXC"),
    ],
)
def test_cells_that_are_none_are_refused_and_nothing_changes(method, arguments, error, message):
    with noisy() as env:
        env.record_spikes("INH").record_voltage("INH").record_membrane_current("INH")
        with pytest.raises(error, match=message):
            getattr(env, method)(**arguments)
        run = env.run(1)
        assert run.voltage_gid.tolist() == run.current_gid.tolist() == [3]


@pytest.mark.parametrize(
    ("compartment", "error"), [("axon", UnknownName), ([], InvalidInput), (["soma", "soma"], InvalidInput)]
)
def test_compartments_that_are_none_are_refused(compartment, error):
    with noisy() as env, pytest.raises(error, match="compartment"):
        env.record_voltage(compartment=compartment)


def test_recordable_names_are_attributes_of_a_recording():
    with noisy() as env:
        assert env.recordable == RECORDABLE
        run = env.record_spikes().record_voltage(compartment=("soma", "dendrite")).record_membrane_current().run(5)
    assert run.recorded == tuple(name for name in env.recordable if name != "weights")
    assert all(getattr(run, name) is not None for name in env.recordable)
    assert Recording(0.0, 1.0, 0.025, 0.025, 1).recorded == ()


def test_what_is_recorded_is_no_part_of_a_saved_state():
    with noisy() as env, noisy() as other:
        env.record_spikes().record_voltage().run(50)
        state = env.save_state()
        whole = env.run(50, push(50.0))
        other.record_spikes(gids=[1, 3]).record_voltage(gids=[2], compartment="dendrite").load_state(state)
        cells = other.run(50, push(50.0))
        whole_dendrite = env.load_state(state).record_voltage(compartment="dendrite").run(50, push(50.0))
    expected = whole.select([1, 3])
    assert len(cells.spike_t) and np.array_equal(cells.spike_t, expected.spike_t)
    assert np.array_equal(cells.voltage_dendrite, whole_dendrite.voltage_dendrite[:, [2]])


def test_a_closed_env_is_not_told_what_to_record():
    env = noisy()
    env.close()
    for method in (env.record_spikes, env.record_voltage, env.record_membrane_current):
        with pytest.raises(ClosedError):
            method()
