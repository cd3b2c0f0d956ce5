"""Layouts: coordinates, grids, probes and files, other units, electrodes without cells, sizes."""

import json
import warnings

import numpy as np
import pytest
from cultures import system
from hypothesis import given
from hypothesis import strategies as st
from probeinterface import Probe, ProbeGroup, write_probeinterface

from livn_gym.env import Env
from livn_gym.errors import CorruptData, ElectrodeWarning, InvalidInput, LivnWarning, UnknownName
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
    culture = make("EI2")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for _ in range(3):
            Env(culture, io=MEA(culture.electrodes / 1000.0))
    (warning,) = found
    assert warning.category is ElectrodeWarning and issubclass(ElectrodeWarning, LivnWarning)
    assert "None of 16" in str(warning.message) and "micrometres" in str(warning.message)


def test_electrodes_beside_the_culture_are_counted():
    culture = make("EI2")
    with pytest.warns(ElectrodeWarning, match="12 of 16 electrodes"):
        MEA(culture.electrodes * 3.0).bind(culture)


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


def test_coordinates_in_every_form():
    for rows in ([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]], [[1, 2], [3, 4]], [[1, 3, 4, 0], [0, 1, 2, 0]]):
        assert MEA(rows).electrode_coordinates.tolist() == [[1, 2, 0], [3, 4, 0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([1.0, 2.0, 3.0], r"\[C, 3\] in um, \[C, 2\], or rows .id, x, y, z., got the shape \[3\]"),
        (np.zeros((2, 5)), r"got the shape \[2, 5\]"),
        (np.zeros((0, 3)), "got the shape"),
        ([[0, 0, np.nan]], "NaN or infinity"),
        ([["a", "b", "c"]], "array of numbers"),
        ([[1, 0, 0, 0], [2, 9, 0, 0]], r"ids must be 0 ... 1, each once; got \[1.0, 2.0\]"),
        ([[0, 0, 0, 0], [0, 9, 0, 0]], "each once"),
        ([[5, 5, 0], [5, 5, 0]], "same position"),
    ],
)
def test_coordinates_that_make_no_sense_are_refused(rows, message):
    with pytest.raises(InvalidInput, match=message):
        MEA(rows)


def test_radii_and_electrode_models_are_checked():
    for options in ({"input_radius": 0}, {"output_radius": -1}, {"output_radius": np.nan}):
        with pytest.raises(InvalidInput, match="put_radius must be"):
            MEA(**options)
    with pytest.raises(UnknownName, match="Unknown electrode model 'disc'. Did you mean 'disk'"):
        MEA(electrode="disc")


def test_a_grid_by_hand():
    spread = MEA.grid((400, 200), (2, 4))
    assert spread.electrode_coordinates[:, 0].tolist() == [50, 150, 250, 350] * 2
    assert spread.electrode_coordinates[:, 1].tolist() == [50] * 4 + [150] * 4
    centred = MEA.grid([[-100, 0, 5], [100, 100, 50]], (1, 3), pitch=30, output_radius=4.0)
    assert centred.electrode_coordinates.tolist() == [[-30, 50, 5], [0, 50, 5], [30, 50, 5]]
    assert centred.output_radius == 4.0


def test_the_grid_of_ei2_is_the_systems_own(ei2):
    np.testing.assert_array_equal(MEA.grid(ei2.bounding_box, (4, 4)).electrode_coordinates, ei2.electrodes)


@given(st.tuples(st.floats(10, 5000), st.floats(10, 5000)), st.integers(1, 9), st.integers(1, 9))
def test_grids_lie_within_their_area_centred_and_even(area, rows, columns):
    xy = MEA.grid(area, (rows, columns)).electrode_coordinates[:, :2].reshape(rows, columns, 2)
    assert (xy >= 0).all() and (xy <= area).all()
    # places are rounded to 1e-3 um
    np.testing.assert_allclose(xy.mean(axis=(0, 1)), np.array(area) / 2, atol=1e-3)
    np.testing.assert_allclose(np.diff(xy[..., 0], axis=1), area[0] / columns, atol=2e-3)
    np.testing.assert_allclose(np.diff(xy[..., 1], axis=0), area[1] / rows, atol=2e-3)


@pytest.mark.parametrize(
    ("area", "shape", "pitch", "message"),
    [
        ((400, 0), (2, 2), None, "positive size"),
        ((400,), (2, 2), None, "bounding box of positive size"),
        ("large", (2, 2), None, "bounding box, got 'large'"),
        ((400, np.nan), (2, 2), None, "positive size"),
        ((400, 400), (0, 2), None, "two positive integers"),
        ((400, 400), (2.0, 2), None, "integer"),
        ((400, 400), (2,), None, "two positive integers"),
        ((400, 400), (5, 2), 101, "5 x 2 electrodes at 101 um do not fit into 400 x 400 um"),
        ((400, 400), (2, 2), 0, "pitch .um. must be greater than 0"),
    ],
)
def test_grids_that_make_no_sense_are_refused(area, shape, pitch, message):
    with pytest.raises(InvalidInput, match=message):
        MEA.grid(area, shape, pitch)


def test_the_pitch_of_a_large_array_is_found_across_blocks():
    rows = MEA.grid((5000, 5000), (30, 30)).electrode_coordinates.copy()
    rows[7, :2] = rows[-1, :2] + [3.0, 4.0]  # the first row's eighth electrode, moved beside the very last
    assert MEA(rows).bind(system(1)).output_radius == pytest.approx(2.5)


# probeinterface


def test_a_layout_goes_to_a_probe_and_back():
    mea = MEA([[0.0, 0, 1.5], [10.0, 20.0, 2.5], [5.0, 7.0, 3.5]])
    probe = mea.to_probe()
    assert (probe.get_contact_count(), probe.si_units) == (3, "um")
    again = MEA.from_probe(probe, output_radius=12.0)
    np.testing.assert_array_equal(again.electrode_coordinates, mea.electrode_coordinates)
    assert again.output_radius == 12.0


def test_contact_ids_are_the_names_of_channels(tmp_path):
    mea = MEA([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], channel_names=["A1", "A2", "B1"])
    mea.write(tmp_path / "a.json")
    assert MEA.read(tmp_path / "a.json").channel_names == mea.channel_names == ("A1", "A2", "B1")
    probe = mea.to_probe()
    probe.set_device_channel_indices([1, -1, 0])
    assert MEA.from_probe(probe).channel_names == ("B1", "A1")
    assert MEA.from_probe(probe, channel_names=["x", "y"]).channel_names == ("x", "y")
    assert MEA([[0.0, 0.0], [50.0, 0.0]]).channel_names == ("0", "1")


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_names_are_one_for_each_channel(names, ei2):
    with pytest.raises(InvalidInput, match="2 distinct names"):
        MEA([[0.0, 0.0], [50.0, 0.0]], channel_names=names)
    with pytest.raises(InvalidInput, match="16 distinct names"):
        MEA(channel_names=names).bind(ei2)


def test_a_flat_probe_in_other_units_is_ordered_by_its_wiring():
    from probeinterface import Probe

    probe = Probe(ndim=2, si_units="mm")
    probe.set_contacts(np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), shapes="circle", shape_params={"radius": 0.01})
    unwired = MEA.from_probe(probe).electrode_coordinates
    np.testing.assert_allclose(unwired, [[100, 200, 0], [300, 400, 0], [500, 600, 0]])
    probe.set_device_channel_indices([1, -1, 0])
    wired = MEA.from_probe(probe).electrode_coordinates
    np.testing.assert_allclose(wired, [[500, 600, 0], [100, 200, 0]])


def test_a_layout_goes_to_a_file_and_back(tmp_path, ei2):
    mea = MEA().bind(ei2)
    mea.write(tmp_path / "layout.json")
    assert [file.name for file in tmp_path.iterdir()] == ["layout.json"]
    again = MEA.read(tmp_path / "layout.json", electrode="point")
    np.testing.assert_array_equal(again.electrode_coordinates, ei2.electrodes)
    assert again.electrode == "point"


def test_the_electrodes_of_a_saved_system_are_a_layout(tmp_path, ei2):
    from livn_gym.system import write

    write(ei2, tmp_path / "ei2")
    layout = MEA.read(tmp_path / "ei2" / "electrodes.json")
    np.testing.assert_array_equal(layout.electrode_coordinates, ei2.electrodes)


def test_files_that_are_no_layout_are_refused(tmp_path):
    path = tmp_path / "layout.json"
    with pytest.raises(InvalidInput, match="There is no file"):
        MEA.read(path)
    MEA([[0.0, 0.0], [1.0, 1.0]]).write(path)
    whole = path.read_text()
    for content in ("", "[]", "{}", whole[:200], json.dumps({"probes": [{"ndim": 3}]})):
        path.write_text(content)
        with pytest.raises(CorruptData, match="is no probeinterface JSON"):
            MEA.read(path)
    two = json.loads(whole)
    del two["probes"][0]["device_channel_indices"]
    two["probes"], two["probe_ids"] = two["probes"] * 2, ["0", "1"]
    path.write_text(json.dumps(two))
    with pytest.raises(InvalidInput, match="holds 2"):
        MEA.read(path)


def test_a_layout_that_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "layout.json"
    MEA([[0.0, 0.0]]).write(path)
    before = path.read_bytes()

    def fail(file, probe):
        file.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr("probeinterface.write_probeinterface", fail)
    with pytest.raises(OSError, match="disk full"):
        MEA([[5.0, 5.0]]).write(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["layout.json"]
