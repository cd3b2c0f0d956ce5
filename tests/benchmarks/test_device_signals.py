"""The scripts behind the figures on electrode signals count what they say that they count."""

import numpy as np
import pytest

from livn_gym import device_profile


def test_detections_near_and_after_spikes(script):
    detection = script("detection")
    times, spikes = np.array([1.0, 10.4, 12.0, 30.0]), np.array([1.2, 10.0, 29.0])
    assert detection.near(times, spikes).tolist() == [True, True, False, False]
    assert detection.follows(times, spikes).tolist() == [False, True, True, True]
    assert not detection.near(times, spikes[:0]).any() and not detection.follows(times, spikes[:0]).any()


def test_the_row_of_a_culture(script):
    row = script("detection").compare("EI2", device_profile.find("mcs60"), True, 2.0)
    assert row[0] == "EI2, mcs60, 42.9 um" and len(row) == 10
    recall, precision, late = (float(row[k]) for k in (5, 6, 7))
    assert recall > 0.8 and 0.4 < precision <= 1.0 and precision + late <= 1.0


def test_the_array_covers_the_system_or_keeps_its_pitch(script):
    arrays = script("arrays")
    profile = device_profile.find("cl1")
    for scaled, pitch, extent in ((True, 125.0, 875.0), (False, 200.0, 1400.0)):
        env = arrays.culture("EI3", profile, scaled=scaled)
        coordinates = env.electrodes.coordinates_um
        np.testing.assert_allclose(coordinates.mean(axis=0), env.system.electrodes.mean(axis=0), atol=1e-9)
        assert arrays.pitch_um(env) == pytest.approx(pitch) and np.ptp(coordinates[:, 0]) == pytest.approx(extent)


def test_templates_are_compared_with_currents(script):
    row = script("templates").compare("EI2", 2.0)
    middle = [float(row[k].split(" / ")[1]) for k in (2, 3)]
    assert middle[0] > 0.98 and abs(middle[1] - 1.0) < 0.05
    assert float(row[4]) < 1.0 and min(float(row[5]), float(row[6])) > 0.8


def test_shares_of_real_time_are_measured(script):
    shares = script("real_time").shares("EI2", 10.0, 0.5)
    assert len(shares) == 4 and all(share > 0.0 for share in shares)
