"""Training: what a run leaves behind, and that a killed one continues bit for bit."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import use_poisson_backend

from livn_gym.agents import learned, make_envs, run_episodes
from livn_gym.agents.train import EVAL_SEED, read_rows, train
from livn_gym.errors import InvalidInput, UnknownName, UnsupportedModel

ROOT = Path(__file__).resolve().parents[2]
SHORT = {"settle_ms": 200.0, "max_episode_steps": 7}
FEW = {
    "ppo": {"n_envs": 2, "n_steps": 10, "batch_size": 20, "n_epochs": 2, "learning_rate": "lin_1e-3"},
    "sac": {"n_envs": 2, "learning_starts": 20, "gradient_steps": 1, "batch_size": 16},
    "td3": {"n_envs": 2, "learning_starts": 20, "gradient_steps": 1, "batch_size": 16},
}


def run(agent, folder, **options):
    chosen = {"options": SHORT, "changes": FEW[agent], "steps": 100, "evaluations": 2, "eval_episodes": 2} | options
    return train(agent, "livn/EI1-v0", folder, **chosen)


@pytest.mark.parametrize("agent", ["ppo", "sac", "td3"])
def test_a_run_leaves_curve_logs_and_an_agent(agent, tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    told = []
    curve = run(agent, tmp_path / "run", checkpoint_every=0, report=lambda *values: told.append(values))
    assert [row["step"] for row in curve] == [0, 60 if agent == "ppo" else 50, 100]
    assert read_rows(tmp_path / "run/curve.csv") == curve
    assert [values[0] for values in told] == list(range(2, 101, 2)) and told[0][1] == 100
    assert told[-1][2] < 0 and np.isnan(told[0][2])
    assert "rollout/ep_rew_mean" in next(csv.reader((tmp_path / "run/progress.csv").open()))
    assert list((tmp_path / "run/tensorboard").glob("events*"))
    assert not (tmp_path / "run/checkpoint.pkl").exists()
    # the saved agent plays the last evaluation's episodes as it did then
    envs = make_envs("livn/EI1-v0", 2, **SHORT)
    episodes = run_episodes(envs, [learned.load(tmp_path / "run")] * 2, [EVAL_SEED, EVAL_SEED + 1])
    assert np.mean([episode.total_reward for episode in episodes]) == pytest.approx(curve[-1]["return"], rel=1e-12)
    envs.close()


def parameters(folder):
    return dict(learned.load(folder).policy.state_dict())


def same(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for name in first:
            same(first[name], second[name])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            same(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def curve(folder):
    return [
        {name: value for name, value in row.items() if name != "seconds"} for row in read_rows(folder / "curve.csv")
    ]


SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests" / "agents")!r})
import os, signal
from test_train import run

def report(done, total, latest):
    if done >= int(sys.argv[3]):  # the process kills itself in the middle of a rollout
        os.kill(os.getpid(), signal.SIGKILL)

run(sys.argv[1], sys.argv[2], resume=True, checkpoint_every=20, report=report)
"""


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["ppo", "sac", "td3"])
def test_a_killed_run_goes_on_bit_for_bit(agent, tmp_path):
    """Killed between checkpoints, twice; learner, optimiser and evaluations are those of a run without a break."""
    run(agent, tmp_path / "whole", checkpoint_every=0)
    broken = tmp_path / "broken"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path])}
    command = [sys.executable, "-c", SCRIPT, agent, str(broken)]
    for least in (30, 70):
        child = subprocess.Popen([*command, str(least)], env=environment, stderr=subprocess.PIPE)
        _, errors = child.communicate()
        assert child.returncode == -signal.SIGKILL, errors.decode()
        assert not (broken / learned.MODEL).exists()
    subprocess.run([*command, "1000"], env=environment, check=True)
    same(parameters(broken), parameters(tmp_path / "whole"))
    assert curve(broken) == curve(tmp_path / "whole")
    statistics = [learned.load(folder).normalization for folder in (broken, tmp_path / "whole")]
    np.testing.assert_array_equal(statistics[0].mean, statistics[1].mean)
    assert statistics[0].count == statistics[1].count


def test_a_folder_holds_one_run(tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    first = run("ppo", tmp_path, steps=20, checkpoint_every=0)
    with pytest.raises(InvalidInput, match="already holds a run"):
        run("ppo", tmp_path, steps=20, checkpoint_every=0)
    with pytest.raises(InvalidInput, match="steps \\(20 before, 40 now\\)"):
        run("ppo", tmp_path, steps=40, checkpoint_every=0, resume=True)
    assert run("ppo", tmp_path, steps=20, checkpoint_every=0, resume=True) == first  # it is finished


def test_what_cannot_be_saved_says_so_at_once(tmp_path, monkeypatch):
    use_poisson_backend(monkeypatch)
    with pytest.raises(UnsupportedModel, match="cannot save"):
        run("ppo", tmp_path)
    options = {"steps": 20, "evaluations": 1, "eval_episodes": 1, "changes": FEW["ppo"]}
    with pytest.raises(InvalidInput, match="without checkpoints"):
        train("ppo", "CartPole-v1", tmp_path / "other", **options)
    assert len(train("ppo", "CartPole-v1", tmp_path / "one more", checkpoint_every=0, **options)) == 2


def test_wrong_names_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="'sac'"):
        train("sacc", "livn/EI1-v0", tmp_path)
    with pytest.raises(UnknownName, match="'n_epochs'"):
        run("ppo", tmp_path, changes={"n_epoch": 2})
    with pytest.raises(InvalidInput, match="no trained agent"):
        learned.load(tmp_path)
    with pytest.raises(InvalidInput, match="holds no run"):
        learned.config(tmp_path)
    assert list(tmp_path.iterdir()) == []
