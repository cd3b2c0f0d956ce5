import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

import livn_gym.system
from livn_gym import config
from livn_gym.cache import is_intact
from livn_gym.errors import CorruptData, InvalidInput, UnknownName, UnknownOption
from livn_gym.system import System, make, names, predefined, predefined_config, predefined_names, registry, write


def test_names():
    assert names() == predefined_names() == ["EI1", "EI2", "EI3", "EI4"]


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
        "from livn_gym import cache\nfrom livn_gym.system import System, predefined\n"
        "cache._PATIENCE_S = 1e6  # a slow machine is no reason for a notice\n"
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
        with pytest.raises(UnknownName, match="Unknown system.* 'EI5'.*Valid: 'EI1', 'EI2', 'EI3', 'EI4'"):
            call("EI5")


def test_configs_hold_numbers_and_names_only():
    for name in names():
        assert json.loads(json.dumps(config.load("systems", name))) == config.load("systems", name)


SOURCES = """
    from livn_gym.system import make

    WHOLE = make("EI1", 4)
    FOLDER = {folder!r}

    def grown(seed=0, scale=1):
        return make("EI1", seed * scale)

    def fixed():
        return WHOLE
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder with a file of every kind that a system can come from."""
    config_file = files("livn_gym.configs").joinpath("systems", "EI1.toml").read_text(encoding="utf-8")
    (tmp_path / "own.toml").write_text(config_file)
    write(make("EI1", 5), tmp_path / "sonata")
    (tmp_path / "own_systems.py").write_text(textwrap.dedent(SOURCES).format(folder=str(tmp_path / "sonata")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "graph"),
    [
        ("own.toml", None),
        (Path("own.toml"), None),
        ("sonata", 5),
        ("./sonata/", 5),
        (Path("sonata"), 5),
        ("own_systems:WHOLE", 4),
        ("own_systems.py:WHOLE", 4),
        ("own_systems.py:FOLDER", 5),
        ("own_systems:fixed", 4),
        ({"name": "own_systems:grown", "scale": 2}, 0),
        (lambda: make("EI1", 3), 3),
        (make("EI1", 3), 3),
        (predefined_config("EI1"), None),
    ],
)
def test_a_system_can_come_from_anything_that_a_user_has(sources, spec, graph):
    assert make(spec).sha256() == make("EI1", graph).sha256()


@pytest.mark.parametrize(
    "spec", ["EI1", "own.toml", predefined_config("EI1"), "own_systems:grown", {"name": "own_systems.py:grown"}]
)
def test_a_seed_makes_another_graph_where_there_are_others(sources, spec):
    assert make(spec, 9).sha256() == make("EI1", 9).sha256()


@pytest.mark.parametrize("spec", ["sonata", "own_systems:WHOLE", "own_systems:fixed", make("EI1", 3)])
def test_one_culture_has_no_other_graphs(sources, spec):
    with pytest.raises(InvalidInput, match="no other graphs"):
        make(spec, 9)


def test_a_folder_does_not_change_what_a_name_means(sources):
    write(make("EI1", 5), Path("EI2"))
    assert make("EI2").num_neurons == 100
    assert make("./EI2").num_neurons == 10


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("sonatas", UnknownName, "no such folder.*'EI1', 'EI2'"),
        ("no/such/folder", InvalidInput, "no/such/folder does not exist"),
        ("none.toml", InvalidInput, "none.toml"),
        ("own_systems:wole", UnknownName, "WHOLE"),
        ("x" * 5000, UnknownName, "system"),
        ("a\0b", UnknownName, "system"),
        ({"scale": 2}, InvalidInput, "name"),
        ({"name": "own_systems:grown", "scales": 2}, UnknownOption, "scale"),
        ({"name": "own_systems:WHOLE", "scale": 2}, InvalidInput, "finished System"),
        (lambda: 3, InvalidInput, "must make a system, it made 3"),
        (3, InvalidInput, "system|spec"),
        (None, InvalidInput, "system|spec"),
    ],
)
def test_what_is_no_system(sources, spec, error, message):
    with pytest.raises(error, match=message):
        make(spec)
