"""Spaces, observation layout and action channels of a wrapped environment, for this package's wrappers.

Wrappers can be combined in any order. Each reads the layout of the observation that it gets. Wrappers of this package
have an attribute ``observation_layout``; for Gymnasium's wrappers whose effect on the entries is known, the layout is
derived here; any other wrapper that changes observations makes it unknown. A wrapper that needs a layout then raises
``InvalidInput`` when it is made. A custom wrapper may have an attribute ``observation_layout`` (an
``ObservationLayout``); it needs none if it changes neither observations nor their space.
"""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium import wrappers as gymnasiums
from numpy.typing import NDArray

from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.layout import ObservationLayout
from livn_gym.errors import InvalidInput


def inside(env: gym.Env) -> CultureEnv:
    """Return the ``CultureEnv`` inside an environment.

    Raises:
        InvalidInput: The environment is another one, or the argument is no environment.
    """
    culture = env.unwrapped if isinstance(env, gym.Env) else env
    if not isinstance(culture, CultureEnv):
        raise InvalidInput(f"This wrapper is for a single livn_gym environment, got {culture!r}.")
    return culture


def flat_observation(env: gym.Env, wrapper: str) -> spaces.Box:
    """Return the observation space, which must be a one-dimensional box.

    Raises:
        InvalidInput: It is another space, for example because of a wrapper inside.
    """
    space = env.observation_space
    if not isinstance(space, spaces.Box) or not _is_flat(env):
        shape = "" if space.shape is None else f" of shape {space.shape}"
        raise InvalidInput(
            f"{wrapper} needs a one-dimensional Box as observation space, but {_not_flat(env)} makes it a "
            f"{type(space).__name__}{shape}; put {wrapper} inside it."
        )
    return space


def _is_flat(env: gym.Env) -> bool:
    return isinstance(env.observation_space, spaces.Box) and len(env.observation_space.shape) == 1


def _not_flat(env: gym.Env) -> str:
    """Return the name of the innermost wrapper after which observations are no longer one-dimensional."""
    name = type(env).__name__
    while isinstance(env, gym.Wrapper) and not _is_flat(env):
        name, env = type(env).__name__, env.env
    return name


def float_type(space: spaces.Box) -> np.dtype:
    """Return the float type that can hold both the space's numbers and float32."""
    return np.result_type(space.dtype or np.float32, np.float32)


def flat_layout(env: gym.Env, wrapper: str) -> ObservationLayout:
    """Return the layout of a one-dimensional observation.

    Raises:
        InvalidInput: The observation has another shape, or a wrapper in between has changed it in an unknown way.
    """
    flat_observation(env, wrapper)
    layout = observation_layout(env)
    if layout is None:
        raise InvalidInput(
            f"{wrapper} cannot tell what the entries of the observation are after {_unknown(env)}; "
            f"put {wrapper} inside it."
        )
    return layout


def observation_layout(env: gym.Env) -> ObservationLayout | None:
    """Return the layout of the observation; None if a wrapper has changed its entries in an unknown way."""
    if "observation_layout" in vars(env) or hasattr(type(env), "observation_layout"):
        return env.observation_layout  # type: ignore[attr-defined]
    if not isinstance(env, gym.Wrapper):
        return None
    before = observation_layout(env.env)
    if before is None:
        return None
    if type(env) in _KNOWN:
        after = _KNOWN[type(env)](env, before)
    else:
        after = None if _changes_observations(env) else before
    return after if after is not None and after.recorded.shape == env.observation_space.shape else None


def action_channels(env: gym.Env) -> NDArray[np.int64] | None:
    """Return the channel of each number of an action, ``[A]``; -1 where it belongs to no single channel.

    The lowest action is no pulse. The result is None if a wrapper has changed actions in an unknown way.
    """
    if "action_channels" in vars(env) or hasattr(type(env), "action_channels"):
        return env.action_channels  # type: ignore[attr-defined]
    if not isinstance(env, gym.Wrapper):
        return None
    known = type(env) in (gymnasiums.RescaleAction, gymnasiums.ClipAction, gymnasiums.StickyAction)
    same = env.action_space == env.env.action_space and not (isinstance(env, gym.ActionWrapper) or _converts(env))
    return action_channels(env.env) if known or same else None


def _changes_observations(env: gym.Wrapper) -> bool:
    converts = isinstance(env, gym.ObservationWrapper) or _converts(env)
    return converts or env.observation_space is not env.env.observation_space


def _converts(env: gym.Wrapper) -> bool:
    """Return whether a wrapper converts arrays to another library's.

    The class is compared by name, since importing it from Gymnasium needs optional packages.
    """
    return any(base.__name__ == "ArrayConversion" for base in type(env).__mro__)


def _unknown(env: gym.Env) -> str:
    """Return the name of the wrapper that changed the observation in an unknown way."""
    name = type(env).__name__
    while isinstance(env, gym.Wrapper) and observation_layout(env) is None:
        name, env = type(env).__name__, env.env
    return name


def _stacked(env: gym.Env, before: ObservationLayout) -> ObservationLayout:
    return before.reshaped(lambda entries: np.stack([entries] * env.observation_space.shape[0])).past()  # type: ignore[index]


def _timed(env: gym.Env, before: ObservationLayout) -> ObservationLayout | None:
    return before.reshaped(np.ravel).with_task_entry() if isinstance(env.observation_space, spaces.Box) else None


def _unchanged(env: gym.Env, before: ObservationLayout) -> ObservationLayout:
    return before


def _past(env: gym.Env, before: ObservationLayout) -> ObservationLayout:
    return before.past()


def _reshaped(env: gym.Env, before: ObservationLayout) -> ObservationLayout:
    return before.reshaped(lambda entries: entries.reshape(env.observation_space.shape or ()))


_KNOWN: dict[type, Callable[[gym.Env, ObservationLayout], ObservationLayout | None]] = {
    gymnasiums.NormalizeObservation: _unchanged,
    gymnasiums.RescaleObservation: _unchanged,
    gymnasiums.DtypeObservation: _unchanged,
    gymnasiums.DelayObservation: _past,
    gymnasiums.MaxAndSkipObservation: _past,
    gymnasiums.FrameStackObservation: _stacked,
    gymnasiums.FlattenObservation: _reshaped,
    gymnasiums.ReshapeObservation: _reshaped,
    gymnasiums.TimeAwareObservation: _timed,
}
"""Functions that derive the layout after Gymnasium's wrappers from the layout before."""
