"""What results say about the parameters that they were obtained with."""

import shutil
from importlib.resources import files

import gymnasium as gym
import numpy as np
import pytest
from fakes import use_poisson_backend

from livn_gym import config, parameter_sets
from livn_gym.cell_values import CellValues
from livn_gym.device_profile import find
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.provenance import COMPARED, IN_INFO, check_comparable, described, provenance
from livn_gym.errors import InvalidInput, UnknownOption
from livn_gym.parameters import ParameterSet, by_key
from livn_gym.system import make as make_system


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
    with pytest.raises(UnknownOption, match="Did you mean 'settle_ms'"):
        provenance("livn/EI2-v0", {"setle_ms": 200.0})
    around = {"max_episode_steps": 3, "graph_seed": "per_env", "render_mode": None}
    assert provenance("livn/EI2-v0", around) == provenance("livn/EI2-v0")


def test_a_whole_set_takes_the_place_of_a_tasks_variant():
    assert LoopSpec.of("EI2", "burst_suppression").variant == "bursting"
    assert LoopSpec.of("EI2", "burst_suppression", params="EI2").variant is None
    assert LoopSpec.of("EI2", "burst_suppression", params={"noise-std_e": 1.0}).variant == "bursting"


def test_the_hash_depends_on_every_parameter_and_on_constants_of_single_cells():
    system = make_system("EI2")
    base = ParameterSet(system).updated(parameter_sets.find(system))
    hashes = {parameter_sets.identity(system, base.frozen())["params_hash"]}
    values = by_key(base.frozen())
    for key, value in values.items():
        changed = base.updated({key: value * 0.9 + 1e-7}).frozen()
        hashes.add(parameter_sets.identity(system, changed)["params_hash"])
    for leak in (1.0, 1.1):
        cells = base.with_cells({"EXC-g_leak_soma": CellValues(np.full(80, leak))}).frozen()
        hashes.add(parameter_sets.identity(system, cells)["params_hash"])
    assert len(hashes) == 1 + len(values) + 2


def test_the_hash_of_a_task_depends_on_its_options_and_those_of_the_loop():
    base = provenance("livn/EI2-v0")
    assert (base["task"], base["task_version"]) == ("rate_tracking", "0")
    same = {"max_episode_steps": 4, "profile": "exact", "graph_seed": 3, "variant": "asynchronous"}
    assert provenance("livn/EI2-v0", same)["task_hash"] == base["task_hash"]
    for option in ({"charge_cost": 0.1}, {"step_ms": 100.0}, {"conditions": "silent_culture"}):
        assert provenance("livn/EI2-v0", option)["task_hash"] != base["task_hash"], option


@pytest.mark.parametrize(
    "options",
    [
        {"settle_ms": 2000, "period_ms": 5000.0, "step_ms": 200, "step_weight": 0, "charge_cost": 0.02},
        {"conditions": [], "randomize": {}, "decoding": {"name": "channel_rates"}},
        {"encoding": {"name": "pulse_amplitude", "max_amplitude_uA": 15, "rate_hz": 5, "groups": 16.0}},
    ],
)
def test_the_defaults_written_in_another_way_have_the_same_hash(options):
    assert provenance("livn/EI2-v0", options)["task_hash"] == provenance("livn/EI2-v0")["task_hash"]


def test_the_hash_of_a_task_depends_on_its_revision(monkeypatch):
    load = config.load
    revised = load("tasks", "rate_tracking") | {"registration": {"version": 0, "revision": 1}}
    base = provenance("livn/EI2-v0")
    monkeypatch.setattr(config, "load", lambda kind, name: revised if kind == "tasks" else load(kind, name))
    assert provenance("livn/EI2-v0") == base | {"task_hash": provenance("livn/EI2-v0")["task_hash"]} != base


def test_sets_of_one_name_and_other_numbers_are_told_apart_and_never_share_a_table(tmp_path):
    folders, origins = [tmp_path / "a", tmp_path / "b"], []
    for folder, std_e in zip(folders, (1.0, 1.1), strict=True):
        folder.mkdir()
        (folder / "mine.toml").write_text(f"[noise.EXC]\nstd_e = {std_e}\n")
        origins.append(provenance("livn/EI2-v0", {"params": str(folder / "mine.toml")}) | {"params": "mine"})
    assert origins[0]["params_hash"] != origins[1]["params_hash"]
    check_comparable("A table", [origins[0], origins[0] | {"params": "the same under another name"}])
    for other in (origins[1], origins[0] | {"task_version": "1"}, origins[0] | {"task_hash": ""}):
        with pytest.raises(InvalidInput, match="A table would mix.*parameters mine"):
            check_comparable("A table", [origins[0], other])


def test_info_names_its_origin_alone_and_in_a_vector(monkeypatch):
    use_poisson_backend(monkeypatch)
    expected = provenance("livn/EI1-v0", {"settle_ms": 200.0})
    with gym.make("livn/EI1-v0", settle_ms=200.0) as env:
        _, info = env.reset(seed=0)
        assert env.unwrapped.provenance == expected
    envs = gym.make_vec("livn/EI1-v0", 3, settle_ms=200.0, autoreset_mode="Disabled")
    envs.reset(seed=0)
    _, infos = envs.reset(options={"reset_mask": np.array([False, True, False])})
    envs.close()
    for name in IN_INFO:
        assert info[name] == expected[name]
        assert infos[name].tolist() == [None, expected[name], None]
        assert infos[f"_{name}"].tolist() == [False, True, False]
    assert envs.provenance == expected and set(COMPARED) <= set(expected)


def test_a_device_is_part_of_the_hash_and_its_absence_is_not():
    without, under = provenance("livn/EI3-v0"), provenance("livn/EI3-v0", {"device": "cl1"})
    assert provenance("livn/EI3-v0", {"device": None}) == without
    assert "device" not in without
    assert under["task_hash"] != without["task_hash"]
    assert (under["device"], under["device_hash"]) == ("cl1", find("cl1").hash)
    assert described(under) == f"{described(without)}, device cl1 ({find('cl1').hash})"
    narrow = provenance("livn/EI3-v0", {"device": {"name": "cl1", "max_rate_hz": 50.0}})
    with pytest.raises(InvalidInput, match="cannot be compared"):
        check_comparable("A table", [under, narrow])
