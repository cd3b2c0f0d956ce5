"""A trained policy in files that run no code when they are read.

``model.zip`` is what Stable-Baselines3 saves, of which only the weights are read, as tensors and nothing else.
``agent.json`` has what is needed besides: the spaces, the networks' sizes, the normalisation's statistics.
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
    """Observations as a learner saw them: centred, scaled, clipped.

    Attributes:
        mean: Of the training's observations.
        variance: Likewise.
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
        """The statistics of a ``VecNormalize`` now; None where observations stay raw."""
        if normalize is None or not normalize.norm_obs:
            return None
        rms: Any = normalize.obs_rms
        mean, variance = np.array(rms.mean, np.float64), np.array(rms.var, np.float64)
        return cls(mean, variance, float(rms.count), float(normalize.epsilon), float(normalize.clip_obs))

    def __call__(self, observation: NDArray[Any]) -> NDArray[np.float32]:
        """A normalised observation, as ``VecNormalize.normalize_obs`` gives it."""
        scaled = (observation - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.clip(scaled, -self.clip, self.clip).astype(np.float32)


def describe(agent: str, policy: BasePolicy, arguments: Mapping[str, Any], normal: Normalization | None) -> Any:
    """What ``agent.json`` holds; every number is read back as it was.

    Raises:
        InvalidInput: A space is of a kind that cannot be described.
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


def rebuild(path: Path, about: Mapping[str, Any], model: Path) -> tuple[BasePolicy, Normalization | None]:
    """The policy and the normalisation of a description and a file of weights.

    Args:
        path: File of the description, for messages.
        about: What it holds.
        model: File of Stable-Baselines3.

    Raises:
        CorruptData: A file is damaged, or the weights do not fit the description.
    """
    weights = _weights(model)
    try:
        algorithm = ALGORITHMS[about["agent"]]
        if about["policy"] != "MlpPolicy":
            raise InvalidInput(f"the policy {about['policy']!r} is none of MlpPolicy")
        arguments = check_policy_arguments(about["policy_kwargs"], sum(w.numel() for w in weights.values()))
        spaces = _read_space(about["observation_space"]), _read_space(about["action_space"])
        policy = algorithm.policy_aliases["MlpPolicy"](*spaces, lambda _: 0.0, **arguments)
        policy.load_state_dict(weights)
        normal = about["normalization"]
        if normal is not None:
            shape = spaces[0].shape
            mean, variance = (np.array(normal[name], np.float64).reshape(shape) for name in ("mean", "variance"))
            normal = Normalization(
                mean, variance, float(normal["count"]), float(normal["epsilon"]), float(normal["clip"])
            )
    except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise CorruptData(f"{path} and {model.name} describe no agent of this version: {first}.") from error
    policy.set_training_mode(False)
    return policy, normal


def _weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a policy; nothing else is read.

    Raises:
        CorruptData: The file holds anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(WEIGHTS).file_size > path.stat().st_size:
                raise CorruptData(f"{path} is damaged: its weights are larger than the file.")
            data = archive.read(WEIGHTS)
        with zipfile.ZipFile(io.BytesIO(data)) as inner:
            if sum(member.file_size for member in inner.infolist()) > len(data):
                raise CorruptData(f"{path} is damaged: its weights are larger than the file.")
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except CorruptData:
        raise
    except Exception as error:  # what torch and zipfile raise for damaged files has no common base
        raise CorruptData(f"{path} is damaged or holds other things than weights.") from error
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise CorruptData(f"{path} holds other things than weights.")
    return found


def _numbers(values: NDArray[Any]) -> list[Any]:
    """Numbers as JSON has them; infinities, which it has not, as words."""
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
    raise InvalidInput(f"An agent on the space {space} cannot be saved: Box, Discrete, MultiDiscrete, MultiBinary can.")


def check_spaces(*spaces: gym.Space) -> None:
    """Raise if an agent on these spaces could not be saved.

    Raises:
        InvalidInput: A space is of another kind.
    """
    for space in spaces:
        _space(space)


def _read_space(about: Mapping[str, Any]) -> gym.Space:
    kind = about["kind"]
    if kind == "Box":
        dtype, shape = np.dtype(about["dtype"]), tuple(map(int, about["shape"]))
        low, high = (_array(about[name], dtype).reshape(shape) for name in ("low", "high"))
        return gym.spaces.Box(low, high, shape, dtype.type)
    if kind == "Discrete":
        return gym.spaces.Discrete(int(about["n"]), start=int(about["start"]))
    if kind == "MultiDiscrete":
        return gym.spaces.MultiDiscrete(np.array(about["nvec"], np.int64))
    if kind == "MultiBinary":
        return gym.spaces.MultiBinary(about["n"])
    raise InvalidInput(f"a space {kind!r} is unknown")


def _array(values: list[Any], dtype: np.dtype) -> NDArray[Any]:
    if dtype.kind not in "fiub":
        raise InvalidInput(f"a space of {dtype} is unknown")
    return np.array([float(value) if dtype.kind == "f" else int(value) for value in values], dtype)
