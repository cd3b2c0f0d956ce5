"""What Env promises beyond the reference page: errors, seeds, batches, parameters."""

import numpy as np
import pytest
from cultures import system

from livn_gym.env import Env
from livn_gym.errors import ClosedError, InvalidInput, NotRecorded, UnknownName, UnsupportedModel
from livn_gym.recording import Recording
from livn_gym.stimulus import Pulses, Stimulus

NOISE = {"g_e0": 0.02, "std_e": 0.6, "tau_e": 30.0}


@pytest.fixture(autouse=True, params=["native", "neuron"])
def simulator(request, monkeypatch):
    """Every test runs on each backend."""
    monkeypatch.setenv("LIVN_BACKEND", request.param)
    return request.param


@pytest.fixture
def culture():
    return system(3, 1, [(0, 1, 1.0), (1, 2, 1.5), (2, 3, 1.0), (3, 0, 1.0)])


@pytest.fixture
def env(culture):
    with Env(culture, seed=3).init() as env:
        env.set_noise(NOISE)
        env.record_spikes()
        yield env


def test_nothing_is_recorded_until_told(culture):
    with Env(culture).init() as env:
        recording = env.run(5)
        assert list(recording) == [None] * 6
        with pytest.raises(NotRecorded, match="record_spikes"):
            _ = recording.spikes


def test_recordings_have_the_documented_types_and_shapes(env):
    env.record_voltage("EXC")
    env.record_membrane_current(["INH"])
    it, t, iv, v, im, mp = env.run(100)
    assert it.dtype == np.int64 and t.dtype == np.float64
    assert (np.diff(t) >= 0).all() and (t >= 0).all() and (t < 100).all()
    assert list(iv) == [0, 1, 2] and v.shape == (3, 4000)
    assert list(im) == [3] and mp.shape == (1, 4000)


def test_traces_can_be_sampled_more_coarsely(env):
    env.record_voltage(sample_ms=0.5)
    fine = env.run(20)
    assert fine.voltage.shape == (1, 4, 40)
    assert fine.sample_dt_ms == 0.5
    with pytest.raises(InvalidInput, match="sampling interval"):
        env.run(20.2)


def test_only_the_chosen_population_is_recorded(env):
    env.record_spikes("INH")
    it, *_ = env.run(300, Stimulus(np.full((1, 4), 0.2), 300.0))
    assert len(it) and set(it) == {3}


@pytest.mark.parametrize("duration", [0, -1, float("nan"), float("inf"), 0.01, "100", None, True])
def test_bad_durations_are_refused(env, duration):
    with pytest.raises(InvalidInput, match="duration"):
        env.run(duration)


def test_bad_stimuli_are_refused(env):
    for stimulus, message in (
        (Stimulus(np.zeros((10, 3)), 1.0), "4 columns"),
        (Stimulus(np.zeros((200, 4)), 1.0), "longer than the run"),
        (Stimulus(np.zeros((2, 10, 4)), 1.0), "2 cultures"),
        (Stimulus(np.zeros((10, 4)), 0.03), "multiple of the time step"),
    ):
        with pytest.raises(InvalidInput, match=message):
            env.run(100, stimulus)
    with pytest.raises(InvalidInput, match="NaN"):
        Stimulus(np.full((10, 4), np.nan), 1.0)


def test_a_refused_stimulus_leaves_the_culture_as_it_was(env, culture):
    with pytest.raises(InvalidInput):
        env.run(100, Stimulus(np.zeros((10, 4)), 0.03))
    after = env.run(50)
    with Env(culture, seed=3).init() as other:
        other.set_noise(NOISE).record_spikes()
        assert np.array_equal(after.spike_t, other.run(50).spike_t)


def test_one_cultures_refused_stimulus_leaves_the_others_as_they_were(culture):
    onsets, ones = np.array([1.0, 1.0, 1.1]), np.ones(3)
    zeros = np.zeros(3)
    pulses = Pulses(np.array([0, 1, 1]), zeros, onsets, zeros, 0.2 * ones, ones)  # culture 1's overlap
    stimulus = Stimulus.from_pulses(pulses, num_columns=4, duration_ms=10.0, num_cultures=2, mode="current")
    with Env(culture, num_cultures=2).init() as env:
        env.set_noise(NOISE).record_voltage()
        with pytest.raises(InvalidInput, match="overlap"):
            env.run(10, stimulus)
        refused = env.run(20).voltage
        env.clear(seed=0)
        assert np.array_equal(refused, env.run(20).voltage)


def test_bad_parameters_are_refused_and_change_nothing(env):
    before = env.parameters
    for change, message in (
        ({"weight-EXC_EXC-hilock-AMPA-weight": 1.0}, "Did you mean 'weight-EXC_EXC-hillock-AMPA-weight'"),
        ({"noise-std_x": 1.0}, "Did you mean"),
        ({"noise-std_e": float("nan")}, "finite"),
        ({"noise-std_e": -1.0}, "at least 0"),
        ({"noise-tau_e": 0.0}, "greater than 0"),
        ({"depression-EXC-U": 1.5}, "at most 1"),
        ({"weight-EXC_EXC-hillock-AMPA-weight": -1.0}, "at least 0"),
        ({"EXC_EXC-hillock-AMPA-weight": 1.0}, "Unknown parameter"),
    ):
        with pytest.raises(InvalidInput, match=message):
            env.set_params({"noise-std_i": 0.3} | change)
    with pytest.raises(UnknownName):
        env.record_spikes("EXCC")
    assert env.parameters == before


def test_a_populations_own_noise_key_wins_over_the_common_one(env):
    env.set_noise({"INH-std_e": 0.1, "std_e": 0.7, "tau_i": 9.0})
    noise = env.parameters.noise
    assert (noise["EXC"].std_e, noise["INH"].std_e) == (0.7, 0.1)
    assert noise["EXC"].tau_i == noise["INH"].tau_i == 9.0
    assert noise["EXC"].g_e0 == NOISE["g_e0"]


def test_parameters_set_before_init_count(culture):
    runs = []
    for early in (True, False):
        with Env(culture, seed=1) as env:
            if early:
                env.set_noise(NOISE)
                env.init()
            else:
                env.init()
                env.set_noise(NOISE)
            runs.append(env.record_spikes().run(200).spike_t)
    assert len(runs[0]) and np.array_equal(*runs)


def test_clear_goes_on_with_the_next_trial_and_a_seed_starts_anew(env):
    first = env.run(200)
    assert env.t == 200
    env.clear()
    assert env.t == 0
    second = env.run(200)
    env.clear(seed=3)
    again = env.run(200)
    env.clear()
    second_again = env.run(200)
    assert len(first.spike_t) > 3
    assert np.array_equal(first.spike_t, again.spike_t)
    assert np.array_equal(second.spike_t, second_again.spike_t)
    assert not np.array_equal(first.spike_t, second.spike_t)
    assert first.t0_ms == again.t0_ms == 0.0


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1", True])
def test_bad_seeds_are_refused(env, culture, seed):
    with pytest.raises(InvalidInput, match="seed"):
        env.clear(seed=seed)
    with pytest.raises(InvalidInput, match="seed"):
        Env(culture, seed=seed)


def test_a_batch_is_its_members(culture):
    stimuli = np.zeros((2, 50, 4))
    stimuli[0, :, 0], stimuli[1, :, 1] = 0.1, 0.15
    with Env(culture, seed=7, num_cultures=2).init() as env:
        env.set_noise(NOISE).record_spikes().record_voltage(sample_ms=1.0)
        both = env.run(100, Stimulus(stimuli, 1.0))
        with pytest.raises(InvalidInput, match=r"recording\.culture\(b\)"):
            list(both)
        env.clear(cultures=[1], seed=[7])
        later = env.run(100, Stimulus(stimuli, 1.0))
    assert both.num_cultures == 2 and both.voltage.shape == (2, 4, 100)
    for b in range(2):
        with Env(culture, seed=7 + b).init() as alone:
            alone.set_noise(NOISE).record_spikes().record_voltage(sample_ms=1.0)
            single = alone.run(100, Stimulus(stimuli[b], 1.0))
            assert np.array_equal(both.culture(b).spike_gid, single.spike_gid)
            assert np.array_equal(both.culture(b).spike_t, single.spike_t)
            assert np.array_equal(both.culture(b).voltage, single.voltage)
    assert not np.array_equal(later.culture(1).voltage, both.culture(1).voltage)


def test_a_batch_can_be_cleared_in_part(culture):
    with Env(culture, seed=[5, 5], num_cultures=2).init() as env:
        env.set_noise(NOISE).record_spikes()
        first = env.run(100)
        assert np.array_equal(first.culture(0).spike_t, first.culture(1).spike_t)
        env.clear(seed=[5], cultures=[1])
        second = env.run(100)
    assert np.array_equal(second.culture(1).spike_t, first.culture(1).spike_t)
    assert not np.array_equal(second.culture(0).spike_t, first.culture(0).spike_t)


def test_order_of_calls_is_checked(culture):
    env = Env(culture)
    with pytest.raises(ClosedError, match="init"):
        env.run(10)
    env.init()
    env.close()
    env.close()
    for call in (
        lambda: env.run(10),
        env.init,
        lambda: env.clear(),
        lambda: env.set_noise(NOISE),
        env.record_spikes,
    ):
        with pytest.raises(ClosedError, match="closed"):
            call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_cultures": 0}, "num_cultures"),
        ({"num_cultures": 1.5}, "num_cultures"),
        ({"dt": 0}, "dt"),
        ({"scheme": "runge_kutta"}, "scheme"),
        ({"seed": [1, 2]}, "one entry"),
        ({"subworld_size": 4}, "subworld_size"),
    ],
)
def test_bad_options_are_refused(culture, options, message):
    with pytest.raises(InvalidInput, match=message):
        Env(culture, **options)


def test_an_unknown_backend_names_those_there_are(culture, monkeypatch):
    with pytest.raises(UnknownName, match="neuron"):
        Env(culture, backend="brian").init()
    monkeypatch.setenv("LIVN_BACKEND", "brian")
    with pytest.raises(UnknownName, match="neuron"):
        Env(culture).init()


def test_two_envs_of_one_process_do_not_disturb_each_other(culture):
    def spikes(env, ms):
        return env.run(ms).spike_t

    with Env(culture, seed=1).init() as one, Env(culture, seed=2).init() as two:
        for env in (one, two):
            env.set_noise(NOISE).record_spikes()
        mixed = [spikes(one, 100), spikes(two, 100), spikes(one, 100)]
        two.clear()
        mixed.append(spikes(one, 100))
    with Env(culture, seed=1).init() as one:
        one.set_noise(NOISE).record_spikes()
        alone = [spikes(one, 100) for _ in range(3)]
    assert all(np.array_equal(a, b) for a, b in zip([mixed[0], mixed[2], mixed[3]], alone, strict=True))


def test_a_profile_is_a_setting_that_single_arguments_change():
    def setting(**options):
        env = Env(system(1), **options).init()
        env.close()
        return env.dt, env.scheme, env.precision

    assert setting() == (0.025, "backward_euler", "float64")
    assert setting(profile="fast", backend="native") == (0.05, "multirate", "float32")
    assert setting(profile="fast", backend="native", dt=0.025, precision="float64") == (
        0.025,
        "multirate",
        "float64",
    )
    assert setting(profile="fast", backend="neuron") == (0.05, "second_order", "float64")
    with pytest.raises(UnsupportedModel, match="float32"):
        setting(precision="float32", backend="neuron")
    with pytest.raises(UnsupportedModel, match="multirate"):
        setting(scheme="multirate", backend="neuron")
    for wrong in ({"profile": "fats"}, {"precision": "float16"}, {"scheme": "euler"}):
        with pytest.raises(UnknownName):
            setting(**wrong)


def test_the_run_of_a_culture_begins_where_its_last_one_ended():
    with Env("EI1", num_cultures=2).init() as env:
        first = env.record_spikes().run(10.0)
        env.run(5.0, cultures=[0])
        second = env.run(10.0)
    assert [part.t0_ms for part in first.cultures] == [0.0, 0.0]
    assert [part.t0_ms for part in second.cultures] == [15.0, 10.0]
    assert Recording.concat([first.culture(1), second.culture(1)]).duration_ms == 20.0
