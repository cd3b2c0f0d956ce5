"""Checkpoints, from which a training continues bit for bit: learner, replay buffer, environments, random generators.

A checkpoint is written at the start of a rollout: before the first step of PPO's next rollout, or between two steps
of SAC and TD3. It is a pickle file, and reading a pickle can execute code. Checkpoints are therefore signed, and one
that another user or machine wrote is read only on request (``livn_gym.trust``).
"""

from __future__ import annotations

import io
import pickle
import random
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from livn_gym import trust as trusted
from livn_gym.agents.sb3 import VectorEnvAdapter
from livn_gym.atomic import replacing
from livn_gym.envs.provenance import check_comparable
from livn_gym.errors import CorruptData, InvalidInput


@runtime_checkable
class Resumable(Protocol):
    """Vector environment whose state can be saved and restored."""

    def state(self) -> bytes:
        """Return everything on which the next step depends."""

    def set_state(self, state: bytes) -> None:
        """Restore a state, so that the next step is the one that would have followed it."""


MAGIC = b"livn_gym checkpoint 2\n"


def save(path: str | Path, model: BaseAlgorithm, extra: Any) -> None:
    """Write a checkpoint. An existing file is replaced when the new one is complete.

    Args:
        path: Output file.
        model: Learner whose environment was made by ``wrap(envs, normalize)``.
        extra: Further state of the training, picklable.

    Raises:
        UnsupportedModel: The backend of the environment does not support snapshots.
    """
    normalize, monitor, envs = _layers(model.env)
    learner = io.BytesIO()
    model.save(learner)
    content = {
        "learner": learner.getvalue(),
        "action_space": model.action_space,  # includes the generator of the warm-up's actions
        "replay": model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None,
        "normalize": None if normalize is None else (normalize, normalize.returns),
        "monitor": (monitor.episode_returns, monitor.episode_lengths, monitor.episode_count),
        "envs": envs.state(),
        "provenance": getattr(envs, "provenance", {}),
        "generators": (random.getstate(), np.random.get_state(), torch.get_rng_state()),
        "log": {name: dict(getattr(model.logger, name)) for name in _PENDING},
        "extra": extra,
    }
    data = trusted.seal(MAGIC, pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL))
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def check(env: Any) -> None:
    """Check that a training in this environment can be saved.

    Args:
        env: Environment made by ``wrap(envs, normalize)``.

    Raises:
        InvalidInput: The environment does not support saving its state.
        UnsupportedModel: The backend of the environment does not support snapshots.
    """
    _, _, envs = _layers(env)
    if not isinstance(envs, Resumable):
        raise InvalidInput(f"{type(envs).__name__} cannot be saved: train without checkpoints (checkpoint_every=0).")
    envs.state()


_PENDING = ("name_to_value", "name_to_count", "name_to_excluded")
"""Attributes of the logger with the values of its next line."""


def restore(
    path: str | Path, algorithm: type[BaseAlgorithm], env: Any, *, trust: bool = False
) -> tuple[BaseAlgorithm, Any, Any]:
    """Restore a training from a checkpoint.

    Args:
        path: Checkpoint file.
        algorithm: Class of the learner.
        env: Environment made by ``wrap(envs, normalize)`` with the same arguments as that of the checkpoint.
        trust: Read even a checkpoint that another user or machine wrote. Reading it can execute code.

    Returns:
        The learner, the pending values of its logger (see ``set_pending``), and ``extra`` as it was saved.

    Raises:
        CorruptData: The file is damaged.
        InvalidInput: The checkpoint belongs to other parameters or another version of the task.
        Untrusted: Another user or machine wrote the file, and ``trust`` is False; nothing was unpickled.
    """
    data = trusted.unseal(path, MAGIC, Path(path).read_bytes(), trust=trust)
    try:
        content = pickle.loads(data)
    except Exception as error:  # the signature is valid, so other versions of packages wrote the file
        raise CorruptData(
            f"{path} was written by other package versions and cannot be read: {type(error).__name__}: {error}."
        ) from error
    normalize, monitor, envs = _layers(env)
    if "provenance" in content:  # an earlier version did not write it
        check_comparable(f"Continuing from {path}", [content["provenance"], getattr(envs, "provenance", {})])
    envs.set_state(content["envs"])
    monitor.episode_returns, monitor.episode_lengths, monitor.episode_count = content["monitor"]
    if normalize is not None:
        saved, returns = content["normalize"]
        saved.set_venv(monitor)
        saved.returns = returns
        env = saved
    model = algorithm.load(io.BytesIO(content["learner"]), env=env, device="cpu", force_reset=False)
    model.action_space = content["action_space"]  # loading has reseeded the generator in it
    monitor.venv._reset_seeds()  # loading has set seeds for a reset, which the restored environments do not need
    if isinstance(model, OffPolicyAlgorithm):
        model.replay_buffer = content["replay"]
    python, numpy, torch_state = content["generators"]
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(torch_state)
    return model, content["log"], content["extra"]


def set_pending(model: BaseAlgorithm, log: dict[str, dict[str, Any]]) -> None:
    """Restore the values that the learner's logger had collected for its next line."""
    for name in _PENDING:
        getattr(model.logger, name).update(log[name])


def wrap(envs: Any, normalize: dict[str, Any] | None) -> Any:
    """Wrap a vector environment for Stable-Baselines3, with ``VecMonitor`` and, if requested, ``VecNormalize``."""
    monitor = VecMonitor(VectorEnvAdapter(envs))
    return monitor if normalize is None else VecNormalize(monitor, **normalize)


def _layers(env: Any) -> tuple[VecNormalize | None, VecMonitor, Any]:
    normalize = env if isinstance(env, VecNormalize) else None
    monitor: Any = env if normalize is None else normalize.venv
    return normalize, monitor, monitor.venv.envs.unwrapped
