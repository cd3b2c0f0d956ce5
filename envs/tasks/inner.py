"""An inner environment of the closed loop, with its state in units of a scale."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.specs import plain
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite

SURVEY_STEPS = 1000
"""Number of random actions that measure the spread of the state's variables if no scales are given."""


class InnerEnv:
    """A Gymnasium environment with ``Box`` observations and discrete actions, whose state is in units of a scale.

    Args:
        inner: Gymnasium id, or a mapping with ``id`` and further arguments of ``gym.make``; or an environment, which
            this object closes, and for which ``scales`` must be given.
        scales: Distance from the centre that counts as 1, one for each of D variables. If empty, it is the 99th
            percentile of the distances within a thousand steps of random actions, always the same ones.

    Raises:
        InvalidInput: The spaces are of another kind, or the scales do not fit.
        UnknownName: There is no such id.
    """

    def __init__(self, inner: str | Mapping[str, Any] | gym.Env, scales: Sequence[float] = ()) -> None:
        self.env = inner if isinstance(inner, gym.Env) else _make(inner)
        try:
            low, high = self._bounds()
            self.num_actions = int(self.env.action_space.n)  # type: ignore[attr-defined]
            self.num_variables = len(low)
            bounded = (np.abs(low) < 1e6) & (np.abs(high) < 1e6)
            self.centre = np.where(bounded, (np.where(bounded, low, 0) + np.where(bounded, high, 0)) / 2, 0.0)
            if isinstance(scales, str) or not isinstance(scales, Sequence | np.ndarray):
                raise InvalidInput(f"scales must be one number for each variable, got {scales!r}.")
            if len(scales):
                if len(scales) != self.num_variables:
                    raise InvalidInput(f"{self.num_variables} variables need as many scales, got {len(scales)}.")
                self.scales = np.array([finite("scales", scale, above=0.0) for scale in scales])
            elif isinstance(inner, gym.Env):
                raise InvalidInput("An environment that is given as an object needs scales.")
            else:
                self.scales = np.array(_spread(_key(inner), tuple(self.centre)))
        except BaseException:
            self.env.close()
            raise
        self.state = np.zeros(self.num_variables)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode with a seed drawn from the outer environment's generator."""
        observation, _ = self.env.reset(seed=int(rng.integers(2**31)))
        self.state = self._shares(observation)

    def step(self, action: int) -> tuple[float, bool, bool]:
        """Run one step, set ``state``, and return reward, terminated and truncated."""
        first = getattr(self.env.action_space, "start", 0)
        observation, reward, terminated, truncated, _ = self.env.step(int(action + first))
        self.state = self._shares(observation)
        return float(reward), bool(terminated), bool(truncated)

    def close(self) -> None:
        """Close the inner environment."""
        self.env.close()

    def _shares(self, observation: NDArray) -> NDArray[np.float64]:
        """Return the deviation from the centre in units of the scale, within -1 ... 1, ``[D]``."""
        values = np.asarray(observation, dtype=np.float64).ravel()
        return np.clip((values - self.centre) / self.scales, -1.0, 1.0)

    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        observations, actions = self.env.observation_space, self.env.action_space
        if not isinstance(observations, spaces.Box) or not isinstance(actions, spaces.Discrete) or actions.n < 2:
            raise InvalidInput(
                f"An inner environment needs Box observations and discrete actions, has {observations}, {actions}."
            )
        return observations.low.ravel().astype(np.float64), observations.high.ravel().astype(np.float64)


def _make(inner: str | Mapping[str, Any]) -> gym.Env:
    options = {"id": inner} if isinstance(inner, str) else dict(inner) if isinstance(inner, Mapping) else {}
    if "id" not in options:
        raise InvalidInput(f"inner must be a Gymnasium id or a mapping with an 'id', got {inner!r}.")
    try:
        return gym.make(**{"disable_env_checker": True, **options})
    except gym.error.UnregisteredEnv as error:
        raise unknown_name("inner environment", options["id"], gym.registry) from error
    except (TypeError, gym.error.Error) as error:
        raise InvalidInput(
            f"The inner environment {options['id']!r} cannot be made with these arguments: {error}"
        ) from error


def _key(inner: str | Mapping[str, Any]) -> str:
    """Return the environment as JSON text from which it can be made again."""
    try:
        return json.dumps(plain({"id": inner} if isinstance(inner, str) else inner), sort_keys=True)
    except TypeError as error:
        raise InvalidInput(f"An inner environment with such options needs scales: {error}") from error


@lru_cache(maxsize=64)
def _spread(key: str, centre: tuple[float, ...]) -> tuple[float, ...]:
    """Return the spread of every variable around the centre under random actions; 1 if it never changes."""
    env, states = _make(json.loads(key)), []
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    for _ in range(SURVEY_STEPS):
        states.append(np.ravel(observation))
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            observation, _ = env.reset()
    env.close()
    spread = np.percentile(np.abs(np.array(states, dtype=np.float64) - np.array(centre)), 99, axis=0)
    return tuple(np.where(spread > 0, spread, 1.0))
