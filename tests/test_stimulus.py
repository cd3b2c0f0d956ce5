"""Stimuli: laws that every schedule keeps, charge balance, and what is refused."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.pulses import Pulses
from livn_gym.stimulus import MODES, Stimulus

DT = 0.025


def dense(stimulus, dt=DT, steps=None):
    """What a simulator applies at every step, ``[T, K]``."""
    schedule = stimulus.schedule(dt)
    steps = steps or round(stimulus.duration_ms / dt)
    values = np.zeros((steps + 1, stimulus.num_columns))
    for step, column, value in zip(schedule.step, schedule.column, schedule.value, strict=True):
        values[step:, column] = value
    assert (values[-1] == 0).all(), "a stimulus ends with nothing applied"
    return values[:-1]


def pulses(*phases):
    """Pulses from (column, onset, offset, width, value) in culture 0."""
    column, onset, offset, width, value = (np.array(part) for part in zip(*phases, strict=True))
    return Pulses(np.zeros(len(phases), int), column.astype(int), onset, offset, width, value)


# Dense arrays


@given(arrays(np.float64, (4, 3), elements=st.sampled_from([0.0, 1.0, -2.0])), st.sampled_from([1, 2, 8]))
def test_a_schedule_of_an_array_holds_every_row_for_its_time(values, stride):
    stimulus = Stimulus(values, dt=stride * DT)
    np.testing.assert_array_equal(dense(stimulus), np.repeat(values, stride, axis=0))
    schedule = stimulus.schedule(DT)
    keys = schedule.step * 3 + schedule.column
    assert (np.diff(keys) > 0).all(), "sorted by step and column, each pair once"


def test_a_schedule_holds_changes_only():
    schedule = Stimulus(np.ones((1000, 2)), dt=1.0).schedule(DT)
    assert schedule.step.tolist() == [0, 0, 40_000, 40_000]
    assert schedule.column.tolist() == [0, 1, 0, 1]
    assert schedule.value.tolist() == [1, 1, 0, 0]


def test_an_array_knows_its_shape_and_length():
    alike = Stimulus(np.zeros((100, 10)), dt=1.0)
    assert (alike.duration_ms, alike.num_columns, alike.num_cultures, alike.mode) == (100, 10, None, "current")
    each = Stimulus(np.zeros((2, 100, 10)), dt=0.5)
    assert (each.duration_ms, each.num_columns, each.num_cultures) == (50, 10, 2)


def test_a_stimulus_is_a_copy_that_cannot_be_changed():
    array = np.zeros((2, 2))
    stimulus = Stimulus(array, 1.0)
    array[:] = 5
    assert (stimulus.array == 0).all()
    for held in (stimulus.array, Stimulus(np.zeros((3, 2, 2)), 1.0)[1].array):
        with pytest.raises(ValueError, match="read-only"):
            held[0, 0] = 1
    onset = np.zeros(1)
    held = pulses((0, 0.0, 0.0, 0.2, 1.0))
    onset[:] = 5
    with pytest.raises(ValueError, match="read-only"):
        held.value[0] = 2


def test_a_stimulus_is_no_sequence():
    with pytest.raises(TypeError, match="not iterable"):
        iter(Stimulus(np.zeros((1, 1)), 1.0))


@pytest.mark.parametrize(
    ("array", "dt", "message"),
    [
        (np.zeros(3), 1.0, r"\[T, K\] or \[B, T, K\] and not empty, got \(3,\)"),
        (np.zeros((2, 2, 2, 2)), 1.0, "not empty"),
        (np.zeros((0, 3)), 1.0, "not empty"),
        ([[1.0, np.nan]], 1.0, "NaN or infinity"),
        ([[np.inf]], 1.0, "NaN or infinity"),
        ([[1.0], [1.0, 2.0]], 1.0, "array of numbers"),
        ([["a"]], 1.0, "array of numbers"),
        (np.zeros((2, 2)), 0.0, "dt .ms. must be greater than 0"),
        (np.zeros((2, 2)), -1.0, "greater than 0"),
        (np.zeros((2, 2)), np.nan, "finite"),
    ],
)
def test_what_is_no_array_of_values_is_refused(array, dt, message):
    with pytest.raises(InvalidInput, match=message):
        Stimulus(array, dt)


def test_an_array_whose_time_step_is_no_multiple_is_refused_at_the_schedule():
    with pytest.raises(InvalidInput, match="Stimulus dt must be a multiple of the time step 0.025 ms, got 0.04"):
        Stimulus(np.ones((2, 2)), 0.04).schedule(DT)
    with pytest.raises(InvalidInput, match="dt_ms must be greater than 0"):
        Stimulus(np.ones((2, 2)), 0.04).schedule(0.0)


# Modes


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_kept_by_arrays_pulses_and_their_cultures(mode):
    stimulus = Stimulus(np.ones((2, 3, 4)), 1.0, mode)
    assert stimulus.mode == stimulus[1].mode == mode
    train = Stimulus.pulse_train(np.ones((2, 4)), duration_ms=50, shape="monophasic", mode=mode)
    positive = mode != "conductance" or (train.pulses.value > 0).all()
    assert train.mode == train[1].mode == mode and positive


def test_an_unknown_mode_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'current_density'"):
        Stimulus(np.ones((1, 1)), 1.0, "currentdensity")


def test_a_conductance_has_a_reversal_and_is_never_negative():
    assert Stimulus([[0.001]], 1.0, "conductance", reversal_mV=-75.0)[0].reversal_mV == -75.0
    train = Stimulus.pulse_train([0.002], duration_ms=50, shape="monophasic", mode="conductance", reversal_mV=-75.0)
    assert train.reversal_mV == -75.0
    assert dense(train).max() == 0.002
    with pytest.raises(InvalidInput, match="at least 0 uS, got -0.001"):
        Stimulus([[-0.001]], 1.0, "conductance")
    with pytest.raises(InvalidInput, match="at least 0 uS"):
        Stimulus.pulse_train([0.002], duration_ms=50, mode="conductance")
    with pytest.raises(InvalidInput, match="reversal_mV must be a finite number"):
        Stimulus([[1.0]], 1.0, "conductance", reversal_mV=np.nan)


def test_the_first_phase_excites_cathodic_at_electrodes_and_positive_elsewhere():
    for mode in ("electrode", "current", "current_density", "extracellular"):
        first = dense(Stimulus.pulse_train([2.0], duration_ms=50, mode=mode))[0, 0]
        assert first == (-2.0 if mode == "electrode" else 2.0)


# Pulse trains


def test_a_pulse_train_by_hand():
    stimulus = Stimulus.pulse_train(
        [15.0, 0.0, -3.0], duration_ms=100, rate_hz=20, phase_ms=0.2, recovery_ratio=2, interphase_ms=0.1
    )
    expected = np.zeros((1000, 3))
    for onset in (0, 500):
        expected[onset : onset + 2] = [-15, 0, 3]
        expected[onset + 3 : onset + 7] = [7.5, 0, -1.5]
    np.testing.assert_array_equal(dense(stimulus, 0.1), expected)


def test_amplitudes_of_zero_and_rates_of_zero_give_no_pulse():
    stimulus = Stimulus.pulse_train([0.0, 5.0, 5.0], duration_ms=100, rate_hz=[20, 0, 10])
    assert np.unique(stimulus.pulses.column).tolist() == [2]
    assert stimulus.num_columns == 3
    assert Stimulus.pulse_train([1.0], duration_ms=100, rate_hz=1e-310).schedule(DT).step.tolist() == [0, 8, 16]
    nothing = Stimulus.pulse_train([0.0], duration_ms=100)
    assert len(nothing.schedule(DT).step) == 0
    assert nothing.charge_nC().tolist() == [0.0]


multiples = st.integers(1, 12)


@st.composite
def trains(draw):
    """Arguments of a pulse train whose phases are whole steps of 0.025 ms."""
    phase, gap, ratio = draw(multiples), draw(st.integers(0, 8)), draw(st.sampled_from([1, 2, 5, 10]))
    length_ms = (phase + gap + phase * ratio) * DT
    cultures, columns = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    rate = st.just(0.0) | st.floats(1e-3, min(1000.0 / length_ms, 2000.0))
    rates = draw(arrays(np.float64, (cultures, columns), elements=rate))
    size = st.floats(-15, 15).filter(lambda x: x == 0 or abs(x) > 1e-3)
    sizes = draw(arrays(np.float64, (cultures, columns), elements=size))
    return sizes, {
        "duration_ms": draw(st.integers(1, 4000)) * DT,
        "rate_hz": rates,
        "phase_ms": phase * DT,
        "recovery_ratio": float(ratio),
        "interphase_ms": gap * DT,
        "start_ms": draw(st.integers(0, 100)) * DT,
    }


@given(trains(), st.sampled_from([DT, DT / 2, DT / 5]))
def test_biphasic_trains_are_charge_balanced_at_every_time_step(train, dt):
    sizes, options = train
    stimulus = Stimulus.pulse_train(sizes, **options)
    for b in range(len(sizes)):
        applied = dense(stimulus[b], dt)
        # the two phases differ by rounding only: 1e-9 of the charge that flows
        charge = np.abs(applied).sum(axis=0) * dt
        assert (np.abs(applied.sum(axis=0) * dt) <= 1e-9 * np.maximum(charge, 1e-9)).all()
        np.testing.assert_allclose(charge, stimulus.charge_nC()[b], rtol=1e-9, atol=1e-12)


@given(trains())
def test_trains_have_every_pulse_that_ends_within_the_stimulus(train):
    sizes, options = train
    stimulus = Stimulus.pulse_train(sizes, **options)
    length = options["interphase_ms"] + options["phase_ms"] * (1 + options["recovery_ratio"])
    for b, k in np.ndindex(sizes.shape):
        rate = options["rate_hz"][b, k]
        mine = (stimulus.pulses.culture == b) & (stimulus.pulses.column == k) & (stimulus.pulses.offset_ms == 0)
        onsets = np.sort(stimulus.pulses.onset_ms[mine])
        if sizes[b, k] == 0 or rate == 0:
            assert len(onsets) == 0
            continue
        interval = 1000.0 / rate
        np.testing.assert_allclose(onsets, options["start_ms"] + interval * np.arange(len(onsets)), rtol=1e-12)
        following = options["start_ms"] + interval * len(onsets) + length
        assert following > options["duration_ms"] - 1e-6 * max(1.0, interval), "one more would fit"


@given(trains())
def test_a_batch_is_its_cultures_one_by_one(train):
    sizes, options = train
    batch = Stimulus.pulse_train(sizes, **options)
    assert batch.num_cultures == len(sizes)
    for b in range(len(sizes)):
        single = Stimulus.pulse_train(sizes[b], **options | {"rate_hz": options["rate_hz"][b]})
        assert single.num_cultures is None
        for name in ("step", "column", "value"):
            np.testing.assert_array_equal(getattr(batch[b].schedule(DT), name), getattr(single.schedule(DT), name))


def assert_schedule_of_its_cultures(batch):
    """The schedule of a batch is those of its cultures, one after the other."""
    whole = batch.schedule(DT)
    parts = [batch[b].schedule(DT) for b in range(batch.num_cultures)]
    np.testing.assert_array_equal(whole.culture, np.repeat(np.arange(len(parts)), [len(p.step) for p in parts]))
    for name in ("step", "column", "value"):
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(p, name) for p in parts]))


@given(trains())
def test_a_schedule_of_pulses_is_those_of_its_cultures(train):
    sizes, options = train
    assert_schedule_of_its_cultures(Stimulus.pulse_train(sizes, **options))


@given(arrays(np.float64, (3, 4, 2), elements=st.sampled_from([0.0, 1.0, -2.0])))
def test_a_schedule_of_an_array_is_those_of_its_cultures(values):
    assert_schedule_of_its_cultures(Stimulus(values, 8 * DT))


@pytest.mark.parametrize("stimulus", [Stimulus(np.eye(3), 0.2), Stimulus.pulse_train(np.ones((2, 3)), duration_ms=50)])
def test_copies_and_pickles_apply_the_same(stimulus):
    gained = stimulus.with_gain(np.ones((5, 3)), "extracellular")
    gained.schedule(DT)
    for other in (copy.copy(gained), copy.deepcopy(gained), pickle.loads(pickle.dumps(gained))):
        for name in ("mode", "num_cultures", "num_columns", "duration_ms", "dt"):
            assert getattr(other, name) == getattr(gained, name)
        np.testing.assert_array_equal(other.gain, gained.gain)
        for name in ("culture", "step", "column", "value"):
            np.testing.assert_array_equal(getattr(other.schedule(DT), name), getattr(gained.schedule(DT), name))


@given(trains(), st.randoms())
def test_a_schedule_does_not_depend_on_the_order_of_phases(train, random):
    sizes, options = train
    stimulus = Stimulus.pulse_train(sizes[0], **options | {"rate_hz": options["rate_hz"][0]})
    order = list(range(len(stimulus.pulses.value)))
    random.shuffle(order)
    shuffled = Stimulus.from_pulses(
        stimulus.pulses.select(np.array(order, dtype=int)),
        num_columns=stimulus.num_columns,
        duration_ms=stimulus.duration_ms,
    )
    first, second = stimulus.schedule(DT), shuffled.schedule(DT)
    for name in ("step", "column", "value"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (np.diff(first.step * stimulus.num_columns + first.column) > 0).all()


def test_rates_and_amplitudes_broadcast():
    batched_rates = Stimulus.pulse_train([1.0, 2.0], duration_ms=100, rate_hz=[[10, 20], [0, 40]])
    assert batched_rates.num_cultures == 2
    # 0.4 nC for every uA of a pulse with two phases of 0.2 ms
    np.testing.assert_allclose(batched_rates.charge_nC(), 0.4 * np.array([[1, 2 * 2], [0, 4 * 2]]))
    one_rate = Stimulus.pulse_train(np.ones((3, 2)), duration_ms=100, rate_hz=[10, 20])
    np.testing.assert_allclose(one_rate.charge_nC(), 0.4 * np.array([[1, 2]] * 3))


def test_onsets_are_rounded_to_steps_and_widths_are_kept():
    # 30 Hz: onsets at 0, 33.3333 and 66.6667 ms, that is steps 0, 1333.33 and 2666.67 of 0.025 ms
    stimulus = Stimulus.pulse_train([1.0], duration_ms=100, rate_hz=30)
    assert stimulus.schedule(DT).step.tolist() == [s + k for s in (0, 1333, 2667) for k in (0, 8, 16)]


def test_pulses_may_follow_one_another_without_a_gap():
    stimulus = Stimulus.pulse_train([1.0], duration_ms=10, rate_hz=2500)
    assert np.abs(dense(stimulus)).min() == 1.0
    assert dense(stimulus).sum() == 0.0


@pytest.mark.parametrize(
    ("amplitude", "options", "message"),
    [
        ([np.nan], {}, "finite"),
        (1.0, {}, r"\[K\] or \[B, K\]; got the shape \(\)"),
        (np.ones((1, 1, 1)), {}, "got the shape"),
        ([], {}, "got the shape"),
        ("abc", {}, "array of numbers"),
        ([1.0], {"rate_hz": -1}, "rate_hz must be finite and at least 0"),
        ([1.0], {"rate_hz": np.nan}, "rate_hz must be finite"),
        ([1.0, 2.0], {"rate_hz": [1, 2, 3]}, r"amplitudes \(2,\) cannot have the shape \(3,\)"),
        ([1.0], {"rate_hz": [1, 2]}, "cannot have the shape"),
        (np.ones((3, 2)), {"rate_hz": np.ones((2, 2))}, "cannot have the shape"),
        ([1.0], {"rate_hz": 2501}, "Pulses of 0.4 ms overlap at 2501 Hz"),
        ([1.0], {"duration_ms": 0}, "duration_ms must be greater than 0"),
        ([1.0], {"phase_ms": 0}, "phase_ms must be greater than 0"),
        ([1.0], {"recovery_ratio": 0}, "recovery_ratio must be greater than 0"),
        ([1.0], {"interphase_ms": -0.1}, "interphase_ms must be at least 0"),
        ([1.0], {"start_ms": -0.1}, "start_ms must be at least 0"),
        ([1.0], {"start_ms": np.nan}, "start_ms must be a finite number"),
        ([1.0], {"start_ms": [-1.0]}, "start_ms must be at least 0"),
        ([1.0, 2.0], {"start_ms": [0, 1, 2]}, r"start_ms for amplitudes \(2,\) cannot have the shape \(3,\)"),
        ([1.0], {"shape": "triphasic"}, "Unknown pulse shape 'triphasic'"),
    ],
)
def test_pulse_trains_that_make_no_sense_are_refused(amplitude, options, message):
    with pytest.raises(InvalidInput, match=message):
        Stimulus.pulse_train(amplitude, **{"duration_ms": 100} | options)


@pytest.mark.parametrize(("phase_ms", "interphase_ms"), [(0.21, 0.0), (0.2, 0.01), (0.01, 0.0)])
def test_phases_that_are_no_whole_steps_are_refused_at_the_schedule(phase_ms, interphase_ms):
    stimulus = Stimulus.pulse_train([1.0], duration_ms=100, phase_ms=phase_ms, interphase_ms=interphase_ms)
    with pytest.raises(InvalidInput, match="must be multiples of the time step 0.025 ms"):
        stimulus.schedule(DT)


# Sweeps and pulses by hand


def test_a_sweep_gives_one_pulse_per_amplitude_on_the_chosen_channels():
    stimulus = Stimulus.sweep(
        [1.0, 0.0, 3.0], channels=[2, 0], num_channels=4, interval_ms=10, start_ms=5, shape="monophasic"
    )
    assert (stimulus.duration_ms, stimulus.num_columns, stimulus.num_cultures) == (35, 4, None)
    expected = np.zeros((350, 4))
    expected[50:52, [0, 2]] = -1.0
    expected[250:252, [0, 2]] = -3.0
    np.testing.assert_array_equal(dense(stimulus, 0.1), expected)


def test_a_sweep_takes_a_single_channel_and_is_charge_balanced():
    stimulus = Stimulus.sweep([1.0, 2.0], channels=1, num_channels=2, interval_ms=1, recovery_ratio=3)
    assert np.abs(dense(stimulus).sum(axis=0)).max() < 1e-12
    np.testing.assert_allclose(stimulus.charge_nC(), [0, 2 * 0.2 * 3.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amplitudes": []}, r"finite and \[P\]"),
        ({"amplitudes": [np.inf]}, "finite"),
        ({"channels": [0, 0]}, "distinct channels"),
        ({"channels": []}, "distinct channels"),
        ({"channels": [4]}, r"columns must lie in 0 ... 3, got 4"),
        ({"channels": [-1]}, "column must be at least 0"),
        ({"channels": [1.5]}, "whole numbers"),
        ({"interval_ms": 0.3}, "Pulses of 0.4 ms overlap at intervals of 0.3 ms"),
        ({"interval_ms": 0}, "interval_ms must be greater than 0"),
        ({"start_ms": -1}, "start_ms must be at least 0"),
    ],
)
def test_sweeps_that_make_no_sense_are_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        Stimulus.sweep(**{"amplitudes": [1.0], "channels": [0], "num_channels": 4, "interval_ms": 10} | change)


def test_pulses_by_hand_may_abut_and_mix():
    stimulus = Stimulus.from_pulses(
        pulses((1, 0.0, 0.2, 0.2, 2.0), (1, 0.0, 0.0, 0.2, -1.0), (0, 0.1, 0.0, 0.1, 5.0)),
        num_columns=2,
        duration_ms=0.5,
    )
    np.testing.assert_array_equal(dense(stimulus, 0.1), [[0, -1], [5, -1], [0, 2], [0, 2], [0, 0]])


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([(0, np.nan, 0.0, 0.2, 1.0)], "onset_ms must be finite"),
        ([(0, 0.0, 0.0, 0.2, np.inf)], "value must be finite"),
        ([(0, -1.0, 0.0, 0.2, 1.0)], "onset_ms must be at least 0, got -1"),
        ([(0, 0.0, -0.1, 0.2, 1.0)], "offset_ms must be at least 0"),
        ([(0, 0.0, 0.0, 0.0, 1.0)], "width_ms must be greater than 0"),
        ([(2, 0.0, 0.0, 0.2, 1.0)], "Pulse columns must lie in 0 ... 1, got 2"),
        ([(0, 9.9, 0.0, 0.2, 1.0)], "A pulse ends at 10.1 ms, after the stimulus of 10 ms"),
    ],
)
def test_pulses_that_make_no_sense_are_refused(phases, message):
    with pytest.raises(InvalidInput, match=message):
        Stimulus.from_pulses(pulses(*phases), num_columns=2, duration_ms=10)


def test_pulses_of_other_lengths_and_cultures_are_refused():
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(InvalidInput, match="six arrays of the same length"):
        Pulses(one, one, one, one, two, one)
    with pytest.raises(InvalidInput, match="Pulse cultures must lie in 0 ... 1, got 2"):
        Stimulus.from_pulses(
            Pulses(one + 2, one, one, one, one + 1, one), num_columns=1, duration_ms=10, num_cultures=2
        )
    with pytest.raises(InvalidInput, match="Pulse cultures must lie in 0 ... 0, got 1"):
        Stimulus.from_pulses(Pulses(one + 1, one, one, one, one + 1, one), num_columns=1, duration_ms=10)


def test_selected_pulses_are_read_only_and_checked_when_they_change():
    whole = pulses((0, 0.0, 0.0, 0.2, 1.0), (1, 1.0, 0.0, 0.2, -1.0))
    for part in (whole.select(np.array([1])), whole.select(whole.column == 1), whole.of_culture(0).select([1])):
        assert (part.column, part.onset_ms, part.value) == (1, 1.0, -1.0)
        with pytest.raises(ValueError, match="read-only"):
            part.value[0] = 2.0
        with pytest.raises(InvalidInput, match="must be finite"):
            replace(part, onset_ms=np.full(1, np.nan))


def test_overlapping_pulses_are_refused_at_the_schedule():
    stimulus = Stimulus.from_pulses(
        pulses((0, 0.0, 0.0, 0.2, 1.0), (0, 0.1, 0.0, 0.2, 1.0)), num_columns=1, duration_ms=1
    )
    with pytest.raises(InvalidInput, match="Pulses of one channel overlap"):
        stimulus.schedule(DT)


def test_pulses_do_not_become_dense():
    # a thousand channels for an hour: 144 million steps, of which the schedule keeps the changes
    stimulus = Stimulus.pulse_train(np.ones(1000), duration_ms=3_600_000, rate_hz=0.01)
    assert len(stimulus.schedule(DT).step) == 36 * 1000 * 3


# Cultures, gain, charge, from_arg


def test_cultures_are_taken_one_by_one():
    stimulus = Stimulus(np.arange(12.0).reshape(2, 3, 2), 1.0)
    np.testing.assert_array_equal(stimulus[1].array, np.arange(6.0, 12).reshape(3, 2))
    assert stimulus[1].num_cultures is None
    alike = Stimulus(np.ones((3, 2)), 1.0)
    assert alike[5] is alike
    for index in (2, -1):
        with pytest.raises(InvalidInput, match=f"Stimulus has 2 cultures, got index {index}"):
            stimulus[index]


def test_a_gain_changes_the_mode_and_not_the_time_course():
    stimulus = Stimulus.pulse_train(np.ones((2, 3)), duration_ms=50)
    seen = stimulus.with_gain(np.ones((10, 3)), "extracellular")
    assert (seen.mode, seen.num_columns, seen[1].gain.shape) == ("extracellular", 3, (10, 3))
    assert seen.pulses is stimulus.pulses and stimulus.gain is None
    with pytest.raises(InvalidInput, match=r"A gain must be \[N, 3\], got \(10, 4\)"):
        stimulus.with_gain(np.ones((10, 4)), "extracellular")


def test_charge_of_arrays_counts_both_signs():
    stimulus = Stimulus([[1.0, 0.0], [-2.0, 0.5]], 0.2, "electrode")
    np.testing.assert_allclose(stimulus.charge_nC(), [0.6, 0.1])
    assert Stimulus(np.ones((3, 5, 2)), 0.2, "electrode").charge_nC().shape == (3, 2)


def test_from_arg_takes_what_a_run_may_be_given():
    array = np.ones((3, 2))
    stimulus = Stimulus(array, 1.0)
    assert Stimulus.from_arg(None) is None
    assert Stimulus.from_arg(stimulus) is stimulus
    for arg, dt in (((array, 1.0), None), (array, 1.0), (array.tolist(), 1.0), ({"array": array, "dt": 1.0}, None)):
        made = Stimulus.from_arg(arg, dt)
        np.testing.assert_array_equal(made.array, array)
        assert (made.dt, made.mode) == (1.0, "current")
    made = Stimulus.from_arg({"array": array, "dt": 1.0, "mode": "conductance", "reversal_mV": -70})
    assert (made.mode, made.reversal_mV) == ("conductance", -70)


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        (np.ones((3, 2)), "A bare array needs its time step"),
        (3.0, "A stimulus must be a Stimulus, an array or .array, dt., got 3.0"),
        ("file", "got 'file'"),
        ((1, 2, 3), "got .1, 2, 3."),
        ({"array": [[1.0]]}, "needs 'array' and 'dt'"),
        ({"array": [[1.0]], "td": 1.0}, "Unknown stimulus argument 'td'. Did you mean 'dt'"),
    ],
)
def test_from_arg_refuses_the_rest(arg, message):
    with pytest.raises(InvalidInput, match=message):
        Stimulus.from_arg(arg)


@given(
    arrays(np.float64, (2, 3), elements=st.sampled_from([0.0, -0.0, 1.0, -2.5, 15.0, 1e-3])),
    st.sampled_from([5.0, 20.0, 30.0, 200.0]),
    st.sampled_from(["biphasic", "monophasic"]),
    st.sampled_from([0.0, 0.4, [0.0, 10.0, 0.0], [40.0, 0.025, 99.8]]),
)
def test_a_train_of_one_rate_is_that_of_equal_rates(sizes, rate_hz, shape, start_ms):
    options = {"duration_ms": 100.0, "shape": shape, "recovery_ratio": 2.0, "start_ms": start_ms}
    one_rate = Stimulus.pulse_train(sizes, rate_hz=rate_hz, **options)
    equal_rates = Stimulus.pulse_train(sizes, rate_hz=np.full(3, rate_hz), **options)
    for first, second in ((one_rate, equal_rates), (one_rate[1], equal_rates[1])):
        np.testing.assert_array_equal(first.charge_nC(), second.charge_nC())
        assert first.charge_nC().dtype == second.charge_nC().dtype == np.float64
        for name in ("culture", "step", "column", "value"):
            ours, theirs = (getattr(train.schedule(DT), name) for train in (first, second))
            np.testing.assert_array_equal(ours, theirs)
            assert not np.signbit(ours[ours == 0]).any()
        for name in ("culture", "column", "onset_ms", "offset_ms", "width_ms", "value"):
            np.testing.assert_array_equal(getattr(first.pulses, name), getattr(second.pulses, name))


@pytest.mark.parametrize("offset_ms", [0.0, 1e15])
def test_the_changes_of_pulses_in_any_order_are_sorted_by_culture_step_and_column(offset_ms):
    rng = np.random.default_rng(0)
    culture, column, onset = (a.ravel().astype(float) for a in np.indices((3, 5, 4)))
    shuffled = rng.permutation(len(culture))
    made = Pulses(
        culture[shuffled].astype(int),
        column[shuffled].astype(int),
        offset_ms + 8.0 * onset[shuffled],
        np.zeros(60),
        np.full(60, 4.0),
        rng.random(60),
    )
    schedule = made.schedule(1.0 if offset_ms else DT)
    keys = np.stack([schedule.culture, schedule.step, schedule.column], axis=1).tolist()
    assert keys == sorted(keys) and len(keys) == 120


def test_pulses_fill_a_stimulus_of_ten_hours():
    """Onsets of late pulses are rounded by more than 1e-9 ms."""
    stimulus = Stimulus.pulse_train([1.0], duration_ms=3.6e7, rate_hz=0.01, start_ms=99999.6)
    assert len(stimulus.pulses.onset_ms) == 2 * 360
