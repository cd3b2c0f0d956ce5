"""Trained policies in files whose reading executes no code.

``model.zip`` is written by Stable-Baselines3; only its weights are read, as plain tensors. ``agent.json`` holds the
remaining description: the spaces, the sizes of the networks and the statistics of the normalisation.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecNormalize

from livn_gym.agents.hyperparameters import ALGORITHMS, check_policy_arguments
from livn_gym.errors import CorruptData, InvalidInput

WEIGHTS = "policy.pth"


@dataclass(frozen=True, eq=False)
class Normalization:
    """Normalisation of observations as in the training: centred, scaled and clipped.

    Attributes:
        mean: Mean of the observations.
        variance: Variance of the observations.
        count: Number of observations.
        epsilon: Added to the variance.
        clip: Largest absolute value of a normalised observation.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    count: float
    epsilon: float
    clip: float

    @classmethod
    def of(cls, normalize: VecNormalize | None) -> Normalization | None:
        """Return the current statistics of a ``VecNormalize``; None if observations are not normalised."""
        if normalize is None or not normalize.norm_obs:
            return None
        rms: Any = normalize.obs_rms
        mean, variance = np.array(rms.mean, np.float64), np.array(rms.var, np.float64)
        return cls(mean, variance, float(rms.count), float(normalize.epsilon), float(normalize.clip_obs))

    def __call__(self, observation: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise an observation as ``VecNormalize.normalize_obs`` does."""
        scaled = (observation - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.clip(scaled, -self.clip, self.clip).astype(np.float32)


def describe(agent: str, policy: BasePolicy, arguments: Mapping[str, Any], normal: Normalization | None) -> Any:
    """Return the content of ``agent.json``, which preserves every number exactly.

    Raises:
        InvalidInput: The type of a space is not supported.
    """
    return {
        "agent": agent,
        "policy": "MlpPolicy",
        "policy_kwargs": dict(arguments),
        "observation_space": _space(policy.observation_space),
        "action_space": _space(policy.action_space),
        "normalization": None
        if normal is None
        else {
            "mean": _numbers(normal.mean),
            "variance": _numbers(normal.variance),
            "count": normal.count,
            "epsilon": normal.epsilon,
            "clip": normal.clip,
        },
    }


def rebuild(path: Path, description: Mapping[str, Any], model: Path) -> tuple[BasePolicy, Normalization | None]:
    """Rebuild a policy and its normalisation from a description and a file of weights.

    Args:
        path: File of the description, named in error messages.
        description: Content of that file, see ``describe``.
        model: File written by Stable-Baselines3.

    Raises:
        CorruptData: A file is damaged, or the weights do not fit the description.
    """
    weights = _weights(model)
    try:
        algorithm = ALGORITHMS[description["agent"]]
        if description["policy"] != "MlpPolicy":
            raise InvalidInput(f"the policy must be 'MlpPolicy', got {description['policy']!r}")
        arguments = check_policy_arguments(description["policy_kwargs"], sum(w.numel() for w in weights.values()))
        spaces = _read_space(description["observation_space"]), _read_space(description["action_space"])
        policy = algorithm.policy_aliases["MlpPolicy"](*spaces, lambda _: 0.0, **arguments)
        policy.load_state_dict(weights)
        normal = description["normalization"]
        if normal is not None:
            shape = spaces[0].shape
            mean, variance = (np.array(normal[name], np.float64).reshape(shape) for name in ("mean", "variance"))
            normal = Normalization(
                mean, variance, float(normal["count"]), float(normal["epsilon"]), float(normal["clip"])
            )
    except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CorruptData(f"{path} and {model.name} do not describe an agent of this version: {reason}.") from error
    policy.set_training_mode(False)
    return policy, normal


def _weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a policy.

    Raises:
        CorruptData: The file is damaged or holds other objects than tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(WEIGHTS).file_size > path.stat().st_size:
                raise CorruptData(f"{path} is damaged: its weights are larger than the file.")
            data = archive.read(WEIGHTS)
        with zipfile.ZipFile(io.BytesIO(data)) as inner:
            if sum(member.file_size for member in inner.infolist()) > len(data):
                raise CorruptData(f"{path} is damaged: its weights are larger than the file.")
        weights = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except CorruptData:
        raise
    except Exception as error:  # the exceptions of torch and zipfile for damaged files have no common base
        raise CorruptData(f"{path} is damaged or holds other objects than weights.") from error
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise CorruptData(f"{path} holds other objects than weights.")
    return weights


def _numbers(values: NDArray[Any]) -> list[Any]:
    """Convert numbers to JSON values; infinities, which JSON lacks, become strings."""
    return [value if np.isfinite(value) else str(value) for value in np.asarray(values).ravel().tolist()]


def _space(space: gym.Space) -> dict[str, Any]:
    if isinstance(space, gym.spaces.Box):
        bounds = {"low": _numbers(space.low), "high": _numbers(space.high)}
        return {"kind": "Box", "shape": list(space.shape), "dtype": space.dtype.str, **bounds}
    if isinstance(space, gym.spaces.Discrete):
        return {"kind": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, gym.spaces.MultiDiscrete):
        return {"kind": "MultiDiscrete", "nvec": space.nvec.tolist()}
    if isinstance(space, gym.spaces.MultiBinary):
        return {"kind": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.shape)}
    raise InvalidInput(
        f"An agent with the space {space} cannot be saved; allowed are Box, Discrete, MultiDiscrete and MultiBinary."
    )


def check_spaces(*spaces: gym.Space) -> None:
    """Check that an agent with these spaces can be saved.

    Raises:
        InvalidInput: The type of a space is not supported.
    """
    for space in spaces:
        _space(space)


def _read_space(description: Mapping[str, Any]) -> gym.Space:
    kind = description["kind"]
    if kind == "Box":
        dtype, shape = np.dtype(description["dtype"]), tuple(map(int, description["shape"]))
        low, high = (_array(description[name], dtype).reshape(shape) for name in ("low", "high"))
        return gym.spaces.Box(low, high, shape, dtype.type)
    if kind == "Discrete":
        return gym.spaces.Discrete(int(description["n"]), start=int(description["start"]))
    if kind == "MultiDiscrete":
        return gym.spaces.MultiDiscrete(np.array(description["nvec"], np.int64))
    if kind == "MultiBinary":
        return gym.spaces.MultiBinary(description["n"])
    raise InvalidInput(f"a space {kind!r} is unknown")


def _array(values: list[Any], dtype: np.dtype) -> NDArray[Any]:
    if dtype.kind not in "fiub":
        raise InvalidInput(f"a space of {dtype} is unknown")
    return np.array([float(value) if dtype.kind == "f" else int(value) for value in values], dtype)
