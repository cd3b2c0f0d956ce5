"""The stages of the protocol, on an Env that writes down what it is asked."""

from dataclasses import replace

import numpy as np
import pytest

from livn_gym.blanking import blanked
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import make
from livn_gym.tuning import Protocol, observe
from livn_gym.tuning.protocol import BLANKS_MS
from livn_gym.tuning.stages import blanked_rates_hz, quadrants, rates_of_seconds_hz


class Diary(Env):
    """Notes duration and pulses of every run; a pulse on channel c makes cell 0 fire c + 1 times 30 ms later."""

    def run(self, duration, stimulus=None, **options):
        none = np.zeros(0)
        first = None
        if stimulus is not None:
            pulses = stimulus.pulses
            first = pulses.select((pulses.offset_ms == 0) & (pulses.value != 0))
        columns = (
            (none, none, none, none) if first is None else (first.culture, first.column, first.onset_ms, first.value)
        )
        t0 = sum(entry[0] for entry in getattr(self, "diary", []))
        self.diary = [*getattr(self, "diary", []), (duration, *columns)]
        culture, column, onset, _ = columns
        spikes = np.repeat(np.arange(len(culture)), column.astype(int) + 1)
        culture, t = culture[spikes].astype(int), onset[spikes] + 30.0
        order = np.lexsort((t, culture))
        return Recording(
            t0, duration, 0.05, 0.05, self.num_cultures, culture[order], np.zeros(len(culture), int), t[order]
        )


@pytest.fixture
def diary(poisson):
    with Diary(make("EI2"), num_cultures=4).init() as env:
        yield env


def test_stages_follow_one_another_and_last_as_long_as_they_say(diary, short):
    seen = []
    observation = observe(diary, short, progress=seen.append)
    assert observation.rest.t0_ms == short.settle_ms
    assert observation.rest.duration_ms == short.rest_ms
    assert observation.sustained.t0_ms == short.settle_ms + short.rest_ms + short.onset_ms
    assert observation.sustained.duration_ms == short.sustained_ms
    total = sum(entry[0] for entry in diary.diary)
    assert total == replace(short, cut_ms=0.0).duration_ms(16)
    assert sum(seen) == 4 * total
    assert short.duration_ms(16) - total == short.cut().duration_ms(16)


def test_groups_of_electrodes_pulse_in_turn(diary, short):
    observe(diary, replace(short, sustained_ms=1000.0))
    at = next(k for k, entry in enumerate(diary.diary) if entry[0] == 1000.0)
    _, culture, column, onset, value = diary.diary[at]
    assert (value == -short.top_uA).all()
    for channel in range(16):
        expected = channel % 4 * 50.0 + 200.0 * np.arange(5)
        assert np.allclose(onset[(culture == 2) & (column == channel)], expected)


def test_every_culture_gets_every_level_once_and_in_another_order(diary, short):
    observation = observe(diary, replace(short, level_ms=600.0))
    order = []
    for entry in diary.diary:
        if entry[0] == 600.0:
            order.append([np.abs(entry[4][entry[1] == b]).max(initial=0.0) for b in range(4)])
    order = np.array(order).T
    assert (np.sort(order, axis=1) == short.levels_uA).all()
    assert len({tuple(row) for row in order[:3]}) == 3
    # 1 + ... + 16 spikes per period of 200 ms, in the middle between two groups' pulses; none at level 0
    assert observation.curve_hz.shape == (4, 3, len(BLANKS_MS))
    assert np.allclose(observation.curve_hz[:, 0], 0.0)
    assert np.allclose(observation.curve_hz[:, 1:, 0], 136 / 0.2 / 100)


def test_every_single_pulse_is_counted_for_its_own_electrode(diary, short):
    observation = observe(diary, replace(short, pulse_interval_ms=250.0))
    assert observation.evoked.shape == observation.device_evoked.shape == (4, 2, 3, 100)
    assert list(observation.electrodes) == [0, 8, 15]
    for evoked in (observation.evoked, observation.device_evoked):
        assert (evoked[..., 0] == observation.electrodes + 1).all()
        assert (evoked[..., 1:] == 0).all()
    alone = [entry for entry in diary.diary if entry[0] == 250.0]
    sizes = [np.abs(entry[4]).max() for entry in alone]
    assert set(sizes) == {short.pulse_uA, short.device_uA}


def test_the_place_is_counted_on_the_channels_that_record_the_cells(diary, short):
    observation = observe(diary, short)
    assert observation.place.shape == (4, 2, 4, 16)
    recorded = diary.electrodes.channel_cells()[:, 0]
    # the diary's cell 0 fires once more for each channel's number, of the four channels of a quadrant
    quadrant = quadrants(diary.electrodes.coordinates_um)
    expected = [sum(c + 1 for c in range(16) if quadrant[c] == q) for q in range(4)]
    assert (observation.place[..., recorded] == np.array(expected)[:, None]).all()
    assert (observation.place[..., ~recorded] == 0).all()


def test_quadrants_are_of_equal_size_on_a_square_array():
    assert (np.bincount(quadrants(make("EI2").electrodes)) == 4).all()
    assert quadrants(np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])).tolist() == [0, 1, 2, 3]


def test_rates_behind_blanking_are_those_of_the_time_that_is_left(short):
    """A spike every ms is 1 kHz, whatever is blanked; a spike 1 ms after each pulse is blanked."""
    t = np.arange(0.5, 1000.0, 1.0)
    regular = Recording(0.0, 1000.0, 0.05, 0.05, 1, np.zeros(len(t), int), np.zeros(len(t), int), t)
    rates = blanked_rates_hz(regular, short, 0.5, 1)
    assert np.allclose(rates, 1000.0)
    onset = np.arange(0.0, 1000.0, 50.0)
    direct = Recording(0.0, 1000.0, 0.05, 0.05, 1, np.zeros(20, int), np.zeros(20, int), onset + 1.0)
    assert np.allclose(blanked_rates_hz(direct, short, 0.2, 1), [[20.0, 0.0, 0.0]])
    late = Recording(0.0, 1000.0, 0.05, 0.05, 1, np.zeros(20, int), np.zeros(20, int), onset + 4.0)
    expected = [[20.0, 20.0 / (1.0 - 3.4 / 50.0), 0.0]]
    assert np.allclose(blanked_rates_hz(late, short, 0.2, 1), expected)


def test_rates_of_seconds_are_those_of_the_whole_seconds_of_each_culture(diary, short):
    culture, t = np.array([0, 0, 0, 1, 1, 1]), np.array([4.0, 1002.0, 1004.0, 999.9, 1999.9, 2010.0])
    recording = Recording(0.0, 2400.0, 0.05, 0.05, 2, culture, np.zeros(6, int), t)
    expected = np.array([[1.0, 1.0], [1.0, 1.0]]) / 2 / (1.0 - 3.4 / 50.0)  # 1002 ms is blanked, 2010 ms beyond
    assert np.allclose(rates_of_seconds_hz(recording, short, 0.2, 2), expected)
    observation = observe(diary, replace(short, level_ms=2200.0))
    assert observation.level_seconds_hz.shape == (4, 3, 2)
    assert np.allclose(observation.level_seconds_hz[:, 0], 0.0)
    assert np.allclose(observation.level_seconds_hz[:, 1:], 136 / 0.2 / 100 / (1.0 - 3.4 / 50.0))


def test_rates_behind_blanking_are_those_of_a_blanked_array(short):
    """Where every electrode is blanked as long as those that stimulate, at whole time steps."""
    generator = np.random.default_rng(5)
    system, count = make("EI2"), 20_000
    gid, t = generator.integers(0, 100, count), np.floor(np.sort(generator.uniform(0.0, 40_000.0, count))) / 20.0
    recording = Recording(0.0, 2000.0, 0.05, 0.05, 1, np.zeros(count, int), gid, t)
    amplitudes = np.full(16, short.top_uA)
    start_ms = np.arange(16) % short.groups * short.spacing_ms
    stimulus = Stimulus.pulse_train(
        amplitudes, duration_ms=2000.0, rate_hz=short.pulse_rate_hz, phase_ms=short.phase_ms, start_ms=start_ms
    )
    with Env(system).init() as env:
        rates = blanked_rates_hz(recording, short, short.phase_ms, 100)[0]
        for blank_ms, rate_hz in zip(BLANKS_MS, rates, strict=True):
            recorded, _ = blanked(recording, stimulus, env.electrodes, blank_ms)
            lost = 0.0 if recorded.blanking is None else 40 * (0.4 + blank_ms)
            assert rate_hz == pytest.approx(len(recorded.spikes[0]) / 100 / (2000.0 - lost) * 1e3, rel=1e-12)


def test_resting_cultures_are_not_stimulated(diary, short):
    observation = observe(diary, short, stimulate=False)
    assert observation.sustained is None
    assert not any(len(entry[1]) for entry in diary.diary)


@pytest.mark.parametrize("calls", [1, 2])
def test_a_culture_that_is_not_promising_is_not_run_any_further(diary, short, calls):
    seen = []

    def proceed(observation):
        seen.append(observation)
        return len(seen) < calls

    observation = observe(diary, short, proceed=proceed)
    assert len(seen) == calls
    assert (observation.sustained is None) == (calls == 1)
    assert observation.curve_hz is None and observation.evoked is None


def test_a_short_form_takes_less_time():
    assert Protocol().quick().duration_ms(16) < Protocol().duration_ms(16) / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rest_ms": 0.0}, "rest_ms"),
        ({"cut_ms": -1.0}, "cut_ms"),
        ({"levels_uA": (1.0, 2.0)}, "rise from 0"),
        ({"levels_uA": (0.0, 5.0, 3.0)}, "rise from 0"),
        ({"levels_uA": (0.0, 20.0)}, "at most 3 nC"),
        ({"pulse_uA": 20.0}, "at most 3 nC"),
        ({"pulse_rate_hz": 300.0}, "200 Hz"),
        ({"level_ms": 500.0}, "multiple of the 200 ms"),
        ({"groups": 40}, "no time to record"),
        ({"pulse_trials": -1}, "pulse_trials"),
        ({"pulse_interval_ms": 50.0}, "at least 100"),
    ],
)
def test_protocols_that_cannot_be_run_are_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        Protocol(**change)


def test_a_culture_without_electrodes_cannot_be_stimulated(poisson, short):
    bare = replace(make("EI1"), electrodes=np.zeros((0, 3)))
    with Env(bare).init() as env, pytest.raises(InvalidInput, match="none"):
        observe(env, short)
