"""Detection on frames with planted spikes: peaks, thresholds, refractory time, artefacts, cuts and states."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from livn_gym import device_profile
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.signals import ThresholdDetector
from livn_gym.signals.electrode_signals import saturation_units

UNIT = 0.195
SHAPE = np.array([0.0, -0.2, -0.7, -1.0, -0.6, -0.2, 0.1, 0.2, 0.2, 0.1])
"""A spike whose peak is its sample 3."""


def profile(**recording):
    found = device_profile.find("cl1")
    return replace(found, recording=replace(found.recording, **recording))


def noise(seconds=2.0, sd_uV=4.0, seed=1, cultures=1):
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, sd_uV, (cultures, round(25000 * seconds), 64))


def planted(signal_uV, channel, peaks, amplitude_uV):
    signal_uV = signal_uV.copy()
    for peak in peaks:
        signal_uV[0, peak - 3 : peak + 7, channel] += amplitude_uV * SHAPE
    return signal_uV


def units(signal_uV):
    return np.rint(signal_uV / UNIT).astype(np.int16)


def test_planted_spikes_are_found_at_their_peak():
    peaks = np.arange(500, 49000, 777)
    frames = units(planted(noise(), 10, peaks, 60.0))
    found = ThresholdDetector(profile(), waveforms=True).detect(frames)
    at = found.frame[found.channel == 10]
    assert len(at) == len(peaks)
    assert np.abs(at - peaks).max() <= 1
    np.testing.assert_allclose(found.t_ms, found.frame * 0.04)
    waveforms = found.waveforms_uV[found.channel == 10]
    assert waveforms.shape == (len(peaks), 75) and (waveforms.argmin(axis=1) == 25).all()
    filtered = sosfilt(butter(2, 200.0, "highpass", fs=25000.0, output="sos"), frames[0, :, 10] * UNIT)
    expected = np.array([filtered[frame - 25 : frame + 50] for frame in at])
    np.testing.assert_allclose(waveforms, expected, atol=1e-4)
    assert len(found.channel) - len(at) <= 3  # five standard deviations: 0.014 false ones per channel, 0.9 in all
    assert not np.isin(found.channel, [0, 4, 7, 56, 63]).any()


def test_the_threshold_follows_the_noise_or_is_fixed():
    x = noise(3.0)
    x[:, :, 20] *= 3.0
    robust, fixed = ThresholdDetector(profile()), ThresholdDetector(profile(), threshold="fixed")
    first, second = units(x[:, :25000]), units(x[:, 25000:])
    robust.detect(first)
    assert len(robust.detect(second).channel) <= 3
    # the filter takes 200 Hz of 12.5 kHz off white noise
    np.testing.assert_allclose(robust.noise_uV[0, [1, 20, 40]], [4.0, 12.0, 4.0], rtol=0.08)
    assert (fixed.detect(units(x)).channel == 20).sum() > 1000
    np.testing.assert_allclose(fixed.noise_uV, 4.0)


def test_coarse_units_do_not_lower_the_threshold():
    x = noise(2.0, sd_uV=2.4)
    coarse = profile(uV_per_unit=6.294, noise_uV=2.4)
    detector = ThresholdDetector(coarse)
    assert len(detector.detect(np.rint(x / 6.294).astype(np.int16)).channel) <= 3
    np.testing.assert_allclose(detector.noise_uV, np.hypot(2.4, 6.294 / np.sqrt(12.0)), rtol=0.05)


def test_refractory_time_and_arming():
    x = np.zeros((1, 5000, 64))
    x = planted(x, 9, [1000, 1015, 1040, 2000], 100.0)
    x[0, 3000:3100, 9] = -100.0
    detector = ThresholdDetector(profile(refractory_ms=1.0, highpass_hz=0.0), threshold="fixed")
    assert detector.detect(units(x)).frame.tolist() == [1000, 1040, 2000, 3000]  # 25 frames; the step counts once


def test_saturated_frames_are_neither_detected_nor_filtered():
    x = units(noise(1.0))
    most = saturation_units(profile())
    plain = ThresholdDetector(profile()).detect(x)
    x[0, 5000:5080, 30], x[0, 5000:5020, 31] = -most, most
    detector = ThresholdDetector(profile(), waveforms=True)
    found = detector.detect(x)
    assert set(found.frame) == set(plain.frame[~((plain.frame > 4990) & (plain.frame < 5090))])
    np.testing.assert_allclose(detector.noise_uV[0, [30, 31]], 4.0, rtol=0.08)


@pytest.mark.parametrize("waveforms", [False, True])
def test_detections_do_not_depend_on_cuts_batches_and_states(waveforms):
    x = noise(1.0, cultures=2)
    for channel in range(1, 64, 3):
        x = planted(x, channel, np.arange(100 + channel, 24900, 211), 40.0 + channel)
    x = units(x)
    whole = ThresholdDetector(profile(), 2, waveforms=waveforms).detect(x)
    cut = ThresholdDetector(profile(), 1, waveforms=waveforms)
    pieces, start, lengths = [], 0, [5, 1, 25, 300, 5, 2500]
    for k in range(10**6):
        if start >= x.shape[1]:
            break
        stop = start + lengths[k % len(lengths)]
        if k == 30:
            state = pickle.loads(pickle.dumps(cut.state()))
            cut = ThresholdDetector(profile(), 1, waveforms=waveforms)
            cut.set_state(state)
        if k == 60:
            cut = pickle.loads(pickle.dumps(cut))
        found = cut.detect(x[:1, start:stop])
        np.testing.assert_allclose(found.t_ms, (found.frame - start) * 0.04)
        assert len(found.t_ms) == 0 or found.t_ms.min() >= -cut.latency_frames * 0.04
        pieces.append(found)
        start = stop
    own = whole.culture == 0
    assert own.sum() > 2000
    np.testing.assert_array_equal(np.concatenate([piece.channel for piece in pieces]), whole.channel[own])
    np.testing.assert_array_equal(np.concatenate([piece.frame for piece in pieces]), whole.frame[own])
    if waveforms:
        joined = np.concatenate([piece.waveforms_uV for piece in pieces])
        np.testing.assert_array_equal(joined, whole.waveforms_uV[own])
    else:
        assert whole.waveforms_uV is None


def test_reset_begins_again():
    x = units(planted(noise(0.5), 5, np.arange(100, 12000, 500), 80.0))
    detector = ThresholdDetector(profile(), waveforms=True)
    first = detector.detect(x)
    detector.reset([0])
    second = detector.detect(x)
    for name in ("channel", "frame", "waveforms_uV"):
        np.testing.assert_array_equal(getattr(second, name), getattr(first, name))


def test_frames_of_another_form_are_refused():
    detector = ThresholdDetector(profile(), 2)
    with pytest.raises(UnknownName, match="threshold"):
        ThresholdDetector(profile(), threshold="loose")
    for wrong in (np.zeros((2, 5, 64)), np.zeros((1, 5, 64), np.int16), np.zeros((2, 5, 63), np.int16)):
        with pytest.raises(InvalidInput, match="frames must be int16"):
            detector.detect(wrong)
    with pytest.raises(InvalidInput, match="ascending"):
        detector.detect(np.zeros((2, 5, 64), np.int16), [1, 0])
    with pytest.raises(InvalidInput, match="equal detector"):
        detector.set_state(ThresholdDetector(profile(), 1).state())
