"""Parameters from a name, a file, a reference or single keys, and how results name them."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import livn_gym
from livn_gym import parameter_sets
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.parameters import tuned
from livn_gym.system import make

EI2 = make("EI2")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with the bursting set as a file of one's own, and a module."""
    text = files("livn_gym.configs").joinpath("params", "EI2-bursting.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text)
    (tmp_path / "own_params.py").write_text("LOUD = {'noise-EXC-std_e': 4.0}\n")
    (tmp_path / "empty.toml").write_text("[provenance]\nx = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("spec", ["EI2-bursting", "mine.toml", "./mine.toml", Path("mine.toml")])
def test_a_name_or_file_is_a_whole_set(own, spec):
    assert parameter_sets.find(EI2, spec) == tuned(EI2, "bursting") != tuned(EI2)


@pytest.mark.parametrize("spec", ["own_params:LOUD", "own_params.py:LOUD"])
def test_a_reference_is_a_whole_set(own, spec):
    assert parameter_sets.find(EI2, spec) == {"noise-EXC-std_e": 4.0}


def test_a_mapping_changes_single_values():
    assert parameter_sets.find(EI2, {"noise-EXC-std_e": 4.0}) == tuned(EI2) | {"noise-EXC-std_e": 4.0}
    changed = parameter_sets.find(EI2, {"noise-EXC-std_e": 4.0}, "bursting")
    assert changed == tuned(EI2, "bursting") | {"noise-EXC-std_e": 4.0}
    assert parameter_sets.find(EI2) == tuned(EI2)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("EI2-burstin", UnknownName, "Did you mean 'EI2-bursting'"),
        ("none.toml", InvalidInput, "none.toml"),
        ("empty.toml", InvalidInput, "holds no"),
        ("some/folder", InvalidInput, "toml"),
        ("json:loads", InvalidInput, "missing a required argument"),
        (3, InvalidInput, "params"),
    ],
)
def test_what_holds_no_parameters(own, spec, error, message):
    with pytest.raises(error, match=message):
        parameter_sets.find(EI2, spec)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[weights]", "[weight]", "mine.toml.*'weight'.*Did you mean 'weights'"),
        ("[noise.EXC]", "[nois.EXC]", "Did you mean 'noise'"),
        ("[weights]", "[heterogeneity]\nEXC-C = {cv = 0.1}\n[weights]", "'heterogeneity'.*'provenance'"),
        ("[weights]", "top = 1\n[weights]", "'top'"),
        ("[noise.EXC]", "[noise]\nstd_e = 1.0\n[noise.EXC]", r"\[noise.<population>\].*std_e"),
        ("[weights]", "weights = 3\n[provenance.weights]", r"\[weights\] must be a table"),
    ],
)
def test_a_file_with_another_table_is_refused(own, old, new, message):
    text = Path("mine.toml").read_text()
    assert old in text
    Path("mine.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=message):
        parameter_sets.find(EI2, "mine.toml")


@pytest.mark.parametrize("name", parameter_sets.names())
def test_a_shipped_set_is_the_same_from_its_file(name):
    path = files("livn_gym.configs").joinpath("params", f"{name}.toml")
    assert parameter_sets.find(EI2, Path(str(path))) == parameter_sets.find(EI2, name)


def test_a_whole_set_and_a_variant_exclude_each_other():
    with pytest.raises(InvalidInput, match="not both"):
        parameter_sets.find(EI2, "EI2-bursting", "asynchronous")


def test_make_takes_them_all(own):
    with livn_gym.make("EI2", "bursting") as named, livn_gym.make("EI2", params="mine.toml") as given:
        assert named.parameters == given.parameters
        one, two = (env.record_spikes().run(50).spike_t for env in (named, given))
        np.testing.assert_array_equal(one, two)
    with pytest.raises(UnknownName, match="noise-EXC-std_e"):
        livn_gym.make("EI2", params={"noise-EXC-std_r": 1.0})


def test_results_name_the_set_and_every_value_counts():
    with livn_gym.make("EI1") as env:
        shipped = parameter_sets.identity(env.system, env.parameters)
        assert shipped["params"] == "EI1" and len(shipped["params_hash"]) == 12
        env.set_noise({"EXC-tau_e": 2.7001})
        changed = parameter_sets.identity(env.system, env.parameters)
    assert changed["params"] == "" and changed["params_hash"] != shipped["params_hash"]
