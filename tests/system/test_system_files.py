"""What a system's files say is checked, all of it, and by checksum where livn_gym wrote them."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.system import Population, SynapseKinetics, System, make, sonata

SAMPLE = Path(__file__).parents[1] / "data" / "livn-EI1"
KINETICS = {"reversal_mV": 0.0, "tau_rise_ms": 0.5, "tau_decay_ms": 3.0, "unit_nS": 1.0}


def edit(folder, change, *, checksum):
    """Change the section of the config, with its checksum made right or as it was."""
    path = folder / sonata.CONFIG
    config = json.loads(path.read_text())
    change(config["livn_gym"])
    if checksum:
        section = {key: value for key, value in config["livn_gym"].items() if key != "section_sha256"}
        config["livn_gym"]["section_sha256"] = sonata._section_sha256(section)
    path.write_text(json.dumps(config))


CHANGES = {
    "name": lambda c: c.update(name="EI2"),
    "output radius": lambda c: c.update(output_radius_um=40.0),
    "input radius": lambda c: c.update(input_radius_um=1.0),
    "unit": lambda c: c["kinetics"][0]["values"].update(unit_nS=0.8),
    "reversal": lambda c: c["kinetics"][0]["values"].update(reversal_mV=-10.0),
    "no kinetics": lambda c: c.update(kinetics=[]),
    "receptors": lambda c: c["projections"][0].update(receptors=["AMPA"]),
    "box": lambda c: c["bounding_box_um"][1].__setitem__(0, 151.0),
    "more": lambda c: c.update(other=1),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_of_the_config_is_noticed(five, tmp_path, kind):
    folder = sonata.write(five, tmp_path / "five")
    edit(folder, CHANGES[kind], checksum=False)
    with pytest.raises(CorruptData, match=r"circuit_config\.json"):
        sonata.read(folder)


def test_the_layout_of_the_config_does_not_count(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    path = folder / sonata.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert sonata.read(folder).sha256() == five.sha256()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(name=5),
        lambda c: c.update(name=""),
        lambda c: c.update(output_radius_um="x"),
        lambda c: c.update(output_radius_um=-5),
        lambda c: c.update(input_radius_um=float("nan")),
        lambda c: c["kinetics"][0]["values"].update(unit_nS=-5),
        lambda c: c["kinetics"][0]["values"].update(unit_nS=float("inf")),
        lambda c: c["kinetics"][0]["values"].update(reversal_mV=float("nan")),
        lambda c: c["kinetics"][0]["values"].update(tau_decay_ms=0.1),
        lambda c: c["kinetics"][0]["values"].update(more=1.0),
        lambda c: c["kinetics"][0]["values"].pop("unit_nS"),
        lambda c: c["kinetics"][0].update(receptor="GABA_A"),
        lambda c: c["populations"]["A"].update(count=10**12),
        lambda c: c["populations"]["A"].update(count=-3),
        lambda c: c["populations"]["A"].update(count="3"),
        lambda c: c["projections"][0].update(section="a-b"),
        lambda c: c["projections"][0].update(receptors=[]),
        lambda c: c["projections"][0].update(receptors=["AMPA", "AMPA"]),
        lambda c: c["projections"].append(c["projections"][0]),
        lambda c: c.update(bounding_box_um=[[0, 0, 0]]),
        lambda c: c.update(bounding_box_um="x"),
        lambda c: c.update(populations=[]),
        lambda c: c.pop("kinetics"),
    ],
)
def test_absurd_values_are_refused_even_with_a_right_checksum(five, tmp_path, change):
    folder = sonata.write(five, tmp_path / "five")
    edit(folder, change, checksum=True)
    with pytest.raises(CorruptData, match="five"):
        sonata.read(folder)


def test_electrodes_in_another_unit_are_refused(five, tmp_path):
    folder = sonata.write(five, tmp_path / "five")
    path = folder / "electrodes.json"
    path.write_text(path.read_text().replace('"um"', '"mm"'))
    with pytest.raises(CorruptData, match=r"electrodes\.json"):
        sonata.read(folder)


def test_the_checksum_of_a_system_covers_kinetics_and_radii(five):
    key = ("A", "B", "AMPA")
    others = [
        replace(five, kinetics={}),
        replace(five, kinetics={key: replace(five.kinetics[key], unit_nS=0.8)}),
        replace(five, output_radius_um=63.0),
        replace(five, input_radius_um=63.0),
    ]
    assert len({system.sha256() for system in (five, *others)}) == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 5},
        {"populations": ()},
        {"populations": (Population("A", 0, 3), Population("A", 3, 2))},
        {"positions": np.full((5, 3), np.nan)},
        {"positions": "x"},
        {"electrodes": np.float64(1.0)},
        {"output_radius_um": 0.0},
        {"input_radius_um": "x"},
        {"kinetics": {("A", "B", "GABA_A"): SynapseKinetics(**KINETICS)}},
        {"kinetics": {("A", "B", "AMPA"): KINETICS}},
    ],
)
def test_a_system_checks_what_it_is_made_of(five, changes):
    with pytest.raises(InvalidInput):
        replace(five, **changes)


@pytest.mark.parametrize("second", [[0.1, 0.2, 5.0], [0.1, 0.2, 5.0 + 1e-4]])
def test_two_electrodes_in_one_place_are_refused_at_every_door(five, tmp_path, second):
    electrodes = np.array([[0.1, 0.2, 5.0], second])
    with pytest.raises(InvalidInput, match="same position"):
        replace(five, electrodes=electrodes)
    folder = sonata.write(five, tmp_path / "five")
    layout = json.loads((folder / "electrodes.json").read_text())
    layout["probes"][0]["contact_positions"] = electrodes.tolist()
    (folder / "electrodes.json").write_text(json.dumps(layout))
    with pytest.raises(CorruptData, match="same position"):
        sonata.read(folder)
    copy = tmp_path / "livn"
    shutil.copytree(SAMPLE, copy)
    rows = [[k, *place] for k, place in enumerate(electrodes.tolist())]
    (copy / "mea.json").write_text(json.dumps({"electrode_coordinates": rows}))
    with pytest.raises(CorruptData, match="same position"):
        System.from_directory(copy)


def test_minus_zero_is_zero_for_an_electrode(five):
    with pytest.raises(InvalidInput, match="same position"):
        replace(five, electrodes=np.array([[0.0, 1.0, 0.0], [-0.0, 1.0, 0.0]]))


NAMES = ["graph.json", "cells.h5", "connections.h5", "mea.json"]
HOSTILE = ("pipe", "folder", "loop", "zeros", "text", "deep", "latin")


def make_hostile(path, kind):
    if path.exists():
        path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        content = {"zeros": bytes(5000), "text": b"{}", "deep": b"[" * 100_000, "latin": b'{"a": "\xe9"}'}
        path.write_bytes(content[kind])


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", NAMES)
def test_hostile_files_of_a_livn_folder(tmp_path, name, kind):
    folder = tmp_path / "copy"
    shutil.copytree(SAMPLE, folder)
    make_hostile(folder / name, kind)
    with pytest.raises((CorruptData, OSError), match=name.replace(".", r"\.")) as error:
        System.from_directory(folder)
    assert type(error.value).__module__ == "livn_gym.errors"


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["circuit_config.json", "nodes.h5", "edges.h5", "electrodes.json"])
def test_hostile_files_of_a_sonata_folder(five, tmp_path, name, kind):
    folder = sonata.write(five, tmp_path / "five")
    make_hostile(folder / name, kind)
    with pytest.raises((CorruptData, InvalidInput, OSError), match="five") as error:
        sonata.read(folder)
    assert type(error.value).__module__ == "livn_gym.errors"


def test_absurd_shapes_are_refused_before_they_are_read(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(SAMPLE, folder)
    with h5py.File(folder / "connections.h5", "a") as file:
        del file["Projections/EXC/EXC/Edges/Source Index"]
        group = file["Projections/EXC/EXC/Edges"]
        group.create_dataset("Source Index", shape=(10**12,), dtype="u4", chunks=(10**6,))
    with pytest.raises(CorruptData, match=r"connections\.h5.*bytes"):
        System.from_directory(folder)
    with h5py.File(folder / "cells.h5", "a") as file:
        table = file["H5Types/Populations"][()]
        table["Count"][0] = 2**32 - 1
        file["H5Types/Populations"][...] = table
    with pytest.raises(CorruptData, match=r"cells\.h5"):
        System.from_directory(folder)


@pytest.mark.parametrize("path", [5, None, "a\0b", "x" * 5000])
def test_what_is_no_folder(path):
    with pytest.raises((InvalidInput, OSError)) as error:
        System.from_directory(path)
    assert type(error.value).__module__ == "livn_gym.errors"


def test_the_predefined_checksums_are_those_of_their_files():
    assert make("EI1").sha256() == make("EI1", seed=1).sha256()
