"""Encodings of light: levels, widths, doses and what is refused."""

import numpy as np
import pytest

import livn_gym
from livn_gym import encoding as encodings
from livn_gym.encoding import ElectrodesAndLight, LightPulses
from livn_gym.errors import InvalidInput, UnknownName


@pytest.fixture(scope="module")
def env():
    with livn_gym.make("EI1", opsin="williams_2013", light={"shape": [1, 2]}) as env:
        yield env


def dense(stimulus, dt_ms=0.025):
    rows = np.zeros((round(stimulus.duration_ms / dt_ms), stimulus.num_columns))
    changes = stimulus.schedule(dt_ms)
    for step, column, value in zip(changes.step, changes.column, changes.value, strict=True):
        rows[step:, column] = value
    return rows


def test_the_input_sets_the_irradiance_of_pulses(env):
    encoding = LightPulses(2.0, rate_hz=20.0, duty=0.1)
    light = encoding(env, 200.0, [0.0, -1.0])
    rows = dense(light)
    assert set(rows[:, 0]) == {0.0, 1.0} and not rows[:, 1].any()
    assert rows[:, 0].mean() == pytest.approx(0.1)
    assert light.dose_mJ_mm2() == pytest.approx([0.02, 0.0])


def test_the_input_sets_the_width_of_pulses(env):
    light = LightPulses(2.0, "width", rate_hz=20.0, duty=0.5)(env, 100.0, [1.0, 0.0])
    rows = dense(light)
    assert set(rows.ravel()) == {0.0, 2.0}
    np.testing.assert_allclose(rows.mean(axis=0), [1.0, 0.5])


def test_a_duty_of_1_is_continuous_light(env):
    assert (dense(LightPulses(1.0, rate_hz=10.0, duty=1.0)(env, 200.0, [1.0, 1.0])) == 1.0).all()


def test_light_of_several_cultures():
    with livn_gym.make("EI1", opsin="williams_2013", num_cultures=3) as env:
        light = LightPulses()(env, 100.0, [[1.0], [-1.0], [0.0]])
        np.testing.assert_allclose(light.dose_mJ_mm2()[:, 0], [0.01, 0.0, 0.005])
        assert LightPulses()(env, 100.0, [[1.0], [0.5]]).num_cultures == 2


def test_pulses_and_light_together(env):
    encoding = ElectrodesAndLight(electrodes={"rate_hz": 10.0}, light={"rate_hz": 10.0})
    space = encoding.action_space(env)
    assert space.shape == (env.electrodes.num_channels + 2,)
    stimulus = encoding(env, 200.0, [1.0, 1.0, -1.0])
    assert stimulus.mode == "electrode" and stimulus.charge_nC().all()
    assert stimulus.light.dose_mJ_mm2().tolist() == [pytest.approx(0.02), 0.0]


def test_they_have_names():
    assert {"light_pulses", "electrodes_and_light"} <= set(encodings.names())


def test_wrong_light_is_refused(env):
    with pytest.raises(InvalidInput, match="not a whole number"):
        LightPulses(rate_hz=7.0)(env, 200.0, [0.0, 0.0])
    with pytest.raises(InvalidInput, match="duty must be at most 1"):
        LightPulses(duty=1.5)
    with pytest.raises(UnknownName, match="irradiance"):
        LightPulses(quantity="power")
    with pytest.raises(InvalidInput, match="shape"):
        LightPulses()(env, 200.0, [0.0])
    with livn_gym.make("EI1") as dark, pytest.raises(InvalidInput, match="opsin="):
        LightPulses()(dark, 200.0, [0.0])
