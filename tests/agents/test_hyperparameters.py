"""The agents' YAML: what our loader takes, and that rl-zoo3 trains from the same files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from stable_baselines3 import PPO, SAC, TD3

from livn_gym.agents.hyperparameters import ALGORITHMS, load, parse
from livn_gym.errors import InvalidInput, UnknownName

FILES = Path(__file__).resolve().parents[2] / "configs" / "agents"


def test_there_is_a_file_for_every_algorithm():
    assert {path.stem for path in FILES.iterdir()} == set(ALGORITHMS)


@pytest.mark.parametrize("agent", ALGORITHMS)
def test_files_hold_plain_values_for_any_environment(agent):
    table = yaml.safe_load((FILES / f"{agent}.yml").read_text())
    for env_id in (*table, "livn/EI9-Anything-v0"):
        assert load(agent, env_id).steps > 0
    assert not any("env_wrapper" in entry for entry in table.values())


def test_values_become_arguments():
    chosen = parse(
        TD3,
        {"n_envs": 3, "n_timesteps": 1e4, "normalize": True, "gamma": 0.9, "noise_type": "normal", "noise_std": 0.2,
         "train_freq": [1, "episode"], "policy_kwargs": {"net_arch": [8]}},
    )  # fmt: skip
    assert (chosen.num_envs, chosen.steps, chosen.normalize, chosen.noise_std) == (3, 10_000, {"gamma": 0.9}, 0.2)
    assert chosen.arguments == {"gamma": 0.9, "train_freq": (1, "episode"), "policy_kwargs": {"net_arch": [8]}}
    assert parse(PPO, {"n_timesteps": 1}).normalize is None
    assert parse(SAC, {"n_timesteps": 1, "ent_coef": "auto", "normalize": {"norm_reward": False}}).normalize == {
        "norm_reward": False,
        "gamma": 0.99,
    }


def test_a_schedule_falls_to_zero():
    import gymnasium as gym

    model = parse(PPO, {"n_timesteps": 1, "learning_rate": "lin_4e-3"}).make(gym.make("CartPole-v1"), seed=0)
    np.testing.assert_allclose([model.lr_schedule(left) for left in (1.0, 0.5, 0.0)], [4e-3, 2e-3, 0.0])


def test_the_entropy_coefficient_may_begin_anywhere():
    import gymnasium as gym

    model = parse(SAC, {"n_timesteps": 1, "ent_coef": "auto_0.01"}).make(gym.make("Pendulum-v1"), seed=0)
    assert float(model.log_ent_coef.exp()) == pytest.approx(0.01)
    for wrong in ("auto_0", "auto_-1", "auto_x", "auto_nan", "car"):
        with pytest.raises(InvalidInput, match="ent_coef"):
            parse(SAC, {"n_timesteps": 1, "ent_coef": wrong})


def test_changes_take_the_place_of_the_files_values():
    assert load("ppo", "livn/EI2-v0", {"n_steps": 7}).arguments["n_steps"] == 7


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"n_timesteps": 1, "learning_rat": 1.0}, UnknownName, "'learning_rate'"),
        ({"n_timesteps": 1, "env_wrapper": "x"}, UnknownName, "env_wrapper"),
        ({"n_timesteps": 1, "policy_kwargs": "dict(net_arch=[64])"}, InvalidInput, "plain value"),
        ({"n_timesteps": 1, "learning_rate": "cos_1"}, InvalidInput, "plain value"),
        ({"n_timesteps": 1, "learning_rate": "lin_x"}, InvalidInput, "lin_<number>"),
        ({"n_timesteps": 0}, InvalidInput, "n_timesteps"),
        ({"n_timesteps": 1, "n_envs": 0}, InvalidInput, "n_envs"),
    ],
)
def test_anything_else_is_refused(table, error, message):
    with pytest.raises(error, match=message):
        parse(PPO, table)


@pytest.mark.slow
@pytest.mark.needs("rl_zoo3")
@pytest.mark.parametrize("agent", ALGORITHMS)
def test_rl_zoo3_trains_from_the_same_files(agent, tmp_path):
    command = f"-m rl_zoo3.train --algo {agent} --env livn/EI1-v0 --gym-packages livn_gym -n 40 --eval-freq -1 -P"
    more = ["--conf-file", str(FILES / f"{agent}.yml"), "-f", str(tmp_path), "--env-kwargs", "settle_ms:200.0"]
    small = {"ppo": ["n_steps:8", "n_envs:2", "batch_size:16"]}.get(agent, ["learning_starts:16", "n_envs:2"])
    done = subprocess.run(
        [sys.executable, *command.removesuffix(" -P").split(), *more, "-params", *small], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    saved = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"livn-EI1-v0.zip", "vecnormalize.pkl"} <= saved, saved
