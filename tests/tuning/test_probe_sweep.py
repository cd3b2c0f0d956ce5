import numpy as np
import pytest

from livn_gym.device_profile import find
from livn_gym.env import Env
from livn_gym.errors import InvalidInput
from livn_gym.formats import ChannelSpikes, Session, read_channels
from livn_gym.tuning import ProbeSweep, measure_channels, probe_response, record_sweep, train_rates

SMALL = ProbeSweep(
    rest_ms=12_000.0, pulses_uA=(4.0, 12.0), trains_uA=(9.0,), electrodes=4, trials=2, groups=4, train_ms=4000.0,
    pause_ms=1000.0,
)  # fmt: skip


def test_the_schedule_of_a_sweep():
    channels = 9
    assert SMALL.duration_ms(channels) == 12_000.0 + 4 * 2 * 2 * 1000.0 + 1000.0 + 4000.0
    stimulus = SMALL.stimulus(channels)
    assert stimulus.duration_ms == SMALL.duration_ms(channels)
    changes = stimulus.schedule(0.1)
    onsets = changes.value < 0.0  # cathodic first
    t_ms, channel, amplitude = changes.step[onsets] * 0.1, changes.column[onsets], -changes.value[onsets]
    probes = t_ms < 28_000.0 - 1e-6
    assert np.allclose(t_ms[probes], 12_000.0 + 1000.0 * np.arange(16))
    for electrode in (0, 3, 5, 8):  # evenly spaced
        own = amplitude[probes][channel[probes] == electrode]
        assert sorted(own.tolist()) == [4.0, 4.0, 12.0, 12.0]
    trains = ~probes
    assert np.bincount(channel[trains]).tolist() == [20] * channels and (amplitude[trains] == 9.0).all()
    assert t_ms[trains].min() == pytest.approx(29_000.0)
    assert np.allclose(np.unique(t_ms[trains].round(6) % 200.0), [0.0, 50.0, 100.0, 150.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pulses_uA": (14.0, 6.0)}, "ascending"),
        ({"pulses_uA": ()}, "at least one"),
        ({"pulses_uA": (100.0,)}, "nC"),
        ({"trains_uA": (-1.0,)}, "amplitude"),
        ({"interval_ms": 200.0}, "interval_ms must be at least 500"),
        ({"rest_ms": 1000.0}, "rest_ms must be at least 10000"),
        ({"groups": 64}, "record between"),
        ({"trials": 0}, "trials"),
        ({"channels": (3, 1)}, "ascending channel"),
        ({"channels": (-1, 1)}, "ascending channel"),
    ],
)
def test_a_sweep_that_cannot_be_measured_is_refused(changes, message):
    with pytest.raises(InvalidInput, match=message):
        ProbeSweep(**changes)


@pytest.mark.parametrize("device", ["cl1", "mcs60", "maxone"])
def test_a_sweep_within_the_limits_of_a_device(device):
    profile = find(device)
    sweep = ProbeSweep.for_device(profile, rest_ms=10_000.0)
    channels = profile.electrodes.num_channels
    changes = sweep.stimulus(channels).schedule(0.02)
    assert profile.electrodes.usable[np.unique(changes.column)].all()
    assert len(np.unique(changes.column)) == profile.electrodes.usable.sum()
    assert np.abs(changes.value).max() == pytest.approx(max(sweep.pulses_uA))
    assert max(sweep.pulses_uA) > 0.85 * min(profile.stimulation.max_amplitude_uA, 3.0)


def test_a_sweep_needs_its_channels():
    sweep = ProbeSweep(channels=(1, 2, 7))
    assert np.unique(sweep.stimulus(8).schedule(0.1).column).tolist() == [1, 2, 7]
    with pytest.raises(InvalidInput, match="channel 7; there are 7"):
        sweep.stimulus(7)


def test_the_schedule_as_a_table_is_read_as_the_stimuli_of_a_recording(tmp_path):
    SMALL.write(tmp_path / "sweep.csv", 9)
    (tmp_path / "a.csv").write_text("t_ms,channel\n" + "".join(f"{k},{k}\n" for k in range(9)))
    length = SMALL.duration_ms(9)
    spikes = read_channels(tmp_path / "a.csv", duration_ms=length, stimuli=tmp_path / "sweep.csv")
    changes = SMALL.stimulus(9).schedule(0.1)
    assert np.allclose(spikes.stim_t_ms, changes.step[changes.value < 0] * 0.1)
    assert np.array_equal(spikes.stim_channel, changes.column[changes.value < 0])
    assert np.allclose(spikes.stim_amplitude_uA, -changes.value[changes.value < 0])


def test_a_recorded_sweep_holds_what_the_measures_need(tmp_path):
    elapsed = []
    with Env("EI1", seed=3, num_cultures=2, profile="fast").init() as env:
        env.apply_model_defaults().clear(seed=3)
        recording, stimulus = record_sweep(env, SMALL, settle_ms=1000.0, progress=elapsed.append)
        channels = env.electrodes.num_channels
        duration_ms = SMALL.duration_ms(channels)
        assert recording.num_cultures == 2 and recording.duration_ms == pytest.approx(duration_ms)
        assert sum(elapsed) == pytest.approx(duration_ms)
        spikes = ChannelSpikes.of_recording(recording.culture(1), env.electrodes, stimulus)
        session = Session.of(env, recording.culture(1), stimulus, culture=1)
        env.clear(seed=3)
        env.run(1000.0)
        whole = env.run(duration_ms, stimulus)
    assert np.array_equal(whole.spikes[1], recording.spikes[1]), "the parts are one run"
    assert spikes.spontaneous().duration_ms == pytest.approx(SMALL.rest_ms)
    session.save(tmp_path / "sweep.npz")
    again = ChannelSpikes.of_session(Session.load(tmp_path / "sweep.npz"))
    assert np.array_equal(again.stim_t_ms, spikes.stim_t_ms)
    assert np.array_equal(again.stim_amplitude_uA, spikes.stim_amplitude_uA)
    assert len(again.stim_t_ms) == 2 * 2 * min(channels, 4) + 20 * channels


def test_the_sweep_identifies_every_measure_of_the_response():
    rng = np.random.default_rng(0)
    sweep, channels = SMALL, 9
    duration_ms = sweep.duration_ms(channels)
    changes = sweep.stimulus(channels).schedule(0.1)
    onsets = changes.value < 0.0
    t = np.sort(rng.uniform(0.0, duration_ms, round(2.0 * channels * duration_ms / 1e3)))
    spikes = ChannelSpikes(
        t, rng.integers(0, channels, len(t)), duration_ms, channels,
        stim_t_ms=changes.step[onsets] * 0.1, stim_channel=changes.column[onsets],
        stim_amplitude_uA=-changes.value[onsets],
    )  # fmt: skip
    probe = probe_response(spikes)
    assert probe.electrodes.tolist() == [0, 3, 5, 8] and probe.pulses.tolist() == [2] * 4
    assert probe.amplitudes_uA.tolist() == [4.0, 12.0]
    levels, rates = train_rates(spikes)
    assert levels.tolist() == [9.0] and rates[0] == pytest.approx(2.0, rel=0.2)
    names = ["evoked_spikes", "evoked_share", "evoked_gain", "blanked_hz", "range_5ms", "train_gain"]
    assert np.isfinite(list(measure_channels(spikes, names).values())).all()
