"""The channels of an array as cells: decodings read detected spikes as they read those of cells."""

import numpy as np
import pytest
from device_cultures import small_system

from livn_gym import system
from livn_gym.channel_view import ChannelView, device_array
from livn_gym.decoding import ChannelRates, MeanFiringRate
from livn_gym.device_profile import find
from livn_gym.encoding import PulseAmplitude
from livn_gym.errors import InvalidInput


@pytest.fixture
def view():
    return ChannelView.of_device(find("cl1"), num_cultures=2)


def test_a_device_shows_its_usable_channels_by_name(view):
    cl1 = find("cl1")
    assert view.num_channels == view.system.num_neurons == 59
    assert view.electrodes.channel_names == tuple(str(c) for c in cl1.electrodes.usable_channels)
    assert (view.electrodes.coordinates_um == cl1.electrodes.coordinates_um[cl1.electrodes.usable_channels]).all()
    assert view.dt == cl1.tick_ms == 0.02
    assert view.gather(3) == [3]


def test_every_channel_records_its_own_cell_alone(view):
    np.testing.assert_array_equal(view.electrodes.channel_cells(), np.eye(59, dtype=bool))
    np.testing.assert_array_equal(view.electrodes.blanking_channels(), np.arange(59))
    channel, t = view.electrodes.channel_recording([5, 2], [1.0, 3.0])
    assert (channel.tolist(), t.tolist()) == ([5, 2], [1.0, 3.0])


def test_decodings_and_encodings_work_on_channels(view):
    recording = view.recording([4, 4, 7], [10.0, 5.0, 1.0], [1, 1, 0], duration_ms=200.0)
    assert recording.spikes[0].tolist() == [0, 1, 1]
    assert recording.spikes[2].tolist() == [1.0, 5.0, 10.0]
    rates = ChannelRates(200.0).decode(view, recording)
    assert rates.shape == (2, 59)
    assert (rates[1, 4], rates[0, 7], rates.sum()) == (10.0, 5.0, 15.0)
    mean = MeanFiringRate(200.0).decode(view, recording)
    np.testing.assert_allclose(mean["rate_hz"], [5.0 / 59, 10.0 / 59])
    stimulus = PulseAmplitude(3.0, 5.0, 0.5)(view, 200.0, np.ones((2, 59)))
    assert stimulus.charge_nC().shape == (2, 59)
    assert ChannelRates(200.0).observation_space(view).shape == (59,)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (([59], [1.0], [0]), r"0 \.\.\. 58"),
        (([1], [200.0], [0]), "times within"),
        (([1], [1.0], [2]), "times within"),
        (([1], [1.0, 2.0], [0]), "one length"),
        (([1], [1.0], None), "cultures"),
        (([0.5], [1.0], [0]), "channel"),
    ],
)
def test_spikes_outside_the_view_are_refused(view, spikes, message):
    channel, t_ms, culture = spikes
    with pytest.raises(InvalidInput, match=message):
        view.recording(channel, t_ms, culture, duration_ms=200.0)


def test_wrong_positions_are_refused():
    with pytest.raises(InvalidInput, match=r"\[C, 3\]"):
        ChannelView.of_channels([[0.0, 0.0]], dt=0.1)
    with pytest.raises(InvalidInput, match="distinct"):
        ChannelView.of_channels([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]], ["a", "a"], dt=0.1)


def test_the_array_of_a_device_lies_on_the_electrodes_of_a_system():
    cells, cl1 = small_system(), find("cl1")
    array = device_array(cl1, cells)
    assert array.num_channels == 59
    np.testing.assert_array_equal(array.coordinates_um, cells.electrodes[cl1.electrodes.usable_channels])
    assert array.output_radius == 25.0
    with pytest.raises(InvalidInput, match="EI2 does not fit cl1: it has 16 electrodes, cl1 has 64.*generate --device"):
        device_array(cl1, system.make("EI2"))
