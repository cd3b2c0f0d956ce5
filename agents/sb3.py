"""Any Gymnasium vector environment as a vector environment of Stable-Baselines3."""

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
"""Entry of info with an episode's return and length, under which ``RecordEpisodeStatistics`` and SB3 know it."""


class VectorEnvAdapter(VecEnv):
    """Hands a Gymnasium ``VectorEnv`` of B environments to Stable-Baselines3, as ``DummyVecEnv`` hands B single ones.

    Stable-Baselines3 wants the ending step to return the next episode's first observation, the last one under
    ``info["terminal_observation"]``, and ``info["TimeLimit.truncated"]`` where only the time limit ended it. So the
    environment must be in ``SAME_STEP``: ``gym.make_vec("livn/EI2-v0", num_envs=8, autoreset_mode="SameStep")``.

    ``SyncVectorEnv`` and ``AsyncVectorEnv`` hold single environments with attributes and methods of their own; any
    other is one object, whose attributes are those of every environment and whose methods are called once for all.

    Args:
        envs: The vector environment; closed with the adapter.

    Raises:
        InvalidInput: It resets by another mode.
    """

    def __init__(self, envs: VectorEnv) -> None:
        mode = envs.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise InvalidInput(f"Stable-Baselines3 needs autoreset_mode SameStep, this environment has {mode}.")
        self.envs = envs
        self._actions: Any = None
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin an episode everywhere, with the seeds and options that were set; observations ``[B, ...]``."""
        options = self._options[0]
        if any(own != options for own in self._options):
            raise InvalidInput("A vector environment is reset with the same options everywhere.")
        seeds: Any = list(self._seeds)
        observations, info = self.envs.reset(seed=seeds, options=options or None)
        self.reset_infos = [info_of(info, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions ``[B, ...]`` of the next ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Observations ``[B, ...]``, rewards ``[B]`` (float32), ends ``[B]`` and infos of a step."""
        observations, rewards, terminations, truncations, info = self.envs.step(self._actions)
        ends = terminations | truncations
        infos = []
        for i in range(self.num_envs):
            own = info_of(info, i)
            if ends[i]:
                last, last_observation = own.pop("final_info", {}), own.pop("final_obs")
                if EPISODE in own:  # of a wrapper around the vector: it is the ended episode's
                    last = {EPISODE: own.pop(EPISODE), **last}
                self.reset_infos[i] = own
                own = {**last, "terminal_observation": last_observation}
            own["TimeLimit.truncated"] = bool(truncations[i] and not terminations[i])
            infos.append(own)
        return observations, np.asarray(rewards, dtype=np.float32), ends, infos

    def close(self) -> None:
        """Close the environments."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of some environments; of all by default."""
        chosen = self._get_indices(indices)
        if isinstance(self.envs.unwrapped, SyncVectorEnv | AsyncVectorEnv):
            values = self.envs.unwrapped.get_attr(attr_name)
            return [values[i] for i in chosen]
        return [getattr(self.envs, attr_name) for _ in chosen]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of some environments; of all by default.

        Raises:
            InvalidInput: Some were chosen of an environment that has its attributes in common.
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
            InvalidInput: Some were chosen of an environment that has its methods in common, or of processes.
        """
        envs = self.envs.unwrapped
        if isinstance(envs, SyncVectorEnv):
            chosen = [envs.envs[i] for i in self._get_indices(indices)]
            return [env.get_wrapper_attr(method_name)(*method_args, **method_kwargs) for env in chosen]
        self._check_all(indices)
        if isinstance(envs, AsyncVectorEnv):
            return list(envs.call(method_name, *method_args, **method_kwargs))
        result = getattr(self.envs, method_name)(*method_args, **method_kwargs)
        return [result] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: Any = None) -> list[bool]:
        """Whether some environments are wrapped in a class; those in processes of their own say no."""
        chosen = self._get_indices(indices)
        if isinstance(self.envs.unwrapped, SyncVectorEnv):
            return [is_wrapped(self.envs.unwrapped.envs[i], wrapper_class) for i in chosen]
        return [False for _ in chosen]

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A picture of every environment, or None where they draw none."""
        frames: Any = self.envs.render() if self.render_mode == "rgb_array" else None
        return [None] * self.num_envs if frames is None else list(frames)

    def _check_all(self, indices: Any) -> None:
        if len(set(self._get_indices(indices))) != self.num_envs:
            raise InvalidInput(f"This can be done to all {self.num_envs} environments at once only, not to {indices}.")
