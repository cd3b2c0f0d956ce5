"""Runs in windows: the cultures do what they do in one run, and exact frames are those of one run."""

import numpy as np
import pytest
from signals.conftest import culture, device, pulses

from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording
from livn_gym.signals import ElectrodeSignals, run_in_windows
from livn_gym.stimulus import Stimulus


def made(dt=0.04):
    return culture(2, seed=[5, 6], dt=dt).record_spikes().record_membrane_current().init()


@pytest.mark.parametrize("window_ms", [0.12, 7.0, 200.0])
def test_windows_are_one_run(window_ms):
    one, many = made(), made()
    amplitude = np.array([[1.5] * 16, [0.0] * 15 + [3.0]])
    stimulus = Stimulus.pulse_train(amplitude, duration_ms=100.0, rate_hz=20.0, phase_ms=0.2, start_ms=0.36)
    whole = one.run(100.0, stimulus)
    parts = list(run_in_windows(many, 100.0, stimulus, window_ms=window_ms))
    assert max(part.duration_ms for part in parts) <= window_ms
    joined = Recording.concat(parts)
    for name in ("spike_culture", "spike_gid", "current_soma", "current_dendrite"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    np.testing.assert_allclose(joined.spike_t, whole.spike_t, atol=1e-9)
    assert len(whole.spike_t) > 50


def test_exact_frames_need_one_window_at_a_time():
    one, many = made(), made()
    profile = device(one)
    whole = ElectrodeSignals(one, profile, 3, form="exact").frames(one.run(100.0))
    signals = ElectrodeSignals(many, profile, 3, form="exact")
    joined = np.concatenate([signals.frames(part) for part in run_in_windows(many, 100.0, window_ms=6.4)], axis=1)
    np.testing.assert_array_equal(joined, whole)


def test_windows_that_do_not_fit_are_refused_before_anything_runs():
    env = made()
    with pytest.raises(InvalidInput, match="window"):
        run_in_windows(env, 100.0, window_ms=0.05)
    with pytest.raises(InvalidInput, match="longer"):
        run_in_windows(env, 50.0, pulses())
    with pytest.raises(InvalidInput, match="mode"):
        run_in_windows(env, 50.0, Stimulus(np.zeros((1, 100)), 0.04))
    assert env.t == 0.0
