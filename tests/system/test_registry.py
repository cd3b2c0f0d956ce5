import json
import subprocess
import sys
from dataclasses import replace

import pytest

import livn_gym.system
from livn_gym import config
from livn_gym.cache import is_intact
from livn_gym.errors import CorruptData, UnknownName
from livn_gym.system import System, make, names, predefined, predefined_config, registry


def test_names():
    assert names() == ["EI1", "EI2", "EI3", "EI4"]


def test_predefined_is_a_function_whatever_was_imported():
    assert callable(livn_gym.system.predefined)
    assert callable(livn_gym.system.make)
    assert callable(livn_gym.system.fetch)


@pytest.mark.parametrize("name", ["EI1", "EI2", "EI3"])
def test_predefined_is_a_folder_with_the_stated_arrays(cache, name):
    folder = predefined(name)
    assert folder.parent == cache / "predefined"
    system = System.from_directory(folder)
    assert system.name == name
    assert system.sha256() == predefined_config(name).sha256 == make(name).sha256()
    assert system.output_radius_um == predefined_config(name).output_radius_um


def test_the_second_call_reads_the_cache(monkeypatch):
    folder = predefined("EI1")
    monkeypatch.setattr(registry, "generate", None)  # calling it would raise
    assert predefined("EI1") == folder
    assert make("EI1").num_neurons == 10


def test_another_config_or_format_is_another_entry(monkeypatch):
    folder = predefined("EI1")
    monkeypatch.setattr(registry.sonata, "FORMAT", registry.sonata.FORMAT + 1)
    assert predefined("EI1") != folder


@pytest.mark.parametrize("name", ["nodes.h5", "edges.h5", "circuit_config.json", "electrodes.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped"])
def test_a_damaged_folder_is_generated_anew(name, damage):
    folder = predefined("EI1")
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage == "truncated":
        (folder / name).write_bytes(content[:-100])
    elif damage == "flipped":
        middle = len(content) // 2
        (folder / name).write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    assert predefined("EI1") == folder
    assert is_intact(folder)
    assert System.from_directory(folder).sha256() == predefined_config("EI1").sha256


def test_a_machine_that_computes_otherwise_is_told_so(monkeypatch, cache):
    recipe = replace(predefined_config("EI1"), sha256="0" * 64)
    monkeypatch.setattr(registry, "predefined_config", lambda name: recipe)
    with pytest.raises(CorruptData, match="EI1 generated from seed 1 has the SHA-256"):
        predefined("EI1")
    assert not any(path.is_dir() for path in (cache / "predefined").iterdir())


def test_processes_that_start_at_once_share_one_folder(cache):
    code = (
        "from livn_gym.system import System, predefined\n"
        "path = predefined('EI2')\nprint(path, System.from_directory(path).sha256())"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    results = [(*child.communicate(), child.returncode) for child in children]
    folder = predefined("EI2")
    assert results == [(f"{folder} {predefined_config('EI2').sha256}\n", "", 0)] * 4
    assert sorted(path.name for path in folder.parent.iterdir()) == [f".{folder.name}.lock", folder.name]


def test_a_seed_makes_another_graph_of_the_same_numbers():
    system, other = make("EI2"), make("EI2", seed=11)
    assert other.name == "EI2"
    assert other.populations == system.populations
    assert other.weight_names == system.weight_names
    assert other.sha256() != system.sha256()
    assert make("EI2", seed=11).sha256() == other.sha256()
    assert make("EI2", seed=predefined_config("EI2").seed).sha256() == system.sha256()


def test_unknown_systems_are_named_with_the_nearest():
    for call in (predefined, make, predefined_config):
        with pytest.raises(UnknownName, match="Unknown system 'EI5'.*Valid: 'EI1', 'EI2', 'EI3', 'EI4'"):
            call("EI5")


def test_configs_hold_numbers_and_names_only():
    for name in names():
        assert json.loads(json.dumps(config.load("systems", name))) == config.load("systems", name)
