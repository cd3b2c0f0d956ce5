"""Cells with constants of their own: what they are, and that both engines agree about them."""

import numpy as np
import pytest
from cultures import equal, system
from fakes import PoissonBackend

from livn_gym import make
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnknownName, UnsupportedModel
from livn_gym.formats import Session
from livn_gym.models import (
    AdaptiveExponential,
    AdaptiveExponentialModel,
    BoothRinzelKiehn,
    Izhikevich,
    IzhikevichModel,
    PinskyRinzel,
    ReducedCalciumSomaDendrite,
)
from livn_gym.stimulus import Stimulus

EDGES = [(g, h, 1.0 + 0.5 * (g % 3)) for g in range(9) for h in range(9) if (g * h) % 4 == 1 or h == g + 1]
PARAMS = {"noise-g_e0": 0.02, "noise-std_e": 0.6, "noise-tau_e": 30.0, "weight-EXC_EXC-hillock-AMPA-weight": 1.0}
MODELS = [ReducedCalciumSomaDendrite, IzhikevichModel, AdaptiveExponentialModel]


def spread(mean, count, seed=0, size=0.15):
    return mean * (1.0 + size * np.random.default_rng(seed).uniform(-1.0, 1.0, count))


def own_cells(model, count=()):
    """Constants of the cells of ``batch``'s system, ``[*count, n]``."""
    exc, inh = model.cells["EXC"], model.cells["INH"]
    if isinstance(exc, BoothRinzelKiehn):
        keys = {"EXC": ("g_leak_soma", "g_Na", "C", "k_Ca", "g_CaL"), "INH": ("g_L", "g_KAHP", "C")}
    elif isinstance(exc, Izhikevich):
        keys = {"EXC": ("k", "d", "C", "a"), "INH": ("k", "g_leak_dendrite")}
    else:
        keys = {"EXC": ("g_L", "b", "C", "tau_w"), "INH": ("g_L", "g_leak_dendrite")}
    sizes = {"EXC": 7, "INH": 2}
    return {
        f"{name}-{key}": spread(getattr(cell, key), (*count, sizes[name]), seed=k)
        for name, cell in (("EXC", exc), ("INH", inh))
        for k, key in enumerate(keys[name])
    }


def batch(count=1, seed=7, **options):
    env = Env(system(7, 2, EDGES), seed=seed, num_cultures=count, **options).init().set_params(PARAMS)
    return env.record_spikes().record_voltage(sample_ms=0.5)


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        (ReducedCalciumSomaDendrite, "fast"),
        *(  # each compiles kernels
            pytest.param(model, profile, marks=pytest.mark.slow)
            for model, profile in [(MODELS[0], "exact"), *((m, p) for m in MODELS[1:] for p in ("fast", "exact"))]
        ),
    ],
)
def test_a_culture_of_a_batch_runs_as_it_would_alone(model, profile):
    options = {"profile": profile, "backend": "native", "model": model()}
    cells = own_cells(options["model"], (2,))
    with batch(3, **options) as env:
        env.run(50.0)
        env.set_cells(cells, cultures=[0, 2])
        together = [env.run(200.0), env.clear(seed=[7, 8, 9]).run(100.0)]
    for b in range(3):
        with batch(1, 7 + b, **options) as env:
            env.run(50.0)
            if b != 1:
                env.set_cells({key: values[b // 2] for key, values in cells.items()})
            for part in together:
                alone = env.run(200.0) if part is together[0] else env.clear(seed=7 + b).run(100.0)
                assert equal(part.culture(b), alone)
    assert len({len(together[0].culture(b).spike_t) for b in range(3)}) > 1


@pytest.mark.parametrize(
    ("backend", "profile"),
    [("native", "fast"), *(pytest.param(b, "exact", marks=pytest.mark.slow) for b in ("native", "neuron"))],
)
def test_cells_noise_and_weights_that_all_differ_are_those_of_single_cultures(backend, profile):
    """Culture 0 has only cells, 1 only noise, 2 both and a weight; a run of some takes them along."""
    options = {"backend": backend, "profile": profile}
    noise = {"noise-EXC-std_e": [0.8, 0.5], "noise-INH-tau_i": [4.0, 10.5], "noise-EXC-g_e0": [0.02, 0.03]}
    weight = {"weight-EXC_EXC-hillock-AMPA-weight": 2.0}
    with batch(3, **options) as env:
        cells = own_cells(env.model, (2,))
        env.run(50.0)
        env.set_cells(cells, cultures=[0, 2]).set_params(noise, cultures=[1, 2]).set_params(weight, cultures=[2])
        together, some = env.run(100.0), env.run(100.0, cultures=[1, 2])
    for b in range(3):
        with batch(1, 7 + b, **options) as env:
            env.run(50.0)
            if b > 0:
                env.set_params({key: values[b - 1] for key, values in noise.items()} | (weight if b == 2 else {}))
            if b != 1:
                env.set_cells({key: values[b // 2] for key, values in cells.items()})
            assert equal(together.culture(b), env.run(100.0))
            if b > 0:
                assert equal(some.culture(b - 1), env.run(100.0))
    assert len(set(together.spike_culture)) == 3


@pytest.mark.parametrize("model", [MODELS[0], *(pytest.param(model, marks=pytest.mark.slow) for model in MODELS[1:])])
def test_native_and_neuron_have_the_same_spikes(model):
    spikes = []
    for backend in ("native", "neuron"):
        with batch(backend=backend, model=model()) as env:
            current = Stimulus(np.full((1, 9), 0.1), 200.0)
            env.set_cells(own_cells(env.model)).clear(seed=3)
            spikes.append(env.run(200.0, current))
    native, neuron = spikes
    assert len(set(native.spike_gid)) == 9 and len(native.spike_t) > 40
    assert np.array_equal(native.spike_gid, neuron.spike_gid)
    np.testing.assert_allclose(native.spike_t, neuron.spike_t, atol=1e-9)


@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_equal_values_in_all_cells_are_those_of_a_model(backend):
    exc, inh = BoothRinzelKiehn.named("culture"), PinskyRinzel.named("culture")
    changes = {"g_leak_soma": 0.45, "g_Na": 125.0, "C": 0.9, "k_Ca": 2.2, "g_CaL": 0.12}
    changes_inh = {"g_L": 0.33, "g_KAHP": 0.7, "C": 2.8}
    other = ReducedCalciumSomaDendrite(BoothRinzelKiehn(**vars(exc) | changes), PinskyRinzel(**vars(inh) | changes_inh))
    values = {f"EXC-{key}": value for key, value in changes.items()}
    values |= {f"INH-{key}": np.full(2, value) for key, value in changes_inh.items()}
    with batch(backend=backend) as env, batch(backend=backend, model=other) as expected:
        env.set_cells(values).clear(seed=1)
        assert equal(env.run(100.0), expected.clear(seed=1).run(100.0))
        cells = {"EXC": exc, "INH": inh}
        env.set_cells({key: getattr(cells[key[:3]], key[4:]) for key in values}).clear(seed=1)
        with batch(backend=backend) as plain:
            assert equal(env.run(100.0), plain.clear(seed=1).run(100.0))


@pytest.mark.slow
def test_a_divisor_is_the_same_in_a_batch_and_alone():
    """A compiler may divide by a number that all cells share in another way than by one of each cell."""
    exc = AdaptiveExponential.named("culture_exc")
    slopes = spread(exc.Delta_T, 7)
    with batch(2, model=AdaptiveExponentialModel()) as env, batch(1, 8, model=AdaptiveExponentialModel()) as alone:
        env.set_cells({"EXC-Delta_T": slopes}, cultures=[0])
        assert equal(env.run(200.0).culture(1), alone.run(200.0))


def test_cells_before_init_count_and_other_keys_stay():
    with batch() as late, Env(system(7, 2, EDGES), seed=7) as early:
        cells = own_cells(late.model)
        early.set_params(PARAMS).set_cells(cells).init().record_spikes().record_voltage(sample_ms=0.5)
        late.set_cells(cells).set_cells({"EXC-g_Na": 1.01 * cells["EXC-g_Na"]})
        assert set(late.parameters.cells) == set(cells)
        late.set_cells({"EXC-g_Na": cells["EXC-g_Na"]}).clear(seed=7)
        assert early.parameters == late.parameters
        assert equal(early.run(100.0), late.run(100.0))


def test_some_cultures_run_and_states_are_saved():
    with batch(3) as env, batch(1, 9) as alone:
        cells = own_cells(env.model, (3,))
        env.set_cells(cells).run(50.0, cultures=[2])
        alone.set_cells({key: values[2] for key, values in cells.items()}).run(50.0)
        state = env.save_state([2])
        expected = alone.run(100.0)
        assert equal(env.run(100.0, cultures=[2]), expected)
        assert equal(alone.load_state(state).run(100.0), expected)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"EXC-g_leak": 1.0}, UnknownName, "EXC-g_leak_soma"),
        ({"EXC-gc": 1.0}, UnknownName, "EXC-"),
        ({"INH-g_leak_soma": 1.0}, UnknownName, "INH-"),
        ({"EXC-g_Na": np.ones(6)}, InvalidInput, r"\[7\]"),
        ({"EXC-g_Na": np.ones((3, 7))}, InvalidInput, r"\[2, 7\]"),
        ({"EXC-g_Na": [100.0] * 6 + [-1.0]}, InvalidInput, "at least 0"),
        ({"EXC-g_Na": float("nan")}, InvalidInput, "finite"),
        ({"EXC-C": [0.75] * 6 + [0.0]}, InvalidInput, "greater than 0"),
        ({"EXC-g_Na": "many"}, InvalidInput, "EXC-g_Na"),
    ],
)
def test_values_that_cells_cannot_have_are_refused_and_change_nothing(values, error, message):
    with batch(2) as env:
        env.set_cells({"EXC-g_Na": 120.0})
        before = env.parameters
        with pytest.raises(error, match=message):
            env.set_cells({"INH-g_L": 0.31} | values)
        assert env.parameters == before


def test_a_backend_without_constants_per_cell_says_so():
    with make("EI1", backend=PoissonBackend) as env:
        with pytest.raises(UnsupportedModel, match="equal constants"):
            env.set_cells({"EXC-g_Na": 100.0})
        assert not env.parameters.cells


def test_a_session_with_cells_of_their_own_has_no_shipped_set():
    with make("EI1", profile="fast") as env:
        env.record_spikes()
        assert Session.of(env, env.run(10.0)).parameter_set == "EI1"
        env.set_cells({"EXC-g_Na": 120.0})
        assert Session.of(env, env.run(10.0)).parameter_set == ""
