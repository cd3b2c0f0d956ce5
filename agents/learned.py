"""Trained agents: save them to a run folder, load them and let them act."""

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
    """Agent with the policy of a learner, without exploration.

    Args:
        policy: Policy of Stable-Baselines3.
        normalization: Normalisation of the observations as in the training; None for raw observations.
    """

    def __init__(self, policy: BasePolicy, normalization: Normalization | None) -> None:
        self.policy = policy
        self.normalization = normalization

    @classmethod
    def of(cls, model: BaseAlgorithm) -> Learned:
        """Return the agent with the current policy and normalisation of a learner."""
        return cls(model.policy, Normalization.of(model.get_vec_normalize_env()))

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """Check that the environment's spaces are those of the training. The policy has no state between steps.

        Raises:
            InvalidInput: Observations or actions have another type or shape.
        """
        spaces = {
            "observations": (self.policy.observation_space, _single(env, "observation_space")),
            "actions": (self.policy.action_space, _single(env, "action_space")),
        }
        for kind, (policy_space, env_space) in spaces.items():
            if _signature(policy_space) != _signature(env_space):
                raise InvalidInput(
                    f"This agent was trained with {kind} {_short(policy_space)}, this environment has {kind} "
                    f"{_short(env_space)}."
                )

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """Return the deterministic action for an observation."""
        policy_input: Any = observation if self.normalization is None else self.normalization(observation)
        return self.policy.predict(policy_input, deterministic=True)[0]


def _single(env: gym.Env | VectorEnv, name: str) -> gym.Space:
    """Return a space of a single environment."""
    return getattr(env, f"single_{name}" if isinstance(env.unwrapped, VectorEnv) else name)


def _short(space: gym.Space) -> str:
    """Describe a space in a message; a box by its shape only, since it may have hundreds of bounds."""
    return f"of shape {space.shape}" if isinstance(space, gym.spaces.Box) else f"in {space}"


def _signature(space: gym.Space) -> tuple[Any, ...]:
    """Return what two spaces must have in common for one policy; the bounds of a box may differ."""
    return (type(space), space.shape, *(str(getattr(space, name, "")) for name in ("n", "start", "nvec")))


def save(folder: Path, agent: str, model: BaseAlgorithm, policy_arguments: Mapping[str, Any]) -> None:
    """Write a learner and the description from which its agent is rebuilt.

    Args:
        folder: Run folder.
        agent: Name of the learning algorithm.
        model: The learner.
        policy_arguments: Arguments with which its policy was made.
    """
    description = describe(agent, model.policy, policy_arguments, Normalization.of(model.get_vec_normalize_env()))
    with replacing(folder / AGENT) as temporary:
        temporary.write_text(json.dumps(description, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with replacing(folder / MODEL) as temporary:
        model.save(temporary)


def load(folder: str | Path) -> Learned:
    """Load a trained agent. No code in the run folder is executed.

    Args:
        folder: Run folder, as written by ``train``.

    Raises:
        InvalidInput: The folder holds no finished run, or one of an earlier version.
        CorruptData: A file is damaged.
    """
    folder = Path(folder)
    run_folder.check(folder)
    config(folder)
    path = folder / AGENT
    return Learned(*rebuild(path, run_folder.read_json(path), folder / MODEL))
