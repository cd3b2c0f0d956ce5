import json

import h5py
import libsonata
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from probeinterface import read_probeinterface

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.system import make, sonata


def same(a, b):
    """Every field of two systems is equal, exactly."""
    assert a.sha256() == b.sha256()
    for name in ("name", "populations", "kinetics", "output_radius_um", "input_radius_um"):
        assert getattr(a, name) == getattr(b, name)
    for name in ("positions", "dendrites", "electrodes", "bounding_box"):
        assert np.array_equal(getattr(a, name), getattr(b, name))
    assert len(a.projections) == len(b.projections)
    for p, q in zip(a.projections, b.projections, strict=True):
        assert (p.pre, p.post, p.section, p.receptors) == (q.pre, q.post, q.section, q.receptors)
        for name in ("pre_gid", "post_gid", "distance_um", "delay_ms", "scale"):
            assert np.array_equal(getattr(p, name), getattr(q, name))
            assert getattr(p, name).dtype == getattr(q, name).dtype


def test_round_trip_is_exact(five, tmp_path):
    folder = sonata.write(five, tmp_path / "deep" / "five")
    assert folder == tmp_path / "deep" / "five"
    same(sonata.read(folder), five)


def test_round_trip_without_electrodes_and_edges(make_five, tmp_path):
    bare = make_five([], [], electrodes=np.zeros((0, 3)), output_radius_um=None, kinetics={})
    folder = sonata.write(bare, tmp_path / "bare")
    assert not (folder / "electrodes.json").exists()
    same(sonata.read(folder), bare)


def test_round_trip_of_a_generated_culture(tmp_path):
    system = make("EI2", seed=5)
    same(sonata.read(sonata.write(system, tmp_path / "EI2")), system)


def test_libsonata_reads_the_circuit(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    circuit = libsonata.CircuitConfig.from_file(str(folder / "circuit_config.json"))
    assert circuit.config_status == libsonata.CircuitConfigStatus.complete
    assert circuit.node_populations == {"A", "B"}
    assert circuit.edge_populations == {"A__B__chemical", "B__A__chemical"}
    assert circuit.node_population_properties("A").type == "point_neuron"
    assert circuit.edge_population_properties("A__B__chemical").type == "chemical"
    nodes = circuit.node_population("B")
    assert nodes.size == 2
    everyone = nodes.select_all()
    for axis, name in enumerate("xyz"):
        assert np.array_equal(nodes.get_attribute(name, everyone), five.positions[3:, axis])
    for axis, name in enumerate("xy"):
        assert np.array_equal(nodes.get_attribute(f"dendrite_{name}", everyone), five.dendrites[3:, axis])


def test_libsonata_reads_the_files_alone(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    assert libsonata.NodeStorage(str(folder / "nodes.h5")).population_names == {"A", "B"}
    edges = libsonata.EdgeStorage(str(folder / "edges.h5")).open_population("A__B__chemical")
    projection = five.projections[0]
    everything = edges.select_all()
    assert (edges.source, edges.target, edges.size) == ("A", "B", 4)
    assert np.array_equal(edges.source_nodes(everything), projection.pre_gid)
    assert np.array_equal(edges.target_nodes(everything), projection.post_gid - 3)
    assert np.array_equal(edges.get_attribute("delay", everything), projection.delay_ms)
    assert np.array_equal(edges.get_attribute("distance", everything), projection.distance_um)
    assert np.array_equal(edges.get_attribute("scale", everything), projection.scale)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(3, 4)), max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_edge_indices_find_every_edge(make_five, tmp_path_factory, pairs):
    system = make_five([pre for pre, _ in pairs], [post for _, post in pairs])
    folder = sonata.write(system, tmp_path_factory.mktemp("index") / "five")
    edges = libsonata.EdgeStorage(str(folder / "edges.h5")).open_population("A__B__chemical")
    projection = system.projections[0]
    for node in range(3):
        expected = np.flatnonzero(projection.pre_gid == node)
        assert np.array_equal(edges.efferent_edges([node]).flatten(), expected)
    for node in range(2):
        expected = np.flatnonzero(projection.post_gid == node + 3)
        assert np.array_equal(edges.afferent_edges([node]).flatten(), expected)


def test_index_equals_the_one_that_libsonata_writes(tmp_path):
    folder = sonata.write(make("EI2", seed=1), tmp_path / "EI2")
    names = [
        f"{end}/{name}"
        for end in ("source_to_target", "target_to_source")
        for name in ("range_to_edge_id", "node_id_to_ranges")
    ]
    with h5py.File(folder / "edges.h5", "a") as file:
        group = file["edges/EXC__INH__chemical"]
        ours = {name: group[f"indices/{name}"][()] for name in names}
        del group["indices"]
    libsonata.EdgePopulation.write_indices(str(folder / "edges.h5"), "EXC__INH__chemical", 80, 20)
    with h5py.File(folder / "edges.h5") as file:
        for name, array in ours.items():
            theirs = file[f"edges/EXC__INH__chemical/indices/{name}"][()]
            assert np.array_equal(theirs, array)


def test_indices_have_the_names_of_libsonata_and_of_bmtk(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    with h5py.File(folder / "edges.h5") as file:
        for population in file["edges"].values():
            for index in population["indices"].values():
                assert np.array_equal(index["node_id_to_range"], index["node_id_to_ranges"])


def test_electrodes_are_a_probe(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    probe = read_probeinterface(folder / "electrodes.json").probes[0]
    assert np.array_equal(probe.contact_positions, five.electrodes)
    assert probe.device_channel_indices.tolist() == [0, 1]
    assert probe.si_units == "um"


def test_type_tables_say_what_a_synapse_carries(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    assert (folder / "edge_types.csv").read_text().splitlines() == [
        "edge_type_id pop_name section receptors",
        "0 A__B__chemical hillock AMPA,NMDA",
        "1 B__A__chemical soma GABA_A",
    ]
    assert (folder / "node_types.csv").read_text().splitlines()[1:] == [
        "0 A point_neuron",
        "1 B point_neuron",
    ]


def test_a_folder_with_content_is_not_touched(five, tmp_path):
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="not empty"):
        sonata.write(five, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]


def test_an_empty_folder_is_filled(five, tmp_path):
    (tmp_path / "five").mkdir()
    assert sonata.read(sonata.write(five, tmp_path / "five")).name == "five"
    assert [path.name for path in tmp_path.iterdir()] == ["five"]


def test_a_failed_write_leaves_nothing(five, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(sonata, "_write_edges", fail)
    with pytest.raises(OSError, match="disk full"):
        sonata.write(five, tmp_path / "five")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nodes.h5", "edges.h5", "circuit_config.json", "electrodes.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_missing_or_truncated_files_are_found(five, tmp_path, name, damage):
    folder = sonata.write(five, tmp_path / "five")
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage == "truncated":
        (folder / name).write_bytes(content[: len(content) // 2])
    if (name, damage) == ("circuit_config.json", "missing"):
        with pytest.raises(CorruptData, match="circuit_config.json"):
            sonata.read(folder)
    else:
        with pytest.raises(CorruptData, match="five"):
            sonata.read(folder)


@pytest.mark.parametrize(
    ("name", "place"),
    [("nodes.h5", "nodes/A/0/x"), ("edges.h5", "edges/A__B__chemical/0/scale")],
)
def test_changed_values_are_found(five, tmp_path, name, place):
    folder = sonata.write(five, tmp_path / "five")
    with h5py.File(folder / name, "a") as file:
        file[place][0] += 0.001
    with pytest.raises(CorruptData, match="SHA-256"):
        sonata.read(folder)


def test_circuits_of_others_are_refused(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    path = folder / "circuit_config.json"
    config = json.loads(path.read_text())
    config["livn_gym"]["format"] = 99
    path.write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match="99"):
        sonata.read(folder)
    del config["livn_gym"]
    path.write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match="no section 'livn_gym'"):
        sonata.read(folder)
