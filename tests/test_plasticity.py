"""Synapses that change with the timing of spikes, on both backends."""

import math
import pickle

import numpy as np
import pytest
from cultures import equal, system

from livn_gym import make
from livn_gym.env import Env
from livn_gym.errors import ClosedError, InvalidInput, UnknownName
from livn_gym.plasticity import STDP, InhibitorySTDP, rescaled
from livn_gym.stimulus import Stimulus

BACKENDS = ["native", "neuron"]
AMPA, NMDA = "EXC_EXC-hillock-AMPA-weight", "EXC_EXC-hillock-NMDA-weight"
GABA = "INH_EXC-soma-GABA_A-weight"


def expected(rule, weight, pre_ms, post_ms):
    """The weight after spikes that reach the synapse at these times, event by event as the module's text says."""
    n = rule.parameters()
    bound, w, x, y, last = n.w_max * weight, weight, 0.0, 0.0, 0.0
    events = sorted([(t, 0) for t in pre_ms] + [(t, 1) for t in post_ms])
    for t, is_post in events:
        x, y, last = x * math.exp(-(t - last) / n.tau_x), y * math.exp(-(t - last) / n.tau_y), t
        change = weight * (n.on_post * x if is_post else n.on_pre * y + n.constant)
        if n.soft:
            change *= 1.0 - w / bound if change > 0.0 else w / bound
        w = min(max(w + change, 0.0), bound)
        x, y = (x, y + 1.0) if is_post else (x + 1.0, y)
    return w


def pairs(count=2, seed=0):
    """Brief currents that make two cells fire once each, at many intervals."""
    rng = np.random.default_rng(seed)
    values = np.zeros((4000, count))
    for cell in range(count):
        for start in range(50, 3900, 350):
            first = start + rng.integers(0, 300)
            values[first : first + 20, cell] = 0.4
    return Stimulus(values, 0.1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("rule", "pre", "key"),
    [
        (STDP(A_plus=0.05, A_minus=0.04), 0, AMPA),
        (STDP(A_plus=0.2, A_minus=0.3, tau_plus=14.0, tau_minus=34.0, bounds="soft"), 0, AMPA),
        (STDP(A_plus=0.9, A_minus=0.1, w_max=1.5), 0, AMPA),
        (InhibitorySTDP(eta=0.2, tau=15.0, target_hz=20.0), 1, GABA),
    ],
)
def test_a_pair_of_cells_follows_the_rule(backend, rule, pre, key):
    culture = system(2, 0, [(0, 1, 1.3)]) if pre == 0 else system(1, 1, [(1, 0, 1.3)])
    post = 1 - pre
    with Env(culture, backend=backend).init().set_weights({key: 0.2}).record_spikes() as env:
        env.enable_plasticity(rule, dendritic_delay_ms=0.7)
        recording = env.run(400.0, pairs())
        # what the weight does not know yet at the end
        known = {cell: recording.spike_t[recording.spike_gid == cell] for cell in (pre, post)}
        arrivals, own = known[pre] + 1.3, known[post] + 0.7
        assert min(len(arrivals), len(own)) >= 10
        learnt = env.get_weights()[key][0]
        assert learnt == pytest.approx(expected(rule, 0.2, arrivals[arrivals < 400], own[own < 400]), rel=1e-9)
        assert abs(learnt - 0.2) > 0.01


def pair(first_ms, second_ms):
    """Two currents of 1 ms, each of which makes its cell fire once."""
    values = np.zeros((2400, 2))
    for cell, start_ms in enumerate((first_ms, second_ms)):
        start = round(10 * start_ms)
        values[start : start + 10, cell] = 0.6
    return Stimulus(values, 0.1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("rule", "pre", "key", "before", "after"),
    [
        (STDP(0.05, 0.04, tau_plus=14.0, tau_minus=34.0, w_max=2.0), 0, AMPA, (0.1, 14.0), (-0.08, 34.0)),
        (InhibitorySTDP(eta=0.05, tau=15.0, target_hz=0.0), 1, GABA, (0.05, 15.0), (0.05, 15.0)),
    ],
)
def test_one_pair_of_spikes_at_every_interval(backend, rule, pre, key, before, after):
    """A pair dt apart, arrival first or second, changes the weight by A exp(-|dt| / tau)."""
    culture = system(2, 0, [(0, 1, 1.3)]) if pre == 0 else system(1, 1, [(1, 0, 1.3)])
    seen = []
    with Env(culture, backend=backend).init().set_weights({key: 0.02}).record_spikes() as env:
        env.enable_plasticity(rule, dendritic_delay_ms=0.7)
        for wanted in np.arange(-50.0, 51.0, 5.0):
            times = np.full(2, 80.0)
            times[1 - pre] += 0.6 + wanted
            recording = env.clear().run(240.0, pair(*times))
            arrival, own = (
                recording.spike_t[recording.spike_gid == cell] + delay for cell, delay in ((pre, 1.3), (1 - pre, 0.7))
            )
            assert len(arrival) == len(own) == 1
            steps = round((own[0] - arrival[0]) / env.dt)  # 0: the arrival comes first
            size, tau = before if steps >= 0 else after
            expected_change = 0.02 * size * math.exp(-abs(steps) * env.dt / tau)
            assert env.get_weights(key)[key][0] - 0.02 == pytest.approx(expected_change, abs=0.02 * 1e-9)
            seen.append(steps * env.dt)
    assert np.all(np.diff(seen) > 3.0) and seen[0] < -48.0 and seen[-1] > 48.0


@pytest.mark.parametrize(("dt", "scheme"), [(0.025, "backward_euler"), (0.05, "second_order")])
def test_backends_agree_on_a_culture(dt, scheme):
    results = []
    for backend in BACKENDS:
        env = make("EI1", backend=backend, dt=dt, scheme=scheme, seed=3)
        env.enable_plasticity(
            {"EXC_EXC": STDP(0.05, 0.06), NMDA: STDP(0.02, 0.01), "INH_EXC": InhibitorySTDP(0.05)}
        ).record_spikes()
        env.record_weights(50.0)
        pulses = Stimulus.pulse_train([10.0], duration_ms=300.0, rate_hz=20.0)
        results.append((env.run(300.0, pulses), env.get_weights()))
        env.close()
    (native, weights), (neuron, others) = results
    assert np.array_equal(native.spike_gid, neuron.spike_gid) and len(native.spike_gid) > 10
    np.testing.assert_allclose(native.spike_t, neuron.spike_t, atol=1e-9)
    assert weights.keys() == others.keys() and native.weights.keys() == neuron.weights.keys() == {AMPA, NMDA, GABA}
    for key in weights:
        np.testing.assert_allclose(weights[key], others[key], rtol=1e-9)
    for key in native.weights:
        assert native.weights[key].shape == (1, len(weights[key]), 6)
        np.testing.assert_allclose(native.weights[key], neuron.weights[key], rtol=1e-9)
        assert (native.weights[key][0, :, -1] != native.weights[key][0, :, 0]).any()


@pytest.mark.parametrize("pause", [False, True])
def test_spikes_in_transit_are_forgotten_when_learning_begins_anew(pause):
    """Postsynaptic spikes of the last 20 ms do not reach synapses under the rule that follows."""
    found = []
    for backend in BACKENDS:
        with make("EI1", backend=backend, seed=3) as env:
            env.set_noise({"std_e": 6.0}).enable_plasticity(STDP(0.05, 0.06), dendritic_delay_ms=20.0).run(60.0)
            if pause:
                env.disable_plasticity().run(5.0)
            env.enable_plasticity(STDP(0.05, 0.06), dendritic_delay_ms=20.0 if pause else 1.0)
            env.run(25.0)
            found.append(env.get_weights())
    native, neuron = found
    for key in native:
        np.testing.assert_allclose(native[key], neuron[key], rtol=1e-9)


@pytest.mark.slow
def test_backends_agree_on_ei2_under_stimulation():
    results = []
    for backend in BACKENDS:
        env = make("EI2", backend=backend, seed=2).record_spikes()
        env.enable_plasticity({"EXC_EXC": STDP(0.02, 0.025), "INH_EXC": InhibitorySTDP(0.05)})
        env.run(100.0)
        pulses = Stimulus.pulse_train([10.0] * 16, duration_ms=200.0, rate_hz=20.0)
        results.append((env.run(200.0, pulses), env.get_weights()))
        env.close()
    (native, weights), (neuron, others) = results
    assert np.array_equal(native.spike_gid, neuron.spike_gid) and len(native.spike_gid) > 100
    np.testing.assert_allclose(native.spike_t, neuron.spike_t, atol=1e-9)
    for key in weights:
        np.testing.assert_allclose(weights[key], others[key], rtol=1e-9)


def culture(backend="native", count=1, seed=4, **options):
    """A lively EI1 whose synapses learn fast."""
    env = make("EI1", backend=backend, num_cultures=count, seed=seed, **options)
    env.set_noise({"EXC-std_e": 1.0}).record_spikes().record_voltage(sample_ms=1.0)
    return env.enable_plasticity(STDP(0.1, 0.1), dendritic_delay_ms=0.3)


def same(first, second):
    return all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("backend", BACKENDS)
def test_off_is_as_if_it_were_not_there_and_frozen_weights_stay(backend):
    never = make("EI1", backend=backend, seed=4).set_noise({"EXC-std_e": 1.0}).record_spikes()
    never.record_voltage(sample_ms=1.0)
    env = culture(backend).disable_plasticity()
    assert equal(env.run(100.0), never.run(100.0))
    assert same(env.get_weights(), never.get_weights())
    env.enable_plasticity(STDP(0.1, 0.1)).run(200.0)
    learnt = env.disable_plasticity().get_weights()
    assert not same(learnt, never.get_weights())
    env.run(100.0)
    assert same(env.get_weights(), learnt)
    env.clear(seed=4)
    assert same(env.get_weights(), never.get_weights())
    assert equal(env.run(100.0), never.clear(seed=4).run(100.0))
    env.close(), never.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_looking_disturbs_nothing(backend):
    env, other = culture(backend), culture(backend).record_weights(3.0)
    for duration in (33.0, 150.0, 17.0 + 1.0):
        first = env.run(duration)
        env.get_weights()
        second = other.run(duration)
        assert equal(first, second)
    assert same(env.get_weights(), other.get_weights())
    assert (env.get_weights(AMPA)[AMPA] != make("EI1").get_weights(AMPA)[AMPA]).any()
    env.close(), other.close()


def test_batch_threads_and_cuts_do_not_matter():
    whole = culture()
    expected_run = whole.run(300.0)
    batch = culture(count=5, seed=[9, 4, 1, 4, 2])
    parts = [batch.run(duration) for duration in (1.0, 99.0, 57.0, 143.0)]
    for b in (1, 3):
        spikes = np.concatenate([part.culture(b).spike_gid for part in parts])
        assert np.array_equal(spikes, expected_run.spike_gid) and len(spikes) > 10
        assert np.array_equal(batch.get_weights()[AMPA][b], whole.get_weights()[AMPA])
    some = culture(count=3, seed=[7, 4, 8])
    some.run(100.0, cultures=[1])
    some.run(200.0, cultures=[1, 2])
    assert np.array_equal(some.get_weights()[AMPA][1], whole.get_weights()[AMPA])
    for env in (whole, batch, some):
        env.close()


def test_snapshots_hold_what_was_learnt():
    env = culture()
    env.run(123.0)
    state = pickle.loads(pickle.dumps(env.save_state()))
    first, learnt = env.run(100.0), env.get_weights()
    env.run(50.0)
    env.load_state(state)
    assert equal(env.run(100.0), first)
    assert same(env.get_weights(), learnt)
    other = culture(count=2, seed=[1, 2]).load_state(state, cultures=[1])
    other.run(100.0)
    assert np.array_equal(other.get_weights()[AMPA][1], learnt[AMPA])
    env.close(), other.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_normalizing_keeps_every_cells_sum(backend):
    env = culture(backend)
    projection = next(p for p in env.system.projections if AMPA in p.weight_names)
    before = env.get_weights(AMPA)[AMPA]
    env.run(300.0)
    learnt = env.get_weights(AMPA)[AMPA]
    assert np.abs(learnt - before).max() > 0.01
    env.normalize_weights()
    after = env.get_weights(AMPA)[AMPA]
    for cell in np.unique(projection.post_gid):
        own = projection.post_gid == cell
        assert after[own].sum() == pytest.approx(before[own].sum())
        np.testing.assert_allclose(after[own] / after[own][0], learnt[own] / learnt[own][0])
    with pytest.raises(UnknownName, match=AMPA):
        env.normalize_weights("INH_EXC")
    env.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_normalizing_respects_the_bounds_of_the_rule(backend):
    # Only cell 1 fires before cell 3, so that its synapse alone keeps its weight and would have to carry the sum.
    culture = system(4, 0, [(0, 3, 1.0), (1, 3, 1.0), (2, 3, 1.0)])
    rule = STDP(A_plus=0.0, A_minus=0.9, tau_minus=200.0, w_max=2.0)
    with Env(culture, backend=backend).init().set_weights({AMPA: 0.2}).enable_plasticity(rule) as env:
        drive = np.zeros((4000, 4))
        drive[500:520, 3] = drive[600:620, 0] = drive[600:620, 2] = 0.4  # post before pre: weakened
        env.run(400.0, Stimulus(drive, 0.1))
        assert env.get_weights(AMPA)[AMPA][1] == pytest.approx(0.2) and env.get_weights(AMPA)[AMPA][0] < 0.05
        after = env.normalize_weights().get_weights(AMPA)[AMPA]
        bound = rule.w_max * 0.2
        assert (after >= 0.0).all() and (after <= bound * (1 + 1e-12)).all()
        assert after[1] == pytest.approx(bound)  # without the bound it would be above
        assert after.sum() == pytest.approx(min(0.6, bound * np.count_nonzero(after)))


@pytest.mark.parametrize("seed", range(5))
def test_rescaling_reaches_the_sum_wherever_the_bound_allows_it(seed):
    rng = np.random.default_rng(seed)
    post = rng.integers(0, 5, 60)
    weights, first = rng.exponential(1.0, 60) * rng.integers(0, 2, 60), rng.exponential(1.0, 60)
    for bound in (0.5, 1.5, 4.0, np.inf):
        after = rescaled(weights, first, post, 5, bound)
        for cell in range(5):
            own = (post == cell) & (weights > 0.0)
            most = bound * np.count_nonzero(own) if own.any() else 0.0
            assert after[post == cell].sum() == pytest.approx(min(first[post == cell].sum(), most))
        assert (after <= bound).all() and (after[weights == 0.0] == 0.0).all()
        # one factor for all synapses that are not at the bound
        for cell in range(5):
            free = (post == cell) & (weights > 0.0) & (after < bound)
            ratio = after[free] / weights[free]
            assert np.allclose(ratio, ratio[:1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_learnt_can_be_normalized_while_plasticity_is_off(backend):
    env, other = culture(backend), culture(backend)
    first = env.get_weights()
    env.run(300.0), other.run(300.0)
    env.disable_plasticity().normalize_weights(), other.normalize_weights()
    assert same(env.get_weights(), other.get_weights()) and not same(env.get_weights(), first)
    with pytest.raises(UnknownName, match="INH_EXC"):
        env.normalize_weights("INH_EXX")
    # nothing learnt: nothing changes, bit for bit
    env.clear().normalize_weights()
    assert same(env.get_weights(), first)
    env.close(), other.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_setting_a_weight_forgets_what_its_synapses_learnt(backend):
    env = culture(backend)
    before = env.get_weights()
    env.run(200.0)
    env.set_noise({"std_i": 0.01})
    assert (env.get_weights()[AMPA] != before[AMPA]).any()
    env.set_weights({AMPA: 2 * env.parameters.weights[AMPA]})
    np.testing.assert_allclose(env.get_weights()[AMPA], 2 * before[AMPA], rtol=1e-12)
    env.close()


@pytest.mark.slow
def test_inhibition_brings_a_cell_to_its_target_rate():
    """Vogels et al. 2011: a cell driven far above 5 Hz is held there by what it learns; without, it is not."""
    hand_made = system(1, 8, [(g, 0, 1.0) for g in range(1, 9)])
    rates = {}
    for learning in (False, True):
        env = Env(hand_made, backend="native", profile="fast").init().set_weights({GABA: 0.5}).record_spikes("EXC")
        env.set_noise({"EXC-g_e0": 2.0, "EXC-std_e": 0.8, "INH-g_e0": 1.0, "INH-std_e": 0.5})
        if learning:
            env.enable_plasticity(InhibitorySTDP(eta=0.05, target_hz=5.0, w_max=200.0))
        env.run(30_000.0)
        rates[learning] = len(env.run(20_000.0).spike_gid) / 20.0
        env.close()
    # 100 spikes in 20 s: a standard error of at most 0.5 Hz, and a rate that is still being steered
    assert rates[False] > 15.0
    assert rates[True] == pytest.approx(5.0, abs=2.0)


def test_a_name_stands_for_a_rule():
    env = Env("EI1").init()
    for named, rules in (
        ("stdp", {AMPA: STDP()}),
        ("inhibitory_stdp", {GABA: InhibitorySTDP()}),
        ({"EXC_EXC": "stdp", GABA: InhibitorySTDP()}, {AMPA: STDP(), GABA: InhibitorySTDP()}),
    ):
        assert env.enable_plasticity(named).parameters.plasticity.rules == rules


def test_wrong_arguments_are_refused():
    env = Env(system(2, 0, [(0, 1, 1.0)]))
    with pytest.raises(ClosedError):
        env.get_weights()
    env.init()
    for config, message in (({"EXC_INH": STDP()}, "EXC_EXC"), (InhibitorySTDP(), "EXC_EXC")):
        with pytest.raises(UnknownName, match=message):
            env.enable_plasticity(config)
    for config in ({"EXC_EXC": 3}, 3, STDP, [STDP(), InhibitorySTDP()]):
        with pytest.raises(InvalidInput, match="'stdp'.*mapping.*'EXC_EXC'"):
            env.enable_plasticity(config)
    for config in ("stpd", {"EXC_EXC": "stpd"}):
        with pytest.raises(UnknownName, match="Did you mean 'stdp'"):
            env.enable_plasticity(config)
    with pytest.raises(UnknownName, match="EXC_EXC"):
        env.get_weights("EXC_IHN")
    with pytest.raises(InvalidInput, match="dendritic_delay_ms"):
        env.enable_plasticity(dendritic_delay_ms=0.0)
    for wrong in ({"A_plus": -1.0}, {"tau_plus": 0.0}, {"w_max": 0.0}, {"bounds": "firm"}):
        with pytest.raises(InvalidInput):
            STDP(**wrong)
    for wrong in ({"eta": -1.0}, {"tau": 0.0}, {"w_max": float("nan")}):
        with pytest.raises(InvalidInput):
            InhibitorySTDP(**wrong)
    env.enable_plasticity().record_weights(3.0)
    with pytest.raises(InvalidInput, match="multiple of 3 ms"):
        env.run(10.0)
    env.close()


def test_recorded_weights_are_cut_and_joined_like_traces():
    env = culture(count=2).record_weights(10.0)
    first, second = env.run(50.0), env.run(30.0)
    whole = type(first).concat([first, second])
    assert whole.weights[AMPA].shape[0] == 2 and whole.weights[AMPA].shape[2] == 8
    np.testing.assert_array_equal(whole.slice(20.0, 60.0).weights[AMPA], whole.weights[AMPA][..., 2:6])
    np.testing.assert_array_equal(whole.culture(1).weights[AMPA], whole.weights[AMPA][1:])
    with pytest.raises(InvalidInput, match="multiples of 10 ms"):
        whole.slice(5.0, 60.0)
    env.close()
