"""What results say about the parameters that they were obtained with."""

import shutil
from importlib.resources import files

import pytest

from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.provenance import provenance


@pytest.mark.parametrize(
    ("env_id", "options", "name"),
    [
        ("livn/EI2-v0", {}, "EI2"),
        ("livn/EI2-v0", {"max_episode_steps": 4, "graph_seed": [1, 2], "target_hz": 5.0}, "EI2"),
        ("livn/EI2-v0", {"variant": "asynchronous"}, "EI2-asynchronous"),
        ("livn/EI2-BurstSuppression-v0", {}, "EI2-bursting"),
        ("livn/EI2-BurstSuppression-v0", {"params": "EI2"}, "EI2"),
        ("livn/Culture-v0", {"system": "EI1", "task": {"name": "rate_tracking", "target_hz": 4.0}}, "EI1"),
        ("livn/EI2-v0", {"params": {"noise-EXC-std_e": 1.25}}, ""),
    ],
)
def test_parameters_have_a_name_and_a_hash(env_id, options, name):
    found = provenance(env_id, options)
    assert found["params"] == name and len(found["params_hash"]) == 12


def test_the_hash_follows_the_values_alone(tmp_path):
    source = files("livn_gym.configs").joinpath("params", "EI2-asynchronous.toml")
    path = tmp_path / "mine.toml"
    shutil.copy(source, path)
    given, shipped = (
        provenance("livn/EI2-v0", {"params": str(path)}),
        provenance("livn/EI2-v0", {"variant": "asynchronous"}),
    )
    assert given == shipped != provenance("livn/EI2-v0")
    first = path.read_text().partition("[noise.EXC]")
    path.write_text(first[0] + first[1] + first[2].replace("g_e0 = ", "g_e0 = 1", 1))
    changed = provenance("livn/EI2-v0", {"params": str(path)})
    assert changed["params"] == str(path) and changed["params_hash"] != shipped["params_hash"]


def test_environments_of_others_have_none():
    assert provenance("CartPole-v1") == {}


def test_a_whole_set_takes_the_place_of_a_tasks_variant():
    assert LoopSpec.of("EI2", "burst_suppression").variant == "bursting"
    assert LoopSpec.of("EI2", "burst_suppression", params="EI2").variant is None
    assert LoopSpec.of("EI2", "burst_suppression", params={"noise-std_e": 1.0}).variant == "bursting"
