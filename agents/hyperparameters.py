"""Read the agents' hyperparameters: rl-zoo3's YAML, of which only plain values are taken."""

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
        """A learner around an environment of Stable-Baselines3.

        Raises:
            InvalidInput: The environment's spaces or the hyperparameters do not fit the algorithm.
        """
        arguments: dict[str, Any] = {name: _schedule(value) for name, value in deepcopy(self.arguments).items()}
        if self.noise_std:
            size = env.action_space.shape
            arguments["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, self.noise_std))
        try:
            return self.algorithm(self.policy, env, seed=seed, device="cpu", **arguments)
        except (AssertionError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"{self.algorithm.__name__} refuses this environment or these values: {error}"
            ) from error


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
    if changes is not None and not isinstance(changes, Mapping):
        raise InvalidInput(f"changes must be a mapping of hyperparameters, got {changes!r}.")
    if not isinstance(agent, str) or agent not in ALGORITHMS:
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
    ranges = RANGES[algorithm.__name__]
    values = dict(table)
    for name, value in values.items():
        if name not in ranges and name not in OWN:
            raise unknown_name(f"hyperparameter of {algorithm.__name__}", name, [*ranges, *OWN])
        word = {"policy": "MlpPolicy", "noise_type": "normal"}.get(name, "auto")
        number = name in SCHEDULED and isinstance(value, str) and value.startswith("lin_")
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


def check_policy_arguments(given: Any, most: int) -> dict[str, Any]:
    """Arguments of a policy that comes from a file.

    Args:
        given: The arguments.
        most: Number of weights that the file has; networks that need more are refused before they are made.

    Raises:
        InvalidInput: A value is out of range.
    """
    checked = policy_arguments(given)
    layers = checked.get("net_arch", [])
    for widths in layers.values() if isinstance(layers, Mapping) else [layers]:
        if sum(a * b for a, b in pairwise([1, *widths])) > most:
            raise InvalidInput(f"networks of {widths} units need more weights than there are")
    if checked.get("n_critics", 1) > most:
        raise InvalidInput(f"{checked['n_critics']} critics need more weights than there are")
    return checked


def _normalize(given: Any, gamma: float) -> dict[str, Any] | None:
    """Arguments of ``VecNormalize``; None for none."""
    if isinstance(given, bool):
        return {"gamma": gamma} if given else None
    if not isinstance(given, Mapping):
        raise InvalidInput(f"normalize must be True, False or a mapping, got {given!r}.")
    for name, value in given.items():
        if name not in NORMALIZE:
            raise unknown_name("argument of normalize", name, NORMALIZE)
        NORMALIZE[name](f"normalize: {name}", value)
    return {"gamma": gamma, **given}


def _schedule(value: Any) -> Any:
    """``lin_x`` falls from x to 0 over the training."""
    if isinstance(value, str) and value.startswith("lin_"):
        return LinearSchedule(float(value.removeprefix("lin_")), 0.0, 1.0)
    return value
