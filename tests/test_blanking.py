"""Blanking of a run: known intervals and verdicts, laws over runs, cultures and cuts."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from livn_gym.blanking import BLANK_MS, blank_times, blanked
from livn_gym.current_flow import CurrentFlow
from livn_gym.decoding import ActiveFraction, ChannelRates, MeanFiringRate, PopulationRates
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA, BoundElectrodes
from livn_gym.models import Geometry
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import Population

DT = 0.05
PITCH = 100.0
EACH = 4
"""Cells at each of three electrodes, in turn: cell k is at electrode k % 3."""


def electrodes(io=None):
    xy = np.array([[PITCH * (k % 3) + 5.0 + k, 3.0, 0.0] for k in range(3 * EACH)])
    array = MEA([[PITCH * c, 0.0, 0.0] for c in range(3)], output_radius=PITCH / 2)
    return BoundElectrodes(array if io is None else io, Geometry(xy, xy))


def view():
    populations = Population("EXC", 0, 8), Population("INH", 8, 4)
    system = SimpleNamespace(num_neurons=3 * EACH, populations=populations)
    system.population = lambda name: next(p for p in populations if p.name == name)
    return SimpleNamespace(system=system, electrodes=electrodes(), num_cultures=1, dt=DT)


def spikes(gid, t, duration_ms=200.0, culture=None, cultures=1):
    gid, t = np.asarray(gid, dtype=np.int64), np.asarray(t, dtype=np.float64)
    culture = np.zeros_like(gid) if culture is None else np.asarray(culture, dtype=np.int64)
    order = np.lexsort((gid, t, culture))
    return Recording(0.0, duration_ms, DT, DT, cultures, culture[order], gid[order], t[order])


def pulse(channels=(0,), at_ms=50.0, duration_ms=200.0):
    """Pulses of 0.4 ms, one per channel, all at one time."""
    return Stimulus.sweep([10.0], channels=channels, num_channels=3, interval_ms=duration_ms - at_ms, start_ms=at_ms)


def random_run(rng, cultures=1, duration_ms=100.0):
    """Spikes at whole steps, and pulses of every channel at random times of its own."""
    count, steps = 400 * cultures, round(duration_ms / DT)
    culture = rng.integers(0, cultures, count)
    run = spikes(rng.integers(0, 3 * EACH, count), rng.integers(0, steps, count) * DT, duration_ms, culture, cultures)
    parts = []
    for _ in range(cultures):
        rates = rng.choice([0.0, 10.0, 25.0, 50.0], 3)  # whole steps apart
        start = round(rng.uniform(0.0, 8.0) / DT) * DT
        parts.append(Stimulus.pulse_train([5.0] * 3, rate_hz=rates, duration_ms=duration_ms, start_ms=start))
    return run, Stimulus.batch(parts)


def assert_equal(ours, theirs):
    for name in ("spike_culture", "spike_gid", "spike_t"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    if ours.blanking is None or theirs.blanking is None:
        for one in (ours, theirs):
            assert one.blanking is None or not len(one.blanking.culture)
        return
    for name in ("num_cultures", "culture", "channel"):
        np.testing.assert_array_equal(getattr(ours.blanking, name), getattr(theirs.blanking, name))
    for name in ("duration_ms", "start_ms", "stop_ms"):
        np.testing.assert_allclose(getattr(ours.blanking, name), getattr(theirs.blanking, name), rtol=0, atol=1e-9)


def test_a_stimulated_electrode_is_blanked_longer_than_the_others():
    times = [49.95, 50.0, 51.35, 51.4, 53.35, 53.4]
    run = spikes(np.repeat([0, 1, 2], len(times)), np.tile(times, 3))
    recorded, _ = blanked(run, pulse([0]), electrodes(), (3.0, 1.0))
    trains = recorded.spike_trains([0, 1, 2])
    np.testing.assert_allclose(trains[0], [49.95, 53.4])  # 50.0 ... 53.4 ms
    for cell in (1, 2):
        np.testing.assert_allclose(trains[cell], [49.95, 51.4, 53.35, 53.4])  # 50.0 ... 51.4 ms
    intervals = recorded.blanking
    np.testing.assert_allclose(intervals.start_ms, [50.0] * 3)
    np.testing.assert_allclose(intervals.stop_ms, [53.4, 51.4, 51.4])
    np.testing.assert_allclose(recorded.listening_ms(range(6))[0], [196.6, 198.6, 198.6] * 2)
    assert run.blanking is None and (run.listening_ms([0, 1]) == 200.0).all()


def test_a_pause_between_phases_longer_than_the_blank_time_is_recorded():
    stimulus = Stimulus.sweep(
        [10.0], channels=[0], num_channels=3, interval_ms=100.0, interphase_ms=5.0
    )  # current at 0 ... 0.2 and 5.2 ... 5.4 ms
    recorded, _ = blanked(spikes([0] * 4, [1.0, 3.0, 4.0, 6.5], 100.0), stimulus, electrodes(), 2.0)
    np.testing.assert_allclose(recorded.spike_t, [3.0, 4.0])


@pytest.mark.parametrize("mode", ["light", "current", "extracellular"])
def test_what_is_no_current_through_electrodes_does_not_blank(mode):
    stimulus, run = Stimulus(np.ones((100, 12)), 1.0, mode), spikes([0, 4], [50.0, 50.0])
    recorded, carried = blanked(run, stimulus, electrodes())
    assert recorded is run and (CurrentFlow(run, None, electrodes(), carried).direct(run) == 0).all()
    both = pulse([0]).with_light(Stimulus(np.ones((100, 1)), 1.0, "light"))
    assert_equal(blanked(run, both, electrodes())[0], blanked(run, pulse([0]), electrodes())[0])


def test_a_dense_current_blanks_like_the_same_pulses():
    array = np.zeros((2000, 3))
    array[500:502, 1], array[502:504, 1] = -10.0, 10.0
    run = spikes(np.arange(12), 50.0 + 0.35 * np.arange(12))
    for blank_ms in (BLANK_MS, 2.0):
        assert_equal(
            blanked(run, Stimulus(array, 0.1, "electrode"), electrodes(), blank_ms)[0],
            blanked(run, pulse([1]), electrodes(), blank_ms)[0],
        )


@pytest.mark.parametrize("seed", range(5))
def test_each_verdict_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    run, stimulus = random_run(rng)
    recorded, _ = blanked(run, stimulus, electrodes(), (4.0, 1.5))
    p = stimulus.pulses
    start, stop = p.onset_ms + p.offset_ms, p.onset_ms + p.offset_ms + p.width_ms
    after = np.where(p.column[:, None] == run.spike_gid % 3, 4.0, 1.5)
    lost = (run.spike_t >= start[:, None] - 1e-6) & (run.spike_t < stop[:, None] + after - 1e-6)
    np.testing.assert_array_equal(recorded.spike_t, run.spike_t[~lost.any(axis=0)])
    np.testing.assert_array_equal(recorded.spike_gid, run.spike_gid[~lost.any(axis=0)])
    grid = (np.arange(2000) + 0.5) * DT
    for channel in range(3):
        after = np.where(p.column[:, None] == channel, 4.0, 1.5)
        share = ((grid >= start[:, None]) & (grid < stop[:, None] + after)).any(axis=0).mean()
        assert recorded.blanking.listening_ms[0, channel] == pytest.approx(100.0 * (1 - share))


@pytest.mark.parametrize("blank_ms", [(3.0, 1.0), (12.0, 12.0), (30.0, 0.0)])
def test_runs_in_parts_are_the_whole_run(blank_ms):
    """Current of one run blanks the start of the next, and of those after it."""
    rng = np.random.default_rng(1)
    run, stimulus = random_run(rng, duration_ms=200.0)
    whole, carried = blanked(run, stimulus, electrodes(), blank_ms)
    direct = CurrentFlow(run, stimulus, electrodes()).direct(run)
    state, parts, counts = None, [], 0
    p = stimulus.pulses
    bounds = [0.0, 10.0, 15.0, 60.0, 61.5, 200.0]
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        own = (p.onset_ms >= first) & (p.onset_ms < last)
        assert (p.onset_ms + 0.4)[own].max(initial=0.0) <= last, "no pulse lies across a border"
        of_part = p.select(own)
        shifted = replace(of_part, onset_ms=of_part.onset_ms - first)
        given = Stimulus.from_pulses(shifted, num_columns=3, duration_ms=last - first) if own.any() else None
        part = run.slice(first, last)
        counts += CurrentFlow(part, given, electrodes(), state).direct(part)
        part, state = blanked(part, given, electrodes(), blank_ms, state)
        parts.append(part)
    assert_equal(Recording.concat(parts), whole)
    np.testing.assert_array_equal(state, carried)
    assert counts == direct > 0
    assert_equal(Recording.concat([whole.slice(0.0, 37.25), whole.slice(37.25, 200.0)]), whole)


def test_blanked_times_of_joined_runs_end_with_them():
    """Lengths of runs add up to another number than the difference of start and end."""
    runs = [spikes([0], [1.0], 10.1), spikes([0], [1.0], 10.1)]
    parts = [blanked(run, pulse([0], at_ms=9.0, duration_ms=10.1), electrodes())[0] for run in runs]
    parts = [replace(part, t0_ms=t0_ms) for part, t0_ms in zip(parts, (1.1, 11.2), strict=True)]
    joined = Recording.concat(parts)
    assert joined.blanking.duration_ms == joined.duration_ms == joined.blanking.stop_ms.max() < 10.1 + 10.1


def test_cultures_of_a_batch_are_blanked_as_alone():
    rng = np.random.default_rng(2)
    run, stimulus = random_run(rng, cultures=5)
    carried = rng.integers(0, 100, (5, 3))
    whole, after = blanked(run, stimulus, electrodes(), BLANK_MS, carried)
    direct = CurrentFlow(run, stimulus, electrodes(), carried).direct(run)
    singles = []
    for b in range(5):
        single, state = blanked(run.culture(b), stimulus[b], electrodes(), BLANK_MS, carried[b : b + 1])
        flow = CurrentFlow(run.culture(b), stimulus[b], electrodes(), carried[b : b + 1])
        np.testing.assert_array_equal(state[0], after[b])
        assert flow.direct(run.culture(b)) == direct[b]
        assert_equal(single, whole.culture(b))
        np.testing.assert_array_equal(single.listening_ms(range(12))[0], whole.listening_ms(range(12))[b])
        singles.append(single)
    assert_equal(Recording.batch(singles, 0.0), whole)
    assert_equal(whole.select(cultures=[1, 3]), Recording.batch([singles[1], singles[3]], 0.0))


def test_one_stimulus_for_all_cultures_blanks_each():
    run = spikes([0, 0], [50.0, 53.9], culture=[0, 1], cultures=2)
    recorded, _ = blanked(run, pulse([0, 2]), electrodes())
    np.testing.assert_array_equal(recorded.spikes[0], [1])
    assert_equal(recorded, Recording.batch([blanked(r, pulse([0, 2]), electrodes())[0] for r in run.cultures], 0.0))


def test_verdicts_do_not_depend_on_the_number_of_spikes():
    """Many spikes are looked up by culture first, few are searched by channel at once."""
    rng = np.random.default_rng(5)
    _, stimulus = random_run(rng, cultures=3)
    count = 3 * 2500
    cells, t = rng.integers(0, 12, count), rng.integers(0, 2000, count) * DT
    many = spikes(cells, t, 100.0, np.repeat(range(3), 2500), cultures=3)
    together = blanked(many, stimulus, electrodes())[0]
    direct = CurrentFlow(many, stimulus, electrodes()).direct(many)
    for b, few in enumerate(many.cultures):
        flow = CurrentFlow(few, stimulus[b], electrodes())
        assert direct[b] == sum(flow.direct(few.where(part))[0] for part in _halves(few)) > 0
        alone = [blanked(few.where(part), stimulus[b], electrodes())[0] for part in _halves(few)]
        found = np.concatenate([one.spike_t for one in alone]), np.concatenate([one.spike_gid for one in alone])
        order = np.lexsort((found[1], found[0]))
        np.testing.assert_array_equal(found[0][order], together.culture(b).spike_t)
        np.testing.assert_array_equal(found[1][order], together.culture(b).spike_gid)


def _halves(run):
    first = np.arange(len(run.spike_t)) % 2 == 0
    return first, ~first


def test_the_state_does_not_depend_on_blank_times_and_zero_is_off():
    run, stimulus = random_run(np.random.default_rng(3))
    states = [blanked(run, stimulus, electrodes(), blank_ms)[1] for blank_ms in (0.0, 1.0, (5.0, 2.0))]
    np.testing.assert_array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[0], states[2])
    assert blanked(run, stimulus, electrodes(), 0.0)[0] is run


def test_direct_spikes_lie_between_current_and_0_8_ms_after_it():
    run = spikes([0, 1, 2, 3, 4, 5], [49.95, 50.0, 50.4, 51.15, 51.2, 120.0])
    assert CurrentFlow(run, pulse([0]), electrodes()).direct(run) == 3
    late = pulse([2], at_ms=199.4)  # ends at 199.8, direct until 0.6 ms of the next run
    flow = CurrentFlow(run, late, electrodes())
    after = spikes([0, 1, 2], [0.0, 0.55, 0.6])
    assert CurrentFlow(after, None, electrodes(), flow.carried).direct(after) == 2


def test_cells_belong_to_the_nearest_electrode_or_to_the_first_that_records_them():
    np.testing.assert_array_equal(electrodes().blanking_channels(), np.tile([0, 1, 2], EACH))

    class Scattered(MEA):
        coordinates_um = None

    io = Scattered([[PITCH * c, 0.0, 0.0] for c in range(3)], output_radius=8.0)
    np.testing.assert_array_equal(electrodes(io).blanking_channels()[:5], [0, 1, 2, -1, -1])
    recorded, _ = blanked(spikes([0, 3], [50.0, 50.0]), pulse([0, 1, 2]), electrodes(io))
    np.testing.assert_array_equal(recorded.spike_gid, [3])
    np.testing.assert_allclose(recorded.listening_ms([0, 3]), [[196.6, 200.0]])


def test_rates_refer_to_the_time_that_was_recorded():
    rng = np.random.default_rng(4)
    t = np.sort(rng.uniform(0.0, 1000.0, 12 * 400))
    run = spikes(rng.integers(0, 12, len(t)), t, 1000.0)
    stimulus = Stimulus.pulse_train([10.0, 0.0, 0.0], rate_hz=[50.0, 0.0, 0.0], duration_ms=1000.0)
    recorded, _ = blanked(run, stimulus, electrodes(), (8.0, 2.0))
    listening = np.array([0.58, 0.88, 0.88])  # 50 times 8.4 and 2.4 ms are lost
    np.testing.assert_allclose(recorded.blanking.listening_ms[0], 1e3 * listening)
    counts = np.bincount(recorded.spike_gid, minlength=12)
    rates = counts / np.tile(listening, EACH)
    np.testing.assert_allclose(MeanFiringRate(1000).decode(view(), recorded)["rates_hz"][0], rates)
    assert MeanFiringRate(1000).decode(view(), recorded)["rate_hz"][0] == pytest.approx(rates.mean())
    inhibitory = MeanFiringRate(1000, "INH").decode(view(), recorded)
    assert inhibitory["rate_hz"][0] == pytest.approx(rates[8:].mean()) and inhibitory["rates_hz"].shape == (1, 4)
    np.testing.assert_allclose(ChannelRates(1000).decode(view(), recorded)[0], [rates[c::3].sum() for c in range(3)])
    np.testing.assert_allclose(PopulationRates(1000).decode(view(), recorded)[0], [rates[:8].mean(), rates[8:].mean()])
    # 5 standard deviations of the number of spikes
    true, error = len(t) / 12, 5 * np.sqrt(len(t)) / 12
    assert abs(rates.mean() - true) < error < true - len(recorded.spike_t) / 12


def test_means_leave_out_cells_that_were_hardly_recorded():
    stimulus = Stimulus.pulse_train([10.0, 0.0, 0.0], rate_hz=[100.0, 0.0, 0.0], duration_ms=200.0)
    recorded, _ = blanked(spikes([0, 1, 4, 4], [9.9, 9.0, 9.1, 9.2]), stimulus, electrodes(), (8.0, 0.0))
    np.testing.assert_array_equal(recorded.blanking.recorded, [[False, True, True]])
    rates = MeanFiringRate(200).decode(view(), recorded)
    assert rates["rate_hz"][0] == pytest.approx(3 / (0.2 * 0.96) / 8)  # of 8 cells at the other two electrodes
    assert rates["rates_hz"][0, 0] == pytest.approx(1 / (0.2 * 0.16))
    assert ActiveFraction(200).decode(view(), recorded)[0] == 2 / 8
    everywhere, _ = blanked(spikes([0], [9.9]), stimulus, electrodes(), 15.0)
    assert not everywhere.blanking.listening_ms.any() and not len(everywhere.spike_t)
    assert MeanFiringRate(200).decode(view(), everywhere)["rate_hz"] == [0.0]


@pytest.mark.parametrize("blank_ms", [-1.0, (1.0, 3.0), (1.0, 2.0, 3.0), "3", np.nan, (3.0, None), True, [], {}])
def test_wrong_blank_times_are_refused(blank_ms):
    with pytest.raises(InvalidInput, match="blank_ms"):
        blank_times(blank_ms)


def test_one_number_is_both_times():
    assert blank_times(3) == (3.0, 3.0) and blank_times(np.array([3.0, 1.0])) == (3.0, 1.0)


def test_a_stimulus_of_another_run_is_refused():
    run = spikes([0], [1.0])
    wrong = [pulse([0], duration_ms=250.0), Stimulus.pulse_train(np.ones(5), duration_ms=100.0)]
    for stimulus in (*wrong, Stimulus.pulse_train(np.ones((2, 3)), duration_ms=100.0)):
        with pytest.raises(InvalidInput, match="stimulus"):
            blanked(run, stimulus, electrodes())
    with pytest.raises(InvalidInput, match="time steps, got -5"):
        blanked(run, None, electrodes(), carried=np.full((1, 3), -5))


def test_a_state_of_other_channels_is_refused():
    with pytest.raises(InvalidInput, match="carried"):
        blanked(spikes([], []), None, electrodes(), carried=np.zeros((1, 4), dtype=np.int64))
