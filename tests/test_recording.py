"""Recordings: what they unpack into, and the laws of slice, concat, select and of taking one culture."""

import copy
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym.errors import InvalidInput, NotRecorded, OutOfRange, UnknownName
from livn_gym.recording import Recording
from livn_gym.system import Population

DT = 0.025
SAMPLE_DT = 0.05


def recording(spikes, steps=40, *, cultures=1, traces=True, t0_ms=0.0, **changes):
    """A recording of (culture, gid, step) spikes, with traces of cells 0, 2 and 5 that name their place."""
    rows = np.array(sorted(spikes, key=lambda s: (s[0], s[2], s[1])), dtype=np.int64).reshape(-1, 3)
    arrays = {}
    if traces:
        gids, samples = np.array([0, 2, 5]), round(steps * DT / SAMPLE_DT)
        place = np.arange(cultures * 3 * samples, dtype=float).reshape(cultures, 3, samples)
        arrays = {
            "voltage_gid": gids,
            "voltage_soma": place,
            "current_gid": gids,
            "current_soma": place + 0.25,
            "current_dendrite": place + 0.5,
        }
    return replace(
        Recording(
            t0_ms=t0_ms,
            duration_ms=steps * DT,
            dt_ms=DT,
            sample_dt_ms=SAMPLE_DT,
            num_cultures=cultures,
            spike_culture=rows[:, 0],
            spike_gid=rows[:, 1],
            spike_t=rows[:, 2] * DT,
            **arrays,
        ),
        **changes,
    )


def assert_same(first, second):
    """Equal in everything; times may differ by the rounding of sums, some 1e-13 ms."""
    for field in fields(Recording):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, np.ndarray) and a.dtype == np.float64:
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-9, err_msg=field.name)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(b, a, err_msg=field.name)
        else:
            assert a == b or abs(a - b) < 1e-9, field.name


def assert_ordered(part):
    culture, gid, t = part.spikes
    assert np.array_equal(np.lexsort((gid, t, culture)), np.arange(len(t)))
    assert (t >= 0).all() and (t < part.duration_ms).all()


up_to_three = st.integers(1, 3)


@st.composite
def recordings(draw, cultures=up_to_three):
    b = draw(cultures)
    steps = 2 * draw(st.integers(2, 40))
    spike = st.tuples(st.integers(0, b - 1), st.integers(0, 6), st.integers(0, steps - 1))
    return recording(draw(st.lists(spike, max_size=30)), steps, cultures=b)


def even_steps(whole, *fractions):
    """Times at whole samples, from fractions of the recording, ascending."""
    samples = round(whole.duration_ms / SAMPLE_DT)
    return [round(f * samples) * SAMPLE_DT for f in sorted(fractions)]


fractions = st.floats(0, 1)


# Unpacking


def test_six_arrays_of_a_single_culture():
    it, t, iv, v, im, mp = recording([(0, 3, 4), (0, 1, 2)])
    assert it.tolist() == [1, 3]
    np.testing.assert_allclose(t, [0.05, 0.1])
    assert iv.tolist() == im.tolist() == [0, 2, 5]
    assert v.shape == mp.shape == (3, 20)
    assert mp[0, 0] == 0.25


def test_the_membrane_current_is_the_one_asked_for():
    *_, mp = recording([], current_compartment="dendrite")
    assert mp[0, 0] == 0.5


def test_what_was_not_recorded_is_none():
    nothing = Recording(0.0, 10.0, DT, DT, 1)
    assert list(nothing) == [None] * 6
    with pytest.raises(NotRecorded, match="record_spikes"):
        _ = nothing.spikes


def test_a_recording_of_one_culture_is_a_sequence_of_the_six_arrays():
    run = recording([(0, 3, 4), (0, 1, 2)])
    six = (run.spike_gid, run.spike_t, run.voltage_gid, run.voltage[0], run.current_gid, run.current_soma[0])
    assert len(run) == 6

    def same(given, expected):
        return len(given) == len(expected) and all(np.array_equal(a, b) for a, b in zip(given, expected, strict=True))

    assert same(tuple(run), six) and same(list(run), six) and same([*run], six)
    assert same([run[k] for k in range(6)], six) and same([run[k] for k in range(-6, 0)], six)
    assert same(list(reversed(run)), six[::-1])
    it, *rest, mp = run
    assert it is run.spike_gid and same(rest, six[1:5]) and np.array_equal(mp, six[5])
    assert np.array_equal(run[np.int64(1)], run.spike_t)


@given(st.integers(-9, 9) | st.none(), st.integers(-9, 9) | st.none(), st.sampled_from([None, 1, 2, -1, -3]))
def test_slices_of_a_recording_are_those_of_a_tuple(start, stop, step):
    names = ("spike_gid", "spike_t", "voltage_gid", "voltage", "current_gid", "current_soma")
    run = recording([(0, 3, 4)])
    given = run[start:stop:step]
    assert type(given) is tuple
    expected = names[start:stop:step]
    assert [np.asarray(a).ravel().tolist() for a in given] == [getattr(run, n).ravel().tolist() for n in expected]


@pytest.mark.parametrize("index", [6, -7, 100])
def test_an_index_beyond_the_six_arrays_is_an_index_error(index):
    with pytest.raises(OutOfRange, match=f"-6 ... 5, got {index}") as caught:
        recording([])[index]
    assert isinstance(caught.value, IndexError) and isinstance(caught.value, InvalidInput)


@pytest.mark.parametrize("index", ["t", None, 0.5, True])
def test_an_index_is_an_integer_or_a_slice(index):
    with pytest.raises(InvalidInput, match="index must be"):
        recording([])[index]


@pytest.mark.parametrize("access", [len, iter, tuple, lambda r: r[0], lambda r: r[-1], lambda r: r[:2], np.asarray])
def test_several_cultures_have_no_six_arrays(access):
    with pytest.raises(InvalidInput, match=r"has 2 cultures.*recording\.culture\(b\)|six arrays of different"):
        access(recording([], cultures=2))


def test_a_recording_is_true_and_no_tuple():
    for run in (recording([]), recording([], cultures=2), Recording(0.0, 10.0, DT, DT, 1)):
        assert bool(run) is True and not isinstance(run, tuple)


def test_a_recording_becomes_an_array_of_objects_only():
    run = recording([(0, 3, 4)])
    with pytest.raises(InvalidInput, match=r"convert one, as in recording\[1\]"):
        np.asarray(run)
    objects = np.asarray(run, dtype=object)
    assert objects.shape == (6,) and objects[1] is run.spike_t


def test_recordings_are_compared_by_identity_copied_and_pickled():
    run = recording([(0, 3, 4)], cultures=2)
    for again in (copy.copy(run), copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert_same(again, run)
        assert again != run and again == again and len({again, run}) == 2
    assert copy.copy(run).spike_t is run.spike_t and copy.deepcopy(run).spike_t is not run.spike_t


# One culture


@given(recordings(), st.data())
def test_one_culture_holds_its_own_spikes_and_traces(whole, data):
    b = data.draw(st.integers(0, whole.num_cultures - 1))
    part = whole.culture(b)
    culture, gid, t = whole.spikes
    it, times, _, v, _, mp = part
    np.testing.assert_array_equal(it, gid[culture == b])
    np.testing.assert_array_equal(times, t[culture == b])
    np.testing.assert_array_equal(v, whole.voltage[b])
    np.testing.assert_array_equal(mp, whole.current_soma[b])
    assert part.num_cultures == 1 and (part.spike_culture == 0).all()
    assert_same(part, part.culture(0))


@given(recordings())
def test_cultures_are_the_single_recordings_and_make_the_batch_again(whole):
    assert len(whole.cultures) == whole.num_cultures
    for b, own in enumerate(whole.cultures):
        assert_same(own, whole.culture(b))
    assert_same(Recording.batch(whole.cultures, whole.t0_ms), whole)


def test_cultures_out_of_range_are_refused():
    for index in (2, -1):
        with pytest.raises(InvalidInput, match=f"0 ... 1, got {index}"):
            recording([], cultures=2).culture(index)


def test_one_culture_of_a_recording_without_spikes():
    silent = replace(recording([], cultures=2), spike_culture=None, spike_gid=None, spike_t=None)
    assert silent.culture(1).spike_t is None
    np.testing.assert_array_equal(silent.culture(1).voltage[0], silent.voltage[1])


# Slices


def test_a_slice_by_hand():
    part = recording([(0, 1, 3), (0, 2, 4), (0, 3, 7), (0, 4, 8)], t0_ms=100.0).slice(0.1, 0.2)
    assert (part.t0_ms, part.duration_ms) == (100.1, 0.1)
    assert part.spike_gid.tolist() == [2, 3]
    np.testing.assert_allclose(part.spike_t, [0.0, 0.075], atol=1e-12)
    np.testing.assert_array_equal(part.voltage[0, 0], [2, 3])


@given(recordings())
def test_the_whole_slice_is_the_recording(whole):
    assert_same(whole.slice(0, whole.duration_ms), whole)


def test_the_whole_slice_keeps_a_spike_just_before_the_end():
    late = replace(recording([(0, 1, 3)]), spike_t=np.array([np.nextafter(1.0, 0)]))
    assert len(late.slice(0, 1.0).spike_t) == 1


@given(recordings(), fractions, fractions, fractions, fractions)
def test_a_slice_of_a_slice_is_a_slice(whole, a, b, c, d):
    start, inner, end, stop = even_steps(whole, a, b, c, d)
    if start < stop and inner < end:
        outer = whole.slice(start, stop)
        assert_ordered(outer)
        assert_same(outer.slice(inner - start, end - start), whole.slice(inner, end))


@given(recordings(), fractions)
def test_slices_join_to_the_whole(whole, where):
    (cut,) = even_steps(whole, where)
    if 0 < cut < whole.duration_ms:
        parts = [whole.slice(0, cut), whole.slice(cut, whole.duration_ms)]
        assert sum(len(p.spike_t) for p in parts) == len(whole.spike_t), "each spike is in one part"
        assert_same(Recording.concat(parts), whole)


@given(recordings(), fractions, fractions)
def test_a_slice_and_a_culture_may_be_taken_in_either_order(whole, a, b):
    start, stop = even_steps(whole, a, b)
    if start < stop:
        for index in range(whole.num_cultures):
            assert_same(whole.slice(start, stop).culture(index), whole.culture(index).slice(start, stop))


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        (-0.1, 0.5, "start_ms must be at least 0"),
        (0.5, 0.5, "within 0 ... 1 ms, got 0.5 ... 0.5"),
        (0.6, 0.5, "got 0.6 ... 0.5"),
        (0.0, 1.1, "got 0 ... 1.1"),
        (np.nan, 1.0, "start_ms must be a finite number"),
        (0.0, np.inf, "stop_ms must be a finite number"),
        (0.025, 0.5, "Traces can only be cut at multiples of 0.05 ms"),
    ],
)
def test_slices_that_make_no_sense_are_refused(start, stop, message):
    with pytest.raises(InvalidInput, match=message):
        recording([]).slice(start, stop)


def test_spikes_alone_may_be_cut_anywhere():
    assert recording([(0, 1, 3)], traces=False).slice(0.07, 0.08).spike_gid.tolist() == [1]


# Joining


@given(st.lists(recordings(cultures=st.just(2)), min_size=1, max_size=4), st.floats(0, 1e6))
def test_joined_runs_keep_every_spike_and_sample_in_order(runs, t0_ms):
    following = []
    for run in runs:
        following.append(replace(run, t0_ms=t0_ms))
        t0_ms += run.duration_ms
    joined = Recording.concat(following)
    assert_ordered(joined)
    assert joined.duration_ms == pytest.approx(sum(run.duration_ms for run in runs), abs=1e-6)
    np.testing.assert_array_equal(joined.voltage, np.concatenate([run.voltage for run in runs], axis=2))
    start = 0.0
    for run in runs:
        # t0 is up to 1e6 ms here, whose rounding (1e-10) can move a spike across a cut by less than 1e-9
        part = joined.slice(start, min(start + run.duration_ms, joined.duration_ms))
        np.testing.assert_array_equal(part.spike_gid, run.spike_gid)
        np.testing.assert_array_equal(part.spike_culture, run.spike_culture)
        np.testing.assert_allclose(part.spike_t, run.spike_t, atol=1e-8)
        start += run.duration_ms


@given(recordings())
def test_joining_one_recording_changes_nothing(whole):
    assert_same(Recording.concat([whole]), whole)


def test_joining_is_associative():
    a, b, c = (recording([(0, k, 2 * k)], t0_ms=float(k)) for k in range(3))
    assert_same(Recording.concat([Recording.concat([a, b]), c]), Recording.concat([a, Recording.concat([b, c])]))


@pytest.mark.parametrize(
    "change",
    [
        {"cultures": 2},
        {"traces": False},
        {"sample_dt_ms": 0.025},
        {"dt_ms": 0.05},
        {"voltage_gid": np.array([0, 2, 6])},
        {"current_compartment": "dendrite"},
        {"spike_culture": None, "spike_gid": None, "spike_t": None},
    ],
)
def test_recordings_of_different_things_are_not_joined(change):
    with pytest.raises(InvalidInput, match="same cultures, cells and time step"):
        Recording.concat([recording([]), recording([], t0_ms=1.0, **change)])


def test_cells_and_masks_that_do_not_fit_are_refused():
    run = recording([(0, 1, 3), (0, 2, 4)], populations=(Population("EXC", 0, 3),))
    for gids in ([3], [-1]):
        with pytest.raises(InvalidInput, match="Cells must be 0 ... 2"):
            run.listening_ms(gids)
        with pytest.raises(InvalidInput, match="Cells must be 0 ... 2"):
            run.with_spikes(np.array(gids), np.array([0.5]))
    with pytest.raises(InvalidInput, match="each of 2 spikes"):
        run.where(np.ones(3, dtype=np.bool_))


def test_cultures_keep_the_starts_of_their_own_runs():
    one = recording([(0, 1, 3)], t0_ms=5.0)
    other = recording([(0, 2, 4)], t0_ms=2.0)
    both = Recording.batch([one, other], 5.0)
    np.testing.assert_array_equal(both.starts_ms, [5.0, 2.0])
    for part in (both, both.slice(0.0, 1.0), both.select(cultures=[0, 1])):
        assert [part.culture(b).t0_ms for b in (0, 1)] == [5.0, 2.0]
    assert [part.t0_ms for part in both.slice(0.5, 1.0).cultures] == [5.5, 2.5]
    assert (both.select(cultures=[1]).t0_ms, both.select(cultures=[1]).culture_t0_ms) == (2.0, None)
    later = Recording.batch([replace(one, t0_ms=6.0), replace(other, t0_ms=3.0)], 6.0)
    joined = Recording.concat([both, later])
    for b, (first, second) in enumerate(zip(both.cultures, later.cultures, strict=True)):
        assert_same(joined.culture(b), Recording.concat([first, second]))
    with pytest.raises(InvalidInput, match="one ends at 3 ms, the next starts at 4"):
        Recording.concat([both, Recording.batch([replace(one, t0_ms=6.0), replace(other, t0_ms=4.0)], 6.0)])


def test_recordings_that_do_not_follow_one_another_are_not_joined():
    with pytest.raises(InvalidInput, match="one ends at 1 ms, the next starts at 2"):
        Recording.concat([recording([]), recording([], t0_ms=2.0)])
    with pytest.raises(InvalidInput, match="at least one recording"):
        Recording.concat([])


# Selecting


@given(recordings(), st.sets(st.integers(0, 8)), st.sets(st.integers(0, 8)))
def test_selecting_cells_filters_spikes_and_traces(whole, first, second):
    part = whole.select(sorted(first))
    assert set(part.spike_gid) <= first
    assert len(part.spike_gid) == sum(gid in first for gid in whole.spike_gid)
    assert set(part.voltage_gid) == set(part.current_gid) == first & {0, 2, 5}
    rows = np.isin(whole.voltage_gid, sorted(first))
    np.testing.assert_array_equal(part.voltage, whole.voltage[:, rows])
    np.testing.assert_array_equal(part.current_dendrite, whole.current_dendrite[:, rows])
    assert_same(part.select(sorted(second)), whole.select(sorted(first & second)))


def test_selecting_from_a_recording_of_nothing_is_nothing():
    assert list(Recording(0.0, 10.0, DT, DT, 1).select([1])) == [None] * 6


POPULATIONS = (Population("EXC", 0, 3), Population("INH", 3, 4))


@given(recordings(), st.sets(st.integers(0, 8)), st.sets(st.sampled_from(["EXC", "INH"]), min_size=1))
def test_populations_are_selected_as_their_cells(whole, gids, names):
    known = replace(whole, populations=POPULATIONS)
    cells = [gid for population in POPULATIONS if population.name in names for gid in population.gids]
    assert_same(known.select(populations=sorted(names)), known.select(cells))
    assert_same(known.select(sorted(gids), populations=sorted(names)), known.select(sorted(gids & set(cells))))
    assert_same(known.select(populations="EXC"), known.select([0, 1, 2]))


@given(recordings(), st.data())
def test_cultures_are_selected_as_single_ones(whole, data):
    chosen = sorted(data.draw(st.sets(st.integers(0, whole.num_cultures - 1), min_size=1)))
    part = whole.select([0, 2, 3], cultures=chosen)
    assert part.num_cultures == len(chosen)
    assert_ordered(part)
    for k, b in enumerate(chosen):
        assert_same(part.culture(k), whole.culture(b).select([0, 2, 3]))


def test_nothing_given_selects_everything():
    whole = recording([(0, 1, 3), (1, 2, 4)], cultures=2)
    assert_same(whole.select(), whole)


@pytest.mark.parametrize("cultures", [[2], [-1], [1, 0], [0, 0], []])
def test_cultures_that_are_none_are_not_selected(cultures):
    with pytest.raises(InvalidInput, match=r"distinct indices 0 \.\.\. 1, ascending"):
        recording([], cultures=2).select(cultures=cultures)


def test_populations_that_are_not_known_are_not_selected():
    with pytest.raises(UnknownName, match="EXC"):
        replace(recording([]), populations=POPULATIONS).select(populations="EXX")
    with pytest.raises(InvalidInput, match="does not know its populations"):
        recording([]).select(populations="EXC")


def test_spike_trains_by_hand():
    run = replace(recording([(0, 2, 3), (0, 0, 4), (0, 2, 7)]), populations=POPULATIONS)
    trains = run.spike_trains()
    assert list(trains) == [0, 2] and trains[2].tolist() == [3 * DT, 7 * DT]
    assert {gid: len(t) for gid, t in run.spike_trains([2, 1]).items()} == {1: 0, 2: 2}
    assert {gid: len(t) for gid, t in run.spike_trains(populations="EXC").items()} == {0: 1, 1: 0, 2: 2}
    with pytest.raises(InvalidInput, match=r"spike trains are of one: take recording\.culture\(b\)"):
        recording([], cultures=2).spike_trains()
    with pytest.raises(NotRecorded):
        run.without_data().spike_trains()


@given(recordings(cultures=st.just(1)))
def test_spike_trains_hold_every_spike_once(whole):
    trains = whole.spike_trains()
    assert sum(map(len, trains.values())) == len(whole.spike_t)
    for gid, t in trains.items():
        np.testing.assert_array_equal(t, whole.spike_t[whole.spike_gid == gid])


# Leaving out


def test_traces_weights_and_everything_can_be_left_out():
    whole = recording([(0, 1, 3)], weights={"a": np.ones((1, 2, 4))}, weight_dt_ms=0.25)
    assert whole.recorded == ("spikes", "voltage_soma", "current_soma", "current_dendrite", "weights")
    assert whole.without_weights().recorded == whole.recorded[:-1]
    spikes = whole.without_traces()
    assert spikes.recorded == ("spikes",) and spikes.spike_t is whole.spike_t
    assert list(spikes)[2:] == [None] * 4
    empty = whole.without_data()
    assert empty.recorded == () and empty.duration_ms == whole.duration_ms and list(empty) == [None] * 6


def test_the_dendrite_is_sliced_selected_and_joined_as_the_soma():
    place = np.arange(3 * 20, dtype=float).reshape(1, 3, 20)
    whole = recording([], voltage_soma=None, voltage_dendrite=place, voltage_compartment="dendrite")
    np.testing.assert_array_equal(whole[3], place[0])
    np.testing.assert_array_equal(whole.slice(0.1, 0.2).voltage_dendrite, place[..., 2:4])
    np.testing.assert_array_equal(whole.select([2]).voltage, place[:, [1]])
    halves = [whole.slice(0.0, 0.5), whole.slice(0.5, 1.0)]
    np.testing.assert_array_equal(Recording.concat(halves).voltage_dendrite, place)
    with pytest.raises(InvalidInput, match="same cultures, cells"):
        Recording.concat([whole, recording([], t0_ms=1.0)])
