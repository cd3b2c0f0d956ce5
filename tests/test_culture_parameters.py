"""Cultures of a batch with parameters of their own: each runs as it would alone."""

import copy

import numpy as np
import pytest
from cultures import equal, system
from fakes import PoissonBackend

from livn_gym import make, processors
from livn_gym.backends import Backend
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnknownName, UnsupportedModel
from livn_gym.formats import Session
from livn_gym.plasticity import STDP

AMPA = "EXC_EXC-hillock-AMPA-weight"
EDGES = [(g, h, 1.0 + 0.5 * (g % 3)) for g in range(9) for h in range(9) if (g * h) % 4 == 1 or h == g + 1]
DEFAULT = {"noise-g_e0": 0.02, "noise-std_e": 0.6, "noise-tau_e": 30.0, f"weight-{AMPA}": 1.0, "depression-EXC-U": 0.2}
OWN = {
    f"weight-{AMPA}": [0.0, 1.0, 3.0],
    "weight-INH_EXC-soma-GABA_A-weight": [0.5, 0.0, 1.0],
    "noise-EXC-std_e": [0.8, 0.6, 0.9],
    "noise-INH-tau_i": [10.5, 10.5, 4.0],
    "depression-EXC-U": [0.2, 0.9, 0.0],
    "depression-EXC-tau_rec": [700.0, 300.0, 50.0],
}


def own(b):
    return {key: values[b] for key, values in OWN.items()}


def batch(count=3, seed=7, **options):
    env = Env(system(7, 2, EDGES), seed=seed, num_cultures=count, **options).init().set_params(DEFAULT)
    return env.record_spikes().record_voltage(sample_ms=0.5)


def alone(b, **options):
    return batch(1, 7 + b, **options)


def protocol(env, b, change):
    """What culture b of an Env records in 100 ms, in 200 ms after a change, and in 100 ms after ``clear``."""
    parts = [env.run(100.0), change(env).run(200.0)]
    parts.append(env.clear(seed=[21 + k for k in range(3)] if env.num_cultures > 1 else 21 + b).run(100.0))
    return parts


@pytest.mark.parametrize("plastic", [False, True], ids=["fixed", "plastic"])
@pytest.mark.parametrize(("backend", "profile"), [("native", "exact"), ("native", "fast"), ("neuron", "exact")])
def test_a_culture_with_parameters_of_its_own_runs_as_it_would_alone(backend, profile, plastic):
    options = {"backend": backend, "profile": profile}

    def learning(env):
        return env.enable_plasticity(STDP(0.1, 0.1), dendritic_delay_ms=0.3) if plastic else env

    with learning(batch(**options)) as env:
        together = protocol(env, 0, lambda env: env.set_params(OWN))
        weights = env.get_weights()
    for b in range(3):
        with learning(alone(b, **options)) as env:
            single = protocol(env, b, lambda env, b=b: env.set_params(own(b)))
            assert all(np.array_equal(values[b], env.get_weights()[key]) for key, values in weights.items())
        for all_cultures, one in zip(together, single, strict=True):
            kept = all_cultures.spike_culture == b
            assert np.array_equal(all_cultures.spike_gid[kept], one.spike_gid)
            assert np.array_equal(all_cultures.spike_t[kept], one.spike_t)
            assert np.array_equal(all_cultures.voltage[b : b + 1], one.voltage)
        assert len(single[1].spike_t) > 0
    assert len({tuple(together[1].culture(b).spike_t) for b in range(3)}) == 3


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(monkeypatch, threads):
    monkeypatch.setattr(processors, "usable", lambda: set(range(threads)))
    order = [2, 0, 1, 1, 2]
    with batch(5, seed=[7 + b for b in order]) as env:
        together = env.set_params({key: [values[b] for b in order] for key, values in OWN.items()}).run(200.0)
    for k, b in enumerate(order):
        with alone(b).set_params(own(b)) as env:
            assert np.array_equal(env.run(200.0).voltage, together.voltage[k : k + 1])


@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_some_cultures_are_set_and_run_and_the_others_stay(backend):
    with batch(backend=backend) as env, batch(backend=backend) as other:
        env.set_params(own(2), cultures=[2]).set_noise({"EXC-std_e": [0.8]}, cultures=[0])
        env.set_weights({AMPA: 0.25}, cultures=[0])
        assert env.parameters_of(1) == other.parameters
        assert env.parameters_of(2).depression["EXC"].tau_rec == 50.0
        assert env.parameters_of(0).weights[AMPA] == 0.25 and env.parameters_of(0).noise["INH"].std_e == 0.6
        one = env.run(100.0, cultures=[2])
        rest = env.run(100.0, cultures=[0, 1])
        with alone(2, backend=backend).set_params(own(2)) as single:
            assert equal(one, single.run(100.0))
        assert np.array_equal(rest.voltage[1], other.run(100.0).voltage[1])


def test_parameters_before_init_count():
    with batch() as late, Env(system(7, 2, EDGES), seed=7, num_cultures=3) as early:
        early.set_params(DEFAULT).set_params(OWN).init().record_spikes().record_voltage(sample_ms=0.5)
        assert equal(early.run(100.0), late.set_params(OWN).run(100.0))


def test_native_and_neuron_have_the_same_spikes():
    spikes = []
    for backend in ("native", "neuron"):
        with make("EI1", backend=backend, num_cultures=2, seed=3) as env:
            env.set_params({"noise-EXC-std_e": [1.0, 1.3], f"weight-{AMPA}": [0.1, 0.3]}).record_spikes()
            spikes.append(env.run(300.0))
    native, neuron = spikes
    assert {0, 1} == set(native.spike_culture) and len(native.spike_t) > 50
    assert np.array_equal(native.spike_gid, neuron.spike_gid)
    np.testing.assert_allclose(native.spike_t, neuron.spike_t, atol=1e-9)


def test_a_state_continues_under_the_parameters_of_its_culture():
    with batch() as env, batch(1, seed=0) as other:
        env.set_params(OWN).run(100.0)
        state = env.save_state([1])
        after = env.run(100.0).culture(1)
        assert equal(after, other.set_params(own(1)).load_state(state).run(100.0))


def test_copies_keep_the_parameters_of_every_culture():
    with batch() as env:
        env.set_params(OWN).run(50.0)
        with copy.deepcopy(env) as other:
            assert equal(env.run(100.0), other.run(100.0))
            assert other.parameters_of(2) == env.parameters_of(2)


def test_common_parameters_are_shown_and_different_ones_ask_for_a_culture():
    with batch() as env:
        before = env.parameters
        env.set_params({"noise-EXC-std_e": [0.6, 0.6, 0.7]})
        with pytest.raises(InvalidInput, match=r"env\.parameters_of\(b\)"):
            _ = env.parameters
        env.set_params({"noise-EXC-std_e": 0.6}, cultures=[2])
        assert env.parameters == before == env.parameters_of(2)
        with pytest.raises(InvalidInput, match=r"0 to 2"):
            env.parameters_of(3)


@pytest.mark.parametrize(
    ("change", "cultures", "error", "message"),
    [
        ({"noise-std_e": [0.1, 0.2]}, None, InvalidInput, "3 cultures"),
        ({"noise-std_e": [0.1, 0.2, -0.3]}, None, InvalidInput, "at least 0"),
        ({"noise-std_e": [0.1, 0.2, float("nan")]}, None, InvalidInput, "finite"),
        ({"noise-std_e": 0.1}, [3], InvalidInput, "below 3"),
        ({"noise-std_e": 0.1}, [1, 1], InvalidInput, "distinct"),
        ({"noise-std_e": [0.1], "noise-st_e": 0.1}, [1], UnknownName, "Did you mean"),
    ],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(change, cultures, error, message):
    with batch() as env:
        env.set_params(OWN)
        before = [env.parameters_of(b) for b in range(3)]
        with pytest.raises(error, match=message):
            env.set_params(change, cultures=cultures)
        assert before == [env.parameters_of(b) for b in range(3)]


def test_a_backend_without_parameters_per_culture_says_so():
    class SameParameters(Backend):
        capabilities = PoissonBackend.capabilities
        build, run, reset = PoissonBackend.build, PoissonBackend.run, PoissonBackend.reset
        set_parameters, close = PoissonBackend.set_parameters, PoissonBackend.close

    with make("EI1", backend=SameParameters, num_cultures=2) as env:
        with pytest.raises(UnsupportedModel, match="equal parameters in all cultures"):
            env.set_noise({"std_e": [0.1, 0.2]})
        env.set_noise({"std_e": 0.1})
        assert env.parameters.noise["EXC"].std_e == 0.1


def test_a_variant_can_be_one_cultures_own_and_a_session_says_so():
    with make("EI2", num_cultures=2, profile="fast") as env:
        env.apply_model_defaults("bursting", cultures=[1]).record_spikes()
        recording = env.run(50.0)
        sessions = [Session.of(env, recording.culture(b), culture=b) for b in range(2)]
    assert [session.parameter_set for session in sessions] == ["EI2", "EI2-bursting"]
    assert [session.variant for session in sessions] == [None, "bursting"]
