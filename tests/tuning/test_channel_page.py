import numpy as np
import pytest

from livn_gym.errors import InvalidInput
from livn_gym.formats import ChannelSpikes
from livn_gym.tuning import CHANNEL_MEASURES, channel_page, channel_text, measure_channels


def spikes(rate_hz=3.0, channels=12, duration_ms=40_000.0, **more):
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0.0, duration_ms, round(rate_hz * channels * duration_ms / 1e3)))
    return ChannelSpikes(t, rng.integers(0, channels, len(t)), duration_ms, channels, **more)


def probed():
    grid = np.stack([np.repeat(np.arange(3), 4) * 100.0, np.tile(np.arange(4), 3) * 100.0, np.zeros(12)], axis=1)
    trains = 33_000.0 + 50.0 * np.arange(120)
    return spikes(
        coordinates_um=grid,
        stim_t_ms=np.concatenate([15_000.0 + 1000.0 * np.arange(16), trains]),
        stim_channel=np.arange(136) % 4,
        stim_amplitude_uA=np.repeat([1.0, 2.0, 3.0], (8, 8, 120)),
    )


def texts(figure):
    figure.canvas.draw()
    return " ".join(text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title))


def test_a_page_shows_what_the_recording_identifies():
    recording = probed()
    values = measure_channels(recording)
    seen = texts(channel_page({"mine": recording}, {"mine": values}))
    for title in ("Rates on the array", "Interspike", "Avalanches", "Spectrum", "Response", "Rate under trains"):
        assert title in seen
    assert "mine: spontaneous activity" in seen and "no network bursts" in seen
    assert all(measure.label in seen for measure in CHANNEL_MEASURES.values())
    assert f"{values['rate_hz']:.3g}" in seen and f"{values['range_5ms']:.3g}" in seen


def test_two_recordings_are_drawn_over_each_other():
    figure = channel_page({"one": spikes(), "other": spikes(5.0, channels=400)})
    seen = texts(figure)
    assert "one: spontaneous" in seen and "other: spontaneous" in seen and "1 of 2 channels" in seen
    assert "Rates of the channels" in seen, "positions are unknown"
    (intervals,) = (axes for axes in figure.axes if axes._left_title.get_text() == "Interspike intervals")
    assert len(intervals.patches) == 2


@pytest.mark.parametrize(
    "recording",
    [
        ChannelSpikes(np.zeros(0), np.zeros(0, np.int64), 30_000.0, 4),
        ChannelSpikes(np.array([5.0]), np.array([1]), 10.0, 2),
        spikes(duration_ms=3000.0, stim_t_ms=np.array([1500.0]), stim_channel=np.array([0])),
    ],
)
def test_a_page_of_a_silent_or_short_recording_says_what_is_missing(recording):
    seen = texts(channel_page({"it": recording}))
    assert "not identified" in seen


def test_a_page_has_one_recording_or_two():
    for number in (0, 3):
        with pytest.raises(InvalidInput, match=f"got {number}"):
            channel_page({str(k): spikes() for k in range(number)})


def test_a_branching_ratio_without_correlation_is_not_a_missing_one():
    values = measure_channels(spikes())
    assert np.isnan(values["branching"]) and channel_text("branching", values) == "none"
    assert channel_text("evoked_share", values) == "-"
    assert channel_text("rate_hz", values) == f"{values['rate_hz']:.3g}"
