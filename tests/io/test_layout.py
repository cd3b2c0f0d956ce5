"""Layouts in other units, electrodes without cells, and layouts too large to make."""

import warnings

import numpy as np
import pytest
from probeinterface import Probe, ProbeGroup, write_probeinterface

from livn_gym.env import Env
from livn_gym.errors import CorruptData, ElectrodeWarning, InvalidInput, LivnWarning
from livn_gym.io import MEA, layout
from livn_gym.system import make


def probe(positions, unit):
    made = Probe(ndim=2, si_units=unit)
    made.set_contacts(positions=positions, shapes="circle", shape_params={"radius": 5})
    return made


@pytest.mark.parametrize(("unit", "factor"), [("um", 1.0), ("mm", 1e-3), ("m", 1e-6)])
def test_probes_in_other_units_are_converted(tmp_path, unit, factor):
    positions = np.array([[50.0, 50.0], [150.0, 50.0]])
    group = ProbeGroup()
    group.add_probe(probe(positions * factor, unit))
    write_probeinterface(tmp_path / "a.json", group)
    for mea in (MEA.from_probe(probe(positions * factor, unit)), MEA.read(tmp_path / "a.json")):
        np.testing.assert_allclose(mea.electrode_coordinates[:, :2], positions, rtol=1e-12)


def test_a_probe_in_an_unknown_unit_is_refused():
    other = probe(np.zeros((1, 2)), "um")
    other._si_units, other.si_units = "inch", "inch"
    with pytest.raises(InvalidInput, match="inch"):
        MEA.from_probe(other)


def test_millimetres_taken_for_micrometres_are_warned_of_once():
    system = make("EI2")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for _ in range(3):
            Env(system, io=MEA(system.electrodes / 1000.0))
    (warning,) = found
    assert warning.category is ElectrodeWarning and issubclass(ElectrodeWarning, LivnWarning)
    assert "None of 16" in str(warning.message) and "micrometres" in str(warning.message)


def test_electrodes_beside_the_culture_are_counted():
    system = make("EI2")
    with pytest.warns(ElectrodeWarning, match="12 of 16 electrodes"):
        MEA(system.electrodes * 3.0).bind(system)


@pytest.mark.parametrize("name", ["EI1", "EI2", "EI3"])
def test_predefined_cultures_warn_of_nothing(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MEA().bind(make(name))
        MEA().bind(make(name, seed=7))


def test_electrodes_with_a_cell_are_those_of_the_distances():
    generator = np.random.default_rng(0)
    somata, electrodes = generator.uniform(0, 100, (40, 3)), generator.uniform(-20, 120, (60, 3))
    for radius in (1.0, 10.0, 40.0):
        offset = somata[None, :, :2] - electrodes[:, None, :2]
        expected = (np.hypot(offset[..., 0], offset[..., 1]) <= radius).any(axis=1)
        assert np.array_equal(layout.has_cell(electrodes, somata, radius), expected)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[" * 10**5, b'{"specification": "probeinterface"}', b'{"specification": "other", "probes": []}'],
    ids=["empty", "object", "deep", "no probes", "other"],
)
def test_layouts_that_are_none(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CorruptData, match=r"a\.json"):
        MEA.read(tmp_path / "a.json")
