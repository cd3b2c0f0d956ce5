"""Hyperparameters of the learning algorithms, read from YAML files in the format of rl-zoo3 with plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import yaml
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.utils import LinearSchedule

from livn_gym.agents.ranges import NORMALIZE, RANGES, policy_arguments
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite, whole_number

ALGORITHMS: dict[str, type[BaseAlgorithm]] = {"ppo": PPO, "sac": SAC, "td3": TD3}

SCHEDULED = ("learning_rate", "clip_range", "clip_range_vf")
RL_ZOO_KEYS = ("policy", "n_envs", "n_timesteps", "normalize", "noise_type", "noise_std")
"""Keys of rl-zoo3 that are not arguments of an algorithm."""


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of one training.

    Attributes:
        algorithm: Class of the learning algorithm.
        policy: Type of the policy network, for example ``"MlpPolicy"``.
        num_envs: Number of parallel environments.
        steps: Number of environment steps, counted over all environments.
        normalize: Arguments of ``VecNormalize``; None for raw observations and rewards.
        noise_std: Standard deviation of Gaussian action noise; 0 for none.
        arguments: Arguments of the algorithm, as in the file.
    """

    algorithm: type[BaseAlgorithm]
    policy: str
    num_envs: int
    steps: int
    normalize: dict[str, Any] | None
    noise_std: float
    arguments: dict[str, Any]

    def make(self, env: Any, seed: int) -> BaseAlgorithm:
        """Make the learner for an environment of Stable-Baselines3.

        Raises:
            InvalidInput: The algorithm does not support the environment's spaces or these hyperparameters.
        """
        arguments: dict[str, Any] = {name: _schedule(value) for name, value in deepcopy(self.arguments).items()}
        if self.noise_std:
            size = env.action_space.shape
            arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, self.noise_std))
        try:
            return self.algorithm(self.policy, env, seed=seed, device="cpu", **arguments)
        except (AssertionError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"{self.algorithm.__name__} does not support this environment or these hyperparameters: {error}"
            ) from error


def load(agent: str, env_id: str, changes: Mapping[str, Any] | None = None) -> Hyperparameters:
    """Load hyperparameters from ``configs/agents/<agent>.yml``: those of the environment, otherwise ``default``.

    Args:
        agent: ``"ppo"``, ``"sac"`` or ``"td3"``.
        env_id: Id of the environment.
        changes: Values that override those of the file, under the same names.

    Raises:
        UnknownName: There is no such agent or hyperparameter.
        InvalidInput: A value is out of range, or a string of Python code, which rl-zoo3 would evaluate.
    """
    if changes is not None and not isinstance(changes, Mapping):
        raise InvalidInput(f"changes must be a mapping of hyperparameters, got {changes!r}.")
    if not isinstance(agent, str) or agent not in ALGORITHMS:
        raise unknown_name("agent", agent, ALGORITHMS)
    text = files("livn_gym.configs").joinpath("agents", f"{agent}.yml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    return parse(ALGORITHMS[agent], {**table.get(env_id, table["default"]), **(changes or {})})


def parse(algorithm: type[BaseAlgorithm], table: Mapping[str, Any]) -> Hyperparameters:
    """Check the hyperparameters of one environment, as they are in the file.

    Raises:
        UnknownName: The algorithm has no such hyperparameter.
        InvalidInput: A value is out of range, or a string of Python code, which rl-zoo3 would evaluate.
    """
    ranges = RANGES[algorithm.__name__]
    values = dict(table)
    for name, value in values.items():
        if name not in ranges and name not in RL_ZOO_KEYS:
            raise unknown_name(f"hyperparameter of {algorithm.__name__}", name, [*ranges, *RL_ZOO_KEYS])
        word = {"policy": "MlpPolicy", "noise_type": "normal"}.get(name, "auto")
        prefix = "lin_" if name in SCHEDULED else "auto_" if name == "ent_coef" else None
        number = isinstance(value, str) and prefix is not None and value.startswith(prefix)
        if isinstance(value, str) and value != word and not number:
            raise InvalidInput(f"{name} must be a plain value, got the string {value!r}.")
        if name in ranges:
            ranges[name](name, value)
    for name, word in (("policy", "MlpPolicy"), ("noise_type", "normal")):
        if values.get(name, word) != word:
            raise InvalidInput(f"{name} must be {word!r}, got {values[name]!r}.")
    normalize = _normalize(values.pop("normalize", False), values.get("gamma", 0.99))
    if isinstance(values.get("train_freq"), list):
        values["train_freq"] = tuple(values["train_freq"])
    noise_std = finite("noise_std", values.pop("noise_std", 0.0), minimum=0.0)
    values.pop("noise_type", None)
    steps, count = values.pop("n_timesteps", None), whole_number("n_envs", values.pop("n_envs", 1))
    if isinstance(steps, float) and steps.is_integer():  # YAML reads 1e5 as a float
        steps = int(steps)
    return Hyperparameters(
        algorithm,
        values.pop("policy", "MlpPolicy"),
        count,
        whole_number("n_timesteps", steps),
        normalize,
        noise_std,
        values,
    )


def check_policy_arguments(arguments: Any, num_weights: int) -> dict[str, Any]:
    """Check the arguments of a policy that were read from a file.

    Args:
        arguments: The arguments.
        num_weights: Number of weights in the file; networks that need more are refused before they are allocated.

    Raises:
        InvalidInput: A value is out of range.
    """
    checked = policy_arguments(arguments)
    layers = checked.get("net_arch", [])
    for widths in layers.values() if isinstance(layers, Mapping) else [layers]:
        if sum(a * b for a, b in pairwise([1, *widths])) > num_weights:
            raise InvalidInput(f"networks of {widths} units need more weights than the file holds")
    if checked.get("n_critics", 1) > num_weights:
        raise InvalidInput(f"{checked['n_critics']} critics need more weights than the file holds")
    return checked


def _normalize(entry: Any, gamma: float) -> dict[str, Any] | None:
    """Return the arguments of ``VecNormalize`` from the entry ``normalize``; None for no normalisation."""
    if isinstance(entry, bool):
        return {"gamma": gamma} if entry else None
    if not isinstance(entry, Mapping):
        raise InvalidInput(f"normalize must be True, False or a mapping, got {entry!r}.")
    for name, value in entry.items():
        if name not in NORMALIZE:
            raise unknown_name("argument of normalize", name, NORMALIZE)
        NORMALIZE[name](f"normalize: {name}", value)
    return {"gamma": gamma, **entry}


def _schedule(value: Any) -> Any:
    """Convert ``lin_x`` to a schedule that falls linearly from x to 0 over the training."""
    if isinstance(value, str) and value.startswith("lin_"):
        return LinearSchedule(float(value.removeprefix("lin_")), 0.0, 1.0)
    return value
