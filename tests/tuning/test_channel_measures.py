import numpy as np
import pytest

from livn_gym import measures
from livn_gym.errors import UnknownName
from livn_gym.formats import ChannelSpikes
from livn_gym.tuning import CHANNEL_MEASURES, measure_channels, probe_response, spontaneous_part

CHANNELS, REST_MS = 20, 60_000.0


def poisson(rate_hz, duration_ms, channels=CHANNELS, seed=0):
    rng = np.random.default_rng(seed)
    number = rng.poisson(rate_hz * duration_ms / 1e3, channels)
    return np.repeat(np.arange(channels), number), rng.uniform(0.0, duration_ms, number.sum())


def recording(channel, t_ms, duration_ms, num_channels=CHANNELS, **stimuli):
    order = np.argsort(t_ms)
    return ChannelSpikes(t_ms[order], channel[order], duration_ms, num_channels, **stimuli)


def probed(evoked=2, amplitudes=(3.0,), trials=5, electrodes=4):
    """A minute at 1 Hz per channel, then a pulse per second; each adds spikes on every channel by its amplitude."""
    pulses = len(amplitudes) * trials * electrodes
    duration_ms = REST_MS + pulses * 1000.0
    channel, t = poisson(1.0, duration_ms)
    stim_t = REST_MS + 500.0 + 1000.0 * np.arange(pulses)
    stim_channel = np.arange(pulses) % electrodes
    amplitude = np.repeat(amplitudes, trials * electrodes)
    extra = (evoked * amplitude / max(amplitudes)).round().astype(int)
    more_t = np.concatenate(
        [np.repeat(s + 10.0 + 20.0 * np.arange(n), CHANNELS) for s, n in zip(stim_t, extra, strict=True)]
    )
    more_channel = np.tile(np.arange(CHANNELS), extra.sum())
    return recording(
        np.concatenate([channel, more_channel]),
        np.concatenate([t, more_t]),
        duration_ms,
        stim_t_ms=stim_t,
        stim_channel=stim_channel,
        stim_amplitude_uA=amplitude,
    )


def test_a_poisson_array_without_stimuli():
    channel, t = poisson(3.0, REST_MS)
    values = measure_channels(recording(channel, t, REST_MS + 123.0, CHANNELS + 5))
    assert list(values) == list(CHANNEL_MEASURES)
    assert values["rate_hz"] == pytest.approx(len(t) / CHANNELS / 60.0, rel=1e-2)
    assert (values["active_channels"], values["active_share"]) == (CHANNELS, CHANNELS / (CHANNELS + 5))
    assert values["isi_cv"] == pytest.approx(1.0, abs=0.05)
    assert values["bursts_per_s"] == 0.0 and np.isnan(values["participation"])
    assert np.isnan(values["branching"])  # no temporal correlation
    assert values["spectral_slope"] == pytest.approx(0.0, abs=0.1)
    assert values["correlation"] == pytest.approx(0.0, abs=0.01)
    stimulation = [name for name, measure in CHANNEL_MEASURES.items() if measure.stage == "stimulation"]
    assert all(np.isnan(values[name]) for name in stimulation)


def test_bursts_are_found_on_channels():
    channel, t = poisson(0.2, REST_MS)
    starts = 3000.0 + 6000.0 * np.arange(9)
    jitter = np.random.default_rng(1).uniform(0.0, 80.0, (9, CHANNELS // 2, 10))
    burst_t = (starts[:, None, None] + jitter).ravel()
    burst_channel = np.broadcast_to(np.arange(CHANNELS // 2)[None, :, None], jitter.shape).ravel()
    values = measure_channels(
        recording(np.concatenate([channel, burst_channel]), np.concatenate([t, burst_t]), REST_MS)
    )
    assert values["bursts_per_s"] == pytest.approx(9 / 60)
    assert values["participation"] == pytest.approx(0.5, abs=0.1)
    assert values["burst_ms"] == pytest.approx(80.0, abs=15.0)


def test_spontaneous_activity_is_measured_without_the_stimulated_part():
    both = measure_channels(probed(evoked=4))
    alone = measure_channels(probed(evoked=4).slice(0.0, REST_MS))
    assert both["rate_hz"] == pytest.approx(alone["rate_hz"], rel=0.01) and both["rate_hz"] < 1.2


def test_the_evoked_response_of_every_electrode():
    spikes = probed(evoked=2)
    probe = probe_response(spikes)
    assert probe.electrodes.tolist() == [0, 1, 2, 3] and probe.pulses.tolist() == [5, 5, 5, 5]
    assert probe.spikes == pytest.approx(200.0, abs=6.0)  # two on each channel, per 100 channels
    values = measure_channels(spikes)
    assert values["evoked_share"] == 1.0 and values["evoked_spikes"] == pytest.approx(200.0, abs=6.0)
    assert np.isnan(values["evoked_gain"])  # one amplitude


def test_pulses_without_effect_evoke_by_chance_only():
    shares = []
    for seed in range(10):
        silent = probed(evoked=0, electrodes=8)
        channel, t = poisson(1.0, silent.duration_ms, seed=seed)
        order = np.argsort(t)
        shares.append(measure_channels(
            ChannelSpikes(
                t[order], channel[order], silent.duration_ms, CHANNELS,
                stim_t_ms=silent.stim_t_ms, stim_channel=silent.stim_channel,
            ),
            ["evoked_share"],
        )["evoked_share"])  # fmt: skip
    assert np.mean(shares) < 0.15


def test_the_gain_is_the_slope_over_amplitudes_and_the_response_that_to_the_strongest():
    values = measure_channels(probed(evoked=4, amplitudes=(1.0, 2.0)))
    assert values["evoked_gain"] == pytest.approx(200.0, abs=10.0)  # 2 and 4 spikes a channel at 1 and 2 uA
    assert values["evoked_spikes"] == pytest.approx(400.0, abs=10.0)


def test_the_rate_in_trains_leaves_out_what_follows_a_pulse_at_once():
    duration_ms = REST_MS + 20_000.0
    channel, t = poisson(1.0, duration_ms)
    stim_t = REST_MS + np.arange(200) * 100.0
    direct_t, late_t = np.repeat(stim_t + 1.0, CHANNELS), np.repeat(stim_t + 50.0, CHANNELS)
    every = np.tile(np.arange(CHANNELS), 400)
    spikes = recording(
        np.concatenate([channel, every]),
        np.concatenate([t, direct_t, late_t]),
        duration_ms,
        stim_t_ms=stim_t,
        stim_channel=np.zeros(200, np.int64),
    )
    values = measure_channels(spikes)
    # one spike on every channel in each of the 95 ms, besides the spontaneous ones
    assert values["blanked_hz"] == pytest.approx(1000.0 / 95.0 + 1.0, rel=0.03)
    assert values["range_5ms"] == pytest.approx(values["blanked_hz"] / values["rate_hz"])
    assert np.isnan(values["evoked_spikes"])  # the pulses follow each other too fast


def test_what_is_too_short_or_silent_is_not_identified():
    channel, t = poisson(3.0, 1000.0)
    short = measure_channels(recording(channel, t, 1000.0))
    assert all(np.isnan(value) for value in short.values())
    silent = measure_channels(ChannelSpikes(np.zeros(0), np.zeros(0, np.int64), 60_000.0, 4))
    assert silent.pop("active_channels") == 0.0 and silent.pop("active_share") == 0.0
    assert all(np.isnan(value) for value in silent.values())
    stimulated = ChannelSpikes(
        np.sort(t), channel, 60_000.0, CHANNELS, stim_t_ms=np.arange(6) * 1e4, stim_channel=np.zeros(6, np.int64)
    )
    assert spontaneous_part(stimulated) is None


def test_single_measures_are_those_of_all():
    spikes = probed()
    everything = measure_channels(spikes)
    names = ["isi_cv", "rate_hz", "evoked_share", "naive_branching"]
    assert measure_channels(spikes, names) == {name: everything[name] for name in names}
    with pytest.raises(UnknownName, match="isi_cv"):
        measure_channels(spikes, ["isi_cw"])


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
def test_the_exponent_of_a_power_law_between_two_cut_offs(exponent):
    x = np.arange(1, 5001)
    p = x**-exponent
    values = np.random.default_rng(3).choice(x, 20_000, p=p / p.sum())
    assert measures.power_law_exponent(values) == pytest.approx(exponent, abs=0.03)
    assert measures.power_law_exponent(values, 3) == pytest.approx(exponent, abs=0.08)


def test_few_or_equal_avalanches_have_no_exponent():
    assert np.isnan(measures.power_law_exponent(np.arange(1, 50)))
    assert np.isnan(measures.power_law_exponent(np.ones(500, np.int64)))
