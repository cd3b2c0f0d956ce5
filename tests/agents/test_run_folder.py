"""The files of a run: nothing in them is executed, damage is noticed, and what is refused leaves nothing."""

import json
import os
import pickle
import shutil
import zipfile
from functools import partial
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from fakes import use_poisson_backend
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from livn_gym import trust
from livn_gym.agents import checkpoint, learned, run_folder
from livn_gym.agents.policy import _read_space, _space
from livn_gym.agents.train import read_rows, train
from livn_gym.errors import CorruptData, InvalidInput, UnknownName

SHORT = {"settle_ms": 200.0, "max_episode_steps": 4}
FEW = {
    "ppo": {"n_envs": 2, "n_steps": 8, "batch_size": 16, "n_epochs": 1},
    "sac": {"n_envs": 2, "learning_starts": 24, "gradient_steps": 1, "batch_size": 16, "normalize": True},
    "td3": {"n_envs": 2, "learning_starts": 24, "gradient_steps": 1, "batch_size": 16, "normalize": True},
}


class Stop(Exception):
    pass


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A key of this test's own."""
    monkeypatch.setattr(trust, "key_file", lambda: tmp_path / "key" / "trust.key")


def run(agent, folder, *, stop=None, **changes):
    def report(done, total, latest):
        if stop is not None and done >= stop:
            raise Stop

    given = {"steps": 64, "evaluations": 2, "eval_episodes": 2, "checkpoint_every": 16, "options": SHORT} | changes
    return train(agent, "livn/EI1-v0", folder, report=report, changes=FEW[agent], **given)


@pytest.fixture
def finished(tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    run("sac", tmp_path / "run", checkpoint_every=0)
    return tmp_path / "run"


@pytest.fixture
def stopped(tmp_path):
    with pytest.raises(Stop):
        run("ppo", tmp_path / "run", stop=40)
    return tmp_path / "run"


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_of_a_runs_folder_is_unpickled(finished, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    agent = learned.load(finished)
    assert agent.act(np.zeros(agent.policy.observation_space.shape, np.float32), {}).shape == (1,)


def test_an_agent_refuses_environments_with_other_observations_or_actions(finished):
    agent = learned.load(finished)
    for make in (gym.make, partial(gym.make_vec, num_envs=2)):
        own, other = make("livn/EI1-v0"), make("livn/EI2-v0")
        agent.reset(own, {})
        with pytest.raises(InvalidInput, match="observations"):
            agent.reset(other, {})
        own.close()
        other.close()
    pushed = gym.make("CartPole-v1")
    with pytest.raises(InvalidInput):
        agent.reset(pushed, {})


def test_weights_that_would_run_code_are_refused(finished, tmp_path):
    with zipfile.ZipFile(finished / "model.zip", "w") as archive:
        torch.save({"weight": Evil(tmp_path / "ran")}, tmp_path / "weights")
        archive.write(tmp_path / "weights", "policy.pth")
    run_folder.finish(finished)
    with pytest.raises(CorruptData, match="model.zip"):
        learned.load(finished)
    assert not (tmp_path / "ran").exists()


def test_the_saved_agent_is_the_learner(tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    kept = {}
    real = learned.save

    def save(folder, agent, model, arguments):
        kept["agent"] = learned.Learned.of(model)
        real(folder, agent, model, arguments)

    monkeypatch.setattr(learned, "save", save)
    for name in FEW:
        run(name, tmp_path / name, checkpoint_every=0)
        agent, before = learned.load(tmp_path / name), kept["agent"]
        seen = np.random.default_rng(1).normal(size=(50, *agent.policy.observation_space.shape)).astype(np.float32)
        for observation in seen:
            np.testing.assert_array_equal(agent.act(observation, {}), before.act(observation, {}))


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Box(-np.inf, np.float32(0.1), (2, 3)),
        gym.spaces.Box(0, 255, (4,), np.uint8),
        gym.spaces.Box(-1e-310, 1 / 3, (1,), np.float64),
        gym.spaces.Discrete(5, start=-2),
        gym.spaces.MultiDiscrete([2, 5]),
        gym.spaces.MultiBinary(4),
    ],
)
def test_spaces_come_back_exactly(space):
    assert _read_space(json.loads(json.dumps(_space(space), allow_nan=False))) == space


@pytest.mark.parametrize("name", ["config.json", "curve.csv", "model.zip", "agent.json"])
def test_a_flipped_bit_of_a_finished_run_is_noticed(finished, name):
    data = (finished / name).read_bytes()
    for place in np.linspace(0, len(data) - 1, 23).astype(int):
        (finished / name).write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(CorruptData, match=name):
            learned.load(finished)
    (finished / name).unlink()
    with pytest.raises((CorruptData, InvalidInput), match=name):
        learned.load(finished)


def test_a_flipped_bit_of_the_checksums_is_noticed(finished):
    path = finished / run_folder.SEAL
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CorruptData):
            learned.load(finished)


def test_a_run_of_an_earlier_version_says_what_to_do(tmp_path):
    (tmp_path / "config.json").write_text('{"agent": "ppo", "env": "livn/EI1-v0", "options": {}}')
    (tmp_path / "model.zip").write_bytes(b"")
    with pytest.raises(InvalidInput, match="earlier version"):
        learned.load(tmp_path)


NAMING_CODE = [
    {"inner": "os:CartPole-v1"},
    {"inner": {"id": "os:CartPole-v1"}},
    {"task": "os:system"},
    {"task": "evil.py"},
    {"task": "evil.py:Task"},
    {"system": {"name": "os:system", "command": "true"}},
    {"conditions": ["latency", {"name": "evil.py:Condition"}]},
    {"backend": "os:system"},
    {"params": "os:environ"},
]


@pytest.mark.parametrize("options", NAMING_CODE)
def test_the_run_of_another_user_cannot_name_code_to_import(tmp_path, options):
    config = {"agent": "ppo", "env": "livn/EI2-v0", "options": options}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(trust.Untrusted, match=f"names code to import: {next(iter(options))}=.*--trust"):
        learned.environment(tmp_path)
    assert learned.environment(tmp_path, trusted=True) == ("livn/EI2-v0", options)
    own = dict.fromkeys(options)
    assert learned.environment(tmp_path, options=own) == ("livn/EI2-v0", own)
    assert learned.environment(tmp_path, "livn/EI1-v0") == ("livn/EI1-v0", {})


def test_the_run_of_another_user_cannot_name_a_module_by_its_id(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"agent": "ppo", "env": "os:livn/EI2-v0", "options": {}}))
    with pytest.raises(trust.Untrusted, match="env='os:livn/EI2-v0'"):
        learned.environment(tmp_path)


@pytest.mark.parametrize("options", [*NAMING_CODE, {}, {"target_hz": [3.0, 0.1 + 0.2]}])
def test_ones_own_run_may_name_code_unless_its_config_is_changed(tmp_path, options):
    run_folder.write_config(tmp_path, {"agent": "ppo", "env": "livn/EI2-v0", "options": options})
    assert learned.environment(tmp_path) == ("livn/EI2-v0", options)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    path.write_text(json.dumps(content | {"options": {"task": "os:popen"}}))
    with pytest.raises(trust.Untrusted, match="task='os:popen'"):
        learned.environment(tmp_path)


def test_without_a_key_no_run_is_ones_own(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(trust, "key_file", lambda: tmp_path / "file" / "trust.key")
    run_folder.write_config(tmp_path, {"agent": "ppo", "env": "livn/EI2-v0", "options": {"task": "os:system"}})
    with pytest.raises(trust.Untrusted):
        learned.environment(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"agent": 3, "env": "x"}', '{"agent": "ppo", "env": "x", "options": 1}']
)
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CorruptData, match="config.json"):
        learned.config(tmp_path)


def test_a_flipped_bit_of_a_checkpoint_is_noticed(stopped):
    path = stopped / "checkpoint.pkl"
    data = path.read_bytes()
    ends = [0, 5, len(checkpoint.MAGIC), len(checkpoint.MAGIC) + 40, len(data) - 1]
    for place in [*ends, *np.linspace(0, len(data) - 1, 20).astype(int)]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        with pytest.raises(CorruptData, match=r"checkpoint\.pkl"):
            run("ppo", stopped, resume=True)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptData, match=r"checkpoint\.pkl"):
        run("ppo", stopped, resume=True)


def test_another_users_checkpoint_is_not_unpickled_without_trust(stopped, tmp_path, monkeypatch):
    evil = trust.seal(checkpoint.MAGIC, pickle.dumps(Evil(tmp_path / "ran")))
    shutil.rmtree(tmp_path / "key")  # as on another machine
    kept = (stopped / "checkpoint.pkl").read_bytes()
    (stopped / "checkpoint.pkl").write_bytes(evil)
    with pytest.raises(trust.Untrusted, match="--trust"):
        run("ppo", stopped, resume=True)
    assert not (tmp_path / "ran").exists() and not (tmp_path / "key").exists()
    (stopped / "checkpoint.pkl").write_bytes(kept)
    with pytest.raises(trust.Untrusted):
        run("ppo", stopped, resume=True)
    assert len(run("ppo", stopped, resume=True, trust=True)) == 3


def test_a_key_that_others_can_read_proves_nothing(tmp_path):
    sealed = trust.seal(b"x", b"content")
    assert trust.unseal("f", b"x", sealed) == b"content"
    assert trust.key_file().stat().st_mode & 0o777 == 0o600
    os.chmod(trust.key_file(), 0o644)
    with pytest.raises(trust.Untrusted):
        trust.unseal("f", b"x", sealed)
    with pytest.raises(trust.Untrusted):
        trust.unseal("f", b"x", trust.seal(b"x", b"content"))
    assert trust.unseal("f", b"x", sealed, trust=True) == b"content"


def test_without_a_place_for_a_key_nothing_is_trusted(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(trust, "key_file", lambda: tmp_path / "file" / "trust.key")
    sealed = trust.seal(b"x", b"content")
    with pytest.raises(trust.Untrusted):
        trust.unseal("f", b"x", sealed)
    assert trust.unseal("f", b"x", sealed, trust=True) == b"content"


@pytest.mark.parametrize("agent", ["ppo", "sac", "td3"])
def test_a_resumed_run_is_the_uninterrupted_one(agent, tmp_path):
    """Stopped in the warm-up of SAC and TD3 and again after it: agent, curve, table and events are the same."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(agent, whole)
    for stop in (20, 45):
        with pytest.raises(Stop):
            run(agent, broken, stop=stop, resume=True)
    run(agent, broken, resume=True)
    first, second = (learned.load(folder).policy.state_dict() for folder in (whole, broken))
    assert all(torch.equal(first[name], second[name]) for name in first)
    for table in ("curve.csv", "progress.csv"):
        rows = [read_rows_of(folder / table) for folder in (whole, broken)]
        assert rows[0] == rows[1] and len(rows[0]) > 1
    assert events(whole) == events(broken) and events(whole)


def read_rows_of(path):
    rows = [line.split(",") for line in path.read_text().splitlines()]
    timed = [i for i, name in enumerate(rows[0]) if name in ("seconds", "time/fps", "time/time_elapsed")]
    return [[value for i, value in enumerate(row) if i not in timed] for row in rows]


def events(folder):
    """Step, name and value of every event, in order, as they are in the files; but not of speeds."""
    found = []
    for path in sorted((folder / "tensorboard").iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag != "time/fps":
                    found.append((event.step, value.tag, value.tensor.float_val[0]))
    return found


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": SHORT | {"target_hz": -1}},
        {"options": {"no_such": 1}},
        {"options": {"x": object()}},
        {"options": 3},
        {"seed": -1},
        {"seed": 2**40},
        {"steps": 0},
        {"num_envs": 1.5},
        {"evaluations": 0},
        {"eval_episodes": -3},
        {"checkpoint_every": -1},
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path, monkeypatch, wrong):
    use_poisson_backend(monkeypatch)
    with pytest.raises(InvalidInput):
        run("ppo", tmp_path / "run", **({"checkpoint_every": 0} | wrong))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("agent", "changes"),
    [
        ("ppo", {"gamma": 5}),
        ("ppo", {"gamma": float("nan")}),
        ("ppo", {"batch_size": -5}),
        ("ppo", {"n_steps": 0}),
        ("ppo", {"n_steps": 1, "n_envs": 1}),
        ("ppo", {"n_epochs": 1e300}),
        ("ppo", {"learning_rate": -1.0}),
        ("ppo", {"learning_rate": "lin_"}),
        ("ppo", {"clip_range": None}),
        ("ppo", {"policy_kwargs": {"net_arch": [10**9]}}),
        ("ppo", {"policy_kwargs": {"activation_fn": 3}}),
        ("ppo", {"normalize": {"clip": 3}}),
        ("ppo", {"normalize": 3}),
        ("ppo", {"_init_setup_model": False}),
        ("ppo", {"tensorboard_log": 3}),
        ("ppo", {"n_timesteps": None}),
        ("sac", {"train_freq": [1, "day"]}),
        ("sac", {"buffer_size": True}),
        ("sac", {"ent_coef": "high"}),
        ("td3", {"noise_std": -1}),
    ],
)
def test_hyperparameters_out_of_range_are_refused(tmp_path, monkeypatch, agent, changes):
    use_poisson_backend(monkeypatch)
    with pytest.raises(InvalidInput):
        train(agent, "livn/EI1-v0", tmp_path / "run", options=SHORT, checkpoint_every=0, changes=changes)
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_and_files_in_the_way_are_refused(tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    with pytest.raises(UnknownName):
        train(["ppo"], "livn/EI1-v0", tmp_path / "run")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidInput, match="is a file"):
        run("ppo", tmp_path / "file", checkpoint_every=0)
    (tmp_path / "curve.csv").write_text("mine")
    with pytest.raises(InvalidInput, match=r"curve\.csv"):
        run("ppo", tmp_path, checkpoint_every=0)
    assert (tmp_path / "curve.csv").read_text() == "mine"


def test_a_run_that_failed_at_its_first_step_does_not_hold_the_folder(tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    run_folder.write_config(tmp_path, {"agent": "ppo", "env": "livn/EI1-v0", "options": {"other": 1}})
    assert len(run("ppo", tmp_path, checkpoint_every=0)) == 3
    assert len(read_rows(tmp_path / "curve.csv")) == 3


def test_a_run_whose_parameters_have_changed_is_not_resumed(tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    params = tmp_path / "mine.toml"
    params.write_text("[noise.EXC]\nstd_e = 1.0\n")
    options = SHORT | {"params": str(params)}
    with pytest.raises(Stop):
        run("ppo", tmp_path / "run", stop=20, checkpoint_every=0, options=options)
    assert learned.config(tmp_path / "run")["params"] == str(params)
    assert len(run("ppo", tmp_path / "run", checkpoint_every=0, options=options, resume=True)) == 3
    params.write_text("[noise.EXC]\nstd_e = 2.0\n")
    with pytest.raises(InvalidInput, match="params_hash"):
        run("ppo", tmp_path / "run", checkpoint_every=0, options=options, resume=True)
