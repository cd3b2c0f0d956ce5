"""Adapter from Gymnasium vector environments to those of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import VecEnv

from livn_gym.agents.episodes import info_of
from livn_gym.errors import InvalidInput

EPISODE = "episode"
"""Entry of info with the return and length of an episode, as ``RecordEpisodeStatistics`` and SB3 name it."""


class VectorEnvAdapter(VecEnv):
    """Adapter that lets Stable-Baselines3 train on a Gymnasium ``VectorEnv`` of B environments.

    At the end of an episode, Stable-Baselines3 expects the first observation of the next one, the last observation in
    ``info["terminal_observation"]``, and ``info["TimeLimit.truncated"]`` if only the time limit ended the episode. The
    environment must therefore reset in the same step:
    ``gym.make_vec("livn/EI2-v0", num_envs=8, autoreset_mode="SameStep")``.

    ``SyncVectorEnv`` and ``AsyncVectorEnv`` consist of single environments, each with its own attributes and methods.
    Any other vector environment is a single object: its attributes apply to all environments, and its methods are
    called once for all.

    Args:
        envs: The vector environment; ``close`` closes it.

    Raises:
        InvalidInput: The autoreset mode is not ``SAME_STEP``.
    """

    def __init__(self, envs: VectorEnv) -> None:
        mode = envs.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise InvalidInput(f"Stable-Baselines3 needs autoreset_mode SameStep, this environment has {mode}.")
        self.envs = envs
        self._actions: Any = None
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Reset all environments with the seeds and options set before; return the observations ``[B, ...]``."""
        options = self._options[0]
        if any(env_options != options for env_options in self._options):
            raise InvalidInput("All environments of a vector environment must be reset with the same options.")
        seeds: Any = list(self._seeds)
        observations, info = self.envs.reset(seed=seeds, options=options or None)
        self.reset_infos = [info_of(info, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Store the actions ``[B, ...]`` for the next ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Step; return observations ``[B, ...]``, rewards ``[B]`` (float32), episode ends ``[B]`` and infos."""
        observations, rewards, terminations, truncations, info = self.envs.step(self._actions)
        ends = terminations | truncations
        infos = []
        for i in range(self.num_envs):
            env_info = info_of(info, i)
            if ends[i]:
                last, last_observation = env_info.pop("final_info", {}), env_info.pop("final_obs")
                if EPISODE in env_info:  # added by a wrapper of the vector environment for the episode that ended
                    last = {EPISODE: env_info.pop(EPISODE), **last}
                self.reset_infos[i] = env_info
                env_info = {**last, "terminal_observation": last_observation}
            env_info["TimeLimit.truncated"] = bool(truncations[i] and not terminations[i])
            infos.append(env_info)
        return observations, np.asarray(rewards, dtype=np.float32), ends, infos

    def close(self) -> None:
        """Close the environments."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of some environments; of all by default."""
        env_indices = self._get_indices(indices)
        if isinstance(self.envs.unwrapped, SyncVectorEnv | AsyncVectorEnv):
            values = self.envs.unwrapped.get_attr(attr_name)
            return [values[i] for i in env_indices]
        return [getattr(self.envs, attr_name) for _ in env_indices]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of some environments; of all by default.

        Raises:
            InvalidInput: ``indices`` selects some environments, but they share their attributes.
        """
        envs = self.envs.unwrapped
        if isinstance(envs, SyncVectorEnv | AsyncVectorEnv):
            values = list(envs.get_attr(attr_name)) if indices is not None else [None] * self.num_envs
            for i in self._get_indices(indices):
                values[i] = value
            envs.set_attr(attr_name, values)
        else:
            self._check_all(indices)
            setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of some environments; of all by default.

        Raises:
            InvalidInput: ``indices`` selects some environments, but they share their methods or run in processes.
        """
        envs = self.envs.unwrapped
        if isinstance(envs, SyncVectorEnv):
            selected = [envs.envs[i] for i in self._get_indices(indices)]
            return [env.get_wrapper_attr(method_name)(*method_args, **method_kwargs) for env in selected]
        self._check_all(indices)
        if isinstance(envs, AsyncVectorEnv):
            return list(envs.call(method_name, *method_args, **method_kwargs))
        result = getattr(self.envs, method_name)(*method_args, **method_kwargs)
        return [result] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Return whether some environments are wrapped in a class; always False outside a ``SyncVectorEnv``."""
        env_indices = self._get_indices(indices)
        if isinstance(self.envs.unwrapped, SyncVectorEnv):
            return [is_wrapped(self.envs.unwrapped.envs[i], wrapper_class) for i in env_indices]
        return [False for _ in env_indices]

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Return a picture of every environment; None for all if they do not render ``rgb_array``."""
        frames: Any = self.envs.render() if self.render_mode == "rgb_array" else None
        return [None] * self.num_envs if frames is None else list(frames)

    def _check_all(self, indices: Any) -> None:
        if len(set(self._get_indices(indices))) != self.num_envs:
            raise InvalidInput(
                f"This is possible only for all {self.num_envs} environments at once, not for {indices}."
            )
