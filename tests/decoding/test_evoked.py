import numpy as np
import pytest

from livn_gym.blanking import blanked
from livn_gym.decoding import ChannelRates, EvokedRates, Slice, make
from livn_gym.errors import InvalidInput
from livn_gym.stimulus import Stimulus

# Cells 0 and 1 are at the first electrode, cell 3 at the second. Spikes in and around a window of 20 to 100 ms.
TRAIN = [(0, 0.5), (1, 19.9), (0, 20.0), (1, 60.0), (3, 99.9), (3, 100.0), (0, 150.0)]


def test_only_the_spikes_of_the_window_count(env, recording_of):
    rates = EvokedRates(200)(env, *recording_of([TRAIN], 200.0))
    assert rates.dtype == np.float32
    assert rates.tolist() == [25.0, 12.5, 0.0]  # two spikes, one and none in 80 ms


def test_a_window_of_the_whole_run_gives_channel_rates(env, recording_of):
    recording = recording_of([TRAIN, []], 200.0)
    evoked = EvokedRates(200, window_ms=(0, 200)).decode(env, recording)
    np.testing.assert_array_equal(evoked, ChannelRates(200).decode(env, recording))


@pytest.mark.parametrize("make_decoding", [EvokedRates, lambda ms: Slice(ms, 10.0, None, EvokedRates(ms - 10.0))])
def test_what_comes_before_the_start_does_not_change_the_result(env, recording_of, make_decoding):
    decoding = make_decoding(200.0)
    later = [spike for spike in TRAIN if spike[1] >= decoding.starts_at_ms]
    assert 0 < len(later) < len(TRAIN)
    first, second = (decoding.decode(env, recording_of([train], 200.0)) for train in (TRAIN, later))
    np.testing.assert_array_equal(first, second)


def test_traces_need_not_fit_the_window(env, recording_of):
    soma = np.zeros((1, 6, 8))
    recording = recording_of([TRAIN], 200.0, 25.0, voltage_gid=np.arange(6), voltage_soma=soma)
    assert EvokedRates(200, window_ms=[20.0, 100.0]).decode(env, recording).tolist() == [[25.0, 12.5, 0.0]]


def test_the_space_is_that_of_channel_rates(env):
    made = make({"name": "evoked_rates", "window_ms": [10, 60]}, duration=200)
    assert made.per_channel
    assert made.window_ms == (10.0, 60.0)
    assert made.observation_space(env) == ChannelRates(50).observation_space(env)


@pytest.mark.parametrize(
    "window", [(20.0, 20.0), (20.0, 20.9), (100.0, 20.0), (-1.0, 20.0), (20.0, 201.0), (0.0,), 20.0]
)
def test_windows_that_are_empty_or_outside_the_run_are_refused(window):
    with pytest.raises(InvalidInput, match="window_ms"):
        EvokedRates(200, window_ms=window)


def test_rates_refer_to_the_recorded_part_of_the_window(env, recording_of):
    stimulus = Stimulus.pulse_train([5.0, 0.0, 0.0], duration_ms=200.0, rate_hz=1.0, start_ms=59.6)
    recording, _ = blanked(recording_of([TRAIN], 200.0), stimulus, env.electrodes, (40.0, 20.0))
    # The pulse ends at 60 ms: cells of the first electrode are recorded until 59.6 ms, cell 3 again from 80 ms.
    rates = EvokedRates(200).decode(env, recording)[0]
    np.testing.assert_allclose(rates, [1000 / 39.6, 1000 / (39.6 + 20.0), 0.0], rtol=1e-6)
