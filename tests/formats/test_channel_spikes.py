import numpy as np
import pytest
from fakes import use_poisson_backend
from sessions import made

from livn_gym.channel_view import ChannelView
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.formats import ChannelSpikes, Session
from livn_gym.recording import Recording
from livn_gym.stimulus import Stimulus
from livn_gym.system import make


def spikes(**changes):
    given = {
        "t_ms": np.array([1.0, 1.0, 30.0, 90.0]),
        "channel": np.array([0, 2, 1, 2]),
        "duration_ms": 100.0,
        "num_channels": 3,
        "stim_t_ms": np.array([10.0, 60.0]),
        "stim_channel": np.array([1, 1]),
        "stim_amplitude_uA": np.array([2.0, 3.0]),
    }
    return ChannelSpikes(**given | changes)


def test_rates_names_and_parts():
    recording = spikes()
    assert recording.names == ("0", "1", "2")
    assert recording.rates_hz.tolist() == pytest.approx([10.0, 10.0, 20.0])
    part = recording.slice(10.0, 90.0)
    assert (part.t_ms.tolist(), part.channel.tolist(), part.duration_ms) == ([20.0], [1], 80.0)
    assert (part.stim_t_ms.tolist(), part.stim_amplitude_uA.tolist()) == ([0.0, 50.0], [2.0, 3.0])
    assert recording.slice(90.0, 100.0).t_ms.tolist() == [0.0]


def test_a_spike_at_the_end_is_in_the_last_part():
    recording = spikes(t_ms=np.array([0.0, 100.0]), channel=np.array([0, 0]))
    assert recording.slice(50.0, 100.0).t_ms.tolist() == [50.0]
    assert recording.slice(0.0, 50.0).t_ms.tolist() == [0.0]


def test_the_spontaneous_part_is_the_longest_without_stimulation():
    part = spikes().spontaneous(recovery_ms=5.0)
    assert part is not None and part.duration_ms == pytest.approx(45.0)
    assert part.t_ms.tolist() == [15.0] and len(part.stim_t_ms) == 0
    unstimulated = spikes(stim_t_ms=np.zeros(0), stim_channel=np.zeros(0, np.int64), stim_amplitude_uA=None)
    assert unstimulated.spontaneous() is unstimulated
    everywhere = spikes(stim_t_ms=np.arange(100.0), stim_channel=np.zeros(100, np.int64), stim_amplitude_uA=None)
    assert everywhere.spontaneous() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"t_ms": np.array([1.0, 2.0, 1.5, 90.0])}, "t_ms must be ascending"),
        ({"t_ms": np.array([1.0, 2.0, 3.0])}, "same length"),
        ({"t_ms": np.array([1.0, 2.0, 3.0, 101.0])}, "0 to 100 ms"),
        ({"t_ms": np.array([-1.0, 2.0, 3.0, 10.0])}, "0 to 100 ms"),
        ({"t_ms": np.array([1.0, 2.0, 3.0, np.nan])}, "finite|NaN"),
        ({"channel": np.array([0, 1, 2, 3])}, "0 to 2, got 0 to 3"),
        ({"channel": np.array([0, 1, 2, -1])}, "got -1"),
        ({"channel": np.array([0.0, 1.0, 2.0, 0.5])}, "channel must"),
        ({"channel": np.zeros((2, 2), np.int64)}, "one dimension"),
        ({"duration_ms": 0.0}, "duration_ms"),
        ({"num_channels": 0}, "num_channels"),
        ({"names": ("a", "b")}, "3 distinct"),
        ({"names": ("a", "b", "b")}, "3 distinct"),
        ({"coordinates_um": np.zeros((2, 3))}, r"\[3, 3\]"),
        ({"coordinates_um": np.full((3, 3), np.nan)}, "finite"),
        ({"stim_t_ms": np.array([60.0, 10.0])}, "ascending"),
        ({"stim_channel": np.array([0, 3])}, "0 to 2"),
        ({"stim_amplitude_uA": np.array([1.0])}, "2 currents"),
        ({"stim_amplitude_uA": np.array([1.0, -1.0])}, "at least 0"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(InvalidInput, match=message):
        spikes(**changes)


@pytest.mark.parametrize("part", [(50.0, 50.0), (-1.0, 5.0), (0.0, 101.0), (60.0, 50.0)])
def test_a_part_outside_the_recording_is_refused(part):
    with pytest.raises(InvalidInput, match="0 to 100 ms"):
        spikes().slice(*part)


def test_a_session_becomes_the_spikes_of_its_channels():
    session = made()  # channel 0 records cell 0, channel 1 the cells 0 and 2
    recording = ChannelSpikes.of_session(session)
    assert recording.t_ms.tolist() == [1.0, 2.5, 2.5, 40.0, 40.0]
    assert recording.channel.tolist() == [1, 0, 1, 0, 1]
    assert np.array_equal(recording.coordinates_um, session.electrodes_um)
    # pulses at 100 Hz on electrode 0 and 40 Hz on electrode 1, of 10 and 4 uA, from 3 ms on
    assert recording.stim_t_ms.tolist() == pytest.approx([3.0, 3.0, 13.0, 23.0, 28.0, 33.0, 43.0])
    assert recording.stim_channel.tolist() == [0, 1, 0, 0, 1, 0, 0]
    assert recording.stim_amplitude_uA.tolist() == pytest.approx([10.0, 4.0, 10.0, 10.0, 4.0, 10.0, 10.0])
    assert "seed 7" in recording.source


def test_a_recording_and_its_session_have_the_same_channel_spikes(monkeypatch):
    use_poisson_backend(monkeypatch)
    with Env(make("EI2"), seed=5).init() as env:
        env.apply_model_defaults().record_spikes()
        stimulus = Stimulus.pulse_train(
            np.full(env.electrodes.num_channels, 3.0), duration_ms=1000.0, rate_hz=2.0, interphase_ms=0.1
        )
        recording = env.run(1000.0, stimulus)
        one = ChannelSpikes.of_recording(recording, env.electrodes, stimulus)
        other = ChannelSpikes.of_session(Session.of(env, recording, stimulus))
        channel, t_ms = env.electrodes.channel_recording(*recording.spikes[1:])
    assert len(one.t_ms) > 100 and sorted(zip(t_ms, channel, strict=True)) == sorted(
        zip(one.t_ms, one.channel, strict=True)
    )
    assert len(one.stim_t_ms) == 2 * one.num_channels  # a gap between phases begins no other pulse
    for name in ("t_ms", "stim_t_ms", "stim_channel", "stim_amplitude_uA"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert sorted(zip(one.t_ms, one.channel, strict=True)) == sorted(zip(other.t_ms, other.channel, strict=True))


def test_detected_spikes_keep_their_channels():
    view = ChannelView.of_channels(np.arange(12.0).reshape(4, 3) * 100.0, dt=0.04)
    none = np.zeros(3, np.int64)
    recording = Recording(0.0, 10.0, 0.04, 0.04, 1, none, np.array([3, 0, 2]), np.array([1.0, 2.0, 3.0]))
    found = ChannelSpikes.of_recording(recording, view.electrodes)
    assert (found.t_ms.tolist(), found.channel.tolist(), found.num_channels) == ([1.0, 2.0, 3.0], [3, 0, 2], 4)


def test_a_batch_and_a_culture_without_electrodes_are_refused():
    with pytest.raises(InvalidInput, match="no electrodes"):
        ChannelSpikes.of_session(
            made(
                electrodes_um=np.zeros((0, 3)), channel_cells=np.zeros((0, 2), np.int64), potential=None, stimulus=None
            )
        )
    none = np.zeros(0, np.int64)
    two = Recording(0.0, 10.0, 0.1, 0.1, 2, none, none, np.zeros(0))
    with pytest.raises(InvalidInput, match="one culture"), Env(make("EI1")).init() as env:
        ChannelSpikes.of_recording(two, env.electrodes)
