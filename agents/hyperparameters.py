"""Read the agents' hyperparameters: rl-zoo3's YAML, of which only plain values are taken."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.utils import LinearSchedule

from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite, whole_number

ALGORITHMS: dict[str, type[BaseAlgorithm]] = {"ppo": PPO, "sac": SAC, "td3": TD3}

SCHEDULED = ("learning_rate", "clip_range", "clip_range_vf")
OWN = ("policy", "n_envs", "n_timesteps", "normalize", "noise_type", "noise_std")
"""Keys that are rl-zoo3's, not arguments of an algorithm."""


@dataclass(frozen=True)
class Hyperparameters:
    """What an agent is trained with.

    Attributes:
        algorithm: Class of the learner.
        policy: Its kind of network, e.g. ``"MlpPolicy"``.
        num_envs: Environments that it learns from at once.
        steps: Environment steps to train for, all environments together.
        normalize: Arguments of ``VecNormalize``, or None for raw observations and rewards.
        noise_std: Standard deviation of Gaussian action noise; 0 is none.
        arguments: Arguments of the algorithm, as in the file.
    """

    algorithm: type[BaseAlgorithm]
    policy: str
    num_envs: int
    steps: int
    normalize: dict[str, Any] | None
    noise_std: float
    arguments: dict[str, Any]

    def create(self, env: Any, seed: int) -> BaseAlgorithm:
        """A learner around an environment of Stable-Baselines3."""
        arguments: dict[str, Any] = {name: _schedule(name, value) for name, value in self.arguments.items()}
        if self.noise_std:
            size = env.action_space.shape
            arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, self.noise_std))
        return self.algorithm(self.policy, env, seed=seed, device="cpu", **arguments)


def load(agent: str, env_id: str, changes: Mapping[str, Any] | None = None) -> Hyperparameters:
    """Hyperparameters of ``configs/agents/<agent>.yml`` for an environment: its own, or those under ``default``.

    Args:
        agent: ``"ppo"``, ``"sac"`` or ``"td3"``.
        env_id: Id of the environment.
        changes: Values that take the place of the file's, by the same names.

    Raises:
        UnknownName: There is no such agent or hyperparameter.
        InvalidInput: A value is out of range, or a string to be evaluated.
    """
    if agent not in ALGORITHMS:
        raise unknown_name("agent", agent, ALGORITHMS)
    text = files("livn_gym.configs").joinpath("agents", f"{agent}.yml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    return parse(ALGORITHMS[agent], {**table.get(env_id, table["default"]), **(changes or {})})


def parse(algorithm: type[BaseAlgorithm], table: Mapping[str, Any]) -> Hyperparameters:
    """Check an entry of such a file.

    Raises:
        UnknownName: The algorithm has no such hyperparameter.
        InvalidInput: A value is out of range, or a string to be evaluated.
    """
    known = [*inspect.signature(algorithm).parameters, *OWN]
    values = dict(table)
    for name, value in values.items():
        if name not in known or name in ("env", "seed", "device", "use_sde"):
            raise unknown_name(f"hyperparameter of {algorithm.__name__}", name, known)
        words = {"policy": ("MlpPolicy",), "noise_type": ("normal",)}.get(name, ("auto",))
        if isinstance(value, str) and value not in words and not (name in SCHEDULED and value.startswith("lin_")):
            raise InvalidInput(f"{name} must be a plain value, got the string {value!r}.")
        _schedule(name, value)
    normalize = values.pop("normalize", False)
    if normalize is True:
        normalize = {}
    if isinstance(normalize, Mapping):
        normalize = {"gamma": values.get("gamma", 0.99), **normalize}
    if isinstance(values.get("train_freq"), list):
        values["train_freq"] = tuple(values["train_freq"])
    noise_std = finite("noise_std", values.pop("noise_std", 0.0), minimum=0.0)
    values.pop("noise_type", None)
    return Hyperparameters(
        algorithm,
        values.pop("policy", "MlpPolicy"),
        whole_number("n_envs", values.pop("n_envs", 1)),
        whole_number("n_timesteps", int(values.pop("n_timesteps"))),
        normalize or None if normalize is False else normalize,
        noise_std,
        values,
    )


def _schedule(name: str, value: Any) -> Any:
    """``lin_x`` falls from x to 0 over the training."""
    if name in SCHEDULED and isinstance(value, str):
        try:
            return LinearSchedule(float(value.removeprefix("lin_")), 0.0, 1.0)
        except ValueError:
            raise InvalidInput(f"{name} must be a number or lin_<number>, got {value!r}.") from None
    return value
