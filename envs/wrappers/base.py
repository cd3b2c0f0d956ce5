"""What the wrappers ask of the environment inside."""

from __future__ import annotations

import gymnasium as gym
from gymnasium import spaces

from livn_gym.envs.culture_env import CultureEnv
from livn_gym.errors import InvalidInput


def inside(env: gym.Env) -> CultureEnv:
    """The ``CultureEnv`` in an environment.

    Raises:
        InvalidInput: There is another one inside.
    """
    culture = env.unwrapped
    if not isinstance(culture, CultureEnv):
        raise InvalidInput(f"This wrapper is for a livn_gym environment, got {culture!r}.")
    return culture


def boxes(env: gym.Env) -> tuple[spaces.Box, spaces.Box]:
    """Action and observation space, both one-dimensional.

    Raises:
        InvalidInput: One of them is something else, as another wrapper may have made it.
    """
    acts, seen = env.action_space, env.observation_space
    if not isinstance(acts, spaces.Box) or not isinstance(seen, spaces.Box) or len(acts.shape) + len(seen.shape) != 2:
        raise InvalidInput(f"This wrapper needs one-dimensional boxes, the environment has {acts} and {seen}.")
    return acts, seen
