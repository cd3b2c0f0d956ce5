"""The stages of the protocol, on an Env that writes down what it is asked."""

from dataclasses import replace

import numpy as np
import pytest

from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.system import make
from livn_gym.tuning import Protocol, observe


class Diary(Env):
    """Notes the amplitudes (uA, [B, C]) of every run; cell 0 of culture b fires once for each channel's number + 1."""

    def run(self, duration, stimulus=None, **options):
        amplitude = np.zeros((self.num_cultures, self.io.num_channels))
        if stimulus is not None and len(stimulus.pulses.value):
            p = stimulus.pulses
            np.maximum.at(amplitude, (p.culture, p.column), np.abs(p.value))
        self.diary = [*getattr(self, "diary", []), (duration, amplitude)]
        spikes = (amplitude > 0) @ np.arange(1, self.io.num_channels + 1)
        culture = np.repeat(np.arange(self.num_cultures), spikes)
        t0 = sum(ms for ms, _ in self.diary[:-1])
        zero = np.zeros(len(culture))
        return Recording(t0, duration, 0.05, 0.05, self.num_cultures, culture, zero.astype(int), zero)


@pytest.fixture
def diary(poisson):
    with Diary(make("EI2"), num_cultures=4).init() as env:
        yield env


def test_stages_follow_one_another_and_last_as_long_as_they_say(diary, short):
    seen = []
    observation = observe(diary, short, progress=seen.append)
    assert observation.rest.t0_ms == short.settle_ms
    assert observation.rest.duration_ms == short.rest_ms
    assert observation.stimulated.t0_ms == short.settle_ms + short.rest_ms + short.onset_ms
    total = sum(ms for ms, _ in diary.diary)
    assert total == short.duration_ms(16)
    assert sum(seen) == 4 * total


def test_every_culture_gets_every_level_once_and_in_another_order(diary, short):
    observe(diary, short)
    stages = [amplitude[:, 0] for ms, amplitude in diary.diary if ms == short.level_ms]
    order = np.array(stages).T
    assert (np.sort(order, axis=1) == short.levels_uA).all()
    assert len({tuple(row) for row in order[:3]}) == 3


def test_every_trial_of_a_map_is_counted_for_its_own_electrode(diary, short):
    observation = observe(diary, replace(short, map_ms=150.0))
    assert observation.evoked.shape == (4, 2, 3, 100)
    assert list(observation.electrodes) == [0, 8, 15]
    assert (observation.evoked[..., 0] == observation.electrodes + 1).all()
    assert (observation.evoked[..., 1:] == 0).all()
    alone = [amplitude for ms, amplitude in diary.diary if ms == 150.0]
    assert all(((a > 0).sum(axis=1) == 1).all() and a.max() == short.max_uA for a in alone)


def test_levels_count_the_population_in_bins_of_100_ms(diary, short):
    observation = observe(diary, short)
    assert observation.levels.shape == (4, 3, 4)
    assert observation.after.shape == (4, 3, 2)
    # the diary's cell fires 1 + ... + 16 times at the onset of a stimulated run, never without pulses
    assert (observation.levels[:, 0] == 0).all()
    assert (observation.levels[:, 1:, 0] == 136).all()
    assert (observation.after == 0).all()


def test_resting_cultures_are_not_stimulated(diary, short):
    observation = observe(diary, short, stimulate=False)
    assert observation.stimulated is None
    assert not any(amplitude.any() for _, amplitude in diary.diary)


def test_a_short_form_takes_less_time():
    assert Protocol().quick().duration_ms(16) < Protocol().duration_ms(16) / 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rest_ms": 0.0}, "rest_ms"),
        ({"levels_uA": (1.0, 2.0)}, "rise from 0"),
        ({"levels_uA": (0.0, 5.0, 3.0)}, "rise from 0"),
        ({"max_uA": 20.0}, "at most 3 nC"),
        ({"pulse_rate_hz": 300.0}, "200 Hz"),
        ({"map_trials": -1}, "map_trials"),
    ],
)
def test_what_no_electrode_may_carry_is_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        Protocol(**change)


def test_a_culture_without_electrodes_cannot_be_stimulated(poisson, short):
    bare = replace(make("EI1"), electrodes=np.zeros((0, 3)))
    with Env(bare).init() as env, pytest.raises(InvalidInput, match="none"):
        observe(env, short)
