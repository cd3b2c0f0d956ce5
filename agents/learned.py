"""Agents that were trained, as one acts with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from livn_gym.agents import run_folder
from livn_gym.agents.policy import Normalization, describe, rebuild
from livn_gym.agents.run_folder import AGENT, MODEL, environment
from livn_gym.agents.run_folder import read_config as config
from livn_gym.atomic import replacing
from livn_gym.errors import InvalidInput

__all__ = ["AGENT", "MODEL", "Learned", "config", "environment", "load", "save"]


class Learned:
    """A learner's policy without exploration, with the normalisation it was trained under.

    Args:
        policy: Of Stable-Baselines3.
        normalization: Of its observations; None for raw ones.
    """

    def __init__(self, policy: BasePolicy, normalization: Normalization | None) -> None:
        self.policy = policy
        self.normalization = normalization

    @classmethod
    def of(cls, model: BaseAlgorithm) -> Learned:
        """The agent that a learner is now."""
        return cls(model.policy, Normalization.of(model.get_vec_normalize_env()))

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Check that the environment is one that the policy can act in; nothing is kept from step to step.

        Raises:
            InvalidInput: Its observations or actions are of another kind or shape.
        """
        spaces = {
            "observations": (self.policy.observation_space, _single(env, "observation_space")),
            "actions": (self.policy.action_space, _single(env, "action_space")),
        }
        for what, (learned, given) in spaces.items():
            if _form(learned) != _form(given):
                raise InvalidInput(
                    f"This agent was trained on {what} {_short(learned)}, this environment has them {_short(given)}."
                )

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action for an observation."""
        seen: Any = observation if self.normalization is None else self.normalization(observation)
        return self.policy.predict(seen, deterministic=True)[0]


def _single(env: gym.Env | VectorEnv, name: str) -> gym.Space:
    """A space of one environment."""
    return getattr(env, f"single_{name}" if isinstance(env.unwrapped, VectorEnv) else name)


def _short(space: gym.Space) -> str:
    """A space in a message: a box by its shape, since it may have hundreds of bounds."""
    return f"of the shape {space.shape}" if isinstance(space, gym.spaces.Box) else f"in {space}"


def _form(space: gym.Space) -> tuple[Any, ...]:
    """What two spaces must have in common for one policy; a box's bounds may differ."""
    return (type(space), space.shape, *(str(getattr(space, name, "")) for name in ("n", "start", "nvec")))


def save(folder: Path, agent: str, model: BaseAlgorithm, policy_arguments: Mapping[str, Any]) -> None:
    """Write a learner, and what is needed to act as it does, each under its name when complete.

    Args:
        folder: Of the run.
        agent: Name of the learner.
        model: The learner.
        policy_arguments: What its policy was made with.
    """
    about = describe(agent, model.policy, policy_arguments, Normalization.of(model.get_vec_normalize_env()))
    with replacing(folder / AGENT) as part:
        part.write_text(json.dumps(about, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with replacing(folder / MODEL) as part:
        model.save(part)


def load(folder: str | Path) -> Learned:
    """A trained agent from the folder of its run, of whose files nothing is executed.

    Args:
        folder: Of ``train``.

    Raises:
        InvalidInput: It holds no finished run, or one of an earlier version.
        CorruptData: A file is damaged.
    """
    folder = Path(folder)
    run_folder.check(folder)
    config(folder)
    path = folder / AGENT
    return Learned(*rebuild(path, run_folder.read_json(path), folder / MODEL))
