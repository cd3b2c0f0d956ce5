"""Lights: profiles, limits, and light together with electrodes."""

import pickle

import numpy as np
import pytest

import livn_gym
from livn_gym.errors import InvalidInput, UnknownName, UnknownOption
from livn_gym.io import LightArray, make_lights
from livn_gym.models import Geometry
from livn_gym.stimulus import Stimulus


def cells(*positions_um):
    soma = np.array([[x, y, 0.0] for x, y in positions_um], dtype=float)
    return Geometry(soma, soma)


def test_a_lamp_reaches_every_cell_equally():
    assert LightArray().transfer(cells((0, 0), (900, 40))).tolist() == [[1.0], [1.0]]


def test_a_gaussian_spot_has_1_over_e2_of_its_irradiance_at_its_radius():
    spots = LightArray([[0.0, 0.0], [300.0, 0.0]], radius_um=50.0)
    share = spots.transfer(cells((0, 0), (50, 0), (0, 25), (300, 0)))
    np.testing.assert_allclose(share[:, 0], [1.0, np.exp(-2.0), np.exp(-0.5), 0.0], rtol=1e-12)
    assert share[3].tolist() == [0.0, 1.0]


def test_a_disk_is_constant_and_ends_at_its_radius():
    share = LightArray([[0.0, 0.0]], radius_um=50.0, profile="disk").transfer(cells((0, 0), (50, 0), (51, 0)))
    assert share.ravel().tolist() == [1.0, 1.0, 0.0]


def test_a_grid_covers_the_area_of_the_system():
    with livn_gym.make("EI2", opsin="williams_2013", light={"shape": [4, 4]}) as env:
        assert env.lights.num_lights == 16
        low, high = env.system.bounding_box[:, :2]
        assert (env.lights.coordinates_um[:, :2] > low).all() and (env.lights.coordinates_um[:, :2] < high).all()
        lit = env.lights.cell_stimulus(Stimulus(np.eye(16), 1.0, "light"))
        assert lit.mode == "irradiance" and lit.gain.shape == (env.system.num_neurons, 16)
        assert pickle.loads(pickle.dumps(env.lights)).num_lights == 16


def test_a_spot_makes_the_cells_below_it_fire():
    with livn_gym.make("EI3", opsin="williams_2013", light={"shape": [2, 2]}, profile="fast") as env:
        env.record_spikes()
        rows = np.zeros((20, 4))
        rows[:, 3] = 5.0
        rates = np.bincount(env.run(20.0, Stimulus(rows, 1.0, "light")).spike_gid, minlength=env.system.num_neurons)
        share = env.lights.array.transfer(env.geometry)[:, 3]
        assert rates[share > 0.5].mean() > 4.0 * rates[share < 1e-3].mean()


def test_light_and_electrodes_are_applied_in_the_same_run():
    pulses = Stimulus.pulse_train([5.0], duration_ms=100.0, rate_hz=20.0)
    light = Stimulus(np.full((50, 1), 0.5), 2.0, "light")
    both = pulses.with_light(light)
    assert both.charge_nC().tolist() == pulses.charge_nC().tolist()
    assert both.light.dose_mJ_mm2().tolist() == [pytest.approx(0.05)]
    counts = []
    with livn_gym.make("EI1", opsin="williams_2013", num_cultures=8) as env:
        env.record_spikes()
        for stimulus in (None, pulses, light, both):
            counts.append(len(env.clear(seed=0).run(100.0, stimulus).spike_gid))
    assert counts[0] < counts[1] < counts[3] and counts[0] < counts[2] < counts[3]


def test_light_is_taken_apart_and_put_together_by_culture():
    pulses = Stimulus.pulse_train([[5.0], [0.0]], duration_ms=100.0)
    light = Stimulus(np.ones((2, 4, 1)) * [[[1.0]], [[2.0]]], 2.0, "light")
    both = pulses.with_light(light)
    assert both[1].light.array.max() == 2.0 and both[1].num_cultures is None
    again = Stimulus.batch([both[0], both[1]])
    assert (again.light.array == light.array).all()
    electrical, lit = both.parts
    assert electrical.light is None and lit is light
    assert light.parts == (None, light)


def test_limits_and_wrong_lights_are_refused():
    with pytest.raises(InvalidInput, match="at least 0 mW/mm2"):
        Stimulus([[-1.0]], 1.0, "light")
    with livn_gym.make("EI1", opsin="williams_2013", light={"max_dose_mJ_mm2": 0.1}) as env:
        with pytest.raises(InvalidInput, match="at most 10 mW/mm2"):
            env.run(10.0, Stimulus([[11.0]], 1.0, "light"))
        with pytest.raises(InvalidInput, match=r"at most 0.1 mJ/mm2"):
            env.run(100.0, Stimulus(np.full((100, 1), 2.0), 1.0, "light"))
        with pytest.raises(InvalidInput, match="one for each light"):
            env.run(10.0, Stimulus([[1.0, 1.0]], 1.0, "light"))
        with pytest.raises(InvalidInput, match="longer than the run"):
            env.run(10.0, Stimulus.pulse_train([1.0], duration_ms=10.0).with_light(Stimulus([[1.0]], 20.0, "light")))
        with pytest.raises(InvalidInput, match="neurons|per neuron"):
            env.run(10.0, Stimulus([[1.0]], 1.0, "irradiance"))
    with pytest.raises(InvalidInput, match="electrical"):
        Stimulus([[1.0]], 1.0, "light").with_light(Stimulus([[1.0]], 1.0, "light"))
    with pytest.raises(InvalidInput, match="as many cultures"):
        Stimulus(np.zeros((2, 1, 1)), 1.0).with_light(Stimulus(np.zeros((3, 1, 1)), 1.0, "light"))
    with pytest.raises(InvalidInput, match="has none"):
        Stimulus([[1.0]], 1.0).dose_mJ_mm2()
    with pytest.raises(InvalidInput, match="got both"):
        LightArray([[0.0, 0.0]], (2, 2))
    with pytest.raises(UnknownName, match="gaussian"):
        LightArray(profile="square")
    with pytest.raises(UnknownName, match="lamp"):
        make_lights("lamps")
    with pytest.raises(UnknownOption, match="radius_um"):
        make_lights({"radius": 3.0})
