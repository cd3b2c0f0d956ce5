"""Conditions inside the closed loop: stimulus and parameters of a culture, the spikes that the electrodes record."""

import gymnasium as gym
import numpy as np
import pytest
from fakes import PoissonBackend

import livn_gym
from livn_gym.encoding import PulseAmplitude
from livn_gym.envs import conditions
from livn_gym.envs.conditions import Condition, Conditioned, ConditionedRun
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.pulses import PULSE_ARRAYS
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus

pytestmark = pytest.mark.usefixtures("fake")

EVERY = [
    "synapses_cut",
    {"name": "latency", "latency_ms": 30.0, "jitter_ms": 20.0},
    {"name": "electrode_faults", "dead": 0.3},
    "silent_culture",
    "shuffled_culture",
    {"name": "shuffled_culture", "redraw": "episode"},
    "poisson_culture",
    {"name": "poisson_culture", "match": "step"},
    {"name": "excitability_drift", "level": 2},
    {"name": "receptor_block", "receptors": "NMDA", "gain": 0.3, "start_ms": 300.0},
]


@pytest.fixture
def culture():
    with livn_gym.make("EI2", backend="fake") as env:
        yield env


def make(culture, name, seed=0, **options):
    (condition,) = conditions.make(culture, {"name": name, **options})
    begin(condition, seed)
    return condition


def begin(condition, seed=0):
    condition.states[0] = condition.begin(np.random.default_rng(seed))


def run(time_ms=200.0, duration_ms=200.0):
    """A run of culture 0 that ends at a time."""
    return ConditionedRun(np.array([0]), duration_ms, np.array([time_ms]))


def spikes(gid, t, duration_ms=200.0):
    order = np.lexsort((gid, t))
    gid, t = np.asarray(gid, dtype=np.int64)[order], np.asarray(t, dtype=np.float64)[order]
    return Recording(0.0, duration_ms, 0.05, 0.05, 1, np.zeros_like(gid), gid, t)


def train(rate_hz=20.0, amplitude=15.0, duration_ms=200.0, channels=16):
    return Stimulus.pulse_train(np.full(channels, amplitude), duration_ms=duration_ms, rate_hz=rate_hz)


def test_there_is_a_condition_for_every_name():
    given = {one if isinstance(one, str) else one["name"] for one in EVERY}
    assert given == set(conditions.names())


@pytest.mark.parametrize("chosen", EVERY, ids=str)
def test_a_vector_under_a_condition_is_its_single_environments(chosen):
    options = {"conditions": chosen, "settle_ms": 400.0, "max_episode_steps": 3}
    vector = gym.make_vec("livn/EI2-v0", num_envs=3, **options)
    observations, _ = vector.reset(seed=5)
    actions = np.random.default_rng(1).uniform(-1, 1, (6, 3, 16)).astype(np.float32)
    steps = [vector.step(action) for action in actions]
    for b in (0, 2):
        single = gym.make("livn/EI2-v0", **options)
        np.testing.assert_array_equal(single.reset(seed=5 + b)[0], observations[b])
        for k, (seen, reward, _, _, info) in enumerate(steps):
            if k == 3:
                np.testing.assert_array_equal(single.reset()[0], seen[b])
                continue
            own = single.step(actions[k, b])
            np.testing.assert_array_equal(own[0], seen[b])
            assert own[1] == reward[b] and own[4]["charge_nC"] == info["charge_nC"][b]
        single.close()
    vector.close()


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["excitability_drift", "electrode_faults", {"name": "receptor_block", "gain": 0.5}])
def test_a_vector_under_a_condition_is_its_single_environments_on_the_native_engine(chosen):
    options = {"conditions": chosen, "settle_ms": 400.0, "backend": "native"}
    vector = gym.make_vec("livn/EI2-v0", num_envs=3, **options)
    observations, _ = vector.reset(seed=5)
    actions = np.random.default_rng(1).uniform(-1, 1, (3, 3, 16)).astype(np.float32)
    steps = [vector.step(action) for action in actions]
    single = gym.make("livn/EI2-v0", **options)
    np.testing.assert_array_equal(single.reset(seed=6)[0], observations[1])
    for action, step in zip(actions, steps, strict=True):
        np.testing.assert_array_equal(single.step(action[1])[0], step[0][1])
    single.close()
    vector.close()


def test_no_condition_leaves_the_first_episode_as_it_is():
    seen = []
    for chosen in ((), {"name": "latency", "latency_ms": 0.0}):
        with gym.make("livn/EI2-v0", conditions=chosen, settle_ms=400.0) as env:
            seen.append([env.reset(seed=3)[0], *(env.step(np.ones(16, np.float32))[0] for _ in range(2))])
    np.testing.assert_array_equal(*seen)


def test_latency_shifts_pulses_and_hands_the_rest_to_the_next_step(culture):
    latency = make(culture, "latency", latency_ms=60.0)
    first = latency.stimulus(train(), run())
    assert sorted(set(first.pulses.onset_ms)) == [60.0, 110.0, 160.0]
    second = latency.stimulus(train(), run())
    assert sorted(set(second.pulses.onset_ms)) == [10.0, 60.0, 110.0, 160.0]
    third = latency.stimulus(None, run())
    assert sorted(set(third.pulses.onset_ms)) == [10.0]
    assert latency.stimulus(None, run()) is None


def test_latency_may_exceed_a_step_and_a_reset_empties_the_queue(culture):
    latency = make(culture, "latency", latency_ms=250.0)
    assert not len(latency.stimulus(train(), run()).pulses.onset_ms)
    assert sorted(set(latency.stimulus(train(), run()).pulses.onset_ms)) == [50.0, 100.0, 150.0]
    begin(latency)
    assert latency.stimulus(None, run()) is None


def test_jitter_neither_loses_charge_nor_brings_pulses_too_close(culture):
    latency = make(culture, "latency", latency_ms=10.0, jitter_ms=60.0)
    delivered, onsets = 0.0, []
    for k in range(30):
        part = latency.stimulus(train() if k < 25 else None, run())
        if part is None:
            continue
        part.schedule(culture.dt)  # refuses overlaps
        delivered += part.charge_nC()[0, 0]
        onsets += list(np.unique(part.pulses.onset_ms) + 200.0 * k)
    assert delivered == pytest.approx(25 * train().charge_nC()[0])
    assert np.diff(onsets).min() >= 5.0 - 1e-9
    assert len({round(t % 50.0, 3) for t in onsets}) > 10


def test_latency_refuses_a_waveform(culture):
    waveform = Stimulus(np.ones((10, 16)), 0.2, "electrode")
    with pytest.raises(InvalidInput, match="waveform"):
        make(culture, "latency").stimulus(waveform, run())


def test_dead_electrodes_neither_stimulate_nor_hear(culture):
    faults = make(culture, "electrode_faults", dead=0.5, loss=0.0, seed=1)
    dead = np.flatnonzero(faults.states[0].current == 0)
    assert 2 <= len(dead) <= 14 and (faults.states[0].spikes[dead] == 0).all()
    charge = faults.stimulus(train(), run()).charge_nC()[0]
    assert (charge[dead] == 0).all() and (np.delete(charge, dead) == train().charge_nC()[0]).all()
    cells = np.arange(100)
    heard = faults.recording(spikes(cells, np.linspace(0, 199, 100)), None, run()).spike_gid
    deaf = culture.electrodes.channel_cells()[dead].any(axis=0)
    assert set(heard) == set(cells[~deaf])


def test_losses_weaken_current_and_thin_spikes(culture):
    faults = make(culture, "electrode_faults", dead=0.0, loss=0.5)
    share = faults.stimulus(train(), run()).charge_nC()[0] / train().charge_nC()
    assert share.min() >= 0.5 and share.max() <= 1.0 and np.ptp(share) > 0.1
    gid, t = np.tile(np.arange(100), 100), np.linspace(0, 199, 10_000)
    heard = np.bincount(faults.recording(spikes(gid, t), None, run()).spike_gid, minlength=100)
    owner = culture.electrodes.channel_cells()
    expected = np.where(owner.any(axis=0), (owner * faults.states[0].spikes[:, None]).sum(axis=0), 1.0)
    # 100 draws a cell: a standard deviation of at most 5
    assert np.abs(heard - 100 * expected).max() < 25


def test_drift_is_slow_bounded_and_of_its_own_in_every_episode(culture):
    def factor(drift, time_ms=0.0):
        return drift.factors(run(time_ms))["noise-EXC-std_e"][0]

    drift = make(culture, "excitability_drift", level=2)
    factors = np.array([factor(drift, t) for t in np.arange(0.0, 90_000.0, 200.0)])
    assert 0.8 <= factors.min() < 0.81 and 1.19 < factors.max() <= 1.2
    assert np.abs(np.diff(factors)).max() < 0.01
    assert set(drift.factors(run())) == {"noise-EXC-std_e", "noise-INH-std_e"}
    assert factor(make(culture, "excitability_drift", level=2, seed=1)) != factor(drift)
    assert make(culture, "excitability_drift", level=0).factors(run()) == {}


def test_drift_reaches_the_culture():
    with gym.make("livn/EI2-v0", conditions="excitability_drift", settle_ms=400.0) as env:
        env.reset(seed=0)
        before = env.unwrapped.culture.parameters.noise["EXC"].std_e
        for _ in range(5):
            env.step(env.action_space.low)
        assert env.unwrapped.culture.parameters.noise["EXC"].std_e != before


def test_a_batch_under_drift_is_one_call_of_the_engine(monkeypatch):
    calls = []
    run_backend = PoissonBackend.run
    monkeypatch.setattr(PoissonBackend, "run", lambda *given: calls.append(given[-1]) or run_backend(*given))
    loop = LoopSpec.of("EI2", "rate_tracking", conditions="excitability_drift", settle_ms=0.0, target_hz=8.0).make(4)
    loop.reset([np.random.default_rng(b) for b in range(4)], [0, 1, 2, 3])
    before = loop.env.parameters.noise["EXC"].std_e
    loop.step(np.zeros((4, 16), dtype=np.float32))
    assert calls == [None]
    assert len({loop.env.parameters_of(b).noise["EXC"].std_e for b in range(4)} | {before}) == 5
    loop.close()


WEIGHTS = ("EXC_EXC-hillock-AMPA-weight", "EXC_INH-hillock-NMDA-weight", "INH_EXC-soma-GABA_A-weight")


def weights(culture, b=0):
    return [culture.parameters_of(b).weights[key] for key in WEIGHTS]


def test_a_blocker_takes_a_share_of_a_receptors_weights_from_its_start():
    block = {"name": "receptor_block", "receptors": ["NMDA"], "gain": 0.25, "start_ms": 250.0}
    with gym.make("livn/EI2-v0", conditions=block, settle_ms=200.0) as env:
        ampa, nmda, gaba = weights(env.unwrapped.culture)
        for episode in range(2):
            env.reset(seed=episode)
            for after in (nmda, 0.25 * nmda):  # steps of 200 ms
                env.step(env.action_space.low)
                assert weights(env.unwrapped.culture) == [ampa, after, gaba]


def test_factors_of_several_conditions_are_multiplied(culture):
    blocks = [{"name": "receptor_block", "gain": 0.5}, {"name": "receptor_block", "receptors": "GABA_A", "gain": 0.5}]
    conditioned = Conditioned(culture, conditions.make(culture, [*blocks, "excitability_drift"]))
    conditioned.reset([np.random.default_rng(0)], [0])
    ampa, nmda, gaba = weights(culture)
    conditioned.run(200.0, None, [0], [200.0])
    assert weights(culture) == [0.5 * ampa, 0.5 * nmda, 0.25 * gaba]
    conditioned.conditions.pop(0)
    conditioned.run(200.0, None, [0], [400.0])
    assert weights(culture) == [ampa, nmda, 0.5 * gaba]


def test_cut_synapses_have_no_weight_from_settling_on(culture):
    (cut,) = conditions.make(culture, "synapses_cut")
    Conditioned(culture, [cut]).run(200.0, None, [0], [-1800.0])
    assert not any(culture.parameters.weights.values())


def test_a_factor_of_an_unknown_parameter_is_refused(culture):
    class Wrong(Condition):
        def factors(self, run):
            return {"noise-EXC-std": 0.5}

    with pytest.raises(UnknownName, match="noise-EXC-std_e"):
        Conditioned(culture, [Wrong(culture)]).run(200.0, None, [0], [200.0])


@pytest.mark.slow
def test_drift_changes_the_rate_of_a_real_culture():
    """A fifth more or less noise: two thirds more, or half, of the rate."""
    rates = {}
    for factor in (0.8, 1.2):
        with livn_gym.make("EI2", profile="fast", num_cultures=4, backend="native") as env:
            noise = env.parameters.noise
            env.set_params({f"noise-{name}-std_e": factor * noise[name].std_e for name in ("EXC", "INH")})
            env.record_spikes()
            env.run(1000.0)
            rates[factor] = len(env.run(5000.0).spike_t) / (4 * 100 * 5.0)
    assert rates[1.2] > 1.5 * rates[0.8]


def test_a_silent_culture_is_silent_and_the_others_keep_the_number_of_spikes(culture):
    recording = spikes(np.repeat([3, 7], [5, 2]), np.linspace(0, 199, 7))
    assert len(make(culture, "silent_culture").recording(recording, None, run()).spike_t) == 0
    shuffled = make(culture, "shuffled_culture").recording(recording, None, run())
    np.testing.assert_array_equal(shuffled.spike_t, recording.spike_t)
    assert sorted(np.bincount(shuffled.spike_gid)[np.unique(shuffled.spike_gid)]) == [2, 5]
    drawn = make(culture, "poisson_culture", match="step").recording(recording, None, run())
    assert len(drawn.spike_t) == 7 and (np.diff(drawn.spike_t) >= 0).all()


def test_shuffles_are_drawn_every_step_or_every_episode(culture):
    recording = spikes(np.arange(100), np.linspace(0, 199, 100))
    for redraw, same in (("step", False), ("episode", True)):
        shuffled = make(culture, "shuffled_culture", redraw=redraw)
        first, second = (shuffled.recording(recording, None, run(200.0 * k)).spike_gid for k in (1, 2))
        assert np.array_equal(first, second) is same
        begin(shuffled, 9)
        assert not np.array_equal(shuffled.recording(recording, None, run()).spike_gid, first)


def test_a_poisson_culture_has_the_rates_of_settling(culture):
    poisson = make(culture, "poisson_culture")
    gid = np.repeat([4, 9], [20, 5])
    poisson.recording(spikes(gid, np.linspace(0, 999, 25), 1000.0), None, run(0.0))
    count = sum(
        np.bincount(poisson.recording(spikes([], []), None, run(200.0 * (k + 1))).spike_gid, minlength=100)
        for k in range(500)
    )
    # 100 s at 20 and 5 Hz: 2000 +- 45 and 500 +- 22 spikes
    assert abs(count[4] - 2000) < 230 and abs(count[9] - 500) < 115 and count.sum() == count[4] + count[9]


class Waveform(PulseAmplitude):
    """The pulses as a dense array."""

    def __call__(self, view, duration_ms, inputs):
        pulses = super().__call__(view, duration_ms, inputs)
        return Stimulus(
            np.zeros((*pulses.charge_nC().shape[:-1], 1000, pulses.num_columns)), duration_ms / 1000, "electrode"
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conditions": "poisson_culture", "settle_ms": 0.0}, "poisson_culture .*settle_ms must not be 0"),
        (
            {"conditions": ["synapses_cut", "latency"], "encoding": "light_pulses", "opsin": "williams_2013"},
            "latency .*this encoding gives light",
        ),
        (
            {"conditions": "latency", "encoding": Waveform},
            "latency .*this encoding gives a waveform",
        ),
    ],
)
def test_a_loop_in_which_a_condition_cannot_act_is_not_made(options, message, fake):
    for make_env in (gym.make, gym.make_vec):
        with pytest.raises(InvalidInput, match=message):
            make_env("livn/EI1-v0", **options)


def test_a_poisson_culture_does_not_take_its_rates_from_a_demonstration(culture):
    poisson = make(culture, "poisson_culture")
    stimulus = Stimulus.pulse_train(np.ones(culture.electrodes.num_channels), duration_ms=100.0)
    poisson.recording(spikes([1] * 50, np.linspace(0.0, 99.0, 50)), stimulus, run(-100.0))
    poisson.recording(spikes([2], [5.0]), None, run(0.0))
    drawn = poisson.recording(spikes([], []), None, run(200.0)).spike_gid
    assert set(drawn) <= {2}


def test_a_poisson_culture_that_matches_steps_needs_no_settling(fake):
    poisson = {"name": "poisson_culture", "match": "step"}
    with gym.make("livn/EI1-v0", conditions=poisson, settle_ms=0.0) as env:
        env.reset(seed=0)
        assert env.step(env.action_space.low)[4]["time_ms"] == 200.0


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        ("synapses_cuts", UnknownName, "synapses_cut"),
        ({"latency_ms": 3.0}, InvalidInput, "'name'"),
        ([3], InvalidInput, "'name'"),
        ({"name": "latency", "latency": 3.0}, InvalidInput, "latency_ms"),
        ({"name": "latency", "jitter_ms": -1.0}, InvalidInput, "jitter_ms"),
        ({"name": "electrode_faults", "dead": 1.5}, InvalidInput, "0 ... 1"),
        ({"name": "excitability_drift", "level": 3}, UnknownName, "level"),
        ({"name": "receptor_block", "receptors": "NMDAR"}, UnknownName, "NMDA"),
        ({"name": "receptor_block", "gain": 1.5}, InvalidInput, "0 ... 1"),
        ({"name": "receptor_block", "receptors": []}, InvalidInput, "at least one receptor"),
        ({"name": "latency", "latency_ms": 1e308}, InvalidInput, "at most"),
        ({"name": "latency", "jitter_ms": 1e308, "latency_ms": 1e308}, InvalidInput, "at most"),
        ({"name": "shuffled_culture", "redraw": "never"}, UnknownName, "episode"),
        ({"name": "poisson_culture", "match": "all"}, UnknownName, "settled"),
    ],
)
def test_what_does_not_exist_is_refused(culture, chosen, error, message):
    with pytest.raises(error, match=message):
        conditions.make(culture, chosen)


def test_a_batch_of_stimuli_is_its_parts():
    none = Stimulus.batch([None, None])
    assert none is None
    parts = [train(), None, train(rate_hz=5.0, amplitude=3.0)]
    batch = Stimulus.batch(parts)
    assert batch.num_cultures == 3 and not batch.charge_nC()[1].any()
    for b in (0, 2):
        for name in PULSE_ARRAYS:
            np.testing.assert_array_equal(getattr(batch[b].pulses, name), getattr(parts[b].pulses, name))
    dense = Stimulus(np.ones((4, 2)), 0.2)
    np.testing.assert_array_equal(Stimulus.batch([None, dense]).array, [np.zeros((4, 2)), np.ones((4, 2))])
    with pytest.raises(InvalidInput, match="kind"):
        Stimulus.batch([dense, train(channels=2)])
    with pytest.raises(InvalidInput, match="culture"):
        Stimulus.batch([batch])
