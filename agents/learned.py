"""Agents that were trained, as one acts with them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from livn_gym.agents.hyperparameters import ALGORITHMS
from livn_gym.atomic import replacing
from livn_gym.errors import InvalidInput

MODEL, NORMALIZE, CONFIG = "model.zip", "vecnormalize.pkl", "config.json"
"""Files of a run's folder: what Stable-Baselines3 and ``VecNormalize`` save, and what the run was started with."""


class Learned:
    """A learner's policy without exploration, with the normalisation it was trained under.

    Args:
        model: Of Stable-Baselines3.
        normalize: Its ``VecNormalize``, of which only the statistics are read; None for raw observations.
    """

    def __init__(self, model: BaseAlgorithm, normalize: VecNormalize | None) -> None:
        self.model = model
        self.normalize = normalize

    def reset(self, env: gym.Env | VectorEnv, info: Mapping[str, float]) -> None:
        """It keeps nothing from step to step."""

    def act(self, observation: NDArray[np.float32], info: Mapping[str, float]) -> NDArray[np.float32]:
        """The action for an observation."""
        seen: Any = observation if self.normalize is None else self.normalize.normalize_obs(observation)
        return self.model.predict(seen, deterministic=True)[0]


def save(folder: Path, model: BaseAlgorithm) -> None:
    """Write the learner and the statistics of its normalisation, each under its name when complete."""
    normalize = model.get_vec_normalize_env()
    if normalize is not None:
        with replacing(folder / NORMALIZE) as part:
            normalize.save(str(part))
    with replacing(folder / MODEL) as part:
        model.save(part)


def load(folder: str | Path) -> Learned:
    """A trained agent from the folder of its run.

    Args:
        folder: Of ``train``; it holds pickles, so only from a source that is trusted.

    Raises:
        InvalidInput: It holds no finished run.
    """
    folder = Path(folder)
    if not (folder / MODEL).is_file():
        raise InvalidInput(f"{folder} holds no trained agent: there is no {MODEL}.")
    algorithm = ALGORITHMS[config(folder)["agent"]]
    normalize = None
    if (folder / NORMALIZE).is_file():
        normalize = pickle.loads((folder / NORMALIZE).read_bytes())
    return Learned(algorithm.load(folder / MODEL, device="cpu"), normalize)


def config(folder: str | Path) -> dict[str, Any]:
    """What the run of a folder was started with.

    Raises:
        InvalidInput: The folder holds no run.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise InvalidInput(f"{folder} holds no run: there is no {CONFIG}.")
    return json.loads(path.read_text(encoding="utf-8"))
