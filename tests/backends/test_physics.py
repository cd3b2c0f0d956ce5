"""What a backend's cells, synapses, noise and stimuli must do, whatever the simulator."""

import numpy as np
import pytest
from cultures import Lab, equal, system

from livn_gym.models import BoothRinzelKiehn, PinskyRinzel, ReducedCalciumSomaDendrite
from livn_gym.numerics import NoiseStream
from livn_gym.stimulus import Stimulus

NOISE = {"noise-std_e": 0.6, "noise-std_i": 0.05, "noise-g_e0": 0.02, "noise-tau_e": 30.0}
PUBLISHED = ReducedCalciumSomaDendrite("published_1997", "published_1994")


@pytest.fixture(autouse=True, params=["native", "neuron"])
def simulator(request, monkeypatch):
    """Every test runs on each backend."""
    monkeypatch.setenv("LIVN_BACKEND", request.param)
    return request.param


def step(nA, columns=1, duration_ms=500.0, mode="current"):
    return Stimulus(np.full((1, columns), nA), duration_ms, mode)


def fires_at(field_mV, model):
    """Whether a symmetric biphasic field of 0.2 ms a phase, cathode at the soma, makes a settled cell fire."""
    with Lab(system(), model=model) as lab:
        lab.run(300.0, traces=False)
        pulse = Stimulus(np.array([[field_mV], [-field_mV]]), 0.2, "extracellular")
        return len(lab.run(20.0, pulse, traces=False)[0].spike_t) > 0


def threshold_mV(model):
    return next(field for field in range(10, 100) if fires_at(float(field), model))


def test_culture_cells_rest_and_are_silent():
    with Lab(system(1, 1)) as lab:
        recording = lab.run(1000.0, sample_steps=40)[0]
    assert len(recording.spike_t) == 0
    rest = recording.voltage[0, :, -1]
    assert -62.0 < rest[0] < -55.0
    assert -66.0 < rest[1] < -55.0
    assert np.ptp(recording.voltage[0, :, -100:], axis=1).max() < 0.01


@pytest.mark.parametrize(("column", "currents"), [(0, (0.05, 0.1, 0.2)), (1, (0.03, 0.06, 0.1))])
def test_rate_grows_with_current(column, currents):
    rates = []
    with Lab(system(1, 1)) as lab:
        for current in currents:
            lab.backend.reset({0: NoiseStream(1)})
            nA = np.zeros((1, 2))
            nA[0, column] = current
            recording = lab.run(1000.0, Stimulus(nA, 1000.0), traces=False)[0]
            assert set(recording.spike_gid) <= {column}
            rates.append(len(recording.spike_t))
    assert rates == sorted(rates)
    assert rates[0] > 0


def test_published_motoneuron_shows_no_hysteresis_on_a_current_ramp():
    cell = BoothRinzelKiehn.named("published_1997")
    # The paper's current density is per area of the soma (Pinsky & Rinzel's is of the whole cell).
    density = np.interp(np.arange(10_000) + 0.5, [0, 5000, 10_000], [0, 25, 0])
    with Lab(system(), model=PUBLISHED, dt=0.025, scheme="second_order") as lab:
        nA = density[:, None] * cell.density_to_nA(1.0, "soma")
        spikes = lab.run(10_000.0, Stimulus(nA, 1.0), traces=False)[0].spike_t
    first, last = (np.interp(t, [0, 5000, 10_000], [0, 25, 0]) for t in (spikes[0], spikes[-1]))
    assert abs(first - 5.2) < 0.3
    assert abs(last - 5.5) < 0.3
    assert abs(1000.0 / np.diff(spikes).min() - 59.0) < 4.0


def test_published_pinsky_rinzel_cell_fires_regularly():
    cell = PinskyRinzel.named("published_1994")
    with Lab(system(0, 1), model=PUBLISHED, scheme="second_order") as lab:
        spikes = lab.run(1500.0, step(cell.density_to_nA(2.5, None), duration_ms=1500.0), traces=False)[0].spike_t
    assert abs(np.diff(spikes)[-10:].mean() - 22.7) < 0.5


def test_field_threshold_of_published_and_culture_cell():
    assert 55 <= threshold_mV(PUBLISHED) <= 60
    assert 21 <= threshold_mV(ReducedCalciumSomaDendrite()) <= 33


def test_field_of_the_other_sign_needs_its_second_phase():
    with Lab(system()) as lab:
        lab.run(100.0, traces=False)
        anodic = lab.run(20.0, Stimulus(np.array([[-40.0]]), 0.2, "extracellular"), traces=False)[0]
    assert len(anodic.spike_t) == 0


def test_current_density_and_conductance_are_the_currents_they_stand_for():
    cell = ReducedCalciumSomaDendrite().cell("EXC")
    with Lab(system()) as lab:
        by_density = lab.run(50.0, step(20.0, duration_ms=50.0, mode="current_density"))[0]
        lab.backend.reset({0: NoiseStream(1)})
        by_current = lab.run(50.0, step(cell.density_to_nA(20.0), duration_ms=50.0))[0]
        lab.backend.reset({0: NoiseStream(1)})
        conductance = Stimulus(np.full((1, 1), 0.05), 400.0, "conductance", reversal_mV=-50.0)
        clamped = lab.run(400.0, conductance)[0]
    assert np.allclose(by_density.voltage, by_current.voltage, rtol=0, atol=1e-9)
    assert -56.0 < clamped.voltage[0, 0, -1] < -50.0


@pytest.mark.parametrize("scheme", ["backward_euler", "second_order"])
def test_membrane_currents_sum_to_what_is_injected(scheme):
    rng = np.random.default_rng(0)
    nA = rng.normal(0.05, 0.05, (40, 2))
    with Lab(system(1, 1, [(0, 1, 1.0), (1, 0, 1.0)]), params=NOISE, scheme=scheme) as lab:
        recording = lab.run(40.0, Stimulus(nA, 1.0))[0]
        field = lab.run(40.0, Stimulus(100 * nA, 1.0, "extracellular"))[0]
    both = recording.current_soma[0] + recording.current_dendrite[0]
    # A sample shows the state reached under the input of the step before it.
    injected = np.repeat(nA, 40, axis=0).T
    assert np.allclose(both[:, 1:], injected[:, :-1], rtol=0, atol=1e-12)
    between = field.current_soma + field.current_dendrite
    assert np.allclose(between[..., 1:], 0.0, rtol=0, atol=1e-12)  # a field only moves current inside the cell


def test_membrane_current_is_that_of_the_models_own_equations():
    """Explicit Euler of the reference equations in steps of 0.005 ms, under a current that hyperpolarises."""
    cell = ReducedCalciumSomaDendrite().cell("EXC")
    nA, dt = -0.02, 0.005
    y, soma, dendrite = np.array(cell.initial_state()), [], []
    for step in range(4000):
        change = np.array(cell.derivatives(y, soma_nA=nA))
        if step % 200 == 0:
            # What leaves through a membrane is what the model's equation has left of what comes in.
            axial = cell.coupling_uS * (y[1] - y[0])
            soma.append(axial + nA)
            dendrite.append(-axial)
        y = y + dt * change
    with Lab(system()) as lab:
        recording = lab.run(20.0, Stimulus(np.array([[nA]]), 20.0), sample_steps=40)[0]
    # The sample at 0 shows the time before the stimulus; 1 % of the largest current is the backends' step error.
    assert np.allclose(recording.current_soma[0, 0, 1:], soma[1:], rtol=0, atol=2e-4)
    assert np.allclose(recording.current_dendrite[0, 0, 1:], dendrite[1:], rtol=0, atol=2e-4)
    assert np.ptp(soma) > 0.01


def test_synapses_push_towards_their_reversal_after_their_delay():
    culture = system(2, 1, [(0, 1, 2.0), (2, 1, 2.0)])
    drive = np.zeros((1, 3))
    for presynaptic, key, sign in (
        (0, "EXC_EXC-hillock-AMPA", 1),
        (0, "EXC_EXC-hillock-NMDA", 1),
        (2, "INH_EXC-soma-GABA_A", -1),
    ):
        with Lab(culture, params={f"weight-{key}-weight": 1.0}) as lab:
            lab.run(200.0, traces=False)
            nA = drive.copy()
            nA[0, presynaptic] = 0.6
            recording = lab.run(40.0, Stimulus(nA, 3.0))[0]
        assert len(recording.spike_t) >= 1
        spike = recording.spike_t[0]
        v = recording.voltage[0, 1] - recording.voltage[0, 1, 0]
        before, after = v[: int((spike + 2.0) / 0.025)], v[int((spike + 2.0) / 0.025) + 1 :]
        assert np.abs(before).max() < 0.05
        assert np.abs(after).max() > 0.1
        assert np.sign(after[np.abs(after).argmax()]) == sign


def test_depression_weakens_a_second_spike_and_recovers():
    """The second response is (1 - U) of the first at once, and whole again after many recovery times."""
    params = {
        "weight-EXC_EXC-hillock-AMPA-weight": 0.05,
        "depression-EXC-U": 0.5,
        "depression-EXC-tau_rec": 300.0,
    }
    with Lab(system(2, 0, [(0, 1, 1.0)]), params=params) as lab:
        lab.run(300.0, traces=False)
        peaks = []
        for pause_ms in (60.0, 3000.0, 10.0):
            nA = np.array([[0.8, 0.0]])
            recording = lab.run(50.0, Stimulus(nA, 2.0))[0]
            assert list(recording.spike_gid) == [0]
            v = recording.voltage[0, 1]
            peaks.append(v.max() - v[0])
            lab.run(pause_ms, traces=False)
    recovered = 1 - 0.5 * np.exp(-110.0 / 300.0)
    assert abs(peaks[1] / peaks[0] - recovered) < 0.03
    assert abs(peaks[2] / peaks[0] - 1.0) < 0.01


@pytest.mark.parametrize("scheme", ["backward_euler", "second_order"])
@pytest.mark.parametrize("dt", [0.025, 0.05, 0.1])
def test_a_reset_is_exact(dt, scheme):
    culture = system(3, 1, [(0, 1, 1.0), (1, 2, 1.5), (2, 3, 1.0), (3, 0, 1.0)])
    weights = dict.fromkeys((f"weight-{name}" for name in culture.weight_names), 1.0)
    with Lab(culture, params=NOISE | weights | {"depression-EXC-U": 0.3}, dt=dt, scheme=scheme) as lab:
        stimulus = step(0.1, 4, 200.0)
        first = lab.run(200.0, stimulus)[0]
        lab.run(100.0, stimulus)
        lab.backend.reset({0: NoiseStream(1)})
        again = lab.run(200.0, stimulus)[0]
        lab.backend.reset({0: NoiseStream(2)})
        other = lab.run(200.0, stimulus)[0]
    assert len(first.spike_t) > 10
    assert equal(first, again)
    assert not equal(first, other)


def test_split_runs_are_one_run():
    culture = system(3, 1, [(0, 1, 1.0), (1, 2, 1.5), (2, 3, 1.0), (3, 0, 1.0)])
    weights = dict.fromkeys((f"weight-{name}" for name in culture.weight_names), 1.0)
    nA = np.full((100, 4), 0.08)
    with Lab(culture, params=NOISE | weights) as lab:
        whole = lab.run(100.0, Stimulus(nA, 1.0))[0]
        lab.backend.reset({0: NoiseStream(1)})
        parts = [lab.run(length, Stimulus(nA[:rows], 1.0))[0] for length, rows in ((13.0, 13), (62.0, 62), (25.0, 25))]
    starts = (0.0, 13.0, 75.0)
    assert np.array_equal(whole.spike_gid, np.concatenate([p.spike_gid for p in parts]))
    assert np.allclose(
        whole.spike_t,
        np.concatenate([p.spike_t + s for p, s in zip(parts, starts, strict=True)]),
        rtol=0,
        atol=1e-9,
    )
    assert all((p.spike_t >= 0).all() and (p.spike_t < p.duration_ms).all() for p in parts)
    assert np.array_equal(whole.voltage, np.concatenate([p.voltage for p in parts], axis=-1))
    assert np.array_equal(whole.current_soma, np.concatenate([p.current_soma for p in parts], axis=-1))


def test_the_order_of_edges_does_not_matter():
    rng = np.random.default_rng(1)
    edges = [(a, b, d) for a in range(6) for b in range(6) for d in (0.5, 1.0) if a != b]
    shuffled = [edges[i] for i in rng.permutation(len(edges))]
    weights = dict.fromkeys((f"weight-{name}" for name in system(4, 2, edges).weight_names), 0.7)
    results = []
    for chosen in (edges, shuffled):
        with Lab(system(4, 2, chosen), params=NOISE | weights | {"depression-EXC-U": 0.2}) as lab:
            results.append(lab.run(500.0)[0])
    assert len(results[0].spike_t) > 20
    assert equal(*results)


def test_batch_members_depend_on_their_key_alone():
    with Lab(system(2, 1), params=NOISE, seeds=(5, 6)) as lab:
        both = lab.run(200.0)
        lab.backend.reset({1: NoiseStream(5)})
        lab.backend.reset({0: NoiseStream(7)})
        later = lab.run(200.0)
    with Lab(system(2, 1), params=NOISE, seeds=(6,)) as lab:
        alone = lab.run(200.0)[0]
    assert equal(both[1], alone)
    assert equal(later[1], both[0])
    assert not equal(later[0], both[0])


def test_several_backends_live_side_by_side():
    with Lab(system(2, 1), params=NOISE) as first, Lab(system(1, 1), params=NOISE) as second:
        a = [first.run(50.0)[0]]
        second.run(50.0)
        second.backend.reset({0: NoiseStream(9)})
        a.append(first.run(50.0)[0])
    with Lab(system(2, 1), params=NOISE) as alone:
        b = [alone.run(50.0)[0], alone.run(50.0)[0]]
    assert equal(a[0], b[0])
    assert equal(a[1], b[1])
