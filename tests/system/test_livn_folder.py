import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from livn_gym.errors import CorruptData
from livn_gym.system import Population, SynapseKinetics, System, livn_folder

SAMPLE = Path(__file__).parents[1] / "data" / "livn-EI1"


def edit_graph(folder, change):
    graph = json.loads((folder / "graph.json").read_text())
    change(graph)
    (folder / "graph.json").write_text(json.dumps(graph))


def test_sample_of_two_files():
    system = System.from_directory(SAMPLE)
    assert system.name == "livn-EI1"
    assert system.populations == (Population("EXC", 0, 8), Population("INH", 8, 2))
    # read off the files with h5py
    assert system.positions[0].tolist() == [27.294, 32.79, 9.274]
    assert system.positions[9].tolist() == [0.596, 29.13, 6.255]
    assert np.array_equal(system.dendrites, np.tile([1.0, 0.0], (10, 1)))
    assert system.electrodes.tolist() == [[19.998, 19.999, 5.0]]
    assert (system.input_radius_um, system.output_radius_um) == (100.0, 50.0)
    assert system.bounding_box.tolist() == [[0.596, 8.551, 0.0], [36.934, 35.596, 10.0]]
    assert {(p.pre, p.post): len(p) for p in system.projections} == {
        ("EXC", "EXC"): 56,
        ("EXC", "INH"): 16,
        ("INH", "EXC"): 16,
        ("INH", "INH"): 2,
    }
    assert system.weight_names == (
        "EXC_EXC-hillock-AMPA-weight",
        "EXC_EXC-hillock-NMDA-weight",
        "EXC_INH-hillock-AMPA-weight",
        "EXC_INH-hillock-NMDA-weight",
        "INH_EXC-soma-GABA_A-weight",
        "INH_INH-soma-GABA_A-weight",
    )
    assert system.kinetics["INH", "EXC", "GABA_A"] == SynapseKinetics(-60.0, 0.3, 6.0, 1.0)
    assert system.kinetics["EXC", "INH", "NMDA"] == SynapseKinetics(0.0, 0.5, 80.0, 0.5)


def test_sample_connects_every_pair_of_different_cells_with_its_distance():
    system = livn_folder.read(SAMPLE)
    assert np.array_equal(system.connectivity_matrix(), 1.0 - np.eye(10))
    checked = 0
    for p in system.projections:
        offset = system.positions[p.pre_gid] - system.positions[p.post_gid]
        # the file's distances are in the plane; single precision and three rounded positions leave 2e-3
        assert np.abs(np.hypot(offset[:, 0], offset[:, 1]) - p.distance_um).max() < 2e-3
        assert np.array_equal(p.delay_ms, np.round(np.maximum(p.distance_um / 250.0, 0.05), 3))
        checked += len(p)
    assert checked == 90


def test_single_file_with_blocks(graph_folder):
    system = System.from_directory(graph_folder)
    assert system.name == "small"
    assert system.populations == (Population("P", 0, 4), Population("Q", 4, 2))
    assert system.positions.tolist() == [
        [10.0, 1.0, 0.0],
        [20.0, 2.0, 0.0],
        [30.0, 3.0, 0.0],  # 30.0004 rounded
        [40.0, 4.0, 0.5],
        [50.0, 5.0, 0.0],
        [60.0, 6.0, 0.0],
    ]
    assert system.electrodes.shape == (0, 3)
    assert system.output_radius_um is None
    by_pair = {(p.pre, p.post): p for p in system.projections}
    assert set(by_pair) == {("P", "P"), ("P", "Q"), ("Q", "P")}
    assert len(by_pair["P", "P"]) == 0
    inhibition = by_pair["Q", "P"]
    # Q 0 and 1 onto P 0, Q 1 onto P 2, Q 0 twice onto P 3
    assert inhibition.pre_gid.tolist() == [4, 5, 5, 4, 4]
    assert inhibition.post_gid.tolist() == [0, 0, 2, 3, 3]
    assert inhibition.distance_um.tolist() == [50.5, 40.0, 30.25, 10.0, 10.0]
    assert inhibition.delay_ms.tolist() == [0.202, 0.16, 0.121, 0.05, 0.05]
    assert inhibition.scale.tolist() == [1.0] * 5
    assert inhibition.weight_names == ("Q_P-soma-GABA_A-weight",)
    excitation = by_pair["P", "Q"]
    assert excitation.pre_gid.tolist() == [1, 3]
    assert excitation.post_gid.tolist() == [5, 5]
    assert excitation.distance_um.tolist() == [51.0, 20.0]
    assert excitation.section == "hillock"
    assert system.kinetics["Q", "P", "GABA_A"] == SynapseKinetics(-70.5, 0.3, 6.0, 2.0)
    assert system.connectivity_matrix()[4, 3] == 2.0


def test_both_layouts_of_the_same_culture_are_equal(tmp_path):
    folder = tmp_path / "livn-EI1"
    folder.mkdir()
    for name in ("graph.json", "mea.json"):
        shutil.copy(SAMPLE / name, folder)
    with (
        h5py.File(folder / "graph.h5", "w") as both,
        h5py.File(SAMPLE / "cells.h5") as cells,
        h5py.File(SAMPLE / "connections.h5") as connections,
    ):
        for name in ("H5Types", "Populations"):
            cells.copy(name, both)
        connections.copy("Projections", both)
    assert livn_folder.read(folder).sha256() == livn_folder.read(SAMPLE).sha256()


def test_populations_without_definitions_are_told_by_their_size(graph_folder):
    before = livn_folder.read(graph_folder).sha256()
    edit_graph(graph_folder, lambda g: g["connections"]["any"]["config"].pop("population_definitions"))
    assert livn_folder.read(graph_folder).sha256() == before


@pytest.mark.parametrize("name", ["graph.json", "cells.h5", "connections.h5"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_missing_and_damaged_files_are_named(tmp_path, name, damage):
    folder = tmp_path / "copy"
    shutil.copytree(SAMPLE, folder)
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage != "missing":
        (folder / name).write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(CorruptData, match=name):
        System.from_directory(folder)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("Projections/P/Q/Edges/Source Index", [1, 0, 2, 0, 0], "source outside the 2 cells of Q"),
        ("Projections/P/Q/Edges/Destination Block Index", [0, 2, 4], "destination outside the 4 cells of P"),
        ("Projections/P/Q/Edges/Destination Pointer", [0, 2, 3, 4], "all 5 edges"),
        ("Projections/P/Q/Edges/Destination Block Pointer", [0, 1, 3], "does not match"),
        ("Projections/P/Q/Connections/distance", [1.0], "5 edges and 1 distances"),
        ("Projections/P/Q/Connections/distance", [1.0, np.nan, 1.0, 1.0, 1.0], "finite"),
        ("Projections/P/Q/Connections/distance", [1.0, -1.0, 1.0, 1.0, 1.0], "negative"),
        ("Projections/P/Q/Edges/Source Index", [0.5] * 5, "whole numbers"),
        ("Populations/Q/Generated Coordinates/Y Coordinate/Cell Index", [0, 0], "each of 2 cells once"),
        ("Populations/Q/Generated Coordinates/Y Coordinate/Attribute Pointer", [0, 2, 2], "one value"),
        ("Populations/Q/Generated Coordinates/X Coordinate/Attribute Value", None, "cannot be read"),
        ("H5Types/Populations", [1, 2], "lacks the columns"),
    ],
)
def test_contradictions_are_found(graph_folder, place, value, message):
    with h5py.File(graph_folder / "graph.h5", "a") as file:
        del file[place]
        if value is not None:
            file[place] = np.array(value)
    with pytest.raises(CorruptData, match=message) as error:
        livn_folder.read(graph_folder)
    assert "graph.h5" in str(error.value)


def _set_type(graph):
    graph["connections"]["any"]["config"]["synapses"]["P"]["Q"]["type"] = "odd"


def _drop_receptors(graph):
    del graph["connections"]["any"]["config"]["synapses"]["P"]["Q"]["mechanisms"]["default"]


def _decay_below_rise(graph):
    mechanisms = graph["connections"]["any"]["config"]["synapses"]["P"]["Q"]["mechanisms"]
    mechanisms["default"]["GABA_A"]["tau_decay"] = 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set_type, "type 'odd'"),
        (_drop_receptors, "KeyError: 'default'"),
        (_decay_below_rise, "tau_decay must be greater than 0.3"),
        (lambda g: g.pop("connections"), "no section 'connections'"),
        (lambda g: g["architecture"]["config"].pop("area"), "area"),
        (lambda g: g.update(version=2), "version 2"),
        (lambda g: g["connections"]["any"]["config"]["synapses"]["P"].pop("Q"), "Q -> P"),
        (lambda g: g["connections"]["any"]["config"]["population_definitions"].pop("Q"), "population 7"),
    ],
)
def test_graph_json_must_describe_the_files(graph_folder, change, message):
    edit_graph(graph_folder, change)
    with pytest.raises(CorruptData, match=message):
        livn_folder.read(graph_folder)


@pytest.mark.parametrize(
    "layout",
    [{}, {"electrode_coordinates": [[0, 1, 2]]}, {"electrode_coordinates": [], "input_radius": -1}],
)
def test_bad_electrode_layout_is_refused(graph_folder, layout):
    (graph_folder / "mea.json").write_text(json.dumps(layout))
    with pytest.raises(CorruptData, match="mea.json"):
        livn_folder.read(graph_folder)


def test_reading_changes_nothing_in_the_folder(graph_folder):
    before = {path.name: path.read_bytes() for path in graph_folder.iterdir()}
    livn_folder.read(graph_folder)
    assert {path.name: path.read_bytes() for path in graph_folder.iterdir()} == before
