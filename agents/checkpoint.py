"""The state of a training, from which it continues exactly: learner, replay buffer, environments, generators.

A checkpoint is taken where a rollout begins, when nothing is half done: before the first step of PPO's next rollout,
or between two steps of SAC and TD3. It is a pickle, which runs code when it is read. So it is signed, and one
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
from livn_gym.errors import CorruptData, InvalidInput


@runtime_checkable
class Resumable(Protocol):
    """A vector environment whose state can be taken and put back."""

    def state(self) -> bytes:
        """What the next step depends on."""

    def set_state(self, state: bytes) -> None:
        """Go on from there."""


MAGIC = b"livn_gym checkpoint 2\n"


def save(path: str | Path, model: BaseAlgorithm, extra: Any) -> None:
    """Write a checkpoint; a file that stands there stays until the new one is complete.

    Args:
        path: Where to.
        model: A learner around ``wrap(envs, normalize)``.
        extra: What belongs to the training besides, picklable.

    Raises:
        UnsupportedModel: The environment's backend has no snapshots.
    """
    normalize, monitor, envs = _layers(model.env)
    learner = io.BytesIO()
    model.save(learner)
    content = {
        "learner": learner.getvalue(),
        "action_space": model.action_space,  # with its generator, which draws the actions of the warm-up
        "replay": model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None,
        "normalize": None if normalize is None else (normalize, normalize.returns),
        "monitor": (monitor.episode_returns, monitor.episode_lengths, monitor.episode_count),
        "envs": envs.state(),
        "generators": (random.getstate(), np.random.get_state(), torch.get_rng_state()),
        "log": {name: dict(getattr(model.logger, name)) for name in _PENDING},
        "extra": extra,
    }
    data = trusted.seal(MAGIC, pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL))
    with replacing(path) as part:
        part.write_bytes(data)


def check(env: Any) -> None:
    """Raise if a training over this environment could not be saved.

    Args:
        env: ``wrap(envs, normalize)``.

    Raises:
        InvalidInput: The environment cannot be saved.
        UnsupportedModel: Its backend cannot.
    """
    _, _, envs = _layers(env)
    if not isinstance(envs, Resumable):
        raise InvalidInput(f"{type(envs).__name__} cannot be saved: train without checkpoints (0 steps between them).")
    envs.state()


_PENDING = ("name_to_value", "name_to_count", "name_to_excluded")
"""Values of the logger that wait for its next line."""


def restore(
    path: str | Path, algorithm: type[BaseAlgorithm], env: Any, *, trust: bool = False
) -> tuple[BaseAlgorithm, Any, Any]:
    """Put a training back.

    Args:
        path: A checkpoint.
        algorithm: Class of the learner.
        env: ``wrap(envs, normalize)`` of environments made with the same arguments.
        trust: Read a checkpoint that another user or machine wrote; this runs the code in it.

    Returns:
        The learner, what its logger had pending, and what was saved besides.

    Raises:
        CorruptData: The file is damaged.
        Untrusted: This user did not write it on this machine, and ``trust`` is False; nothing was unpickled.
    """
    data = trusted.unseal(path, MAGIC, Path(path).read_bytes(), trust=trust)
    try:
        content = pickle.loads(data)
    except Exception as error:  # the bytes are as they were written, so other versions of packages wrote them
        raise CorruptData(f"{path} is no checkpoint of these versions: {type(error).__name__}: {error}.") from error
    normalize, monitor, envs = _layers(env)
    envs.set_state(content["envs"])
    monitor.episode_returns, monitor.episode_lengths, monitor.episode_count = content["monitor"]
    if normalize is not None:
        saved, returns = content["normalize"]
        saved.set_venv(monitor)
        saved.returns = returns
        env = saved
    model = algorithm.load(io.BytesIO(content["learner"]), env=env, device="cpu", force_reset=False)
    model.action_space = content["action_space"]  # loading seeds the one of the learner anew
    monitor.venv._reset_seeds()  # likewise: seeds that a reset would take, which has been done
    if isinstance(model, OffPolicyAlgorithm):
        model.replay_buffer = content["replay"]
    python, numpy, torch_state = content["generators"]
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(torch_state)
    return model, content["log"], content["extra"]


def set_pending(model: BaseAlgorithm, log: dict[str, dict[str, Any]]) -> None:
    """Give the learner's logger the values that waited for its next line."""
    for name in _PENDING:
        getattr(model.logger, name).update(log[name])


def wrap(envs: Any, normalize: dict[str, Any] | None) -> Any:
    """A vector environment as learners take it: adapted, its episodes counted, normalised where asked for."""
    monitor = VecMonitor(VectorEnvAdapter(envs))
    return monitor if normalize is None else VecNormalize(monitor, **normalize)


def _layers(env: Any) -> tuple[VecNormalize | None, VecMonitor, Any]:
    normalize = env if isinstance(env, VecNormalize) else None
    monitor: Any = env if normalize is None else normalize.venv
    return normalize, monitor, monitor.venv.envs.unwrapped
