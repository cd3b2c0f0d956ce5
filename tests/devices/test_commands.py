"""Commands of a device: the same pulses as the stimulus, grouped into trains, and nothing rounded."""

import numpy as np
import pytest
from devices.sessions_of_devices import CHANNELS, phases, pulse

from livn_gym.devices.commands import Command, commands_of, stimulus_of
from livn_gym.errors import InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus


def commands(stimulus):
    return commands_of(stimulus, 40.0, 20.0)


def test_equal_pulses_of_several_channels_are_one_command():
    assert commands(pulse([9, 8, 20], 2.5, onset_ms=1.04, phase_ms=0.5)) == [
        Command((8, 9, 20), 1040, ((500, -2.5), (500, 2.5)))
    ]


def test_regular_trains_are_one_command_and_others_single_pulses():
    amplitudes = np.zeros(CHANNELS)
    amplitudes[[8, 9]] = 1.0, 2.0
    train = Stimulus.pulse_train(amplitudes, duration_ms=200.0, rate_hz=20.0, phase_ms=0.2, start_ms=1.0)
    assert commands(train) == [
        Command((8,), 1000, ((200, -1.0), (200, 1.0)), 4, 50_000),
        Command((9,), 1000, ((200, -2.0), (200, 2.0)), 4, 50_000),
    ]
    assert [command.charge_nC for command in commands(train)] == pytest.approx([1.6, 3.2])
    irregular = [[0.0, 0.2, 1.0], [10.0, 0.2, 1.0], [30.0, 0.2, 1.0]]
    none = np.zeros(3, dtype=np.int64)
    onset, width, value = np.transpose(irregular)
    three = Pulses(none, none + 8, onset, none * 0.0, width, value)
    stimulus = Stimulus.from_pulses(three, num_columns=CHANNELS, duration_ms=200.0)
    assert [(c.onset_us, c.count) for c in commands(stimulus)] == [(0, 1), (10_000, 1), (30_000, 1)]


def test_three_phases_and_the_order_of_onsets():
    three = phases([0.0, 0.1, 1.0], [0.1, 0.2, -1.0], [0.3, 0.1, 1.0])
    assert commands(three)[0].phases == ((100, 1.0), (200, -1.0), (100, 1.0))


def test_charge_of_commands_is_that_of_the_stimulus():
    rng = np.random.default_rng(3)
    amplitudes = rng.integers(0, 30, CHANNELS) / 10.0
    groups = np.arange(CHANNELS) % 16 * 10.0 + 1.0
    stimulus = Stimulus.pulse_train(amplitudes, duration_ms=200.0, rate_hz=5.0, phase_ms=0.5, start_ms=groups)
    charge_nC = np.zeros(CHANNELS)
    for command in commands(stimulus):
        charge_nC[list(command.channels)] += command.charge_nC
    assert charge_nC == pytest.approx(stimulus.charge_nC())
    onsets = [command.onset_us for command in commands(stimulus)]
    assert onsets == sorted(onsets)


def test_commands_are_the_stimulus():
    amplitudes = np.zeros(CHANNELS)
    amplitudes[[8, 20, 9]] = 1.0, 2.5, 2.5
    stimulus = Stimulus.pulse_train(amplitudes, duration_ms=200.0, rate_hz=20.0, phase_ms=0.2, start_ms=1.0)
    again = stimulus_of(commands(stimulus), range(CHANNELS), 200.0)
    assert commands(again) == commands(stimulus)
    before, after = stimulus.schedule(0.02), again.schedule(0.02)
    for name in ("step", "column"):
        assert (getattr(before, name) == getattr(after, name)).all()
    assert after.value == pytest.approx(before.value)
    turned = stimulus_of(commands(stimulus), [20, 9, 8], 200.0)
    assert turned.charge_nC() == pytest.approx(stimulus.charge_nC()[[20, 9, 8]])
    with pytest.raises(InvalidInput, match="Channel 20"):
        stimulus_of(commands(stimulus), [8, 9], 200.0)


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        (pulse(onset_ms=1.01), "onset must be a multiple of 40 us, got 1010"),
        (phases([0.0, 0.05, 1.0]), "width of a phase must be a multiple of 20 us, got 50"),
        (pulse(interphase_ms=0.1), "without gaps"),
        (Stimulus(np.zeros((10, CHANNELS)), 1.0, "electrode"), "pulses at electrodes"),
        (Stimulus.pulse_train([1.0], duration_ms=10.0, mode="current"), "another kind"),
        (Stimulus.pulse_train([1.0], duration_ms=10.0, mode="light", shape="monophasic"), "another kind"),
        (Stimulus.pulse_train([[1.0], [1.0]], duration_ms=10.0), "one culture"),
    ],
)
def test_what_a_device_cannot_give_is_refused(stimulus, message):
    with pytest.raises(InvalidInput, match=message):
        commands(stimulus)
