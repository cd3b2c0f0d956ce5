"""What does not fit into the machine is refused before it is allocated."""

import tracemalloc

import pytest

from livn_gym import make, memory
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA
from livn_gym.system import predefined


def test_the_machine_has_memory():
    assert memory.total_bytes() > 2**28
    memory.require("A page", 4096)
    with pytest.raises(InvalidInput, match="GiB"):
        memory.require("Everything", 2.0**70)


def test_runs_that_record_too_much_are_refused_and_change_nothing():
    with make("EI1") as env:
        env.record_voltage().record_membrane_current()
        for duration in (1e9, 1e12, 1e300):
            with pytest.raises(InvalidInput):
                env.run(duration)
        assert env.t == 0.0
        assert env.run(1.0).voltage.shape == (1, 10, 40)


@pytest.mark.parametrize(("backend", "copies"), [("native", 1), ("neuron", 3)])
def test_memory_of_a_batch_counts_the_copies_that_a_backend_makes(backend, copies, monkeypatch):
    one = 2 * 10 * 400 * 8  # two cultures of ten cells, 400 samples of 8 bytes
    with Env(predefined("EI1"), num_cultures=2, backend=backend).init() as env:
        env.record_voltage()
        monkeypatch.setattr(memory, "total_bytes", lambda: copies * one - 1)
        with pytest.raises(InvalidInput, match="The traces of a run of 10 ms would need"):
            env.run(10.0)
        assert env.t == 0.0
        monkeypatch.setattr(memory, "total_bytes", lambda: copies * one)
        assert env.run(10.0).voltage.nbytes == one


def test_a_native_batch_records_into_one_copy():
    with Env(predefined("EI2"), num_cultures=3, dt=0.05).init() as env:
        env.record_voltage().record_membrane_current().enable_plasticity().record_weights(1.0).run(1.0)
        tracemalloc.start()
        try:
            recording = env.run(200.0)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    traces = (recording.voltage, recording.current_soma, recording.current_dendrite, *recording.weights.values())
    size = sum(trace.nbytes for trace in traces)
    assert size < peak < 1.1 * size


@pytest.mark.parametrize("options", [{"num_cultures": 10**9}, {"num_cultures": 10**30}, {"dt": 1e-300}, {"dt": 1e300}])
def test_absurd_sizes_are_refused(options):
    with pytest.raises(InvalidInput):
        Env(predefined("EI1"), **options)


def test_arrays_of_too_many_electrodes_are_refused():
    with pytest.raises(InvalidInput):
        MEA.grid((1e6, 1e6), (10**6, 10**6))
